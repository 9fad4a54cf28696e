"""Quantile mapping of rain as it is measured: what it does to known errors, and scores by the library `scores`."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scores.continuous import mae, rmse

from benchmarks.accuracy.rain_mapping import compared, fitted, mapped_apart, scores, sums
from tasks.validate.events import contingency


def day(seed: int, wetter: float = 1.5, count: int = 3000) -> pd.DataFrame:
    """Rain at gauges over China, and forecasts that are too wet by a factor and drizzle where it is dry."""
    rng = np.random.default_rng(seed)
    observed = np.round(np.maximum(rng.gamma(0.5, 20.0, count) - 8.0, 0.0), 1)
    forecast = np.where(observed > 0, wetter * observed, rng.uniform(0.0, 0.5, count))
    latitude, longitude = rng.uniform(20, 40, count), rng.uniform(100, 120, count)
    return pd.DataFrame(
        {"forecast": forecast, "observed": observed, "latitude": latitude, "longitude": longitude, "lead": 24}
    )


def test_a_factor_and_drizzle_that_another_day_has_too_are_taken_off() -> None:
    mine, other = day(1), day(2)
    mapped = fitted(other)(mine["forecast"].to_numpy())
    found = {r.score: r for r in compared([mine], [mapped])}
    assert found["RMSE"].mapped < 0.2 * found["RMSE"].raw
    assert all(r.better and not r.worse for r in found.values() if r.mapped != r.raw)
    assert abs((mapped > 0.1).mean() - (mine["observed"] > 0.1).mean()) < 0.03
    assert (mapped >= 0).all()


def test_more_rain_keeps_more_rain_and_extremes_grow_by_no_factor() -> None:
    mapping = fitted(day(2))
    values = np.linspace(0.0, 500.0, 2000)
    mapped = mapping(values)
    assert (np.diff(mapped) >= -1e-9).all()
    assert mapped[-1] - mapped[-2] == pytest.approx(values[-1] - values[-2])


def test_where_nothing_is_wrong_nothing_gets_better() -> None:
    mine = day(1, wetter=1.0)
    mine["forecast"] = np.maximum(mine["observed"] + np.random.default_rng(3).normal(0, 3, len(mine)), 0.0)
    assert not any(r.better for r in compared([mine], [mine["forecast"].to_numpy()]))


def test_mapping_of_the_same_day_knows_nothing_of_its_own_box() -> None:
    mine = day(1)
    other = mine.copy()
    box = mine["latitude"].between(30, 32, inclusive="left") & mine["longitude"].between(110, 112, inclusive="left")
    other.loc[box, "observed"] = 400.0
    np.testing.assert_array_equal(mapped_apart(mine)[box], mapped_apart(other)[box])


def test_sums_give_the_librarys_scores() -> None:
    mine = day(1)
    forecast, observed = mine["forecast"].to_numpy(), mine["observed"].to_numpy()
    found = scores(sums(mine, forecast).sum(axis=0))
    as_arrays = mine["forecast"].to_xarray(), mine["observed"].to_xarray()
    assert found["RMSE"] == pytest.approx(float(rmse(*as_arrays)))
    assert found["MAE"] == pytest.approx(float(mae(*as_arrays)))
    for threshold in (10.0, 25.0, 50.0):
        ets = float(contingency(forecast, observed, threshold).equitable_threat_score())
        assert found[f"ETS {threshold:g}"] == pytest.approx(ets)
    perfect = scores(sums(mine, observed).sum(axis=0))
    assert (perfect["FSS 10"], perfect["ETS 50"], perfect["RMSE"]) == (1.0, 1.0, 0.0)
