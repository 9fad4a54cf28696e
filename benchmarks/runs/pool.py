"""One worker of the GPU pool against two: 16 slabs of 8 lead times (python -m benchmarks.runs.pool).

A real Prefect server and workers on this machine, each worker with one core; Hubei at 0.02 degree, so that a slab takes
some seconds to compute. Says what part of a run is not computing. Writes benchmarks/results/pool.json.
"""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from benchmarks.stages.inference import RESULTS, processor
from tasks.region.search import SHIPPED
from tasks.store.ledger import entries
from tests.grib import messages
from tests.servers.opendata import DEMO_GRIB, param_of, relabelled
from tests.servers.prefect import Prefect, prefect

FILE = RESULTS / "pool.json"
STEPS, SLAB, SPACING = 128, 8, 0.02
TIME = datetime(2026, 11, 20, tzinfo=UTC)


def forecast(file: Path) -> None:
    """The demo's fields at so many lead times."""
    fields = [m for m in messages(DEMO_GRIB) if param_of(m) != "tp"]
    file.write_bytes(b"".join(relabelled(m, TIME, step) for step in range(STEPS) for m in fields))


def region(folder: Path) -> str:
    """Hubei without rain, its slabs for workers only."""
    target = folder / "hubei"
    target.mkdir()
    data: dict[str, Any] = yaml.safe_load((SHIPPED / "hubei/region.yaml").read_text())
    variables = [v for v in data["variables"] if v != "tp"]
    data |= {"variables": variables, "inference": {"where": "workers", "slab_steps": SLAB}, "boundary": None}
    (target / "region.yaml").write_text(yaml.safe_dump(data))
    (target / "terrain.nc").write_bytes((SHIPPED / "hubei/terrain.nc").read_bytes())
    return str(target)


def run(server: Prefect, place: str, file: Path, store: Path) -> dict[str, float]:
    """Seconds of one run, as its ledger has them, and of computing alone."""
    parameters = {"region": place, "inputs": [str(file)], "store": str(store), "spacing": SPACING, "source": "ifs"}
    state = server.finished(server.submit("downscale/hubei", **parameters), 1800)
    assert state["type"] == "COMPLETED", state
    (entry,) = entries(str(store), "hubei")
    steps = entry.timings
    computing = sum(slab.seconds for slab in entry.slabs)
    return {
        "slabs": len(entry.slabs),
        "downscale": steps["downscale"],
        "all": sum(steps.values()),
        "computing": computing,
    }


def main() -> None:
    """Command line."""
    records = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file, place = folder / "forecast.grib2", region(folder)
        forecast(file)
        with prefect(folder / "office", FINESCALE_WORKSPACE=str(folder / "workspace")) as server:
            server.worker("cpu")
            for workers in (1, 2):
                server.worker("gpu", f"gpu{workers}")
                records.append({"workers": workers} | run(server, place, file, folder / f"store{workers}"))
                print(records[-1], flush=True)
    FILE.write_text(json.dumps({"device": processor(), "records": records}, indent=1) + "\n")
    print(section())


def section() -> str:
    """Of docs/benchmarks.md."""
    result = json.loads(FILE.read_text())
    one, two = result["records"]
    rows = "\n".join(
        f"| {r['workers']} | {r['downscale']:.0f} | {r['computing'] / r['workers']:.0f} | {r['all']:.0f} |"
        for r in (one, two)
    )
    ratio = two["downscale"] / one["downscale"]
    share = [100 * (1 - r["computing"] / r["workers"] / r["downscale"]) for r in (one, two)]
    cost = (one["downscale"] - one["computing"]) / one["slabs"]
    return f"""## Workers of the GPU pool

Written from `benchmarks/results/pool.json` (`python -m benchmarks.runs.pool`), {result["device"]}, two cores and no
GPU, a worker on each: {one["slabs"]} slabs of {SLAB} lead times of Hubei at {SPACING} degree, each slab a process of
its own, real server and workers.

| workers | s, all slabs | s, of these computing | s, whole run |
|---:|---:|---:|---:|
{rows}

Two workers take {ratio:.2f} of one worker's time (goal: at most 0.6). Starting processes, importing and waiting to be
noticed are {share[0]:.0f} % of the slabs' time with one worker and {share[1]:.0f} % with two, about {cost:.1f} s a
slab: it should be long (`slab_steps` in the region's YAML).
"""


if __name__ == "__main__":
    main()
