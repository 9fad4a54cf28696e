"""Verification measures against closed forms, naive loops and numpy or scipy by another road."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage, signal

from models.training.metrics import (
    bias,
    block_bootstrap,
    block_sums,
    fractions_skill_score,
    gain_db,
    psnr,
    ssim,
    tail_error,
)
from models.training.spectra import log_spectral_distance, radial_spectrum


def noise(*shape: int, seed: int = 0, sigma: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, sigma, shape)


# --- pointwise


def test_psnr_in_decibels() -> None:
    assert psnr(4.0, 20.0) == pytest.approx(20.0)
    assert psnr(1.0, 20.0) - psnr(2.0, 20.0) == pytest.approx(10 * math.log10(2))
    assert psnr(0.0, 20.0) == math.inf
    with pytest.raises(ValueError, match="positive"):
        psnr(1.0, 0.0)


def test_bias_is_forecast_minus_truth() -> None:
    truth = noise(3, 5, 7)
    shift = np.array([1.0, 2.0, 6.0])[:, None, None]
    assert bias(truth + shift, truth) == pytest.approx(3.0)


@pytest.mark.parametrize("shape", [(3, 1, 12, 12), (12, 12), (3, 12, 1), (1, 12, 12)])
def test_shapes_that_numpy_would_broadcast_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="alike"):
        bias(np.zeros(shape), np.zeros((3, 12, 12)))


def test_tail_error_of_exponentials() -> None:
    p = (np.arange(40_000) + 0.5) / 40_000
    truth = -np.log(1 - np.random.default_rng(1).permutation(p)).reshape(4, 100, 100)
    low, high = tail_error(0.8 * truth + 1.0, truth)
    assert low == pytest.approx(1.0 + 0.2 * math.log(0.999), abs=1e-4)
    assert high == pytest.approx(1.0 + 0.2 * math.log(0.001), abs=3e-3)
    assert tail_error(truth[::-1], truth, (0.1, 0.9)) == (0.0, 0.0)  # pooled: which case it was does not matter


def test_tail_error_follows_its_quantiles() -> None:
    truth = np.linspace(0.0, 1.0, 101).reshape(1, 1, 101)
    assert tail_error(2 * truth, truth, (0.25, 0.5)) == pytest.approx((0.25, 0.5))


# --- SSIM


def naive_ssim(f: np.ndarray, t: np.ndarray, data_range: float) -> float:
    """Wang et al. 2004, equations 13 to 16, one window after the other."""
    offsets = [(i, j, math.exp(-(i * i + j * j) / (2 * 1.5**2))) for i in range(-5, 6) for j in range(-5, 6)]
    total = sum(w for _, _, w in offsets)
    c1, c2, out = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2, []
    for y in range(5, f.shape[0] - 5):
        for x in range(5, f.shape[1] - 5):
            w = np.array([w / total for _, _, w in offsets])
            a = np.array([f[y + i, x + j] for i, j, _ in offsets])
            b = np.array([t[y + i, x + j] for i, j, _ in offsets])
            ma, mb = (w * a).sum(), (w * b).sum()
            va, vb, cab = (w * (a - ma) ** 2).sum(), (w * (b - mb) ** 2).sum(), (w * (a - ma) * (b - mb)).sum()
            out.append((2 * ma * mb + c1) * (2 * cab + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2)))
    return float(np.mean(out))


def test_ssim_of_the_same_is_one_and_of_the_negative_is_negative() -> None:
    truth = noise(2, 15, 13)
    assert ssim(truth, truth, 5.0) == pytest.approx(1.0, abs=1e-12)
    assert ssim(truth + 0.3 * noise(2, 15, 13, seed=1), truth, 5.0) < 0.99
    zero_mean = np.tile([[1.0, -1.0], [-1.0, 1.0]], (8, 8))[None]
    assert ssim(-zero_mean, zero_mean, 0.1) < -0.99


@pytest.mark.parametrize("data_range", [60.0, 3.0])
def test_ssim_matches_the_naive_loop(data_range: float) -> None:
    truth = 5 + 10 * noise(2, 16, 18)
    forecast = truth + 4 * noise(2, 16, 18, seed=1) + 1.0
    want = np.mean([naive_ssim(f, t, data_range) for f, t in zip(forecast, truth, strict=True)])
    assert ssim(forecast, truth, data_range) == pytest.approx(want, abs=1e-9)


def test_ssim_window_is_scipy_s_gaussian() -> None:
    truth, forecast = noise(1, 24, 20), noise(1, 24, 20, seed=1)

    def blur(x: np.ndarray) -> np.ndarray:
        return np.asarray(ndimage.gaussian_filter(x, 1.5, radius=5)[5:-5, 5:-5])

    f, t = forecast[0], truth[0]
    mf, mt = blur(f), blur(t)
    c1, c2 = 0.04**2, 0.12**2
    top = (2 * mf * mt + c1) * (2 * (blur(f * t) - mf * mt) + c2)
    bottom = (mf**2 + mt**2 + c1) * (blur(f * f) - mf**2 + blur(t * t) - mt**2 + c2)
    assert ssim(forecast, truth, 4.0) == pytest.approx((top / bottom).mean(), abs=1e-10)


def test_ssim_needs_its_window() -> None:
    with pytest.raises(ValueError, match="11 x 11"):
        ssim(noise(1, 10, 30), noise(1, 10, 30), 1.0)


# --- spectra


def wave(height: int, width: int, p: float, q: float) -> np.ndarray:
    y, x = (np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width
    return np.cos(2 * np.pi * (p * y[:, None] + q * x))[None]


def naive_spectrum(field: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(wavenumber, power, modes): plane by lstsq, scipy's Hann of odd samples, DFT as sums mode by mode."""
    n, height, width = field.shape
    y, x = np.mgrid[:height, :width]
    design = np.stack([np.ones(y.size), y.ravel(), x.ravel()], axis=1)
    hann = [signal.windows.hann(2 * side + 1)[1::2] for side in (height, width)]
    window = np.outer(*hann)
    shorter = min(height, width)
    total, modes = np.zeros(shorter // 2 + 1), np.zeros(shorter // 2 + 1)
    for case in field:
        plane = design @ np.linalg.lstsq(design, case.ravel(), rcond=None)[0]
        z = window * (case - plane.reshape(case.shape))
        for p in range(-((height - 1) // 2), height // 2 + 1):
            for q in range(-((width - 1) // 2), width // 2 + 1):
                amplitude = (z * np.exp(-2j * np.pi * (p * y / height + q * x / width))).sum()
                radius = math.floor(shorter * math.hypot(p / height, q / width) + 0.5)
                if radius <= shorter // 2:
                    total[radius] += abs(amplitude) ** 2 / (window**2).sum()
                    modes[radius] += 1
    return np.arange(1, shorter // 2 + 1), (total / modes)[1:], modes[1:] / n


@pytest.mark.parametrize("shape", [(2, 12, 12), (1, 9, 14), (1, 16, 11)])
def test_spectrum_matches_sums_mode_by_mode(shape: tuple[int, int, int]) -> None:
    field = 280 + 5 * noise(*shape) + 3 * np.arange(shape[2]) - np.arange(shape[1])[:, None]
    wavenumber, power = radial_spectrum(field)
    want_wavenumber, want, _ = naive_spectrum(field)
    assert wavenumber.tolist() == want_wavenumber.tolist()
    np.testing.assert_allclose(power, want, rtol=1e-9)


@pytest.mark.parametrize(
    ("height", "width", "p", "q", "k"),
    [(32, 32, 0, 7, 7), (32, 48, 0, 9, 6), (48, 32, 9, 0, 6), (40, 40, 6, 8, 10), (33, 40, 0, 10, 8)],
)
def test_a_wave_peaks_at_its_wavenumber(height: int, width: int, p: int, q: int, k: int) -> None:
    wavenumber, power = radial_spectrum(wave(height, width, p, q))
    assert wavenumber[power.argmax()] == k
    assert power[np.abs(wavenumber - k) > 2].max() < 1e-4 * power.max()


def test_the_power_of_a_wave_adds_up_to_its_variance() -> None:
    field = 3.0 * wave(20, 20, 0, 5)
    _, power = radial_spectrum(field)
    _, _, modes = naive_spectrum(field)
    assert (power * modes).sum() / 400 == pytest.approx(9 / 2, rel=1e-6)


@pytest.mark.parametrize("shape", [(150, 32, 32), (100, 24, 60)])
def test_white_noise_is_flat_at_its_variance(shape: tuple[int, int, int]) -> None:
    wavenumber, power = radial_spectrum(7 + noise(*shape, sigma=3.0))
    flat = power[wavenumber > 2]  # the plane takes some of the first
    np.testing.assert_allclose(flat, 9.0, rtol=0.12)
    assert flat.mean() == pytest.approx(9.0, rel=0.015)
    assert np.abs(np.polyfit(np.arange(len(flat)), flat, 1)[0]) * len(flat) < 0.5


def test_a_steep_spectrum_is_not_whitened_by_the_edges() -> None:
    coarse = wave(64, 64, 0.6, 0.9) * 100  # less than a period: its jump from edge to edge is all scales to a DFT
    wavenumber, power = radial_spectrum(coarse + 0.1 * noise(1, 64, 64))
    np.testing.assert_allclose(power[wavenumber > 16].mean(), 0.01, rtol=0.15)


def test_log_spectral_distance() -> None:
    truth = noise(3, 24, 20)
    plane = 50 + 0.7 * np.arange(20) - 3 * np.arange(24)[:, None]
    assert log_spectral_distance(truth + plane, truth) == pytest.approx(0.0, abs=1e-6)
    for factor in (2.0, 0.5):
        assert log_spectral_distance(factor * truth, truth) == pytest.approx(20 * math.log10(2))
    blurred = ndimage.gaussian_filter(truth, (0, 1, 1))
    (_, pf), (_, pt) = radial_spectrum(blurred), radial_spectrum(truth)
    want = math.sqrt(sum(math.log10(f / t) ** 2 for f, t in zip(pf, pt, strict=True)) / 10) * 10
    assert log_spectral_distance(blurred, truth) == pytest.approx(want)
    assert want > 10
    zero = np.zeros((1, 8, 8))
    assert log_spectral_distance(zero, zero) == 0.0
    assert log_spectral_distance(zero, noise(1, 8, 8)) == math.inf


# --- fractions skill score


def naive_fss(forecast: np.ndarray, truth: np.ndarray, threshold: float, window: int) -> float:
    n, height, width = truth.shape
    half, above, below = window // 2, 0.0, 0.0
    for c in range(n):
        for y in range(height):
            for x in range(width):
                shares = [0, 0]
                for i in range(y - half, y + half + 1):
                    for j in range(x - half, x + half + 1):
                        if 0 <= i < height and 0 <= j < width:
                            shares[0] += int(forecast[c, i, j] >= threshold)
                            shares[1] += int(truth[c, i, j] >= threshold)
                pf, pt = (s / window**2 for s in shares)
                above, below = above + (pf - pt) ** 2, below + pf**2 + pt**2
    return 1 - above / below


@pytest.mark.parametrize("window", [1, 3, 7, 15])
def test_fss_matches_the_naive_loop(window: int) -> None:
    truth, forecast = noise(2, 9, 11).round(1), noise(2, 9, 11, seed=1).round(1) + 0.3
    want = naive_fss(forecast, truth, 0.5, window)
    assert 0.05 < want < 0.99
    assert fractions_skill_score(forecast, truth, 0.5, window) == pytest.approx(want, abs=1e-12)


def test_fss_of_a_displaced_event_grows_with_the_window() -> None:
    truth, forecast = np.zeros((1, 41, 41)), np.zeros((1, 41, 41))
    truth[0, 20, 18], forecast[0, 20, 22] = 1.0, 1.0
    scores = {w: fractions_skill_score(forecast, truth, 1.0, w) for w in (1, 3, 5, 9, 17)}
    # windows of two points d apart overlap in (w - d) w of w^2 cells
    assert scores == pytest.approx({w: max(0.0, 1 - 4 / w) for w in scores})
    assert fractions_skill_score(truth, truth, 1.0, 5) == 1.0


def test_fss_of_a_huge_window_only_knows_the_frequencies() -> None:
    truth, forecast = noise(1, 10, 10), noise(1, 10, 10, seed=1)
    nt, nf = (truth >= 0.2).sum(), (forecast >= 0.2).sum()
    assert nt != nf
    assert fractions_skill_score(forecast, truth, 0.2, 19) == pytest.approx(2 * nt * nf / (nt**2 + nf**2))


def test_fss_without_events_or_with_missing_values_is_nan() -> None:
    truth = np.zeros((1, 6, 6))
    assert math.isnan(fractions_skill_score(truth, truth, 1.0, 3))
    assert fractions_skill_score(truth + 1, truth, 1.0, 3) == 0.0
    broken = truth.copy()
    broken[0, 2, 2] = np.nan
    assert math.isnan(fractions_skill_score(broken, truth + 1, 1.0, 3))
    with pytest.raises(ValueError, match="odd"):
        fractions_skill_score(truth, truth, 1.0, 4)


# --- blocks and their bootstrap


def test_block_sums_cut_as_told() -> None:
    error = noise(2, 11, 7)
    sums, counts = block_sums(error, 4)  # rows 0-3 and 4-10, columns in one block
    assert counts.tolist() == [28, 49, 28, 49]
    want = [(error[c, a:b] ** 2).sum() for c in range(2) for a, b in ((0, 4), (4, 11))]
    np.testing.assert_allclose(sums, want)
    sums, counts = block_sums(error, 3)  # three by two
    assert counts.tolist() == [9, 12, 9, 12, 15, 20] * 2
    assert sums[3] == pytest.approx((error[0, 3:6, 3:] ** 2).sum())
    assert sums.sum() / counts.sum() == pytest.approx((error**2).mean())
    sums, counts = block_sums(error, 50)
    assert counts.tolist() == [77, 77]
    assert (block_sums(error, 1)[0].reshape(error.shape) == error**2).all()


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    """iid gaussian errors, method b = a + own noise: RMSE 2 of a, gain 10 log10(1.25)."""
    trials, hits, below, gain_hits = 200, 0, 0, 0
    for trial in range(trials):
        a = noise(1, 24, 24, seed=2 * trial, sigma=2.0)
        b = a + noise(1, 24, 24, seed=2 * trial + 1, sigma=1.0)
        blocks = [block_sums(e, 3) for e in (a, b)]
        low, high = block_bootstrap(np.sqrt, blocks[:1], draws=150, seed=trial)
        hits += low <= 2.0 <= high
        below += high < 2.0
        low, high = block_bootstrap(gain_db, blocks, draws=150, seed=trial)
        gain_hits += low <= 10 * math.log10(1.25) <= high
    assert 0.88 < hits / trials < 0.99  # 64 blocks and 150 draws: a little below 0.95
    assert 0.88 < gain_hits / trials < 0.99
    assert 0 < below < trials - hits  # it misses to both sides


def test_width_of_the_interval_is_that_of_the_theory() -> None:
    error = noise(1, 60, 60, sigma=2.0)
    low, high = block_bootstrap(np.sqrt, [block_sums(error, 3)], draws=2000)
    assert high - low == pytest.approx(2 * 1.96 * 2.0 / math.sqrt(2 * 3600), rel=0.15)
    low80, high80 = block_bootstrap(np.sqrt, [block_sums(error, 3)], draws=2000, level=0.8)
    assert (high80 - low80) / (high - low) == pytest.approx(1.2816 / 1.96, rel=0.1)


def test_blocks_widen_the_interval_of_correlated_errors() -> None:
    error = np.kron(noise(1, 12, 12), np.ones((1, 6, 6)))
    widths = {size: np.diff(block_bootstrap(np.sqrt, [block_sums(error, size)], draws=400))[0] for size in (1, 6)}
    assert widths[6] / widths[1] == pytest.approx(6.0, rel=0.2)


def test_pairs_cancel_what_is_hard_for_all() -> None:
    hard = np.exp(noise(6, 16, 16, seed=3)[:, ::4, ::4]).repeat(4, axis=1).repeat(4, axis=2)
    common = hard * noise(6, 16, 16)
    a, b = block_sums(common, 4), block_sums(1.3 * common, 4)
    exact = 20 * math.log10(1.3)
    assert block_bootstrap(gain_db, [a, b], draws=100) == pytest.approx((exact, exact))
    c = block_sums(1.3 * common + 0.1 * noise(6, 16, 16, seed=1), 4)
    low, high = block_bootstrap(gain_db, [a, c], draws=400)
    assert low < gain_db(a[0].sum(), c[0].sum()) < high
    unpaired = [20 * np.log10(block_bootstrap(np.sqrt, [x], draws=400)) for x in (a, c)]
    assert high - low < 0.2 * min(np.diff(u)[0] for u in unpaired)
    low, high = block_bootstrap(gain_db, [b, a], draws=100)
    assert high == pytest.approx(-exact)


def test_bootstrap_is_seeded_and_checks_its_blocks() -> None:
    a = block_sums(noise(2, 12, 12), 3)
    assert block_bootstrap(np.sqrt, [a]) == block_bootstrap(np.sqrt, [a])
    assert block_bootstrap(np.sqrt, [a]) != block_bootstrap(np.sqrt, [a], seed=1)
    with pytest.raises(ValueError, match="alike"):
        block_bootstrap(np.sqrt, [(a[0], a[1][:-1])])
