"""Sentinels: what files write where nothing is known, and numbers that only look like it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tasks.observations.networks.missing import is_missing, known_elevation
from tasks.observations.networks.rows import Column, long_form, on_the_hour
from tasks.observations.networks.table import table

KELVIN = Column("t2m", offset=273.15)
HECTOPASCAL = Column("msl", 100.0)
MILLIMETRE = Column("tp", 1e-3, period=6.0)


@pytest.mark.parametrize("written", [-9999, 9999, 999.9, -999.9, -999, -32768, 99999, 9.96921e36, -500.1, 9000.5, 8888])
def test_elevations_that_no_station_has_are_unknown(written: float) -> None:
    assert known_elevation(pd.Series([written, 34.0])).isna().tolist() == [True, False]
    rows = pd.DataFrame(
        {"station": ["a"], "latitude": 1.0, "longitude": 2.0, "elevation": written, "time": pd.Timestamp("2025-01-16"),
         "variable": "t2m", "value": 280.0}
    )  # fmt: skip
    assert np.isnan(table(rows).loc[0, "elevation"])


@pytest.mark.parametrize("metres", [-430.0, -154.0, 0.0, 99.9, 999.0, -99.0, 999.8, 5364.0])
def test_elevations_that_a_station_has_are_kept(metres: float) -> None:
    heights = pd.Series([metres, 10.0])
    assert known_elevation(heights, pd.Series(["a", "b"])).tolist() == [metres, 10.0]


@pytest.mark.parametrize("metres", [999.0, -99.0])
def test_a_doubtful_elevation_of_several_stations_is_unknown(metres: float) -> None:
    heights = pd.Series([metres, metres, 10.0])
    assert known_elevation(heights, pd.Series(["a", "b", "c"])).isna().tolist() == [True, True, False]
    assert known_elevation(heights, pd.Series(["a", "a", "c"])).notna().all()


@pytest.mark.parametrize(
    ("column", "written", "missing"),
    [
        (KELVIN, -9999, True), (KELVIN, 9999, True), (KELVIN, 999.9, True), (KELVIN, -99.9, True), (KELVIN, 99.9, True),
        (KELVIN, -32768, True), (KELVIN, 1e20, True), (KELVIN, -77.7, False), (KELVIN, 45.0, False),
        (Column("t2m"), 9999, True), (Column("t2m"), 999.9 + 273.15, True), (Column("t2m"), 281.5, False),
        (Column("t2m", 0.1, 273.15), -9999, True), (Column("t2m", 0.1, 273.15), 99, False),
        (HECTOPASCAL, 9999, True), (HECTOPASCAL, 999.9, False), (HECTOPASCAL, 999, False), (HECTOPASCAL, 9999.9, True),
        (Column("msl", 10.0), 9999, False), (Column("msl", 10.0), -9999, True),
        (Column("wind_speed"), 99.9, True), (Column("wind_speed"), 999.9, True), (Column("wind_speed"), 12.0, False),
        (Column("wind_speed", 1852 / 3600), 99, False), (Column("wind_direction"), 999, True),
        (Column("wind_direction"), 99, False),
        (MILLIMETRE, 999.9, True), (MILLIMETRE, -9999, True), (MILLIMETRE, -99.9, True), (MILLIMETRE, 9999, True),
        (Column("tp", 1e-4, period=6.0), 999, False), (Column("tp", 1e-4, period=6.0), 9999, True),
        (MILLIMETRE, 999.0, True), (MILLIMETRE, 99.9, False), (MILLIMETRE, 120.0, False), (MILLIMETRE, -0.1, False),
    ],
)  # fmt: skip
def test_a_sentinel_is_a_code_that_cannot_be_a_value(column: Column, written: float, missing: bool) -> None:
    numbers = pd.Series([float(written)])
    assert is_missing(numbers, numbers * column.scale + column.offset, column.variable).tolist() == [missing]


def reports(*minutes: int, station: str = "a") -> pd.DataFrame:
    """Of one station, at minutes from 23:30, with temperatures that count them."""
    return pd.DataFrame(
        {
            "station": station, "network": "", "latitude": 30.0, "longitude": 112.0, "elevation": 5.0,
            "time": [pd.Timestamp("2025-01-15T23:30") + pd.Timedelta(minutes=m) for m in minutes],
            "temp": [float(m) for m in minutes],
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("minutes", "hours", "temperature"),
    [
        ((23,), ["00:00"], 23), ((34,), ["00:00"], 34), ((20,), ["00:00"], 20), ((19,), ["23:49"], None),
        ((23, 28), ["00:00"], 28), ((28, 34, 23), ["00:00"], 28),
        ((20, 30, 40), ["23:50", "00:00", "00:10"], 30),  # every ten minutes
    ],
)  # fmt: skip
def test_minutes_near_the_hour_are_the_hours_unless_it_has_its_own(
    minutes: tuple[int, ...], hours: list[str], temperature: float | None
) -> None:
    found = table(long_form(reports(*minutes), {"temp": KELVIN}))
    assert found["time"].dt.strftime("%H:%M").tolist() == hours
    at_midnight = found.loc[found["time"] == pd.Timestamp("2025-01-16"), "value"]
    assert at_midnight.tolist() == ([] if temperature is None else [pytest.approx(temperature + 273.15)])


def test_what_was_rejected_at_the_hour_does_not_keep_a_near_report_from_it() -> None:
    rows = reports(30, 28).assign(variable="t2m", period=0.0, quality=["bad", ""])
    assert set(on_the_hour(rows)["time"]) == {pd.Timestamp("2025-01-16")}
