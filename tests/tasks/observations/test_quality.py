from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.observations import buddies, duplicates, quality, sequences
from tasks.observations.networks.files import read_observations
from tasks.observations.networks.table import reject, rejected, table
from tasks.observations.quality import quality_control
from tests.tasks.observations.quality_tables import network, series


def reasons(observations: pd.DataFrame) -> dict[str, int]:
    return rejected(quality_control(observations))


def whole_series(days: int = 20, seed: int = 1) -> pd.DataFrame:
    """A clean station: the day's course, weather, rain now and then."""
    r = np.random.default_rng(seed)
    hour = np.arange(24 * days)
    weather = np.cumsum(r.normal(0, 0.5, len(hour)))
    t2m = np.round(285 + 5 * np.sin(2 * np.pi * (hour - 2) / 24) + weather - weather.mean(), 1)
    spread = np.convolve(r.gamma(2, 1.5, len(hour) + 5), np.ones(6) / 6, "valid")
    d2m = np.round(t2m - 1 - spread, 1)
    msl = np.round(102000 + np.cumsum(r.normal(0, 30, len(hour))), -1)
    speed = np.round(r.gamma(2, 1.2, len(hour)), 1)
    direction = np.where(speed == 0, 0, np.round(r.uniform(5, 360, len(hour)), -1))
    rain = np.where(r.uniform(size=len(hour)) < 0.05, 0.002, 0.0)
    sp = np.round(msl * np.exp(-9.80665 * 30 / (287.05 * t2m)), -1)
    values = {"t2m": t2m, "d2m": d2m, "msl": msl, "sp": sp, "wind_speed": speed, "wind_direction": direction}
    return table([*(series(name, value) for name, value in values.items()), series("tp", rain, period=1.0)])


def with_value(observations: pd.DataFrame, variable: str, at: int | slice, value: object) -> pd.DataFrame:
    rows = observations.index[observations["variable"] == variable]
    changed = observations["value"].copy()
    changed[rows[at]] = value
    return observations.assign(value=changed)


@pytest.mark.parametrize("seed", range(5))
def test_clean_series_loses_nothing_and_keeps_its_rows(seed: int):
    observations = whole_series(seed=seed)
    controlled = quality_control(observations)
    assert rejected(controlled) == {}
    pd.testing.assert_frame_equal(controlled, observations)


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("t2m", 399.9, quality.OUTSIDE),
        ("t2m", 0.0, quality.OUTSIDE),
        ("msl", 1013.2, quality.OUTSIDE),
        ("sp", 2000.0, quality.OUTSIDE),
        ("wind_speed", 99.9, quality.OUTSIDE),
        ("wind_speed", -1.0, quality.OUTSIDE),
        ("wind_direction", 990.0, quality.OUTSIDE),
        ("tp", 0.9999, quality.OUTSIDE),
        ("tp", -0.001, quality.NEGATIVE_RAIN),
        ("t2m", 310.0, sequences.SPIKE),
        ("t2m", 270.0, sequences.SPIKE),
        ("msl", 103500.0, sequences.SPIKE),
        ("msl", 100600.0, sequences.SPIKE),
        ("d2m", 245.0, sequences.SPIKE),
    ],
)
def test_planted_value_is_rejected_alone(variable: str, value: float, reason: str):
    observations = with_value(whole_series(), variable, 200, value)
    controlled = quality_control(observations)
    bad = controlled[controlled["quality"] == reason]
    assert list(bad["variable"]) == [variable]
    assert bad["value"].iloc[0] == value
    # what hangs on it may go too, nothing else
    assert set(rejected(controlled)) <= {reason, quality.DIRECTION, quality.DEW_POINT, buddies.PRESSURE}


def test_rain_is_limited_by_its_period():
    assert reasons(series("tp", [0.6], period=1.0)) == {quality.OUTSIDE: 1}
    assert reasons(series("tp", [0.6], period=24.0)) == {}


