"""Scores are those of library `scores`; groups, blocks and who counts are as the docs say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scores.continuous as library
import xarray as xr
from scores.categorical import ThresholdEventOperator

from tasks.handover.candidates import ALL, APART, CASES, HEADLINE, Candidate
from tasks.observations.blocks import blocks
from tasks.observations.moments import interval, moments, resampled_rmse
from tasks.validate.scores import reporting, score, tabulate

TIMES = pd.date_range("2026-11-01T03", periods=16, freq="3h", unit="ns")


def pairs_of(stations: int = 40, seed: int = 0, variable: str = "t2m", skill: float = 0.5) -> pd.DataFrame:
    """Pairs in which the product's errors are `skill` times those of the input."""
    rng = np.random.default_rng(seed)
    n = stations * len(TIMES)
    station = np.repeat([f"S{i:03}" for i in range(stations)], len(TIMES))
    place = {c: np.repeat(rng.uniform(*span, stations), len(TIMES)) for c, span in
             {"latitude": (29, 33), "longitude": (108, 116), "elevation": (20, 900)}.items()}  # fmt: skip
    above = np.repeat(np.linspace(-400, 400, stations), len(TIMES))
    observed, error = rng.normal(285, 6, n), rng.normal(0, 2, n)
    columns = {}
    for c in (Candidate("product", "bilinear", "standard"), Candidate("product", "bilinear")):
        columns[c.name] = observed + skill * error + 0.1
    for c in (Candidate("input", "nearest"), Candidate("input", "bilinear"), Candidate("input", "bilinear", "standard"),
              Candidate("input", "bilinear", "own")):  # fmt: skip
        columns[c.name] = observed + error * (1.2 if c.method == "nearest" else 1.0)
    return pd.DataFrame(
        {
            "station": station, "network": "synop", **place, "above": above, "time": np.tile(TIMES, stations),
            "lead_hours": np.tile(np.arange(3.0, 51.0, 3.0), stations), "variable": variable, "period": 0.0,
            "observed": observed, **{k: v.astype(np.float32) for k, v in columns.items()},
        }
    )  # fmt: skip


def test_pooled_scores_are_those_of_the_library() -> None:
    found = pairs_of()
    ours = {(s.candidate, s.group): s for s in score(found).scores}
    for name in ("product_bilinear_standard", "input_nearest_none"):
        f, o = xr.DataArray(found[name].astype(float), dims="i"), xr.DataArray(found["observed"], dims="i")
        mine = ours[name, ALL]
        assert mine.bias == pytest.approx(float(library.additive_bias(f, o)), rel=1e-5)
        assert mine.mae == pytest.approx(float(library.mae(f, o)), rel=1e-5)
        assert mine.rmse == pytest.approx(float(library.rmse(f, o)), rel=1e-5)
        assert mine.correlation == pytest.approx(float(library.correlation.pearsonr(f, o)), rel=1e-5)
        assert mine.low < mine.rmse < mine.high


@pytest.mark.parametrize(("by", "column"), [("lead time", "lead_hours"), ("station", "station")])
def test_scores_of_lead_times_and_stations_are_those_of_the_library(by: str, column: str) -> None:
    found = pairs_of(stations=12)
    single = tabulate(found, [])
    mine = single[(single["by"] == by) & (single["group"] == ALL) & (single["candidate"] == "input_bilinear_none")]
    assert len(mine) == found[column].nunique()
    for row in mine.itertuples():
        part = found[found[column] == getattr(row, column)]
        f = xr.DataArray(part["input_bilinear_none"].astype(float), dims="i")
        o = xr.DataArray(part["observed"], dims="i")
        assert row.rmse == pytest.approx(float(library.rmse(f, o)))
        assert row.bias == pytest.approx(float(library.additive_bias(f, o)))
        assert row.count == len(part)


def test_direction_errors_wrap_as_the_library_has_them() -> None:
    rng = np.random.default_rng(5)
    f, o = rng.uniform(0, 360, 500), rng.uniform(0, 360, 500)
    found = moments(f, o, np.zeros(500, dtype=int), 1, angular=True)
    wanted = library.rmse(xr.DataArray(f, dims="i"), xr.DataArray(o, dims="i"), is_angular=True)
    assert found.rmse[0] == pytest.approx(float(wanted))
    assert abs(moments(np.array([350.0]), np.array([10.0]), np.array([0]), 1, angular=True).bias[0] + 20) < 1e-9


