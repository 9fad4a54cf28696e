"""How sure an ensemble is: known answers of what past runs and members' spread say together."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from tasks.calibrate.ranges import LEVELS, PARTS, Residuals, Shape, normal_crps, spread_apart
from tasks.calibrate.reliability import reliability

RUNS, STATIONS = 40, 30
DAYS = np.array([0, PARTS])  # cells of the first and the second day of lead time


def runs(
    own: float, part: float, leads: tuple[float, ...] = (6.0, 30.0), bias: float = 1.0, strange: int = 0, seed: int = 3
) -> list[pd.DataFrame]:
    """A run a day of an ensemble whose errors have a variance of own² + (part x spread)², and a bias that is known.

    strange: stations that measure anything, of whose errors nothing is expected.
    """
    rng, out = np.random.default_rng(seed), []
    for day in range(RUNS):
        parts = []
        for lead in leads:
            spread = np.exp(rng.uniform(np.log(0.5), np.log(3.0), STATIONS))
            error = rng.normal(0, np.hypot(own, part * spread)) + bias
            odd = np.arange(STATIONS) < strange
            error[odd] += 8 * rng.choice([-1, 1], strange)
            parts.append(pd.DataFrame({
                "station": [f"s{i}" for i in range(STATIONS)], "variable": "t2m", "lead_hours": lead,
                "time": pd.Timestamp("2026-01-01") + pd.Timedelta(days=day, hours=lead), "forecast": 285.0 + bias,
                "left_out": np.where(odd, np.nan, bias), "own": np.where(odd, np.nan, bias), "spread": spread,
                "observed": 285.0 + bias - error, "latitude": 30.0, "longitude": 112.0,
            }))  # fmt: skip
        out.append(pd.concat(parts, ignore_index=True))
    return out


def known(pairs: list[pd.DataFrame]) -> Residuals:
    found = Residuals(["t2m"], 60, ensemble=True)
    for run in pairs:
        found.add(run)
    return found


def test_the_size_of_an_error_is_told_from_past_ones_and_from_the_members() -> None:
    of = known(runs(own=1.0, part=1.5)).shapes("t2m", DAYS, np.array([True, True]))
    assert {day: corrected for day, (corrected, _) in of.items()} == {0: True, 1: True}
    for spread in (0.5, 1.0, 3.0):
        found = of[0][1].quantiles(np.zeros(1, int), LEVELS, np.array([spread]))[0]
        np.testing.assert_allclose(found, np.hypot(1.0, 1.5 * spread) * norm.ppf(LEVELS), rtol=0.12, atol=0.3)


def test_the_order_of_pairs_does_not_matter() -> None:
    """Lead times take turns: every so-manieth pair would be of one of them."""
    rng = np.random.default_rng(4)
    spread, cell = np.tile([0.5, 1.0, 2.0, 4.0], 3000), np.tile([1, 2, 3, 4], 3000)
    residual = rng.normal(0, np.hypot(1.0, spread))
    shuffled = rng.permutation(len(residual))
    one, other = (Shape.of(residual[o], cell[o], 8, spread[o]).parts for o in (np.arange(len(residual)), shuffled))
    np.testing.assert_allclose(one, other, atol=0.15)


def test_without_a_correction_the_middle_stays_where_it_is() -> None:
    of = known(runs(own=1.0, part=1.0, bias=0.5)).shapes("t2m", DAYS, np.array([False, False]))
    corrected, shape = of[0]
    assert not corrected
    found = shape.quantiles(np.zeros(1, int), LEVELS, np.ones(1))[0]
    assert found[LEVELS.index(0.5)] == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(found, -found[::-1], atol=1e-9)
    assert found[-1] > np.sqrt(2) * norm.ppf(0.95), "and ranges are as wide as the bias needs"


def test_of_days_that_no_run_has_seen_nothing_is_said() -> None:
    of = known(runs(own=1.0, part=1.5, leads=(6.0,))).shapes("t2m", DAYS, np.array([True, False]))
    assert list(of) == [0]


def test_a_broken_thermometer_says_nothing_against_the_members() -> None:
    """Members that are right: what is expected of them makes them worse, and only strange stations would deny it."""
    right = runs(own=0.0, part=1.0, bias=0.0, strange=3)
    harmful = [r.assign(left_out=np.where(r["left_out"].isna(), np.nan, 1.0)) for r in right]
    assert not known(harmful).better("t2m", True, 16, 0)


def test_a_few_runs_say_nothing_of_an_ensemble() -> None:
    """Of 19 runs the older half is nine."""
    assert known(runs(1.0, 1.5)[:19]).shapes("t2m", DAYS, np.array([True, True])) == {}
    assert list(known(runs(1.0, 1.5)[:20]).shapes("t2m", DAYS, np.array([True, True]))) == [0, 1]


def test_an_archive_with_members_is_reliable_and_one_without_some_is_gone_through_as_any() -> None:
    pairs = pd.concat(runs(own=0.5, part=1.5), ignore_index=True)
    (first, _) = reliability(pairs, "left_out")
    plain, _ = reliability(pairs.drop(columns="spread"), "left_out")
    assert first.inside == pytest.approx(0.8, abs=0.04)
    assert first.crps < 0.97 * plain.crps, "members say which pairs are less sure"
    mixed = pairs.assign(spread=pairs["spread"].where(pairs.index > 100))
    assert reliability(mixed, "left_out")[0].count == plain.count


def test_crps_of_a_normal_distribution() -> None:
    """Of a hit at the middle (sqrt(2) - 1) / sqrt(pi) of its size; far off nearly the distance."""
    found = normal_crps(np.array([0.0, 50.0]), np.array([2.0, 2.0]))
    np.testing.assert_allclose(found, [2 * (np.sqrt(2) - 1) / np.sqrt(np.pi), 50 - 2 / np.sqrt(np.pi)], rtol=1e-6)


def test_spread_of_a_wind_is_that_of_its_root() -> None:
    speeds = np.random.default_rng(5).normal(9.0, 0.6, 100_000)
    assert spread_apart("wind_speed", np.array(0.6), np.array(9.0)) == pytest.approx(np.sqrt(speeds).std(), rel=0.02)
