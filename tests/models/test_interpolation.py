"""Interpolation: conservation at any scale, identity at scale 1, and what a cubic must reproduce."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.geometry import Axis, subdivide
from models.interpolation import (
    INTERPOLATION_HALO,
    area_mean,
    bicubic,
    cell_weights,
    conservative_bicubic,
    covered,
    point_weights,
)


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


def test_covered_leaves_cut_cells_out() -> None:
    axis = subdivide(10, 5).part(2, 48)  # cuts the first and the last input cell
    assert covered(axis, 10).tolist() == [False] + [True] * 8 + [False]


def test_subdivide_refuses_a_scale_that_leaves_no_cell() -> None:
    with pytest.raises(ValueError, match="leaves no cell"):
        subdivide(10, 0.01)
