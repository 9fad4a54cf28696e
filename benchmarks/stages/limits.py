"""What this machine could do at best: the limits that stages are held against (python -m benchmarks.stages.limits).

Decoding on all cores, float32 multiply-adds, memory, disk, and a real S3 server on this machine. Every benchmark that
speaks of a share of a limit measures the limits in its own run: machines differ, and others are busy on them.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import eccodes
import numpy as np
import s3fs
import torch

from benchmarks.runs.cycles import WORLD, write_cycle
from benchmarks.shared.rounds import about, keep, say
from benchmarks.stages.inference import RESULTS, matmul_peak
from tests.grib import messages
from tests.servers.s3 import BUCKET, KEY, SECRET, s3_server

FILE = RESULTS / "limits.json"
ROUNDS = 3
BLOCK = 16 << 20  # bytes: of one write to the disk
S3_OBJECTS, S3_SIZE = 16, 8 << 20  # written at once, as a product's shards are
COPIED = 256 << 20  # bytes: far beyond any cache


@dataclass(frozen=True)
class Limits:
    """Rates of one machine, in one run; each the fastest of its rounds.

    `decode` bytes of GRIB a second on all cores; `decode_values` the bytes of float32 that come of them; `matmul`
    float32 multiply-adds a second with as many threads as the benchmark uses; `memory` bytes read and written;
    `disk` bytes to a file and its fsync; `s3` bytes to an S3 server on this machine.
    """

    decode: float
    decode_values: float
    matmul: float
    memory: float
    disk: float
    s3: float

    def to_dict(self) -> dict[str, float]:
        """As plain numbers."""
        return {k: round(v) for k, v in asdict(self).items()}


def values_of(message: bytes) -> np.ndarray:
    """All values of a GRIB message, as fast as ecCodes goes."""
    handle = eccodes.codes_new_from_message(message)
    try:
        return np.asarray(eccodes.codes_get_array(handle, "values"))
    finally:
        eccodes.codes_release(handle)


_messages: list[bytes] = []  # of a decoding process


def _take(given: list[bytes]) -> None:
    _messages[:] = given


def _decode_one(number: int) -> int:
    return int(values_of(_messages[number % len(_messages)]).size)


def fastest(run: Any, rounds: int = ROUNDS) -> float:
    """Seconds of the fastest of some rounds."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return min(times)


def decode_limit(given: list[bytes]) -> float:
    """Bytes of GRIB a second, every core with a process of its own, or one where others keep the rest busy."""
    cores = os.cpu_count() or 1
    count = max(len(given), 8 * cores) // len(given) * len(given)
    with ProcessPoolExecutor(cores, get_context("fork"), _take, (given,)) as pool:
        work = partial(list, pool.map(_decode_one, range(cores)))
        work()  # starts the processes
        seconds = fastest(lambda: list(pool.map(_decode_one, range(count), chunksize=2)), ROUNDS + 1)
    alone = fastest(lambda: [values_of(m) for m in given])
    return max(sum(len(given[i % len(given)]) for i in range(count)) / seconds, sum(map(len, given)) / alone)


def memory_limit() -> float:
    """Bytes read and written a second, copying."""
    source = torch.zeros(COPIED // 4)
    target = torch.empty_like(source)
    return 2 * COPIED / fastest(lambda: target.copy_(source), 5)


def disk_limit(folder: Path, size: int) -> float:
    """Bytes a second to one new file that is on the disk at the end."""
    block, file = np.random.default_rng(0).bytes(BLOCK), folder / "limit"

    def run() -> None:
        with file.open("wb", buffering=0) as out:
            for _ in range(size // BLOCK):
                out.write(block)
            os.fsync(out.fileno())

    try:
        return size / fastest(run, 2)
    finally:
        file.unlink(missing_ok=True)


def s3_limit(folder: Path) -> float:
    """Bytes a second, objects of a shard's size at once, to a server that checks signatures and keeps them."""
    folder.mkdir(exist_ok=True)
    block = np.random.default_rng(0).bytes(S3_SIZE)
    with s3_server(folder) as server:
        s3fs.S3FileSystem.clear_instance_cache()
        fs = s3fs.S3FileSystem(key=KEY, secret=SECRET, endpoint_url=server.endpoint)
        fs.makedirs(BUCKET, exist_ok=True)
        seconds = fastest(lambda: fs.pipe({f"{BUCKET}/limit/{i}": block for i in range(S3_OBJECTS)}))
    return S3_OBJECTS * S3_SIZE / seconds


def measure(folder: Path, given: list[bytes] | None = None, quick: bool = False) -> Limits:
    """All of them; `given` GRIB messages to decode, `folder` on the disk that products go to."""
    given = given or messages(write_cycle(folder / "limits", [3])[0])
    say("limits: decoding")
    decode = decode_limit(given)
    values = decode * len(given) * WORLD.rows * WORLD.cols * 4 / sum(map(len, given))
    say("limits: arithmetic and memory")
    matmul, memory = matmul_peak("cpu"), memory_limit()
    say("limits: disk and S3")
    disk = disk_limit(folder, (128 if quick else 1024) << 20)
    return Limits(decode, values, matmul, memory, disk, s3_limit(folder / "s3"))


NAMES = {
    "decode": ("decoding CCSDS GRIB 2, all cores", "MB/s of GRIB", 1e6),
    "decode_values": ("the same, as float32 values", "MB/s", 1e6),
    "matmul": ("float32 matrix product", "GFLOP/s", 0.5e9),  # a multiply-add is two
    "memory": ("copying in memory, read and written", "GB/s", 1e9),
    "disk": ("writing 1 GB to disk, with fsync", "MB/s", 1e6),
    "s3": (f"S3 server on this machine, {S3_OBJECTS} objects of {S3_SIZE >> 20} MB at once", "MB/s", 1e6),
}


def section() -> str:
    """Of docs/performance.md."""
    found = json.loads(FILE.read_text())
    machine = found["about"]
    head = (
        f"{machine['device']}, {machine['cores']} cores, {machine['threads']} threads, torch {machine['torch']}; "
        "written from `benchmarks/results/limits.json` (`python -m benchmarks.stages.limits`). "
        "The fastest of some rounds.\n\n"
    )
    lines = [
        "| what | at best | |",
        "|---|---:|---|",
    ]
    lines += [f"| {n} | {found['limits'][k] / unit:,.0f} | {u} |" for k, (n, u, unit) in NAMES.items()]
    return head + "\n".join(lines) + "\n"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        limits = measure(Path(folder), quick=args.quick)
    if not args.quick:
        keep(FILE, {"about": about(), "limits": limits.to_dict()})
    for key, (name, unit, size) in NAMES.items():
        print(f"{name}: {getattr(limits, key) / size:,.0f} {unit}")


if __name__ == "__main__":
    main()
