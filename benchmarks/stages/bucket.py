"""Writing a product's shards to S3 as another version's slabs do and as this one's do, in turn.

    python -m benchmarks.stages.bucket OTHER    # a commit or a checkout; writes benchmarks/results/bucket.json

The values and the arrays' settings are those of a product that is made here, eight lead times of China. Each version
runs this file's `--write` by its own Python in its own checkout, several times in one process, of which the fastest
counts: what is measured is coding and sending alone. The server is a process of this machine.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).parents[1] / "results" / "bucket.json"
ROUNDS, REPEATS = 3, 3
LEAD_TIMES = 8


def write(folder: Path, base: str) -> list[float]:
    """Seconds of each repeat; needs no more of a version than what its slabs use to write."""
    import zarr

    from tasks.storage import join, write_bytes

    try:
        from tasks.arrays import Shards, write_shards, zarr_store  # type: ignore[attr-defined, unused-ignore]
    except ImportError:
        from tasks.storage import zarr_store  # type: ignore[attr-defined, no-redef, unused-ignore]

        Shards = None  # type: ignore[assignment, misc]  # noqa: N806
    names = sorted(path.stem for path in folder.glob("*.npy"))
    fields = {name: np.load(folder / f"{name}.npy") for name in names}
    seconds = []
    for i in range(REPEATS):
        arrays = {}
        for name in names:
            uri = join(base, str(i), name)
            write_bytes(join(uri, "zarr.json"), (folder / f"{name}.json").read_bytes())
            arrays[name] = uri, zarr.open_array(zarr_store(uri), mode="r+")
        began = time.perf_counter()
        shards = {n: Shards(array, uri) for n, (uri, array) in arrays.items()} if Shards else {}
        _, high, wide = next(iter(arrays.values()))[1].shards
        _, rows, cols = next(iter(arrays.values()))[1].shape
        for top in range(0, rows, high):
            for left in range(0, cols, wide):
                block = {n: values[:, top : top + high, left : left + wide] for n, values in fields.items()}
                if shards:
                    write_shards(shards, (0, top, left), block)
                for name in () if shards else names:
                    arrays[name][1][:, top : top + high, left : left + wide] = block[name]
        seconds.append(round(time.perf_counter() - began, 4))
        for name, (_, array) in arrays.items():
            np.testing.assert_array_equal(array[:], fields[name])
    return seconds


def measure(commit: str) -> dict[str, Any]:
    """Seconds of both, in turn."""
    from benchmarks.runs.checkout import other, this
    from benchmarks.runs.cycles import LEAD_HOURS, PARAMETERS, write_cycle, write_region
    from benchmarks.runs.releases import server_if
    from benchmarks.runs.whole import product_of
    from benchmarks.shared.rounds import about, say
    from tasks.arrays import open_zarr
    from tests.servers.s3 import BUCKET

    both = {"other": other(commit), "this": this()}
    found: dict[str, list[float]] = {name: [] for name in both}
    with tempfile.TemporaryDirectory() as name, server_if(True, Path(name) / "s3"):
        folder, values = Path(name), Path(name) / "values"
        files = write_cycle(folder / "cycle", LEAD_HOURS[:LEAD_TIMES])
        product = product_of(write_region(folder / "regions", "china"), files, folder)
        ds, size = open_zarr(str(product)).load(), 0
        values.mkdir()
        for variable in PARAMETERS.values():
            np.save(values / f"{variable}.npy", ds[variable].values)
            shutil.copyfile(product / variable / "zarr.json", values / f"{variable}.json")
            size += ds[variable].values.nbytes
        for i in range(ROUNDS):
            for which, checkout in both.items():
                command = [checkout.python, __file__, "--write", str(values), f"s3://{BUCKET}/{which}-{i}"]
                environment = os.environ | {"PYTHONPATH": str(checkout.folder)}
                done = subprocess.run(command, env=environment, cwd=checkout.folder, stdout=subprocess.PIPE, check=True)  # noqa: S603
                found[which].append(min(json.loads(done.stdout)))
                say(f"round {i + 1}/{ROUNDS}, {which}: {size / found[which][-1] / 1e6:.0f} MB/s of values")
    return {"commits": {n: c.commit for n, c in both.items()}, "value_bytes": size, "seconds": found} | about()


def section() -> str:
    """A sentence for docs/performance.md."""
    kept = json.loads(FILE.read_text())
    before, now = kept["seconds"]["other"], kept["seconds"]["this"]
    rounds = ", ".join(f"{b / a:.2f}" for b, a in zip(before, now, strict=True))
    rate = lambda seconds: f"{kept['value_bytes'] / min(seconds) / 1e6:.0f} MB/s"  # noqa: E731
    times, program = min(before) / min(now), "`python -m benchmarks.stages.bucket`"
    return (
        f"Writing {LEAD_TIMES} lead times of China to S3 on this machine, {kept['value_bytes'] / 1e6:.0f} MB: "
        f"{kept['commits']['other']} {rate(before)}, now {rate(now)}, {times:.2f} times as fast ({rounds}; {program})."
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", nargs="?", help="a commit, or the folder of a checkout with its own .venv")
    parser.add_argument("--write", nargs=2, metavar=("FOLDER", "URI"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.write:
        print(json.dumps(write(Path(args.write[0]), args.write[1])))
        return
    from benchmarks.shared.rounds import keep

    if not args.other:
        sys.exit("which version to compare with?")
    keep(FILE, measure(args.other))
    print(section())


if __name__ == "__main__":
    main()
