#!/bin/sh
# Two runs of zarrs that write one and the same array make shards of other bytes.
#
# zarrs encodes a shard's inner chunks in several threads and puts each behind the last one that was done: chunks, their
# sizes and all values are the same, their order in the file and so the index at its end are not. Whoever compares
# products by sha-256 of their objects, or expects an object store or rsync to see that nothing has changed, is told that
# everything has; zarr-python's own pipeline writes the same bytes each time. Compare values, or digests of values.
#
# Installs zarrs in a temporary folder and writes an array twenty times by either; fails if twenty runs of zarrs make one
# file, if zarr-python's make several, or if values differ. Output seen on 2026-11-28 (Linux, two processors):
#   zarrs.ZarrsCodecPipeline: 20 runs, 13 different shards, of [513005] bytes; values equal
#   zarr.core.codec_pipeline.BatchedCodecPipeline: 20 runs, 1 different shards, of [513005] bytes; values equal
#   zarrs 0.2.3 zarr 3.1.6
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet --disable-pip-version-check install zarrs==0.2.3 zarr==3.1.6 numcodecs==0.16.6 numpy==2.3.5
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import hashlib
import pathlib
import sys
from importlib.metadata import version

import numpy as np
import zarr
import zarrs  # registers its pipeline

values = np.random.default_rng(0).normal(size=(512, 512)).astype(np.float32).round(2)
files = {}
for pipeline in ("zarrs.ZarrsCodecPipeline", "zarr.core.codec_pipeline.BatchedCodecPipeline"):
    zarr.config.set({"codec_pipeline.path": pipeline})
    found = set()
    for run in range(20):
        array = zarr.create_array(f"{pipeline}-{run}.zarr", shape=values.shape, chunks=(64, 64), shards=(512, 512), dtype="f4")
        array[:] = values
        assert np.array_equal(zarr.open_array(f"{pipeline}-{run}.zarr")[:], values)
        shard = pathlib.Path(f"{pipeline}-{run}.zarr/c/0/0").read_bytes()
        found.add((hashlib.sha256(shard).hexdigest(), len(shard)))
    files[pipeline] = found
    sizes = sorted({size for _, size in found})
    print(f"{pipeline}: 20 runs, {len(found)} different shards, of {sizes} bytes; values equal")
print("zarrs", version("zarrs"), "zarr", version("zarr"))
several, one = files.values()
sys.exit(0 if len(several) > 1 and len({size for _, size in several}) == 1 and len(one) == 1 else 1)
PYTHON
