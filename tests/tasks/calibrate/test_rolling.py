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


def month(seed: int = 0, size: float = 2.0, noise: float = 0.8, leads: tuple[float, ...] = LEADS) -> pd.DataFrame:
    """Forecasts of each day at each station, with errors that are steady in place, and noise."""
    rng = np.random.default_rng(seed)
    latitude, longitude = rng.uniform(29, 33, STATIONS), rng.uniform(109, 116, STATIONS)
    steady = size * np.sin(longitude - 109.0) * np.cos(latitude - 29.0)
    parts = []
    for day in range(DAYS):
        for lead in leads:
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


def test_a_field_of_errors_that_stays_is_recovered_between_stations() -> None:
    """With little noise, what is left between stations is well below what was there."""
    found = rolling(month(noise=0.3))
    late = found[(found["time"] > START + pd.Timedelta(days=12)) & found["left_out"].notna()]
    error = late["forecast"] - late["observed"]
    steady = 2.0 * np.sin(late["longitude"] - 109.0) * np.cos(late["latitude"] - 29.0)
    assert rms(error - late["left_out"]) < 0.6 * rms(error)
    assert rms(late["left_out"] - steady) < 0.55 * rms(steady)
    assert rms(late["own"] - steady) < 0.2 * rms(steady)
    assert abs(float((late["left_out"] - steady).mean())) < 0.1


def test_a_station_that_is_new_is_served_by_its_neighbours_from_its_first_run_on() -> None:
    pairs = month(noise=0.3)
    at = pairs.drop_duplicates("station").set_index("station")
    apart = np.hypot(*(np.subtract.outer(at[c].to_numpy(), at[c].to_numpy()) for c in ("latitude", "longitude")))
    new = at.index[np.sort(apart, axis=1)[:, 1:4].mean(axis=1).argmin()]  # the one with the nearest neighbours
    opened = START + pd.Timedelta(days=20)
    found = rolling(pairs[(pairs["station"] != new) | (pairs["time"] > opened)])
    begun = found["time"] - pd.to_timedelta(found["lead_hours"], unit="h")
    mine = found[found["station"] == new]
    first = mine[begun[mine.index] < opened + pd.Timedelta(days=1)]
    assert len(first) == 4
    pd.testing.assert_series_equal(first["own"], first["left_out"], check_names=False)  # it has nothing of its own yet
    steady = float(2.0 * np.sin(at.loc[new, "longitude"] - 109.0) * np.cos(at.loc[new, "latitude"] - 29.0))
    assert np.abs(first["left_out"] - steady).max() < 0.5 * max(abs(steady), 1.0)
    assert mine["left_out"].notna().all()


def test_without_any_past_nothing_is_expected() -> None:
    found = rolling(month())
    first = found[found["time"] <= START + pd.Timedelta(days=2)]
    assert first[["left_out", "own"]].isna().all(axis=None)


@pytest.mark.parametrize("station", ["S05", "S20"])
def test_what_is_left_out_at_a_station_hardly_hears_its_own_observations(station: str) -> None:
    """Only by what all stations have in common: how far errors scatter, and how alike they are."""
    pairs = month()
    rng, mine = np.random.default_rng(3), pairs["station"] == station
    changed = pairs.assign(observed=pairs["observed"] + np.where(mine, 1.5 + rng.normal(0, 0.3, len(pairs)), 0.0))
    before, after = rolling(pairs), rolling(changed)
    here = (before["station"] == station) & before["left_out"].notna()
    moved = (before.loc[here, "left_out"] - after.loc[here, "left_out"]).abs()
    assert moved.median() < 0.05
    assert moved.max() < 0.3
    assert (before.loc[here, "own"] - after.loc[here, "own"]).abs().median() > 0.5


def test_progress_is_counted_by_runs() -> None:
    seen: list[tuple[int, int]] = []
    pairs = month(leads=(6.0,))
    rolling(pairs[pairs["time"] < START + pd.Timedelta(days=6)], lambda *at: seen.append(at))
    assert seen == [(i, 6) for i in range(1, 7)]


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


@pytest.mark.parametrize("leads", [(6.0, 12.0, 30.0), (0.0, 12.0, 24.0)], ids=["later", "from the analysis on"])
@pytest.mark.parametrize(("station", "day"), [("S03", 10), ("S30", 20)])
def test_one_observation_changes_nothing_that_runs_before_it_led_to_expect(
    leads: tuple[float, ...], station: str, day: int
) -> None:
    """In whichever runs' pairs it is, and whatever they are of; what begins at its very time is no earlier run."""
    pairs = month(leads=leads)
    time = START + pd.Timedelta(days=day, hours=leads[1])
    one = (pairs["station"] == station) & (pairs["time"] == time)
    assert one.sum() >= 1
    before, after = (rolling(p) for p in (pairs, pairs.assign(observed=pairs["observed"].mask(one, 275.0))))
    begun = before["time"] - pd.to_timedelta(before["lead_hours"], unit="h")
    early = begun < time
    assert set(before.loc[early, "lead_hours"]) == set(leads)
    assert before.loc[early, "left_out"].notna().sum() > 500
    for name in ("left_out", "own"):
        pd.testing.assert_series_equal(before.loc[early, name], after.loc[early, name])
    late = begun > time
    assert not before.loc[late, "own"].equals(after.loc[late, "own"]), "runs after it do hear of it"


@pytest.mark.parametrize("lead", [0.0, 12.0])
def test_later_runs_change_nothing_of_earlier_ones(lead: float) -> None:
    """What a run expects is what an archive says that ends with it."""
    pairs = month(leads=(lead,))
    cut = START + pd.Timedelta(days=18, hours=lead)
    whole, short = rolling(pairs), rolling(pairs[pairs["time"] <= cut])
    early = whole[whole["time"] <= cut]
    pd.testing.assert_frame_equal(early.reset_index(drop=True), short.reset_index(drop=True))


def test_an_analysis_is_not_corrected_by_itself() -> None:
    pairs = month().assign(lead_hours=0.0)
    pairs = pairs[pairs["time"].dt.hour == 6].reset_index(drop=True)
    last = pairs["time"] == pairs["time"].max()
    changed = pairs.assign(observed=pairs["observed"].where(~last, 250.0))
    before, after = rolling(pairs), rolling(changed)
    pd.testing.assert_series_equal(before["own"], after["own"])


def test_an_analysis_is_not_corrected_by_its_own_observation_through_forecasts_of_the_same_time() -> None:
    """An earlier run's pair of that time has the same observation."""
    pairs = month(leads=(0.0, 24.0))
    last = pairs["time"] == START + pd.Timedelta(days=20)
    changed = pairs.assign(observed=pairs["observed"].mask(last, pairs["observed"] - 3.0))
    before, after = rolling(pairs), rolling(changed)
    analysis = (before["time"] == START + pd.Timedelta(days=20)) & (before["lead_hours"] == 0)
    assert analysis.sum() == STATIONS
    pd.testing.assert_series_equal(before.loc[analysis, "own"], after.loc[analysis, "own"])


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
