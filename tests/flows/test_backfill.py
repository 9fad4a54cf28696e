"""Backfill: cycle by cycle, past failed ones, again only for what is left; preliminary fields made anew."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import xarray as xr

from flows.backfill import BackfillIncomplete, backfill, cycles_between
from flows.products.preliminary import preliminary_cycles
from flows.products.status import region_status
from tasks.errors import BadInput
from tests.conftest import RegionMaker
from tests.flows.conftest import CommandLine
from tests.servers.http import cut
from tests.servers.opendata import OpenData, open_data

pytestmark = pytest.mark.usefixtures("prefect_server")

DAYS = [datetime(2026, 11, day, tzinfo=UTC) for day in (17, 18, 19)]


@pytest.fixture
def mirror() -> Iterator[OpenData]:
    """A mirror with three days' cycles of one lead time."""
    with open_data() as served:
        for day in DAYS:
            served.add_demo(day, [3])
        yield served


@pytest.fixture
def region(mirror: OpenData, make_region: RegionMaker) -> str:
    """Hubei with that mirror, one variable and a coarse target: what its products hold does not matter here."""
    acquire = {"mirrors": [mirror.url], "wait_minutes": 0.05, "pause_seconds": 0.5, "poll_seconds": 0.5}
    lead_times = {"start": 3, "stop": 3, "step": 3}
    return str(make_region(lead_times=lead_times, acquire=acquire, spacing=0.25, variables=["t2m"], required=None))


def test_every_cycle_is_made_and_the_next_time_none(
    region: str, mirror: OpenData, tmp_path: Path, workspace: Path
) -> None:
    span = {"source": "ifs", "start": date(2026, 11, 17), "end": date(2026, 11, 19), "store": str(tmp_path / "store")}
    report = backfill(region, **span)
    assert sorted(report.made) == [f"ifs/2026-11-{d}T00" for d in (17, 18, 19)]
    for day in (17, 18, 19):
        ds = xr.open_zarr(tmp_path / f"store/hubei/ifs/2026/11/2026-11-{day}T00.zarr")
        assert str(ds.time.values)[:10] == f"2026-11-{day}"
    latest = json.loads((tmp_path / "store/hubei/ifs/latest.json").read_text())
    assert latest["cycle"] == "ifs/2026-11-19T00", "whatever order they ended in"
    mirror.requests.clear()
    again = backfill(region, **span)
    assert (again.made, len(again.there), mirror.requests) == ([], 3, [])


def test_a_failed_day_is_listed_and_is_all_that_is_left(
    region: str, mirror: OpenData, tmp_path: Path, workspace: Path, finescale: CommandLine
) -> None:
    mirror.on("20261118.*grib2", cut(50))
    command = [
        "backfill",
        region,
        "--source",
        "ifs",
        "--start",
        "2026-11-17",
        "--end",
        "2026-11-19",
        "--store",
        tmp_path / "s",
    ]
    result = finescale(*command)
    assert result.exit_code == 1
    assert result.stdout == "2 made, 0 were there\n"
    last = result.output.strip().splitlines()[-1]
    assert "2 made, 0 were there, 1 of 3 failed (ifs/2026-11-18T00: " in last
    assert "only these are left" in last
    mirror.rules.clear()
    mirror.requests.clear()
    result = finescale(*command)
    assert (result.exit_code, result.output.strip().splitlines()[-1]) == (0, "1 made, 2 were there")
    assert all("20261118" in r[1] for r in mirror.requests)


def test_cycles_that_are_only_not_ready_end_with_exit_3(region: str, tmp_path: Path, workspace: Path) -> None:
    with pytest.raises(
        BackfillIncomplete, match=r"0 made, 0 were there, 1 of 1 failed \(ifs/2026-11-20T00: "
    ) as raised:
        backfill(region, source="ifs", start=date(2026, 11, 20), store=str(tmp_path / "store"))
    assert raised.value.exit_code == 3
    assert list(raised.value.report.not_ready) == ["ifs/2026-11-20T00"]


