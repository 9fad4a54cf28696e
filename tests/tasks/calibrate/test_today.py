"""What a run's first hours say of its later ones: as much as past runs have shown, and nothing of the future."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tasks.calibrate.learn import Expected
from tasks.calibrate.spread import Places
from tasks.calibrate.today import EARLY, Persistence, with_today

LEAD = np.arange(3.0, 49.0, 3.0)
STATIONS, RUNS, MEMORY = 60, 60, 8.0  # h, in which the error of a day falls to 1/e


def departures(rng: np.random.Generator) -> np.ndarray:
    """(lead times, stations): an error of the day that is forgotten, and noise."""
    day = np.zeros((len(LEAD), STATIONS))
    day[0] = rng.normal(0, 1, STATIONS)
    keep = np.exp(-3.0 / MEMORY)
    for i in range(1, len(LEAD)):
        day[i] = keep * day[i - 1] + np.sqrt(1 - keep**2) * rng.normal(0, 1, STATIONS)
    return day + rng.normal(0, 0.3, day.shape)


def taught(of: float = 1.0) -> Persistence:
    """After a month of runs whose departures are `of` that size."""
    rng, found = np.random.default_rng(0), Persistence(["t2m"], STATIONS)
    for _ in range(RUNS):
        lead, station = np.meshgrid(LEAD, np.arange(STATIONS), indexing="ij")
        found.add(0, station.ravel(), lead.ravel(), of * departures(rng).ravel())
    return found


def test_what_is_left_falls_as_it_did_in_past_runs() -> None:
    left = taught().left("t2m", LEAD)
    assert (left[LEAD <= EARLY] == 0).all()  # those hours are over
    later = left[LEAD > EARLY]
    assert (np.diff(later) <= 0).all()
    # of the mean of 3 and 6 h, the best share at 9 h is about exp(-4.5 / 8) of a signal that most of its variance is
    assert later[0] == pytest.approx(0.57, abs=0.1)
    assert left[LEAD == 24][0] < 0.15
    assert taught(5.0).left("t2m", LEAD) == pytest.approx(left)


def test_without_past_runs_nothing_is_carried() -> None:
    assert (Persistence(["t2m"], STATIONS).left("t2m", LEAD) == 0).all()


def test_later_hours_are_better_foretold_and_no_later_observation_is_used() -> None:
    rng, left = np.random.default_rng(1), taught().left("t2m", LEAD)
    names = pd.Index([f"S{i}" for i in range(STATIONS)])
    none = np.zeros(STATIONS)
    expected = Expected(
        np.arange(STATIONS), Places(none, none, none, none, none), np.zeros((STATIONS, len(LEAD))), none, 0
    )
    before, after = [], []
    for _ in range(20):
        true = departures(rng)
        lead, station = (v.ravel() for v in np.meshgrid(LEAD, np.arange(STATIONS), indexing="ij"))
        today = pd.DataFrame({"station": names[station], "variable": "t2m", "lead_hours": lead, "forecast": 280.0})
        today["observed"] = 280.0 - true.ravel()
        found = with_today(expected, today, "t2m", LEAD, names, left).error.T
        changed = today.assign(observed=np.where(lead > EARLY, 0.0, today["observed"]))
        np.testing.assert_array_equal(found, with_today(expected, changed, "t2m", LEAD, names, left).error.T)
        before.append((true**2)[LEAD == 9])
        after.append(((true - found) ** 2)[LEAD == 9])
    assert np.mean(after) < 0.8 * np.mean(before)


def test_a_station_that_is_silent_today_keeps_what_is_usual() -> None:
    names = pd.Index(["A", "B"])
    none = np.zeros(2)
    expected = Expected(np.arange(2), Places(none, none, none, none, none), np.ones((2, 3)), none, 0)
    today = pd.DataFrame(
        {"station": ["A"], "variable": ["t2m"], "lead_hours": [3.0], "forecast": [283.0], "observed": [280.0]}
    )
    found = with_today(expected, today, "t2m", np.array([3.0, 9.0, 24.0]), names, np.array([0.0, 0.5, 0.1]))
    np.testing.assert_allclose(found.error, [[1.0, 2.0, 1.2], [1.0, 1.0, 1.0]])
