"""Runs one after another: nothing of the future, what is steady is found, what is strange is left out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tasks.calibrate.correction import correction, stations_of
from tasks.calibrate.learn import Learner
from tasks.calibrate.proof import Record, proofs
from tasks.calibrate.rolling import rolling

DAYS, STATIONS, LEADS = 25, 40, (6.0, 12.0, 30.0)
START = pd.Timestamp("2026-03-01")


def month(seed: int = 0, size: float = 2.0, noise: float = 0.8) -> pd.DataFrame:
    """Forecasts of each day at each station, with errors that are steady in place, and noise."""
    rng = np.random.default_rng(seed)
    latitude, longitude = rng.uniform(29, 33, STATIONS), rng.uniform(109, 116, STATIONS)
    steady = size * np.sin(longitude - 109.0) * np.cos(latitude - 29.0)
    parts = []
    for day in range(DAYS):
        for lead in LEADS:
            forecast = 285.0 + rng.normal(0, 3) + rng.normal(0, 0.5, STATIONS)
            parts.append(
                pd.DataFrame(
                    {
                        "station": [f"S{i:02d}" for i in range(STATIONS)], "latitude": latitude, "longitude": longitude,
                        "elevation": 100.0, "land": 1.0, "time": START + pd.Timedelta(days=day, hours=lead),
                        "lead_hours": lead, "variable": "t2m", "forecast": forecast, "simple": np.nan,
                        "observed": forecast - steady - rng.normal(0, noise, STATIONS),
                    }
                )
            )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def rms(values: pd.Series) -> float:
    return float(np.sqrt((values**2).mean()))


def test_steady_errors_are_found_between_stations() -> None:
    found = rolling(month())
    late = found[(found["time"] > START + pd.Timedelta(days=12)) & found["left_out"].notna()]
    error = late["forecast"] - late["observed"]
    assert len(late) > 1000
    assert rms(error - late["left_out"]) < 0.85 * rms(error)
    assert rms(error - late["own"]) < 1.15 * 0.8  # little more than the noise
    (one, two) = proofs(found)
    assert one.used
    assert two.used
    assert 0 < one.low < one.gain < one.high < 1


@pytest.mark.parametrize("lead", LEADS)
def test_no_run_knows_what_was_observed_after_it_began(lead: float) -> None:
    pairs = month()
    cut = START + pd.Timedelta(days=15)
    changed = pairs.copy()
    later = changed["time"] > cut
    changed.loc[later, "observed"] += np.random.default_rng(1).normal(0, 5, int(later.sum()))
    before, after = rolling(pairs), rolling(changed)
    begun = before["time"] - pd.to_timedelta(before["lead_hours"], unit="h")
    early = (begun <= cut) & (before["lead_hours"] == lead)
    assert before.loc[early, "left_out"].notna().sum() > 100
    for name in ("left_out", "own"):
        pd.testing.assert_series_equal(before.loc[early, name], after.loc[early, name])


def test_an_analysis_is_not_corrected_by_itself() -> None:
    pairs = month().assign(lead_hours=0.0)
    pairs = pairs[pairs["time"].dt.hour == 6].reset_index(drop=True)
    last = pairs["time"] == pairs["time"].max()
    changed = pairs.assign(observed=pairs["observed"].where(~last, 250.0))
    before, after = rolling(pairs), rolling(changed)
    pd.testing.assert_series_equal(before["own"], after["own"])


def test_noise_alone_is_not_used_and_says_why() -> None:
    (one, *_) = proofs(rolling(month(size=0.0)))
    assert not one.used
    assert "not beyond chance" in one.why


def test_few_days_and_few_stations_prove_nothing() -> None:
    found = rolling(month())
    (few, *_) = proofs(found[found["time"] < START + pd.Timedelta(days=8)])
    assert "days" in few.why
    (lonely, *_) = proofs(found[found["station"].isin(["S01", "S02", "S03", "S04"])])
    assert "4 stations" in lonely.why


def test_a_record_of_parts_is_that_of_the_whole() -> None:
    found = rolling(month())
    record = Record()
    for _, part in found.groupby("time"):
        record.add(part.astype({"station": "category", "variable": "category"}))
    for whole, parts in zip(proofs(found), record.proofs(["t2m"]), strict=True):
        assert whole.model_copy(update={"low": None, "high": None}) == parts.model_copy(
            update={"low": None, "high": None}
        )
        assert whole.low == pytest.approx(parts.low, abs=0.01)


def learnt(pairs: pd.DataFrame) -> Learner:
    learner = Learner(stations_of(pairs), ["t2m"], 2)
    learner.add(pairs, pairs["time"].max())
    return learner


def test_a_broken_thermometer_takes_no_part_and_the_others_stay_as_they_are() -> None:
    pairs = month()
    broken = pairs.assign(observed=pairs["observed"].where(pairs["station"] != "S07", pairs["observed"] - 12.0))
    hours, leads = np.array([6.0]), np.array([6.0])
    forecasts = np.full((1, STATIONS), 285.0)
    whole = correction(learnt(pairs).expected("t2m", hours, leads, forecasts))
    found = correction(learnt(broken).expected("t2m", hours, leads, forecasts))
    assert whole is not None
    assert found is not None
    assert list(found.strange) == [7]
    others = np.delete(np.arange(STATIONS), 7)
    np.testing.assert_allclose(found.own[:, 0], whole.own[others, 0], atol=0.4)


def test_a_station_that_moved_begins_anew() -> None:
    pairs = month()
    moved = (pairs["station"] == "S03") & (pairs["time"] > START + pd.Timedelta(days=20))
    pairs.loc[moved, "latitude"] += 1.0
    pairs.loc[(pairs["station"] == "S03") & ~moved, "observed"] -= 10.0  # where it stood before
    found = rolling(pairs)
    late = found[(found["station"] == "S03") & (found["time"] > START + pd.Timedelta(days=22))]
    assert late["own"].abs().max() < 6.0


def test_hours_of_the_day_and_days_of_lead_time_are_kept_apart() -> None:
    pairs = month(size=0.0, noise=0.1)
    pairs["observed"] -= np.where(pairs["time"].dt.hour == 12, 3.0, 0.0) + np.where(pairs["lead_hours"] > 24, 1.0, 0.0)
    learner = learnt(pairs)
    hours, leads = np.array([6.0, 12.0, 6.0, 9.0]), np.array([6.0, 12.0, 30.0, 9.0])
    forecasts = np.full((4, STATIONS), 285.0)
    noon, night = learner.expected("t2m", hours, leads, forecasts).error.mean(axis=0)[[1, 0]]
    assert noon == pytest.approx(3.0, abs=0.3)
    assert night == pytest.approx(0.0, abs=0.3)
    assert learner.expected("t2m", hours, leads, forecasts).error.mean(axis=0)[2] == pytest.approx(1.0, abs=0.3)
