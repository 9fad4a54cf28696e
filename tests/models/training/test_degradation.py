"""Degradation: operators read what they say, phase does not matter, seeds decide."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.training.degradation import (
    Lattice,
    Native,
    bicubic_downscale,
    blur,
    both,
    cell_means,
    degraded,
    means_over,
    noisy,
    read_at,
)


def fields(n: int, m: int, seed: int = 0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    return torch.from_numpy(300 * rng.normal(size=(2, 3, n, m))).float()


@pytest.mark.parametrize("kernel", ["linear", "nearest", "cubic"])
def test_at_pixels_every_reading_is_the_pixel(kernel: str) -> None:
    y = np.random.default_rng(0).normal(size=30)
    at = np.array([3.0, 11.0, 20.0])
    np.testing.assert_allclose(read_at(at, 30, kernel) @ y, y[[3, 11, 20]], atol=1e-12)


@pytest.mark.parametrize("phase", [0.0, 0.3, 0.9, 2.1])
@pytest.mark.parametrize("size", [1.0, 2.8, 4.0])
def test_wherever_the_lattice_lies_a_plane_is_read_as_it_is(size: float, phase: float) -> None:
    n = 80
    y = 3.0 + 0.7 * np.arange(n)
    at = 20.0 + phase + 2.5 * np.arange(16)
    np.testing.assert_allclose(Native(size, phase).read(at, n) @ y, 3.0 + 0.7 * at, atol=0.7 * 0.13)
    assert np.allclose(Native(size, phase).read(at, n).sum(axis=1), 1.0)


def test_a_coarse_model_is_smooth_and_a_sample_of_a_fine_one_is_not() -> None:
    noise = np.random.default_rng(0).normal(size=(400, 200))
    at = 20 + 2.5 * np.arange(60)
    own, coarse = (Native(size, 0.4).read(at, 200) for size in (1.0, 2.8))
    mean = means_over(Lattice(20.0, 2.5, 60), 200)
    fine, smooth, cells = (float((m @ noise.T).std()) for m in (own, coarse, mean))
    assert fine > 0.75 > 0.65 > cells
    assert smooth < 0.6


def test_means_over_whole_pixels_are_their_means() -> None:
    y = np.random.default_rng(0).normal(size=12)
    np.testing.assert_allclose(means_over(Lattice(1.0, 3.0, 4), 12) @ y, y.reshape(4, 3).mean(axis=1))
    fine = Lattice(0.0, 1.0, 48)
    weights = cell_means(fine, Lattice(1.0, 3.0, 16))
    z = np.random.default_rng(1).normal(size=48)
    np.testing.assert_allclose((weights @ z)[3:-3], z.reshape(16, 3).mean(axis=1)[3:-3], atol=1e-3)


def test_degraded_fields_are_smoother_and_have_noise_of_the_stated_size() -> None:
    y = fields(64, 64)
    matrix = blur(64, 0.8)
    np.testing.assert_allclose(matrix.sum(axis=1), 1.0)
    assert float(both(y, matrix, matrix).std()) < 0.6 * float(y.std())
    noise = noisy(y, 0.005, np.random.default_rng(1)) - y
    assert float(noise.std()) == pytest.approx(0.005 * float(y.std()), rel=0.05)


def test_the_seed_decides() -> None:
    y = fields(48, 48)
    operator = read_at(3.0 * np.arange(16), 48)
    run = lambda seed: degraded(y, (operator, operator), np.random.default_rng(seed))  # noqa: E731
    assert torch.equal(run(3), run(3))
    assert not torch.equal(run(3), run(4))


def test_bicubic_downscaling_is_the_one_of_image_processing() -> None:
    y = fields(48, 64)
    rows, cols = (bicubic_downscale(Lattice(0.0, 1.0, 2 * n), Lattice(0.5, 2.0, n)) for n in (24, 32))
    torchs = torch.nn.functional.interpolate(y.double(), (24, 32), mode="bicubic", antialias=True)
    torch.testing.assert_close(both(y, rows, cols).double(), torchs, atol=0.5, rtol=0)
