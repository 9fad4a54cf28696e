"""Running means of errors: what is steady is found, what is old is forgotten, what is gross counts little."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.calibrate.bias import FEWEST, FURTHEST, MEMORIES, Bias, Candidates

UNCLIPPED = 1e9  # standard deviations


def fed(bias: Bias, errors: np.ndarray, forecasts: np.ndarray | None = None) -> Bias:
    """After errors (pairs, series) of forecasts, which are all the same where none are given."""
    for i, error in enumerate(errors):
        bias.add(np.full(bias.size, 280.0) if forecasts is None else forecasts[i], error)
    return bias


def test_a_constant_bias_is_found_to_what_its_noise_says() -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(0, 2, 500)
    bias = fed(Bias(500), true + rng.normal(0, 1, (200, 500)))
    away = bias.mean - true
    assert abs(away.mean()) < 0.03
    assert away.std() < 0.25  # of a mean whose quick half remembers ten pairs: 0.2
    assert (bias.count == 200).all()


@pytest.mark.parametrize(("pairs", "most"), [(5, 2.0), (20, 2.0), (150, 3.0)])
def test_noise_is_no_less_than_the_variance_that_the_mean_has_and_not_many_times_that(pairs: int, most: float) -> None:
    bias = fed(Bias(3000, clip=UNCLIPPED), np.random.default_rng(1).normal(0, 1.5, (pairs, 3000)))
    assert 1.0 < bias.noise.mean() / bias.mean.var() < most
    assert 1.0 < bias.deviation.mean() / 1.5 < 1.3  # what is new in an error is as uncertain as the mean, too


@pytest.mark.parametrize(("quick", "lasting"), MEMORIES)
def test_after_a_change_the_old_is_forgotten_at_the_rates_of_both_memories(quick: float, lasting: float) -> None:
    errors = np.random.default_rng(11).normal(0, 1, (300, 1))
    changed, bias = (fed(Bias(1, quick, lasting, UNCLIPPED), errors) for _ in range(2))
    for k in range(1, 50):
        changed.add(np.full(1, 280.0), errors[k] + 1.0)
        bias.add(np.full(1, 280.0), errors[k])
        left = 0.5 * ((1 - 1 / quick) ** k + (1 - 1 / lasting) ** k)
        assert (changed.mean - bias.mean)[0] == pytest.approx(1 - left)


def test_until_a_memory_is_full_every_pair_counts_the_same() -> None:
    errors = np.random.default_rng(2).normal(0, 1, (10, 3))
    np.testing.assert_allclose(fed(Bias(3, 10.0, 60.0, UNCLIPPED), errors).mean, errors.mean(axis=0))


@pytest.mark.parametrize("clip", [1.5, 3.0])
@pytest.mark.parametrize("pairs", [4, 8, 50])
def test_one_gross_error_counts_as_some_deviations(clip: float, pairs: int) -> None:
    """Beside what an error that is just the mean would have moved."""
    errors = np.random.default_rng(3).normal(0.5, 1, (pairs, 40))
    bias, usual = fed(Bias(40, clip=clip), errors), fed(Bias(40, clip=clip), errors)
    before, deviation = bias.mean.copy(), bias.deviation.copy()
    alone = np.arange(40) == 7
    bias.add(np.full(40, 280.0), np.where(alone, 1000.0, np.nan))
    usual.add(np.full(40, 280.0), np.where(alone, before, np.nan))
    moved = bias.mean - usual.mean
    memory = 0.5 * (max(1 / (pairs + 1), 1 / bias.quick) + max(1 / (pairs + 1), 1 / bias.lasting))
    assert moved[7] == pytest.approx(clip * deviation[7] * memory)
    assert moved[7] <= clip * deviation[7] / min(pairs + 1, bias.quick) + 1e-12
    np.testing.assert_array_equal(bias.mean[~alone], before[~alone])


def test_times_without_pairs_change_nothing() -> None:
    """Two years in which a station is silent, and one that never reported."""
    errors = np.random.default_rng(4).normal(0, 1, (40, 5))
    errors[:, 4] = np.nan
    whole, broken = fed(Bias(5), errors), fed(Bias(5), errors[:20])
    fed(broken, np.full((730, 5), np.nan))
    fed(broken, errors[20:])
    for name in ("count", "mean", "deviation", "noise", "level", "along", "across"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(broken, name), err_msg=name)
    assert broken.count[4] == 0
    assert np.isinf(broken.noise[4])
    assert np.isfinite(broken.noise[:4]).all()


def sloping(slope: float, pairs: int, series: int = 300, seed: int = 5) -> tuple[Bias, np.ndarray]:
    """After forecasts whose error grows with them; (bias, which series are known)."""
    rng = np.random.default_rng(seed)
    departures = rng.normal(0, 3, (pairs, series))
    bias = fed(Bias(series, clip=3.0), slope * departures + rng.normal(0, 0.5, (pairs, series)), 280 + departures)
    return bias, np.ones(series, bool)


def test_a_slope_with_the_forecast_is_found_and_the_fewer_pairs_the_more_it_is_drawn_to_none() -> None:
    few, some, many = (float(b.slope(k).mean()) for b, k in (sloping(0.3, n) for n in (4, 15, 200)))
    assert 0 < few < some < many
    assert few < 0.15
    assert many == pytest.approx(0.3 * 60 / 80, abs=0.06)  # 60 pairs are remembered, and 20 say that there is none


def test_without_a_slope_none_is_found() -> None:
    bias, known = sloping(0.0, 100)
    assert abs(float(bias.slope(known).mean())) < 0.02
    assert float(bias.slope(known).std()) < 0.05


def test_a_series_that_differs_from_all_others_has_some_of_its_own_slope() -> None:
    rng = np.random.default_rng(6)
    departures = rng.normal(0, 3, (200, 50))
    slope = np.where(np.arange(50) == 9, 0.6, 0.0)
    bias = fed(Bias(50, clip=3.0), slope * departures + rng.normal(0, 0.3, (200, 50)), 280 + departures)
    found = bias.slope(np.ones(50, bool))
    assert 0.25 < found[9] < 0.6
    assert np.abs(np.delete(found, 9)).max() < 0.1


def test_forecasts_that_never_vary_have_no_slope() -> None:
    bias = fed(Bias(3), np.random.default_rng(7).normal(0, 1, (20, 3)))
    assert (bias.slope(np.ones(3, bool)) == 0).all()


def test_beyond_what_a_slope_was_learned_from_it_is_held() -> None:
    bias, known = sloping(0.3, 200)
    reach = bias.reach(known)
    assert reach.mean() == pytest.approx(FURTHEST * 3.0, rel=0.15)
    edge, beyond = (bias.foretold(known, bias.level + f * reach) for f in (1.0, 30.0))
    np.testing.assert_allclose(beyond, edge)
    middle = bias.foretold(known, bias.level)
    np.testing.assert_allclose(middle, bias.mean)
    np.testing.assert_allclose(bias.foretold(known, bias.level - 30.0 * reach), 2 * middle - edge)


def judged(bias_of: np.ndarray, noise: float, seed: int = 8) -> Bias:
    """The setting that foretold best an error of (pairs,) with noise, at 100 stations."""
    rng, candidates = np.random.default_rng(seed), Candidates(100)
    for value in bias_of:
        candidates.add(280 + rng.normal(0, 2, 100), value + rng.normal(0, noise, 100))
    return candidates.best


def test_the_quick_memory_is_best_for_a_bias_that_drifts_and_the_lasting_one_for_one_that_stays() -> None:
    days = np.arange(150)
    assert (judged(2 * np.sin(2 * np.pi * days / 40), 0.5).quick, judged(np.full(150, 1.0), 1.5).quick) == (5.0, 20.0)


def test_what_did_well_long_ago_does_not_count_for_ever() -> None:
    days = np.arange(150)
    steady_then_drifting = np.concatenate([np.full(150, 1.0), 1 + 2 * np.sin(2 * np.pi * days / 40)])
    assert judged(steady_then_drifting, 0.5).quick == 5.0


def test_gross_errors_now_and_then_are_best_clipped_hard() -> None:
    rng, candidates = np.random.default_rng(9), Candidates(200)
    for _ in range(100):
        gross = np.where(rng.random(200) < 0.05, rng.choice([-15.0, 15.0], 200), 0.0)
        candidates.add(np.full(200, 280.0), rng.normal(0, 1, 200) + gross)
    assert candidates.best.clip == 1.5


def test_every_setting_is_judged_by_the_pairs_before_and_none_by_too_few() -> None:
    candidates = Candidates(4)
    for _ in range(FEWEST):
        candidates.add(np.full(4, 280.0), np.random.default_rng(10).normal(0, 1, 4))
    assert (candidates.missed == 0).all()
    expected = [b.foretold(np.ones(4, bool), np.full(4, 280.0)) for b in candidates.each]
    candidates.add(np.full(4, 280.0), np.full(4, 9.0))
    np.testing.assert_allclose(candidates.missed, [((9.0 - e) ** 2).mean() / 30 for e in expected])


def test_two_errors_that_are_the_same_by_chance_do_not_stop_learning() -> None:
    """Nothing is known of their deviation then, which is no reason to take every later error for a gross one."""
    bias = fed(Bias(3), np.concatenate([np.zeros((2, 3)), np.full((100, 3), 2.0)]))
    np.testing.assert_allclose(bias.mean, 2.0, atol=0.3)
