"""A place's forecast day by day: what each day is made of, as a table, as CSV and as JSON."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from flows.products.daily import daily
from flows.products.point import PointCell, PointForecast
from flows.products.point_tables import csv_days, heading_lines, table_of_days
from flows.products.series import Cell, Series, compass
from tasks.timezones import zone_of
from tests.flows.conftest import CommandLine
from tests.published import cycle_of, publish

START = datetime(2026, 11, 20, tzinfo=UTC)
SHANGHAI = zone_of("Asia/Shanghai")


def series(hours: list[int], **values: np.ndarray) -> Series:
    units = {"mx2t": "°C", "fg10": "m/s", "t2m": "°C", "tp": "mm", "wind_speed": "m/s", "wind_direction": "°"}
    times = [START + timedelta(hours=h) for h in hours]
    cell = Cell(0, 0, 31.0, 112.0, 100.0, 1.0)
    leads = [float(h) for h in hours]
    return Series(cell, times, leads, [0.0, *leads[:-1]], values, {n: units[n] for n in values}, {})


def forecast(found: Series) -> PointForecast:
    steps = [
        {"time": t.astimezone(SHANGHAI), "lead_hours": h} for t, h in zip(found.times, found.lead_hours, strict=True)
    ]
    return PointForecast(
        region="hubei", cycle="ifs/2026-11-20T00", age_hours=1, quality="verified", why=[], product="p",
        place="Wuhan 武汉", latitude=31, longitude=112, elevation=None,
        cell=PointCell(latitude=31, longitude=112, height=100, land=1), units=found.units, series=steps,
        daily=daily([found], SHANGHAI)[0],
    )  # fmt: skip


def test_a_day_has_extremes_and_sums_and_no_mean_of_a_direction() -> None:
    hours = list(range(0, 73, 3))
    warmth, rain = np.array(hours, float), np.full(len(hours), 0.5)
    warmth[5] = np.nan  # 15 h
    found = daily([series(hours, t2m=warmth, tp=rain, wind_speed=warmth[::-1], wind_direction=warmth)], SHANGHAI)[0]
    assert [d.heading for d in found] == ["Fri 20 Nov, from 08:00", "Sat 21 Nov", "Sun 22 Nov"]
    assert [d.day.isoformat() for d in found] == ["2026-11-20", "2026-11-21", "2026-11-22"]
    assert found[0].__pydantic_extra__ == {
        "t2m_max": 12.0, "t2m_min": 0.0, "tp_sum": 3.167, "wind_speed_max": 72.0,
    }, "of rain the sum at 0 h, five of three hours, and a third of that which passes midnight"  # fmt: skip
    # from 18 to 39 h in Shanghai's Saturday; rain from 16 to 40 h
    assert found[1].__pydantic_extra__ == {"t2m_max": 39.0, "t2m_min": 18.0, "tp_sum": 4.0, "wind_speed_max": 54.0}


def test_extremes_of_the_time_before_belong_to_the_day_that_ends() -> None:
    hot = np.array([0.0, 10, 10, 10, 10, 10, 10, 10, 30, 5, 5, 5, 5, 5, 5, 5, 5])
    found = daily([series(list(range(0, 51, 3)), mx2t=hot, fg10=hot, t2m=hot)], UTC)[0]
    assert [(d.__pydantic_extra__["mx2t_max"], d.__pydantic_extra__["fg10_max"]) for d in found] == [(30, 30), (5, 5)]
    assert [d.__pydantic_extra__["t2m_max"] for d in found] == [10, 30], "a moment at midnight is the new day's"


def test_a_missing_sum_makes_the_days_sum_missing() -> None:
    rain = np.ones(9)
    rain[4] = np.nan
    (day,) = daily([series(list(range(0, 25, 3)), tp=rain)], UTC)[0]
    assert np.isnan(day.__pydantic_extra__["tp_sum"])


def test_a_day_of_nothing_is_missing() -> None:
    (day,) = daily([series([0, 8, 16, 20], t2m=np.full(4, np.nan))], UTC)[0]
    assert np.isnan(day.__pydantic_extra__["t2m_max"])


def test_table_csv_and_json_say_the_same() -> None:
    hours = list(range(0, 73, 3))
    found = forecast(series(hours, t2m=np.array(hours, float), tp=np.full(len(hours), 0.5)))
    header, rows = table_of_days(found)
    assert header == ["day UTC+08:00", "t2m highest °C", "t2m lowest °C", "rain sum mm"]
    assert rows[1] == ["Sat 21 Nov", "39.0", "18.0", "4.0"]
    table = list(csv.DictReader("".join(csv_days([found])).splitlines()))
    assert list(table[1].values()) == [
        "Wuhan 武汉", "31.0", "112.0", "100.0", "2026-11-21", "24.0", "39.0", "18.0", "4.0"
    ]  # fmt: skip
    assert table[0]["covered [h]"] == "16.0", "from eight in the morning"
    assert json.loads(found.model_dump_json())["daily"][1] == {
        "day": "2026-11-21", "heading": "Sat 21 Nov", "hours": 24.0, "t2m_max": 39.0, "t2m_min": 18.0, "tp_sum": 4.0,
    }  # fmt: skip


def test_days_may_begin_in_the_evening(tmp_path: Path, finescale: CommandLine) -> None:
    store = f"{tmp_path}/store"
    publish(store, cycle_of(START), hours=list(range(0, 49, 6)))
    where = ("point", "hubei", "Wuhan", "--daily", "--timezone", "Asia/Shanghai", "--store", store)
    plain, evening = (finescale(*where, *more).stdout for more in ((), ("--day-starts", "20")))
    assert "Fri 20 Nov, from 08:00" in plain
    assert "Sat 21 Nov " in evening
    assert "20 Nov" not in evening
    refused = finescale(*where[:3], "--day-starts", "20", "--store", store)
    assert (refused.exit_code, "--day-starts goes with --daily" in refused.stderr) == (2, True)


def test_directions_have_sixteen_names() -> None:
    found = [compass(d) for d in (0, 11, 12, 66, 349, 360)]
    assert found == ["calm", "N", "NNE", "ENE", "N", "N"]


def test_lead_times_that_cover_no_day_are_told(tmp_path: Path, finescale: CommandLine) -> None:
    store = f"{tmp_path}/store"
    publish(store, cycle_of(START))
    told = finescale("point", "hubei", "Wuhan", "--daily", "--store", store)
    assert told.exit_code == 2
    assert "covers no day: its lead times span less than 15 hours of any" in told.output


def test_a_table_says_that_radiation_is_a_sum_and_how_it_becomes_a_mean() -> None:
    found = forecast(series([3, 6], tp=np.ones(2))).model_copy(update={"units": {"tp": "mm", "ssrd": "MJ/m²"}})
    lines = heading_lines(found.model_copy(update={"sum_hours": [3.0, 3.0]}))
    assert lines[2] == (
        "rain, sun: of the 3 h before each time; sun in MJ/m² is a sum, divided by 0.0108 a mean in W/m²"
    )
    uneven = heading_lines(found.model_copy(update={"sum_hours": [3.0, 3.0, 6.0]}))
    assert uneven[2].endswith("sun in MJ/m² is a sum, divided by 0.0036 and these hours a mean in W/m²")
    rain = found.model_copy(update={"units": {"tp": "mm"}, "sum_hours": [3.0, 3.0]})
    assert "MJ" not in heading_lines(rain)[2]
