"""What members say together: known answers, and what a truth drawn like the members does."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.combine.statistics import chance, quantiles, spread


def test_member_i_of_n_is_the_quantile_i_over_n_plus_one() -> None:
    members = np.arange(1.0, 20.0, dtype=np.float32)[::-1, None]  # 19, sorted or not
    found = quantiles(members, (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95))[:, 0]
    assert found.tolist() == [1, 2, 5, 10, 15, 18, 19]
    assert quantiles(members, (0.125,))[0, 0] == 2.5
    assert quantiles(members[:9], (0.05, 0.95))[:, 0].tolist() == [11, 19], "beyond the ends the end is known"


def test_a_truth_drawn_as_the_members_are_lies_below_a_quantile_as_often_as_that_says() -> None:
    rng = np.random.default_rng(0)
    members, truth = rng.normal(size=(19, 40_000)).astype(np.float32), rng.normal(size=40_000)
    below = (truth < quantiles(members, (0.05, 0.25, 0.5, 0.95))).mean(axis=1)
    np.testing.assert_allclose(below, [0.05, 0.25, 0.5, 0.95], atol=0.01)
    assert np.mean(spread(members, 19) ** 2) == pytest.approx(1.0, abs=0.01)


def test_spread_of_few_members_drawn_often_is_that_of_many() -> None:
    rng = np.random.default_rng(0)
    members = rng.normal(size=(3, 1, 40_000)) + 0.5 * rng.normal(size=(3, 16, 40_000))
    found = spread(members.reshape(48, -1).astype(np.float32), 3)
    assert np.mean(found**2) == pytest.approx(1.25, abs=0.02)


def test_chance_counts_members_beyond_a_value_and_knows_what_it_does_not_know() -> None:
    members = np.array([[0.0, 1], [1, 1], [2, np.nan], [3, 1]], np.float32)
    assert chance(members, 1.0, below=True)[0] == 25
    assert chance(members, 1.0, below=False)[0] == 50
    assert np.isnan(chance(members, 1.0, below=False)[1])