def test_contingency_tables_are_those_of_the_library() -> None:
    rng = np.random.default_rng(6)
    found = pairs_of(variable="wind_speed").assign(observed=rng.gamma(2, 3, 640))
    found["product_bilinear_none"] = (found["observed"] + rng.normal(0, 2, 640)).clip(0).astype(np.float32)
    events = [e for e in score(found).events if e.candidate == "product_bilinear_none"]
    assert [e.threshold for e in events] == [5.0, 10.0, 15.0]
    for event in events:
        f, o = (
            xr.DataArray(found[c].to_numpy().astype(float), dims="i") for c in ("product_bilinear_none", "observed")
        )
        table = ThresholdEventOperator().make_contingency_manager(f, o, event_threshold=event.threshold).transform()
        assert event.hits + event.misses + event.false_alarms + event.correct_negatives == 640
        assert event.pod == pytest.approx(float(table.probability_of_detection()))
        assert event.far == pytest.approx(float(table.false_alarm_ratio()))
        assert event.ets == pytest.approx(float(table.equitable_threat_score()))
        assert event.frequency_bias == pytest.approx(float(table.frequency_bias()))


def test_an_event_that_was_neither_seen_nor_said_has_no_scores() -> None:
    found = pairs_of(variable="wind_speed").assign(observed=1.0, product_bilinear_none=np.float32(1.0))
    assert {e.pod for e in score(found).events if e.candidate == "product_bilinear_none"} == {None}


def test_a_product_with_half_the_error_has_a_skill_of_a_half_and_an_interval_around_it() -> None:
    skill = {s.group: s for s in score(pairs_of(stations=200)).skill}
    assert skill[ALL].skill == pytest.approx(0.5, abs=0.01)
    assert skill[ALL].low < skill[ALL].skill < skill[ALL].high
    assert skill[ALL].best in ("input_bilinear_none", "input_bilinear_standard", "input_bilinear_own")
    assert skill[HEADLINE].stations + skill[APART].stations + skill[CASES].stations == skill[ALL].stations == 200


def test_groups_are_told_by_the_height_above_the_terrain() -> None:
    found = pairs_of(stations=4).assign(above=np.repeat([-100.0, 101.0, -301.0, np.nan], len(TIMES)))
    counts = {s.group: s.count for s in score(found).scores}
    assert counts == {HEADLINE: 16, APART: 16, CASES: 16, ALL: 64}
    assert [c.station for c in score(found).cases] == ["S002"]


def test_all_candidates_are_scored_on_one_sample() -> None:
    found = pairs_of()
    found.loc[:99, "input_bilinear_own"] = np.nan
    assert {s.count for s in score(found).scores if s.group == ALL} == {540}


def test_a_station_that_lacks_more_than_a_tenth_of_its_reports_does_not_count() -> None:
    found = pairs_of(stations=3)
    found = found.drop(index=[3, 20, 21])  # one of S000's 16 is missing, two of S001's
    assert set(found.loc[reporting(found), "station"]) == {"S000", "S002"}


def test_a_station_that_never_reports_at_an_hour_owes_nothing_then() -> None:
    found = pairs_of(stations=3)
    found = found[~((found["station"] == "S001") & (found["time"].dt.hour == 15))]
    assert reporting(found).all()


def test_the_interval_of_independent_errors_is_that_of_theory() -> None:
    rng = np.random.default_rng(7)
    squared, count = rng.chisquare(1, (1, 4000)), np.ones(4000)
    low, high = interval(resampled_rmse(squared, count)[:, 0])
    # the variance of a mean square of n normal errors is 2/n, of its root half of that over the mean square
    assert (high - low) / 2 == pytest.approx(1.96 * np.sqrt(0.5 / 4000), rel=0.1)


def test_errors_of_one_day_and_place_are_one_block() -> None:
    found = pairs_of(stations=40)
    codes, size = blocks(found)
    frame = found.assign(block=codes, day=found["time"].dt.floor("D"))
    assert size >= 10
    for _, part in frame.groupby("block"):
        assert part["day"].nunique() == 1
        assert part["latitude"].max() - part["latitude"].min() <= 2.0
    few = found[found["time"] == TIMES[0]].head(5)
    assert blocks(few)[1] == 5  # a block a station


def test_a_station_owes_no_direction_where_there_is_hardly_any_wind() -> None:
    speed = pairs_of(stations=20, variable="wind_speed")
    windy = np.random.default_rng(8).random(len(speed)) < 0.6
    found = pd.concat([speed, speed[windy].assign(variable="wind_direction")], ignore_index=True)
    assert reporting(found).all()


def test_while_more_is_expected_a_station_owes_nothing_after_its_last_report() -> None:
    found = pairs_of(stations=3)
    late = found[~((found["station"] == "S001") & (found["lead_hours"] > 12))].reset_index(drop=True)
    assert set(late.loc[reporting(late, complete=False), "station"]) == {"S000", "S001", "S002"}
    assert set(late.loc[reporting(late, complete=True), "station"]) == {"S000", "S002"}
