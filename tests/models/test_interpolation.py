"""Interpolation: conservation at any scale, identity at scale 1, and what a cubic must reproduce."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.cell_means import area_mean, overlap_weights
from models.geometry import Axis, subdivide
from models.interpolation import (
    INTERPOLATION_HALO,
    bicubic,
    cell_weights,
    conservative_bicubic,
    continuous_weights,
    point_weights,
)
from tests.models.axes import fine_axis


def rough(height: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(280.0, 10.0, (1, 1, height, width)))


@settings(max_examples=12, deadline=None)
@given(st.integers(1, 8), st.integers(1, 8), st.integers(0, 99))
def test_query_cells_that_tile_the_input_average_to_it(sy: int, sx: int, seed: int) -> None:
    x = rough(26, 28, seed)
    rows, cols = subdivide(26, sy), subdivide(28, sx)
    back = area_mean(conservative_bicubic(x, rows, cols).double(), rows, cols, 26, 28)
    h = INTERPOLATION_HALO
    assert (back - x)[..., h:-h, h:-h].abs().max() < 2e-3


@pytest.mark.parametrize("scale", [1.5, 2.5, 3.3, np.pi])
def test_broken_scales_conserve_better_than_plain_bicubic(scale: float) -> None:
    x = rough(40, 40)
    axis = subdivide(40, scale)
    gaps = []
    for method in (bicubic, conservative_bicubic):
        gap = area_mean(method(x, axis, axis).double(), axis, axis, 40, 40) - x
        gaps.append(float(gap[..., 11:-11, 11:-11].square().mean().sqrt()))
    assert gaps[1] < 0.7 * gaps[0]


def test_scale_one_gives_the_input_back() -> None:
    x = rough(30, 30)
    axis = subdivide(30, 1.0)
    h = INTERPOLATION_HALO
    assert (conservative_bicubic(x, axis, axis) - x)[..., h:-h, h:-h].abs().max() < 2e-3


def test_cubic_reproduces_a_linear_field_between_edges() -> None:
    y, x = torch.meshgrid(torch.arange(30.0), torch.arange(30.0), indexing="ij")
    plane = (2 * y - 3 * x)[None, None]
    axis = subdivide(30, 3.7)
    want = 2 * torch.from_numpy(axis.centres)[:, None] - 3 * torch.from_numpy(axis.centres)
    for method in (bicubic, conservative_bicubic):
        got = method(plane, axis, axis)[0, 0]
        inside = slice(45, -45)
        assert (got - want)[inside, inside].abs().max() < 1e-3


def test_weights_of_every_query_sum_to_one() -> None:
    axis = Axis(np.linspace(3.0, 9.0, 37), 0.4)
    for weights in (point_weights(axis)[1], cell_weights(axis)[1]):
        np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-12)


def test_subdivide_refuses_a_scale_that_leaves_no_cell() -> None:
    with pytest.raises(ValueError, match="leaves no cell"):
        subdivide(10, 0.01)


@pytest.mark.parametrize(("scale", "phase"), [(2.0, 0.0), (2.05, 0.0), (2.5, 0.3), (np.pi, 0.7)])
def test_continuous_means_are_those_of_the_field_and_not_of_its_pixels(scale: float, phase: float) -> None:
    """Of a sine known exactly: pixels that cells cut make the overlap's mean three times worse, nested cells do not."""
    n, count = 96, 24
    rows = fine_axis(n, scale, phase)
    k = 2 * np.pi / 9  # nine pixels a wave
    integral = lambda p: -np.cos(k * p) / k  # noqa: E731
    pixel = np.arange(n)
    y = integral(pixel + 1.0) - integral(pixel)
    edges = ((np.arange(count + 1) - 0.5) - rows.centres[0]) / rows.width + 0.5
    truth = (integral(edges[1:]) - integral(edges[:-1])) / scale
    inside = slice(3, count - 3)
    error = lambda w: np.abs(w @ y - truth)[inside].max()  # noqa: E731
    smooth, overlap = error(continuous_weights(rows, count)), error(overlap_weights(rows, count))
    assert smooth < 0.005
    assert overlap < 1e-12 if scale == 2 else overlap > 3 * smooth


def test_continuous_means_keep_the_mean_of_the_whole() -> None:
    y = np.random.default_rng(0).normal(size=60)
    for count in (20, 23, 50):
        weights = continuous_weights(fine_axis(60, 60 / count, 0.0), count)
        assert (weights @ y).mean() == pytest.approx(y.mean(), abs=1e-6)