def test_dew_point_in_whole_degrees_may_round_above_the_temperature():
    saturated = table([series("t2m", [280.15]), series("d2m", [280.65])])
    assert reasons(saturated) == {}
    assert reasons(with_value(saturated, "d2m", 0, 280.75)) == {quality.DEW_POINT: 1}


def test_dew_point_above_the_temperature_is_found_in_a_long_series():
    observations = whole_series()
    t2m = observations.loc[observations["variable"] == "t2m", "value"].to_numpy()
    observations = with_value(observations, "d2m", 200, t2m[200] + 1.0)
    assert reasons(observations) == {quality.DEW_POINT: 1}


def test_temperature_that_is_too_low_does_not_cost_its_dew_point():
    assert reasons(with_value(whole_series(), "t2m", 200, 260.0)) == {sequences.SPIKE: 1}


def test_dew_point_is_not_judged_by_a_temperature_that_is_wrong():
    assert reasons(table([series("t2m", [100.0]), series("d2m", [280.0])])) == {quality.OUTSIDE: 1}


def test_direction_needs_a_speed():
    directions = series("wind_direction", [90.0, 90.0, 0.0, 360.0])
    assert reasons(directions) == {quality.DIRECTION: 4}
    assert reasons(table([directions, series("wind_speed", [0.0, 2.0, 0.0, 1.0])])) == {quality.DIRECTION: 1}


def test_a_reason_that_is_there_stays():
    observations = reject(series("t2m", [999.0]), np.array([True]), "failed at the source")
    assert reasons(observations) == {"failed at the source": 1}


def test_stuck_thermometer_is_found_and_only_its_run():
    observations = with_value(whole_series(), "t2m", slice(100, 130), 288.2)
    observations = with_value(observations, "d2m", slice(100, 130), np.linspace(275, 277, 30))
    controlled = quality_control(observations)
    assert rejected(controlled)[sequences.STUCK] == 30
    assert set(controlled.loc[controlled["quality"] == sequences.STUCK, "value"]) == {288.2}


def test_fog_in_whole_degrees_is_not_stuck():
    r = np.random.default_rng(3)
    values = np.round(np.cumsum(r.normal(0, 0.6, 300)) + 10) + 273.15
    values[100:122] = 283.15
    assert sequences.STUCK not in rejected(sequences.reject_stuck(series("t2m", values)))
    values[100:142] = 283.15
    assert rejected(sequences.reject_stuck(series("t2m", values)))[sequences.STUCK] >= 42


def test_five_minute_reports_are_not_stuck_after_two_hours():
    values = 283.15 + 0.1 * np.repeat(np.arange(10), 30)
    assert rejected(sequences.reject_stuck(series("t2m", values, every=1 / 12))) == {}


@pytest.mark.parametrize(("variable", "value"), [("tp", 0.0), ("wind_speed", 0.0), ("wind_direction", 0.0)])
def test_weeks_of_dry_or_calm_are_not_stuck(variable: str, value: float):
    assert rejected(sequences.reject_stuck(series(variable, np.full(800, value)))) == {}


def test_anemometer_that_stands_still_in_a_wind_is_stuck():
    assert rejected(sequences.reject_stuck(series("wind_speed", np.full(60, 3.0)))) == {sequences.STUCK: 60}


def test_front_stays():
    values = np.concatenate([np.full(10, 295.0), np.full(10, 285.0)]) + np.arange(20) * 0.1
    assert reasons(series("t2m", values, every=3.0)) == {}
    assert reasons(series("t2m", values, every=1.0)) == {}


def test_spike_of_three_hourly_reports_is_found_whole():
    values = 285 + 0.1 * np.arange(30)
    values[10:13] += 15
    controlled = quality_control(series("t2m", values))
    assert list(np.flatnonzero(controlled["quality"] == sequences.SPIKE)) == [10, 11, 12]


def test_warm_days_of_three_hourly_reports_are_no_spikes():
    values = np.tile([276, 275, 287.5, 290, 289, 278, 277, 276.5], 20) + np.arange(160) * 0.01
    assert reasons(series("t2m", values, every=3.0)) == {}


