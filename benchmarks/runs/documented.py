"""Every command of README.md and docs/, as it stands there, one after the other: which of them work.

    python -m benchmarks.runs.documented             # all pages, long; prints a table in Markdown
    python -m benchmarks.runs.documented docs/clients.md README.md

A page's commands run in their order in a folder of their own, with files of the names that the page uses (real fields,
stations made of them) and the tests' stand-in for ECMWF open data. What takes a whole stack, a cluster, hours, or files
that are not in this repository is not run: the table says why, and what does run it.
"""

from __future__ import annotations

import argparse
import gzip
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from benchmarks.runs.checkout import HERE
from benchmarks.shared.rounds import say
from models.statistics import VARIABLES
from tests.conftest import write_region
from tests.invented_month import month, places_of
from tests.servers.open_meteo import TRUTH
from tests.servers.opendata import DEMO_GRIB, open_data
from tests.several_leads import write_stations

HOURS = list(range(0, 49, 6))  # of the region's lead times here
NAMED = datetime(2026, 11, 22, tzinfo=UTC)  # the cycle that pages name
COMMAND = re.compile(r"^ {4}(?:\$ )?((?:finescale|python -m|make|prefect|docker|for|export|cd) .*?)(?: {2,}#.*)?$")
ELSEWHERE = {
    r"^make (run|test|page|lint|page-\w+)\b": "`.ci/run` does",
    r"^(make (up|down|status)|prefect deployment)|^make down|deployments\.stack": "tests/operate, tests/deployments do",
    r"^(prefect work-pool|docker)": "wants a cluster or an engine",
    r"--source ifs9km": "tests/flows/test_native.py does",
    r"--source era5|--refresh-preliminary": "tests/flows/test_era5.py does",
    r"^finescale (serve|collect)": "runs until it is ended: tests/tasks/page, tests/tasks/observations/wis2",
    r"^finescale regrid": "tests/cases/test_gaussian.py does, with a model's own grid",
    r"^(for e in|make bench)|models\.training|tasks\.datasets|benchmarks\.|models\.experiments": "hours, or data",
    r"--chance .*wind_speed": "wants months of stations: tests/flows/test_calibrate.py",
    r"^finescale backfill": "tests/flows/test_backfill.py does",
}
STEPS = {"latitude": -0.1, "longitude": 0.1}  # of the terrain that ships
SECONDS = 300.0  # a command may take
PAIR = ["station", "latitude", "longitude", "elevation", "time", "lead_hours", "variable", "forecast", "observed"]


@dataclass(frozen=True)
class Outcome:
    """What became of a command."""

    page: str
    command: str
    said: str  # "" where it ended with 0
    seconds: float = 0.0
    ran: bool = True


def commands(page: Path) -> list[str]:
    """Of a page, in order, without what is said beside them."""
    found = (COMMAND.match(line) for line in page.read_text().splitlines())
    return [m[1].split("  #")[0].rstrip() for m in found if m]


def elsewhere(command: str) -> str:
    """Why a command is not run here; empty if it is."""
    return next((why for pattern, why in ELSEWHERE.items() if re.search(pattern, command)), "")


def write_files(folder: Path) -> None:
    """What pages call stations.csv, forecast.grib2 and so on."""
    region = HERE / "deployments/regions/hubei"
    for name in ("forecast.grib2", "ifs.grib2", "input.grib2"):
        shutil.copy(DEMO_GRIB, folder / name)
    with xr.open_dataset(region / "terrain.nc") as terrain:
        wider = {n: np.arange(terrain[n][0] - 10 * d, terrain[n][-1] + 10.5 * d, d) for n, d in STEPS.items()}
        heights = terrain["z"].load().reindex(wider, method="nearest")  # of files to their edge
        heights.encoding = {}
    for name in ("orography.nc", "heights.nc"):
        heights.to_netcdf(folder / name)
    shutil.copy(TRUTH, folder / "era5.nc")
    shutil.copy(region / "boundary.geojson", folder / "counties.geojson")
    places = pd.read_csv(region / "places.csv").head(4)[["name", "latitude", "longitude"]]
    for name in ("parks.csv", "farms.csv"):
        places.to_csv(folder / name, index=False)
    stations = pd.read_csv(write_stations(folder / "stations.csv", [8]))  # of the demo's time, and of the cycle named
    later = stations.assign(time=f"{NAMED + timedelta(hours=HOURS[1]):%Y-%m-%dT%H:%M}")
    pd.concat([stations, later]).to_csv(folder / "stations.csv", index=False)
    pairs = month(places_of(folder / "truth.csv"))[PAIR].to_csv(index=False)
    (folder / "pairs.csv").write_text(pairs)
    with gzip.open(folder / "pairs.csv.gz", "wt") as file:
        file.write(pairs)


