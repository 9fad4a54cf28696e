"""From run to run: what earlier runs forecast for the same times."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from flows.products.runs import EarlierRun, _at
from flows.products.series import Cell, Series
from tasks.store.withdrawal import mark
from tests.flows.conftest import CommandLine
from tests.published import cycle_of, publish

START = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_earlier_runs_stand_beside_the_values_of_the_same_times(tmp_path: Path, finescale: CommandLine) -> None:
    store = str(tmp_path / "store")
    runs = [publish(store, cycle_of(START - timedelta(hours=h)), revision=r + 1) for r, h in enumerate((18, 12, 6, 0))]
    publish(store, cycle_of(START - timedelta(hours=6), "era5"))  # of another source
    place = ("point", "hubei", "Wuhan", "--source", "ifs", "--store", store)
    found = json.loads(finescale(*place, "--runs", "2", "--json").stdout)
    assert [r["cycle"] for r in found["earlier"]] == ["ifs/2026-11-22T06", "ifs/2026-11-22T00"]
    own = json.loads(finescale(*place, "--cycle", "2026-11-22T06", "--json").stdout)["series"]
    assert found["earlier"][0]["values"]["t2m"] == [own[2]["t2m"], None, None], "+9 h then is +3 h now"
    assert found["earlier"][0]["values"]["tp"] == [own[2]["tp"], None, None], "both of three hours"
    assert found["earlier"][1]["values"]["t2m"] == [None, None, None], "it ended before"
    lines = finescale(*place, "--runs", "1").output.splitlines()
    assert "behind each value what earlier runs forecast, of 2026-11-22T06" in lines
    assert f"| {own[2]['t2m']:.1f}" in lines[-3]
    one = json.loads(finescale(*place, "--runs", "1", "--lead-hours", "3", "--json").stdout)["earlier"][0]["values"]
    assert one["tp"] == [own[2]["tp"]], "of three hours, whatever lead times are asked for"
    assert "1 of 5 earlier runs are there" not in lines
    assert "3 of 5 earlier runs are there" in finescale(*place, "--runs", "5").output
    assert finescale(*place, "--runs", "1", "--daily").exit_code == 2
    mark(store, runs[2], "withdrawn", "wrong")
    found = json.loads(finescale(*place, "--runs", "1", "--json").stdout)
    assert [r["cycle"] for r in found["earlier"]] == ["ifs/2026-11-22T00"], "a withdrawn run is none"
    assert finescale(*place, "--runs", "99").exit_code == 2


def series(hours: list[float], start: datetime) -> Series:
    rising = np.array(hours)
    times = [start + timedelta(hours=h) for h in hours]
    begins = [0.0, *hours[:-1]]
    return Series(Cell(0, 0, 31.0, 112.0, None, None), times, hours, begins, {"t2m": rising, "tp": rising}, {}, {})


@pytest.mark.parametrize(
    ("earlier", "t2m", "tp"),
    [
        ([3.0, 6.0, 9.0, 12.0], [9.0, 12.0, None], [9.0, 12.0, None]),
        ([6.0, 12.0], [None, 12.0, None], [None, None, None]),  # sums of six hours, not of three
        ([9.0, 12.0, 15.0], [9.0, 12.0, 15.0], [None, 12.0, 15.0]),  # the first is since the forecast's start
    ],
)
def test_sums_are_of_as_many_hours(earlier: list[float], t2m: list[float], tp: list[float]) -> None:
    now = series([3.0, 6.0, 9.0], START)
    found = EarlierRun(cycle="c", values=_at(series(earlier, START - timedelta(hours=6)), now)).values
    assert (found["t2m"], found["tp"]) == (t2m, tp)