def test_spike_is_not_sought_across_stations():
    first, second = series("t2m", [280, 280.1, 300]), series("t2m", [281, 281.2, 281.4], station="B")
    assert reasons(table([first, second])) == {}


def holland(distance: np.ndarray, fall: float = 5500.0) -> np.ndarray:
    """Sea-level pressure around a typhoon (Holland 1980), greatest winds 40 km from its centre."""
    return 100700 - fall * (1 - np.exp(-((40 / np.maximum(distance, 1)) ** 1.5)))


def test_typhoon_over_one_station_stays():
    assert reasons(series("msl", holland(20 * np.abs(np.arange(-12.0, 13.0))), every=1.0)) == {}
    row, column = np.divmod(np.arange(64), 8)
    assert reasons(network("msl", holland(50 * np.hypot(row - 4, column - 4)))) == {}


@pytest.mark.parametrize("error", [14.0, -14.0, 40.0])
def test_station_that_disagrees_with_its_neighbours_is_found(error: float):
    values = 285 + np.random.default_rng(4).normal(0, 1.5, 36)
    assert reasons(network("t2m", values)) == {}
    values[14] += error
    controlled = quality_control(network("t2m", values))
    assert list(np.flatnonzero(controlled["quality"] == buddies.NEIGHBOURS)) == [14]


def test_sharp_front_across_the_network_stays():
    values = np.where(np.arange(36) % 6 < 3, 295.0, 281.0)
    assert reasons(network("t2m", values)) == {}
    values = np.where(np.arange(36) % 6 < 5, 295.0, 283.0)
    assert reasons(network("t2m", values)) == {}


@pytest.mark.parametrize("temperature", [262.0, 300.0])
def test_mountain_without_buddies_stays_however_cold_or_warm(temperature: float):
    values, elevation = np.full(36, 285.0), np.full(36, 50.0)
    values[14], elevation[14] = temperature, 1165.0
    assert reasons(network("t2m", values, elevation)) == {}


def test_unknown_elevation_is_not_checked_against_neighbours():
    values, elevation = np.full(36, 285.0), np.full(36, 50.0)
    values[14], elevation[14] = 320.0, np.nan
    assert reasons(network("t2m", values, elevation)) == {}


def test_pressure_that_disagrees_with_its_neighbours_is_found():
    values = 102000 + np.random.default_rng(5).normal(0, 80, 36)
    values[14] += 2000
    assert reasons(network("msl", values)) == {buddies.NEIGHBOURS: 1}


def pressures(elevation: np.ndarray, truth: np.ndarray, *, msl: bool, times: int = 3) -> pd.DataFrame:
    t2m = 288 - 0.0065 * truth
    at_sea_level = np.full(len(truth), 101500.0)
    sp = at_sea_level / buddies.reduced_pressure(np.ones(len(truth)), truth, t2m)
    parts = [network("t2m", t2m, elevation, times), network("sp", sp, elevation, times)]
    return table([*parts, network("msl", at_sea_level, elevation, times)] if msl else parts)


@pytest.mark.parametrize("msl", [True, False])
@pytest.mark.parametrize("error", [-250.0, 250.0])
def test_wrong_elevation_is_known_by_its_pressure(msl: bool, error: float):
    truth = np.random.default_rng(6).uniform(200, 500, 36)
    assert reasons(pressures(truth, truth, msl=msl)) == {}
    wrong = truth.copy()
    wrong[14] += error
    controlled = quality_control(pressures(wrong, truth, msl=msl))
    assert rejected(controlled) == {buddies.ELEVATION: 6}  # t2m and sp at three times
    assert set(controlled.loc[controlled["quality"] != "", "station"]) == {"S014"}


def test_high_station_in_a_hot_summer_keeps_its_elevation():
    truth = np.full(36, 1500.0)
    observations = pressures(truth, truth, msl=True)
    warmer = observations["value"].where(observations["variable"] != "t2m", observations["value"] + 12)
    assert reasons(observations.assign(value=warmer)) == {}


