"""Cycles of ECMWF open data through the years: each is fetched from where it lay, and comes as what it was."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import eccodes
import pytest

from tasks.acquire.layout import LAYOUTS, file_uri, layout_of, reach_of, resol_of
from tasks.handover.cycle import Cycle
from tests.grib import messages
from tests.servers.opendata import DEMO_GRIB, open_data, param_of, relabelled
from tests.tasks.acquire.test_ifs import fetch, region

BEFORE, MIDDLE = {"model": "", "resol": "0p4-beta"}, {"model": ""}
STEPS = [0, 3, 6]

# cycle -> where its files lay, and the name that its resolution had
CYCLES = {
    datetime(2022, 2, 1, 0): (BEFORE, "0p4-beta"),
    datetime(2023, 6, 1, 0): (BEFORE, "0p4-beta"),
    datetime(2023, 6, 1, 18): (BEFORE | {"stream": "scda"}, "0p4-beta"),
    datetime(2024, 1, 30, 18): (BEFORE | {"stream": "scda"}, "0p4-beta"),
    datetime(2024, 2, 1, 0): (MIDDLE, "0p25"),
    datetime(2024, 2, 15, 0): (MIDDLE, "0p25"),
    datetime(2024, 2, 15, 6): (MIDDLE | {"stream": "scda"}, "0p25"),
    datetime(2024, 2, 28, 0): (MIDDLE, "0p25"),
    datetime(2024, 2, 28, 6): ({"stream": "scda"}, "0p25"),
    datetime(2024, 11, 12, 12): ({}, "0p25"),
    datetime(2026, 5, 11, 18): ({"stream": "scda"}, "0p25"),
    datetime(2026, 5, 12, 18): ({}, "0p25"),
    datetime(2026, 11, 26, 18): ({}, "0p25"),
}


@pytest.mark.parametrize(("time", "where"), CYCLES.items(), ids=[f"{t:%Y-%m-%dT%H}" for t in CYCLES])
def test_a_cycle_is_fetched_from_where_it_lay(
    tmp_path: Path, time: datetime, where: tuple[dict[str, str], str]
) -> None:
    time, (place, resol) = time.replace(tzinfo=UTC), where
    stream = place.get("stream", "oper")
    with open_data() as mirror:
        mirror.add_demo(time, STEPS, **place)
        files = fetch(region([mirror], variables=["t2m", "tp"]), tmp_path, Cycle(source="ifs", time=time))
    right = {
        f"{resol}-{stream}-{step}h-{param}.grib2": relabelled(message, time, step, stream)
        for step in STEPS
        for message in messages(DEMO_GRIB)
        if (param := param_of(message)) == "2t" or (param == "tp" and step)
    }
    assert {Path(f.uri).name: Path(f.uri).read_bytes() for f in files} == right
    assert {m for f in files for m in dates(Path(f.uri))} == {f"{time:%Y%m%d}"}


def dates(file: Path) -> list[str]:
    out = []
    for message in messages(file):
        handle = eccodes.codes_new_from_message(message)
        out.append(str(eccodes.codes_get(handle, "dataDate")))
        eccodes.codes_release(handle)
    return out


@pytest.mark.parametrize(
    ("time", "path"),
    [
        (datetime(2023, 6, 1), "20230601/00z/0p4-beta/oper/20230601000000-6h-oper-fc"),
        (datetime(2024, 2, 15, 12), "20240215/12z/0p25/oper/20240215120000-6h-oper-fc"),
        (datetime(2024, 2, 28, 18), "20240228/18z/ifs/0p25/scda/20240228180000-6h-scda-fc"),
        (datetime(2026, 11, 26, 18), "20261126/18z/ifs/0p25/oper/20261126180000-6h-oper-fc"),
    ],
)
def test_paths_as_they_were(time: datetime, path: str) -> None:
    assert file_uri("https://data.example", time.replace(tzinfo=UTC), 6) == f"https://data.example/{path}"


@pytest.mark.parametrize(
    ("time", "hours"),
    [
        (datetime(2023, 6, 1, 0), 240),
        (datetime(2023, 6, 1, 6), 90),
        (datetime(2024, 2, 15, 18), 90),
        (datetime(2024, 11, 12, 0), 240),
        (datetime(2024, 11, 12, 6), 144),
        (datetime(2024, 11, 12, 12), 360),
    ],
)
def test_how_far_cycles_reached(time: datetime, hours: int) -> None:
    assert reach_of(time.replace(tzinfo=UTC)) == hours


def test_the_table_is_in_order_and_0p1_is_called_so_always() -> None:
    assert all(sorted(rows, key=lambda row: row.since) == list(rows) for rows in LAYOUTS.values())
    assert layout_of(datetime(2021, 12, 10, 12, tzinfo=UTC)).folder == "ifs"  # the demo's
    assert resol_of(datetime(2023, 6, 1, tzinfo=UTC), "0p1") == "0p1"
