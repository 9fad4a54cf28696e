"""The step calibrate: seconds and memory beside the run that it is a part of.

    python -m benchmarks.stages.calibrate                        # Hubei, 85 stations; China, 2,400
    python -m benchmarks.stages.calibrate --domains hubei --quick

A product of 49 lead times is made by a whole run, and calibrated from a month of invented pairs at that many stations.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.runs.cycles import LEAD_HOURS, TIME, write_cycle, write_region
from benchmarks.runs.memory import run_measured
from benchmarks.runs.whole import product_of
from benchmarks.shared.rounds import about, keep, say
from benchmarks.stages.inference import RESULTS
from tasks.arrays import open_zarr
from tasks.calibrate import calibrate, forecasts_at
from tasks.handover.cycle import Cycle
from tasks.observations.readers import FieldReader
from tasks.region import search as regions
from tasks.region.document import Region
from tasks.store.history import write_history
from tasks.store.product import open_product

FILE = RESULTS / "calibrate.json"
STATIONS = {"hubei": 85, "china": 2400}
CYCLES = 60
ERRORS = {"t2m": 1.5, "d2m": 1.5, "sp": 80.0, "msl": 80.0, "wind_speed": 0.6}  # standard deviation, SI


def write_month(store: str, region: Region, product: str, count: int) -> None:
    """History of CYCLES cycles, two a day: forecasts as in the product, errors by place and by chance."""
    rng = np.random.default_rng(0)
    box = region.box
    places = pd.DataFrame(
        {
            "station": [f"S{i:05d}" for i in range(count)], "latitude": rng.uniform(box.south, box.north, count),
            "longitude": rng.uniform(box.west, box.east, count), "elevation": rng.gamma(1.2, 300.0, count),
        }
    )  # fmt: skip
    reader = FieldReader(open_product(product), places)
    known = np.isfinite(reader.above)
    lead = np.repeat(np.array(LEAD_HOURS, float), known.sum())
    steady = {n: s * np.sin(places["longitude"] + places["latitude"]).to_numpy()[known] for n, s in ERRORS.items()}
    for back in range(CYCLES, 0, -1):
        begun = TIME - timedelta(hours=12 * back)
        time = np.datetime64(begun.replace(tzinfo=None), "ns") + (lead * 3600e9).astype("timedelta64[ns]")
        parts = []
        for name, size in ERRORS.items():
            forecast = forecasts_at(reader, name)[:, known]
            bias = np.tile(steady[name], (len(LEAD_HOURS), 1))
            rows = pd.concat([places[known]] * len(LEAD_HOURS), ignore_index=True)
            noise = rng.normal(0.0, size, forecast.shape)
            parts.append(
                rows.assign(
                    land=1.0, time=time, lead_hours=lead, variable=name, forecast=forecast.ravel(), simple=np.nan,
                    observed=(forecast - bias - noise).ravel(), left_out=bias.ravel(), own=bias.ravel(),
                )
            )  # fmt: skip
        write_history(store, region.name, Cycle(source="file", time=begun), pd.concat(parts))


def step(region: str, store: str, product: str) -> None:
    """The step alone, in this process; prints seconds as JSON on its last line."""
    began = datetime.now(UTC)
    found = calibrate.fn(Cycle(source="file", time=TIME), regions.load(region), store, product)
    seconds = (datetime.now(UTC) - began).total_seconds()
    print(json.dumps({"seconds": seconds, "stations": found.stations, "changed": sorted(found.digests)}))


def measure(folder: Path, domain: str, rounds: int) -> dict[str, Any]:
    """Of one domain: the step's seconds and memory, and the run's job without it."""
    file = write_region(folder / "regions", domain)
    region = regions.load(file)
    say(f"{domain}: a product of {len(LEAD_HOURS)} lead times")
    product = product_of(file, write_cycle(folder / "cycle", LEAD_HOURS), folder)
    timings = json.loads(open_zarr(str(product)).attrs["ledger"])["timings"]
    store = str(folder / "history")
    say(f"{domain}: {CYCLES} cycles of {STATIONS[domain]} stations")
    write_month(store, region, str(product), STATIONS[domain])
    found = []
    for i in range(rounds):
        copy = folder / f"copy{i}.zarr"
        shutil.copytree(product, copy)
        code = f"from benchmarks.stages.calibrate import step; step({str(file)!r}, {store!r}, {str(copy)!r})"
        log = folder / "log"
        usage = run_measured([sys.executable, "-c", code], log)
        found.append({**json.loads(log.read_text().splitlines()[-1]), "memory": usage.pss})
        say(f"{domain}: {found[-1]}")
        shutil.rmtree(copy)
    return {"stations": STATIONS[domain], "job": timings, "rounds": found}


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--domains", default="hubei,china")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="keep nothing")
    chosen = parser.parse_args()
    domains = {}
    for domain in chosen.domains.split(","):
        with tempfile.TemporaryDirectory() as folder:
            domains[domain] = measure(Path(folder), domain, chosen.rounds)
        of_run = sum(v for k, v in domains[domain]["job"].items() if k != "calibrate")
        best = min(r["seconds"] for r in domains[domain]["rounds"])
        print(f"{domain}: calibrate {best:.2f} s, the rest of the run {of_run:.1f} s: {best / of_run:.1%}")
    if not chosen.quick:
        keep(FILE, {"about": about(), "domains": domains})


if __name__ == "__main__":
    main()