def test_one_wrong_pressure_says_nothing_about_the_elevation():
    truth = np.full(36, 300.0)
    observations = pressures(truth, truth, msl=True)
    observations = with_value(observations, "sp", 40, 92000.0)
    assert reasons(observations) == {buddies.PRESSURE: 1}


def test_airport_that_is_in_the_table_twice_counts_once():
    observations = whole_series(days=3)
    metar = observations[observations["time"] < observations["time"].max()].assign(
        station="ZHHH", network="metar", latitude=30.01, longitude=114.01
    )
    controlled = quality_control(table([observations, metar]))
    assert rejected(controlled) == {duplicates.DUPLICATE: len(metar)}
    assert set(controlled.loc[controlled["quality"] != "", "station"]) == {"ZHHH"}


def test_two_thermometers_side_by_side_are_two():
    observations = whole_series(days=3)
    noise = np.round(np.random.default_rng(7).normal(0, 0.3, len(observations)), 1)
    other = observations.assign(station="B", latitude=30.01, value=observations["value"] + noise)
    both = [o[o["variable"] == "t2m"] for o in (observations, other)]
    assert reasons(table(both)) == {}


def test_empty_table():
    assert rejected(quality_control(table([]))) == {}


def test_stations_around_hubei_keep_what_is_right(shared_data: Path):
    controlled = quality_control(read_observations(str(shared_data / "stations/isd_lite_2021")))
    # the anemometer of Enshi, 1.0 m/s for most of the winter
    assert set(rejected(controlled)) == {sequences.STUCK}
    stuck = controlled[controlled["quality"] == sequences.STUCK]
    assert set(stuck["station"]) == {"574470-99999"}
    assert set(stuck["variable"]) == {"wind_speed"}


def test_error_planted_in_the_stations_around_hubei_is_found(shared_data: Path):
    observations = read_observations(str(shared_data / "stations/isd_lite_2021"))
    six_hourly = observations["time"].dt.hour % 6 == 0
    wuhan = observations.index[(observations["station"] == "574940-99999") & six_hourly]
    planted = wuhan[observations.loc[wuhan, "variable"] == "t2m"][::10]
    observations.loc[planted, "value"] += 25.0
    assert (quality_control(observations).loc[planted, "quality"] != "").mean() > 0.95


def test_brazilian_elevations_and_barometers_that_are_wrong(shared_data: Path):
    names = ("matched_ifs_20250116T00.csv", "matched_ifs_20250116T18.csv")
    controlled = quality_control(table([read_observations(str(shared_data / "stations" / n)) for n in names]))
    doubtful = controlled[controlled["quality"] == buddies.ELEVATION]
    assert set(doubtful["station"]) == {"INMET_A911"}  # 105 m, by its pressure about 580 m
    strangers = controlled[controlled["quality"] == buddies.NEIGHBOURS]
    assert set(strangers["variable"]) == {"sp"}
    assert set(strangers["station"]) == {"INMET_A216", "INMET_A220", "INMET_A933"}
    high = controlled[controlled["station"] == "INMET_A610"]  # 1777 m, where the model has 474 m
    assert set(high["quality"]) == {""}


def test_other_matched_sets_lose_nothing(shared_data: Path):
    for name in ("matched_hres_20211210T20.csv", "matched_era5_uk_201903.csv"):
        observations = read_observations(str(shared_data / "stations" / name))
        assert rejected(quality_control(observations)) == rejected(observations)


def test_one_hour_of_the_world_loses_what_is_wrong(shared_data: Path):
    controlled = quality_control(read_observations(str(shared_data / "stations/synop_global_20181102T12.bufr")))
    bad = controlled[controlled["quality"] != ""].set_index("station")
    assert len(bad) < 0.0015 * len(controlled)  # 33 of 36,000, looked at one by one
    assert {"67201", "78641", "89666"} <= set(bad.index)  # 99 degrees C, 126 hPa, 349 m/s
    assert (bad["variable"] == "t2m").sum() <= 3
