"""How long large jobs take with more workers: a model of measured parts (python -m benchmarks.runs.scaling).

From results of benchmarks.runs.whole (seconds of each stage, bytes), benchmarks.runs.pool (what starting a slab costs)
and the limits measured there. One worker is a machine like the one measured, in both pools. What is the run's own
(acquire, prepare, validate, publish) is one process; computing is shared by the workers in slabs of lead times; all
bytes go to one S3 server.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.runs import pool, whole
from benchmarks.runs.cycles import LEAD_HOURS

NEWLINE = "\n"
WORKERS = (1, 2, 8, 64)
SLAB_STEPS = 8  # lead times of a slab: the fewest that a region may ask for, so the most workers
CYCLES = 2 * 365  # of a year
IN_FLIGHT = 16  # cycles at once that `finescale backfill` allows
FIXED = ("publish", "validate")  # stages that cost something however small the product is: Hubei's time is that


@dataclass(frozen=True)
class Work:
    """One product, in seconds on one worker. `own`: the run's own process; `computing`: all slabs; `pieces` of them."""

    name: str
    own: float
    computing: float
    pieces: int
    size: float  # bytes written

    def times(self, lead_times: int, now: int, fixed: float) -> Work:
        """The same with other lead times than `now`; `fixed` seconds of `own` do not depend on their number."""
        share = lead_times / now
        return replace(
            self, own=fixed + (self.own - fixed) * share, computing=self.computing * share, size=self.size * share
        )


@dataclass(frozen=True)
class Estimate:
    """Wall time in seconds, and what limits it."""

    seconds: float
    limit: str


def product(work: Work, workers: int, startup: float, s3: float) -> Estimate:
    """One product: its own steps one after another, between them slabs in rounds, not faster than S3 takes bytes."""
    rounds = math.ceil(work.pieces / workers)
    slabs = rounds * (startup + work.computing / work.pieces)
    upload = work.size / s3
    parts = {
        "the run's own process": work.own,
        "computing": rounds * work.computing / work.pieces,
        "starting slabs": rounds * startup,
    }
    if upload > slabs:
        parts |= {"computing": 0.0, "starting slabs": 0.0, "S3": upload}
    limit = max(parts, key=lambda k: parts[k])
    if limit == "computing" and workers > work.pieces:
        limit = f"computing: {work.pieces} slabs"
    return Estimate(work.own + max(slabs, upload), limit)


def archive(work: Work, cycles: int, workers: int, startup: float, s3: float) -> Estimate:
    """Many products, whose steps overlap: the slowest resource sets the pace, and the first product fills the pipe."""
    own, computing = work.own / min(workers, IN_FLIGHT), work.computing / workers
    starting, upload = work.pieces * startup / workers, work.size / s3
    paces = {
        "the runs' own processes": own,
        "computing" if computing > starting else "starting slabs": computing + starting,  # the same workers do both
        "S3": upload,
    }
    limit = max(paces, key=lambda k: paces[k])
    return Estimate(cycles * paces[limit] + product(work, workers, startup, s3).seconds, limit)


def startup_of(measured: dict[str, Any]) -> float:
    """Seconds that a slab costs beside its computing, from the run with one worker."""
    one = measured["records"][0]
    return float((one["downscale"] - one["computing"]) / one["slabs"])


def predicted(measured: dict[str, Any], workers: int) -> float:
    """Seconds that the model says for the slabs of benchmarks.runs.pool with so many workers, from the run with one."""
    one = measured["records"][0]
    work = Work("pool", 0.0, one["computing"], one["slabs"], 0.0)
    return product(work, workers, startup_of(measured), math.inf).seconds


def work_of(record: dict[str, Any], lead_times: int, small: dict[str, Any] | None) -> Work:
    """A product of so many lead times, from a measured one; `small` is one of next to no values."""
    ours = record[whole.OURS]
    timings = ours["timings"]
    own = sum(s for stage, s in timings.items() if stage != "downscale")
    fixed = sum(min(small[whole.OURS]["timings"][n], timings[n]) for n in FIXED) if small else 0.0
    blocks = len(ours["slabs"]) // len({s["start"] for s in ours["slabs"]})  # of a slab's lead times, if it has some
    pieces = math.ceil(lead_times / SLAB_STEPS) * blocks
    work = Work(record["domain"], own, timings["downscale"], pieces, ours["bytes"])
    return work.times(lead_times, record["lead_times"], fixed)


def duration(seconds: float) -> str:
    """For people."""
    if seconds < 600:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 36_000 else f"{seconds / 3600:.0f} h"


def section() -> str:
    """Of docs/performance.md."""
    found, pools = json.loads(whole.FILE.read_text()), json.loads(pool.FILE.read_text())
    records = {r["domain"]: r for r in found["records"]}
    startup, s3 = startup_of(pools), found["limits"]["s3"]
    steps = len(LEAD_HOURS)
    globe, china = (work_of(records[d], steps, records.get("hubei")) for d in ("globe", "china"))
    lines = [
        f"| workers | the globe, {steps} lead times | limited by | a year of China, {CYCLES} cycles | limited by |",
        "|---:|---:|---|---:|---|",
    ]
    for n in WORKERS:
        one, year = product(globe, n, startup, s3), archive(china, CYCLES, n, startup, s3)
        lines.append(f"| {n} | {duration(one.seconds)} | {one.limit} | {duration(year.seconds)} | {year.limit} |")
    checks = "; ".join(
        f"{r['workers']} worker{'s' * (r['workers'] > 1)}: {predicted(pools, r['workers']):.0f} s by the model, "
        f"{r['downscale']:.0f} s measured"
        for r in pools["records"]
    )
    about, each = found["about"], "computing in {} slabs, {:.1f} GB"
    return f"""A model of measured parts (`python -m benchmarks.runs.scaling`), from `benchmarks/results/whole.json` and
`pool.json`. A worker is a machine like the one measured ({about["device"]}, {about["cores"]} cores, no GPU).

{NEWLINE.join(lines)}

One product on one worker: the globe {duration(globe.own)} in the run's own process (acquire, prepare, validate,
publish) and {duration(globe.computing)} {each.format(globe.pieces, globe.size / 1e9)}; China {duration(china.own)} and
{duration(china.computing)} {each.format(china.pieces, china.size / 1e9)}. Slabs are as short as a region may ask for
(`slab_steps: {SLAB_STEPS}`); starting one costs {startup:.1f} s. S3 takes {s3 / 1e6:.0f} MB/s, measured on one machine
that did everything else too. Of a year at most {IN_FLIGHT} cycles are made at once, as `finescale backfill` allows.

Checked against `python -m benchmarks.runs.pool`, whose slabs real workers computed; what starting a slab costs is from
the run with one: {checks}.
"""


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="no different: nothing is measured here")
    parser.parse_args()
    missing = [f for f in (whole.FILE, pool.FILE) if not Path(f).exists()]
    if missing:
        parser.error(
            f"{', '.join(map(str, missing))}: not there; run benchmarks.runs.whole and benchmarks.runs.pool first"
        )
    print(section())


if __name__ == "__main__":
    main()