def test_report_of_a_backfill_that_failed_is_printed_for_programs(
    region: str, tmp_path: Path, workspace: Path, finescale: CommandLine
) -> None:
    shown = finescale(
        "backfill", region, "--source", "ifs", "--start", "2026-11-19", "--end", "2026-11-20",
        "--store", tmp_path / "s", "--json",
    )  # fmt: skip
    report = json.loads(shown.stdout)
    assert shown.exit_code == 3
    assert (report["made"], list(report["not_ready"])) == (["ifs/2026-11-19T00"], ["ifs/2026-11-20T00"])
    assert "finescale: backfill hubei: 1 made, 0 were there, 1 of 2 failed (" in shown.stderr


def test_cycles_of_a_span_of_days() -> None:
    found = cycles_between("ifs", date(2026, 2, 28), date(2026, 3, 1), [12, 0])
    assert [c.stamp for c in found] == ["2026-02-28T00", "2026-02-28T12", "2026-03-01T00", "2026-03-01T12"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--start", "2024-01-31", "--end", "2024-01-01"], "--end 2024-01-01 lies before --start 2024-01-31"),
        (["--start", "January"], "--start 'January' is not a day; write it like 2024-01-31"),
        ([], "--start is missing"),
        (["--start", "2024-01-01", "--hours", "0,24"], "hours of the day are 0 to 23"),
        (["--start", "2024-01-01", "--hours", "noon"], "write them like 0,12"),
    ],
)
def test_a_span_that_is_none_is_refused(options: list[str], said: str, finescale: CommandLine, tmp_path: Path) -> None:
    result = finescale("backfill", "hubei", "--store", tmp_path, *options)
    assert (result.exit_code, said in result.output) == (2, True), result.output


def test_what_was_made_of_preliminary_fields_is_listed_when_final_ones_are_due(
    region: str, tmp_path: Path, workspace: Path, finescale: CommandLine
) -> None:
    store = str(tmp_path / "store")
    backfill(region, source="ifs", start=date(2026, 11, 17), store=store)
    file = tmp_path / "store/hubei/ifs/2026/11/2026-11-17T00.json"
    entry = json.loads(file.read_text())
    target = tmp_path / "store/hubei/era5/2026/05/2026-05-30T00.json"
    target.parent.mkdir(parents=True)
    target.write_text(json.dumps(entry | {"cycle": "era5/2026-05-30T00", "origin": "era5", "expver": "0001+0005"}))
    at = datetime(2026, 5, 30, tzinfo=UTC)
    assert preliminary_cycles(store, "hubei", "era5", at + timedelta(days=20)) == []
    assert [str(c) for c in preliminary_cycles(store, "hubei", "era5", at + timedelta(days=100))] == [
        "era5/2026-05-30T00"
    ]
    preliminary = {c.cycle: c.preliminary for c in region_status("hubei", store).cycles}
    assert preliminary == {"era5/2026-05-30T00": True, "ifs/2026-11-17T00": False}
    shown = finescale("status", "hubei", "--store", store).output
    assert "preliminary (ERA5T): 1, of these final by now: era5/2026-05-30T00" in shown
    assert "finescale backfill hubei --source era5 --refresh-preliminary" in shown
    by_hand = tmp_path / "store/hubei/file/2026/05/2026-05-30T00.json"
    by_hand.parent.mkdir(parents=True)
    by_hand.write_text(json.dumps(entry | {"cycle": "file/2026-05-30T00", "origin": "era5", "expver": "0001+0005"}))
    listed = finescale("status", "hubei", "--store", store)
    assert (listed.exit_code, "file/2026-05-30T00" in listed.output) == (0, True), "of a file handed in, too"


def test_bad_names_fail_before_the_first_cycle(tmp_path: Path, workspace: Path) -> None:
    with pytest.raises(BadInput, match="unknown source 'gfs'"):
        backfill("hubei", source="gfs", start=date(2026, 11, 17), store=str(tmp_path))
