"""Every variable of every source, end to end: one point of the product's input against what the service sent.

    python -m benchmarks.runs.sources    # prints Markdown; a minute

Services are the tests' stand-ins, with real fields in their own form: ECMWF open data (IFS, and AIFS with rain in kg
m-2), Open-Meteo's bucket, the CDS. Values that were sent are read from the messages by ecCodes, at the nearest point,
or interpolated by scipy from what was written, at a point between the grid's; nothing goes through our own decoding.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import eccodes
import numpy as np
import xarray as xr
from ecmwf.opendata.urls import URLS
from scipy.interpolate import LinearNDInterpolator

from flows.downscale import downscale
from tasks.acquire.catalogue import LACKING
from tasks.acquire.native import GRID, STORED
from tasks.names import PARAM_IDS
from tasks.store.ledger import LedgerEntry
from tasks.variables import VARIABLES
from tests.conftest import write_region
from tests.servers import opendata
from tests.servers.open_meteo import GROWING, MADE, on_grid, open_meteo
from tests.servers.opendata import open_data

POINT = (31.0, 111.5)
BOX = {"north": 32, "south": 30, "west": 110, "east": 113}
HOURS = [0, 3, 6]
Sent = dict[str, float]  # variable -> value in the table's unit at POINT, at the last lead time


def read(data: bytes) -> tuple[str, float]:
    """Variable of a message, and its value at POINT in the table's unit."""
    handle = eccodes.codes_new_from_message(data)
    name = PARAM_IDS[eccodes.codes_get(handle, "paramId")]
    value = eccodes.codes_grib_find_nearest(handle, *POINT)[0].value
    mass = eccodes.codes_get(handle, "units") == "kg m**-2" and VARIABLES[name].units == "m"
    eccodes.codes_release(handle)
    return name, value / 1000.0 if mass else value


def of_open_data(time: datetime, stack: ExitStack, source: str) -> tuple[dict[str, object], Sent]:
    """A mirror with a cycle of everything, and what it sends; amounts since the lead time before the last."""
    where = {"model": opendata.AIFS} if source == "aifs" else {}
    steps = [h for h in HOURS if source != "aifs" or h % 6 == 0]
    mirror = stack.enter_context(open_data())
    mirror.add_demo(time, steps, followers=True, **where)
    stack.enter_context(patch.dict(URLS, {"ecmwf": mirror.url}))
    sums: dict[int, Sent] = {}
    for step in steps:
        file = mirror.files[f"{mirror.path(time, step, **where)}.grib2"]
        sums[step] = dict(read(bytes(m)) for m in _messages(file))
    last, before = sums[steps[-1]], sums[steps[-2]]
    sent = {n: v - before.get(n, 0.0) if VARIABLES[n].amount else v for n, v in last.items()}
    lacking = LACKING.get(source, set())
    return {"acquire": {"mirrors": ["ecmwf"]}}, {n: v for n, v in sent.items() if n not in lacking}


def _messages(file: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(file):
        length = int.from_bytes(file[at + 8 : at + 16], "big")
        yield file[at : at + length]
        at += length


def of_bucket(time: datetime, stack: ExitStack, folder: Path) -> tuple[dict[str, object], Sent]:
    """Open-Meteo's bucket, and what was written into its files: of hours 4, 5 and 6."""
    bucket = stack.enter_context(open_meteo(time, list(range(7)), folder))
    names, sent = {stored.name: name for name, stored in STORED.items()}, {}
    for name, (ours, factor, offset, _) in MADE.items():
        mine, there = names[name], between(ours) * factor + offset
        stored = STORED[mine]
        times = 4 + 5 + 6 if name in GROWING else 3 * 3600 if stored.rate else 1
        sent[mine] = (there * stored.factor + stored.offset) * times
    return {"acquire": {"native": bucket.url}}, sent


def between(name: str) -> float:
    """A field of the grid's own points at POINT, linear over the triangle of the three around it."""
    circles = np.flatnonzero(np.abs(GRID.latitude - POINT[0]) < 0.3)
    places, values = [], []
    for circle in circles:
        count, start = int(GRID.counts[circle]), int(GRID.starts[circle])
        near = np.flatnonzero(np.abs(np.arange(count) * 360.0 / count - POINT[1]) < 0.3)
        places += [(GRID.latitude[circle], i * 360.0 / count) for i in near]
        values += on_grid(name)[0, start + near].tolist()
    return float(LinearNDInterpolator(places, values)(*POINT))


def run(source: str, folder: Path) -> tuple[LedgerEntry, xr.Dataset, xr.Dataset, Sent]:
    """A product of all that a source has."""
    now = datetime.now(UTC) - timedelta(hours=10)
    time = now.replace(hour=now.hour // 6 * 6, minute=0, second=0, microsecond=0)
    with ExitStack() as stack:
        changes, sent = of_bucket(time, stack, folder) if source == "ifs9km" else of_open_data(time, stack, source)
        step = 6 if source == "aifs" else 3
        region = write_region(
            folder / "hubei", variables=sorted(sent), required=None, box=BOX, boundary=None,
            lead_times={"start": step, "stop": 6, "step": step}, **changes,
        )  # fmt: skip
        outcome = downscale(str(region), source=source, cycle=f"{time:%Y-%m-%dT%H}", store=str(folder / "store"))
    entry = outcome.entry
    uri = folder / "store" / entry.product
    return entry, xr.open_zarr(uri).load(), xr.open_zarr(uri, group="input").load(), sent


def rows(source: str, folder: Path) -> dict[str, str]:
    """Variable -> lead times, and how far the input at the point is from what was sent, over the field's deviation."""
    entry, fine, given, sent = run(source, folder)
    leads = ", ".join(f"{h:g}" for h in entry.lead_hours)
    out = {}
    for name, value in sent.items():
        assert np.isfinite(fine[name]).all(), name
        field = given[name].isel(step=-1)
        here = float(field.sel(latitude=POINT[0], longitude=POINT[1], method="nearest"))
        off = min(
            abs(here - value) / max(float(field.std()), 1e-12) / 0.2, abs(here - value) / max(abs(value), 1e-12) / 0.01
        )
        out[name] = f"{leads} h; {here:.5g} of {value:.5g}{'' if off < 1 else ' **off**'}"
    return out


def main() -> None:
    """Print the table."""
    found = {}
    for source in ("ifs", "aifs", "ifs9km"):
        with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, {"FINESCALE_WORKSPACE": f"{folder}/w"}):
            found[source] = rows(source, Path(folder))
    print(f"| variable | unit | {' | '.join(found)} |")
    print(f"|---|---|{'---|' * len(found)}")
    for name, variable in VARIABLES.items():
        cells = [found[s].get(name, "–" if name in LACKING.get(s, set()) else "not written") for s in found]
        print(f"| {name} | {variable.units} | {' | '.join(cells)} |")
    assert "off" not in json.dumps(found), "see **off**"


if __name__ == "__main__":
    main()
