"""A day of operation by schedule: four cycles of two sources, and what a reader sees meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import xarray as xr
from ecmwf.opendata.urls import URLS

from flows.downscale import downscale
from tasks.acquire import open_source
from tasks.region import search as regions
from tests.conftest import write_region
from tests.servers import opendata
from tests.servers.opendata import OpenData, open_data

pytestmark = pytest.mark.usefixtures("prefect_server", "workspace")

# UTC of a day: when the schedule `45 0,7,12,19 * * *` of ifs and `0 1,7,13,19 * * *` of aifs start a run
STARTS = {"ifs": ["00:45", "07:45", "12:45", "19:45"], "aifs": ["01:00", "07:00", "13:00", "19:00"]}
# the cycle that each is for, in days and hours from that day's beginning
MEANT = {"ifs": [(-1, 18), (0, 0), (0, 6), (0, 12)], "aifs": [(-1, 18), (0, 0), (0, 6), (0, 12)]}
HOURS = [0, 6]


@pytest.fixture
def day() -> datetime:
    """Midnight of the day before yesterday: all of its cycles are complete."""
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=2)


@pytest.fixture
def mirror(day: datetime, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenData]:
    """With every cycle that the day needs, of both sources."""
    with open_data() as served:
        for days, hour in MEANT["ifs"]:
            time = day + timedelta(days=days, hours=hour)
            stream = "oper" if time.hour in (0, 12) or time >= datetime(2026, 5, 12, tzinfo=UTC) else "scda"
            served.add_demo(time, HOURS, stream=stream)
            served.add_demo(time, HOURS, model=opendata.AIFS)
        monkeypatch.setitem(URLS, "ecmwf", served.url)
        yield served


@pytest.fixture
def region(tmp_path: Path) -> str:
    return str(
        write_region(
            tmp_path / "hubei", variables=["t2m", "tp"], required=None, spacing=0.125, boundary=None,
            box={"north": 31, "south": 30, "west": 111, "east": 112}, acquire={"mirrors": ["ecmwf"]},
            lead_times={"start": 0, "stop": 6, "step": 6},
        )
    )  # fmt: skip


def latest(store: Path, source: str) -> str:
    """Which cycle a reader of latest.json is sent to; its product opens, whole."""
    found = json.loads((store / "hubei" / source / "latest.json").read_text())
    ds = xr.open_zarr(store / found["product"] if "://" not in found["product"] else found["product"])
    assert bool(ds.t2m.notnull().all())
    return str(found["cycle"])


def test_a_day_by_schedule_makes_each_cycle_once_and_a_reader_sees_the_newest(
    day: datetime, mirror: OpenData, region: str, tmp_path: Path
) -> None:
    store, seen = tmp_path / "store", dict[str, list[str]]()
    starts = sorted(
        (day + timedelta(hours=int(at[:2]), minutes=int(at[3:])), source, MEANT[source][i])
        for source, times in STARTS.items()
        for i, at in enumerate(times)
    )
    for at, source, (days, hour) in starts:
        cycle = open_source(source).due(regions.load(region), at)
        assert cycle.time == day + timedelta(days=days, hours=hour), f"{source} at {at:%H:%M}"
        outcome = downscale(region, source=source, cycle=cycle.stamp, store=str(store))
        assert outcome.made
        seen.setdefault(source, []).append(latest(store, source))
        others = {s: cycles[-1] for s, cycles in seen.items() if s != source}
        assert {s: latest(store, s) for s in others} == others, "the other source's is as it was"
    for source, meant in MEANT.items():
        assert seen[source] == [f"{source}/{day + timedelta(days=d, hours=h):%Y-%m-%dT%H}" for d, h in meant]
    asked = len(mirror.asked(".grib2"))
    for at, source, _ in starts[-3:]:  # starts again, as after a restored database: nothing twice
        cycle = open_source(source).due(regions.load(region), at)
        assert not downscale(region, source=source, cycle=cycle.stamp, store=str(store)).made
    assert len(mirror.asked(".grib2")) == asked
    first = seen["ifs"][0]
    assert downscale(region, source="ifs", cycle=first, store=str(store), force=True).made
    assert latest(store, "ifs") == seen["ifs"][-1], "an older cycle, made again, does not overtake"