@contextmanager
def served() -> Iterator[dict[str, str]]:
    """A mirror with the newest cycle, of AIFS and members too, and the one that pages name; its settings."""
    now = datetime.now(UTC) - timedelta(hours=9)
    newest = now.replace(hour=now.hour // 12 * 12, minute=0, second=0, microsecond=0)
    with open_data() as mirror:
        for init in (newest, NAMED):
            mirror.add_demo(init, HOURS, followers=True)
        mirror.add_demo(newest, HOURS, model="aifs-single/", followers=True)
        mirror.add_ensemble(newest, HOURS, 3)
        yield {"ECMWF_OPENDATA_URLS": f'{{"ecmwf": "{mirror.url}"}}'}


def run(page: str, command: str, folder: Path, environment: dict[str, str]) -> Outcome:
    """One command in a shell, as a reader types it."""
    here = re.sub(r"/(opt/finescale|srv/forecast|var/lib/finescale)\b", str(folder), command)
    began = time.monotonic()
    try:
        done = subprocess.run(  # noqa: S603
            ["bash", "-c", here], cwd=folder, env=os.environ | environment, capture_output=True, text=True,  # noqa: S607
            timeout=SECONDS, check=False,
        )  # fmt: skip
        last = (done.stderr.strip() or "no word").splitlines()[-1]
        said = "" if done.returncode == 0 else f"{done.returncode}: {last}"
    except subprocess.TimeoutExpired:
        said = f"not done after {SECONDS:.0f} s"
    return Outcome(page, command, said, time.monotonic() - began)


def try_page(page: Path, environment: dict[str, str]) -> list[Outcome]:
    """A page's commands, in a folder that they share; each sees what the ones before it made."""
    name, out = str(page.relative_to(HERE)), []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_files(folder)
        write_region(
            folder / "regions/hubei", variables=[*VARIABLES, "u100", "v100"], required=["t2m"],
            lead_times={"start": HOURS[0], "stop": HOURS[-1], "step": 6}, ensemble={"members": 3},
            acquire={"mirrors": ["ecmwf"], "confirm": False, "wait_minutes": 0.5},
        )  # fmt: skip
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        own = {"FINESCALE_REGIONS": f"{folder}/regions", "PATH": path, "PREFECT_API_URL": ""} | environment
        first = [
            f"finescale run hubei --source {s}" for s in ("demo", f"ifs --cycle {NAMED:%Y-%m-%dT%H}", "ifs", "ens")
        ]
        reads = r"finescale (point|districts|export|status|withdraw|verify|calibrate hubei --products)"
        wants = any(re.match(reads, c) for c in commands(page))
        if page.name == "verify.md":
            first.append("finescale export hubei --source demo --format netcdf --output fine.nc")
        for command in [*(first if wants and name != "README.md" else []), *commands(page)]:
            if why := elsewhere(command):
                out.append(Outcome(name, command, why, ran=False))
                continue
            out.append(outcome := run(name, command, folder, own))
            say(f"{name}: {command}: {outcome.said or 'ok'} ({outcome.seconds:.1f} s)")
    return out


def main() -> int:
    """Print the table; 1 if a command failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    every = [HERE / "README.md", *sorted((HERE / "docs").glob("*.md"))]
    parser.add_argument("pages", nargs="*", type=Path, default=every)
    pages = parser.parse_args().pages
    with served() as environment:
        outcomes = [o for page in pages for o in try_page(page.resolve(), environment)]
    print("| page | command | outcome |\n|---|---|---|")
    for o in outcomes:
        text = f"not run: {o.said}" if not o.ran else f"**{o.said}**" if o.said else f"ok, {o.seconds:.1f} s"
        print(f"| {o.page} | `{o.command.replace('|', chr(92) + '|')}` | {text} |")
    ran = [o for o in outcomes if o.ran]
    failed = [o for o in ran if o.said]
    print(f"\n{len(ran)} run, {len(failed)} failed; {len(outcomes) - len(ran)} not run here")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
