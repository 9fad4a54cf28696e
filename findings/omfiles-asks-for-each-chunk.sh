#!/bin/sh
# omfiles asks a file system of fsspec once for each chunk, one after the other, even where they lie side by side.
#
# Open-Meteo's `.om` files hold fields in chunks of 1,024 values, half a kilobyte when packed. Its Python reader takes
# any file system of fsspec, and its C library speaks of merging neighbouring reads. So one expects a slice over many
# chunks that follow each other in the file to be some large reads.
# Seen with omfiles 1.2.0 and fsspec 2026.2.0: a slice of 307,200 values is 300 chunks that follow each other, and 301 calls
# of `cat_file`, each waiting for the one before. Over HTTP, where an answer takes 50 ms, that is 15 s for 287 kB; who
# hands in a file system that answers from larger blocks of its own has it in three requests.
# Exits non-zero if the reader has begun to merge them.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check omfiles==1.2.0 numpy==2.4.6 fsspec==2026.2.0
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from fsspec.implementations.memory import MemoryFileSystem
from omfiles import OmFileReader, OmFileWriter

CHUNK, CHUNKS, FIRST, WANTED = 1024, 2000, 500, 300


class Counting(MemoryFileSystem):
    asked = []

    def cat_file(self, path, start=None, end=None, **kwargs):
        Counting.asked.append((start, end))
        return super().cat_file(path, start=start, end=end, **kwargs)


values = (15 + np.random.default_rng(1).normal(0, 1, (1, CHUNK * CHUNKS))).astype(np.float32)
writer = OmFileWriter("field.om")
array = writer.write_array(
    values, chunks=[1, CHUNK], scale_factor=20.0, add_offset=0.0, compression="pfor_delta_2d_int16", name="field"
)
writer.close(array)
store = Counting()
with open("field.om", "rb") as file:
    store.pipe_file("/field.om", file.read())
reader = OmFileReader.from_fsspec(store, "/field.om")
Counting.asked.clear()
part = reader[0, FIRST * CHUNK : (FIRST + WANTED) * CHUNK]
assert np.abs(part - values[0, FIRST * CHUNK : (FIRST + WANTED) * CHUNK]).max() < 0.026
spans = sorted(s for s in Counting.asked if s[1] - s[0] < 4096)[-WANTED:]
gaps = sum(later[0] != earlier[1] for earlier, later in zip(spans, spans[1:]))
size = sum(end - start for start, end in spans)
print(f"omfiles {version('omfiles')}, fsspec {version('fsspec')}: {part.size} values in {WANTED} chunks")
print(f"calls of cat_file: {len(Counting.asked)}; of chunks: {len(spans)}, {size} bytes, {gaps} gaps between them")
sys.exit(0 if len(Counting.asked) >= WANTED and gaps < WANTED / 10 else 1)
PYTHON
