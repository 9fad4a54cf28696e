"""What a checksum of every chunk costs: a product's arrays with and without crc32c, in turn, in one run.

`python -m benchmarks.packing.checksums` adds a run to benchmarks/results/checksums.json; docs/packing.md has the ratios
of the last two. Three variables of the demo's 0.1 degree truth, repeated to 8 lead times of 720 x 1240 points with
other values in each, rounded as products are. Seconds are the processor's, of all cores together: the clock's say
little on a shared machine.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr

from benchmarks.packing.codecs import PIPELINES, size
from benchmarks.shared.rounds import about, keep
from benchmarks.stages.inference import RESULTS
from tasks.handover.shards import shapes
from tasks.store.packing import compressors, round_field

FILE = RESULTS / "checksums.json"
TRUTH = Path(__file__).parents[2] / "tasks/acquire/demo_cycle/truth_0p1.nc"
SHAPE = (8, 720, 1240)
NAMES = ("t2m", "u10", "sp")
ROUNDS, RUNS = 9, 2
WITH, WITHOUT = "with", "without"


def fields() -> dict[str, np.ndarray]:
    """(8, 720, 1240) float32 of each variable."""
    out = {}
    with xr.open_dataset(TRUTH) as truth:
        for name in NAMES:
            field = truth[name].values.squeeze()
            tiles = [-(-n // have) for n, have in zip(SHAPE[1:], field.shape, strict=True)]
            wide = np.tile(np.block([[field, field[:, ::-1]], [field[::-1], field[::-1, ::-1]]]), tiles)
            factors = 1 + 0.02 * np.modf(0.618 * np.arange(SHAPE[0]))[0]
            cube = np.stack([wide[: SHAPE[1], : SHAPE[2]] * np.float32(f) for f in factors])
            out[name] = round_field(name, np.ascontiguousarray(cube, np.float32))
    return out


def _write(folder: Path, values: dict[str, np.ndarray], codecs: Any) -> None:
    group = zarr.open_group(folder, mode="w")
    chunks, shards = shapes(*SHAPE)
    for name, field in values.items():
        array = group.create_array(
            name, shape=SHAPE, chunks=chunks, shards=shards, dtype="float32", compressors=codecs, fill_value=np.nan
        )
        array[:] = field


def _read(folder: Path) -> None:
    group = zarr.open_group(folder, mode="r")
    for name in NAMES:
        np.asarray(group[name][:])


def _in_turn(ways: dict[str, Callable[[], None]]) -> dict[str, list[float]]:
    """Seconds of the processor of every round of every way, after one that warms caches."""
    out: dict[str, list[float]] = {name: [] for name in ways}
    for i in range(ROUNDS + 1):
        for name, run in ways.items():
            began = time.process_time()
            run()
            if i:
                out[name].append(round(time.process_time() - began, 4))
    return out


def measure() -> dict[str, Any]:
    """Seconds of all rounds by pipeline, by writing and reading, with and without; bytes."""
    values, ways = fields(), {}
    sets = {WITHOUT: compressors()[:-1], WITH: compressors()}
    with tempfile.TemporaryDirectory() as name:
        folders = {kind: Path(name) / kind for kind in sets}

        def way(run: Callable[[], None], pipeline: str) -> Callable[[], None]:
            def configured() -> None:
                with zarr.config.set({"codec_pipeline.path": PIPELINES[pipeline]}):
                    run()

            return configured

        for pipeline in PIPELINES:
            for kind, codecs in sets.items():
                write = partial(_write, folders[kind], values, codecs)
                ways[f"{pipeline} write {kind}"] = way(write, pipeline)
            for kind in sets:
                ways[f"{pipeline} read {kind}"] = way(lambda folder=folders[kind]: _read(folder), pipeline)
        seconds = _in_turn(ways)
        sizes = {kind: size(folder) for kind, folder in folders.items()}
    raw = sum(v.nbytes for v in values.values())
    return {"at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M}", "raw": raw, "seconds": seconds, "bytes": sizes, **about()}


def ratios(run: dict[str, Any]) -> dict[str, float]:
    """With over without: `zarr write` and the like, median of the rounds' own ratios; and `bytes`."""
    out = {}
    for what in sorted({way.rsplit(" ", 1)[0] for way in run["seconds"]}):
        pairs = zip(run["seconds"][f"{what} {WITH}"], run["seconds"][f"{what} {WITHOUT}"], strict=True)
        out[what] = statistics.median(a / b for a, b in pairs)
    return out | {"bytes": run["bytes"][WITH] / run["bytes"][WITHOUT]}


def section() -> str:
    """Of docs/packing.md."""
    runs = json.loads(FILE.read_text())["runs"]
    found = [ratios(run) for run in runs]
    lines = ["| | " + " | ".join(f"run {i + 1}" for i in range(len(found))) + " |\n|---|" + "---:|" * len(found) + "\n"]
    for what in found[0]:
        digits = 5 if what == "bytes" else 3
        lines.append(f"| {what} | " + " | ".join(f"{one[what]:.{digits}f}" for one in found) + " |\n")
    return "".join(lines)


def main() -> None:
    """Command line."""
    runs = json.loads(FILE.read_text())["runs"] if FILE.exists() else []
    run = measure()
    keep(FILE, {"runs": [*runs, run][-RUNS:]})
    for what, ratio in ratios(run).items():
        print(f"{what:12} {ratio:.5f}")


if __name__ == "__main__":
    main()
