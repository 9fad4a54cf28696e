"""Every stage beside what a user would pick for it (python -m benchmarks.stages.suite).

Decoding, preparing, regridding, inference, writing; all ways of a stage in turn, several rounds, the fastest counts,
with the limits of the machine in the same run. `--only decode,regrid` runs some; `--quick` is short and keeps nothing.
Writes benchmarks/results/stages.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.runs.cycles import write_cycle, write_region
from benchmarks.shared.rounds import about, interleaved, keep, say
from benchmarks.stages import decode, infer, limits, regrid, write
from benchmarks.stages.inference import RESULTS
from tasks.acquire.files import local_files
from tasks.packages import open_package
from tasks.prepare import prepare
from tasks.region import search as regions
from tests.grib import messages

FILE = RESULTS / "stages.json"
ROUNDS = 3


def prepare_run(folder: Path, files: list[Path]) -> Callable[[], Any]:
    """Preparation of these files for Hubei, whole: read, checked, regridded, with terrain, on disk."""
    region = regions.load(write_region(folder / "regions", "hubei"))
    halo = open_package(region.model).halo
    raw = local_files([str(f) for f in files])
    return lambda: prepare.fn(raw, region, None, str(folder / "store"), str(folder), halo)


def measure_prepare(folder: Path, files: list[Path], rounds: int) -> dict[str, Any]:
    """Seconds of all rounds, and what was read."""
    seconds = interleaved({"prepare": prepare_run(folder, files)}, rounds)["prepare"]
    return {"grib_bytes": sum(f.stat().st_size for f in files), "files": len(files), "seconds": seconds}


def prepare_table(found: dict[str, Any], limit: float) -> str:
    """One line."""
    s = min(found["seconds"])
    rate = found["grib_bytes"] / s
    return (
        f"Preparing as a whole (Hubei, {found['files']} lead times; read, checked, regridded, with terrain, written): "
        f"{1e3 * s / found['files']:.0f} ms a lead time, {rate / 1e6:.0f} MB/s of GRIB, {rate / limit:.2f} of the "
        "limit of decoding.\n"
    )


def measure(folder: Path, only: list[str], rounds: int, quick: bool) -> dict[str, Any]:
    """The stages asked for."""
    files = write_cycle(folder / "cycle", [3, 6, 9, 12])
    stages: dict[str, Callable[[], dict[str, Any]]] = {
        "decode": partial(decode.measure, files[:2], rounds),
        "prepare": partial(measure_prepare, folder, files, rounds),
        "regrid": partial(regrid.measure, rounds),
        "inference": partial(infer.measure, rounds, quick),
        "write": partial(write.measure, folder / "write", rounds, "hubei" if quick else "china"),
    }
    found: dict[str, Any] = {}
    for name, run in stages.items():
        if name in only:
            say(f"stage {name}")
            found[name] = run()
    return {"about": about(), "limits": limits.measure(folder, messages(files[0]), quick).to_dict(), "stages": found}


STAGES = ("decode", "prepare", "regrid", "inference", "write")


def tables(found: dict[str, Any]) -> str:
    """Markdown of every stage that was measured."""
    limit, stages = found["limits"], found["stages"]
    made = {
        "decode": lambda s: decode.table(s, limit["decode"]),
        "prepare": lambda s: prepare_table(s, limit["decode"]),
        "regrid": lambda s: regrid.table(s, limit["memory"]),
        "inference": lambda s: infer.table(s, limit["matmul"]),
        "write": lambda s: write.table(s, limit["disk"]),
    }
    return "\n".join(f"### {n.capitalize()}\n\n{made[n](stages[n])}" for n in STAGES if n in stages)


def section() -> str:
    """Of docs/performance.md."""
    found = json.loads(FILE.read_text())
    machine = found["about"]
    return (
        f"{machine['device']}, {machine['cores']} cores, {machine['threads']} threads; written from "
        "`benchmarks/results/stages.json` (`python -m benchmarks.stages.suite`). "
        "All ways of a stage have their turn in "
        "every round, and the fastest round counts; a first round that does not count makes weights and caches. "
        f"Inference at one size in depth: [benchmarks.md](benchmarks.md).\n\n{tables(found)}"
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(STAGES), help="stages, with commas; keeps nothing unless all")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    only = args.only.split(",")
    if unknown := set(only) - set(STAGES):
        parser.error(f"--only: {', '.join(sorted(unknown))} not among {', '.join(STAGES)}")
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), only, 1 if args.quick else args.rounds, args.quick)
    if not args.quick and set(only) == set(STAGES):
        keep(FILE, found)
    print(tables(found))


if __name__ == "__main__":
    main()
