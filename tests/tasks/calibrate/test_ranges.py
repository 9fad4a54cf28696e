"""How sure: ranges hold what they say, and are not given where they would not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from tasks.calibrate.ranges import LEVELS, Residuals, Shape, cells_of
from tasks.calibrate.reliability import reliability

RUNS, STATIONS = 40, 30
LEADS = np.array([6.0, 18.0, 30.0, 42.0])


def runs(
    size: dict[float, float], variable: str = "t2m", level: float = 285.0, seed: int = 1, late: float = 1.0
) -> list[pd.DataFrame]:
    """Pairs of runs a day apart, whose corrected forecasts miss by normal errors of a `size` at each lead time.

    late: factor of the newer half's.
    """
    rng, out = np.random.default_rng(seed), []
    for day in range(RUNS):
        begun = pd.Timestamp("2026-01-01") + pd.Timedelta(days=day)
        for lead, deviation in size.items():
            error = rng.normal(0, deviation * (late if day >= RUNS // 2 else 1.0), STATIONS)
            bias = np.full(STATIONS, 2.0)
            out.append(
                pd.DataFrame({
                    "station": [f"s{i}" for i in range(STATIONS)], "variable": variable, "lead_hours": lead,
                    "time": begun + pd.Timedelta(hours=lead), "forecast": level + bias, "left_out": bias,
                    "own": bias, "observed": level + error, "latitude": 30.0, "longitude": 112.0,
                })
            )  # fmt: skip
    return out


def known(pairs: list[pd.DataFrame], variable: str = "t2m") -> Residuals:
    found = Residuals([variable], 60)
    begun = [p["time"].iloc[0] - pd.Timedelta(hours=float(p["lead_hours"].iloc[0])) for p in pairs]
    for start in sorted(set(begun)):
        found.add(pd.concat([p for p, b in zip(pairs, begun, strict=True) if b == start]))
    return found


def test_later_days_are_less_sure() -> None:
    """Normal errors of 1 K on the first day and 2 K on the second: 80 % lie within 1.28 of that."""
    residuals = known(runs({6.0: 1.0, 18.0: 1.0, 30.0: 2.0, 42.0: 2.0}))
    found = residuals.ranges("t2m", cells_of(LEADS, LEADS % 24), np.full(4, True))
    assert found is not None
    for row, size in zip(found, (1.0, 1.0, 2.0, 2.0), strict=True):
        np.testing.assert_allclose(row, size * norm.ppf(LEVELS), atol=0.18 * size)


def test_what_is_not_corrected_keeps_its_bias_in_its_range() -> None:
    residuals = known(runs({6.0: 1.0}))
    found = residuals.ranges("t2m", np.zeros(1, int) + cells_of(LEADS[:1], LEADS[:1]), np.full(1, False))
    assert found is not None
    assert found[0, LEVELS.index(0.5)] == pytest.approx(-2.0, abs=0.1)


def test_a_day_without_pairs_of_an_hour_has_its_day_s_range() -> None:
    shape = Shape.of(np.random.default_rng(2).normal(0, 1.5, 4000), np.zeros(4000, int), 16)
    assert shape.size[:8] == pytest.approx(1.5, abs=0.1)
    assert shape.size[8:] == pytest.approx(1.5, abs=0.1), "a day of which nothing is known: as all"


def test_strong_wind_is_foretold_worse_and_none_is_below_nothing() -> None:
    residuals = known(runs({6.0: 0.5}, "wind_speed", level=4.0), "wind_speed")
    found = residuals.ranges("wind_speed", cells_of(LEADS[:1], LEADS[:1]), np.full(1, True))
    assert found is not None
    light, strong = (np.maximum(np.sqrt(v) + found[0], 0.0) ** 2 for v in (0.01, 16.0))
    assert light.min() >= 0
    assert np.ptp(strong) > 3 * np.ptp(light)


@pytest.mark.parametrize("late", [3.0, 0.2])
def test_errors_that_have_become_others_leave_no_range(late: float) -> None:
    residuals = known(runs({6.0: 1.0}, late=late))
    assert residuals.ranges("t2m", cells_of(LEADS[:1], LEADS[:1]), np.full(1, True)) is None


def test_a_few_runs_say_nothing() -> None:
    residuals = known(runs({6.0: 1.0})[:8])
    assert residuals.ranges("t2m", cells_of(LEADS[:1], LEADS[:1]), np.full(1, True)) is None


def test_an_archive_s_ranges_are_reliable() -> None:
    """Of normal errors the best possible: CRPS is MAE over the square root of 2, and every tenth has a tenth."""
    pairs = pd.concat(runs({6.0: 1.0, 30.0: 2.0}), ignore_index=True)
    first, second = reliability(pairs, "left_out")
    assert (first.variable, first.day, second.day) == ("t2m", 1, 2)
    for one, size in ((first, 1.0), (second, 2.0)):
        assert one.count >= STATIONS * (RUNS - 12)
        assert one.mae == pytest.approx(size * np.sqrt(2 / np.pi), rel=0.06)
        assert one.crps == pytest.approx(one.mae / np.sqrt(2), rel=0.03)
        assert one.inside == pytest.approx(0.8, abs=0.03)
        assert np.abs(np.array(one.pit) - 0.1).max() < 0.04
    late = reliability(pairs, "left_out", pd.Timestamp("2026-02-01"))
    assert late[0].count == 9 * STATIONS
