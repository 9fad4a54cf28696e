"""Cell means against sums written out, and the ways back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.cell_means import CellMeans, area_mean, covered
from models.geometry import Axis, subdivide


def field(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(280.0, 10.0, shape).astype(np.float32)


def test_covered_leaves_cut_cells_out() -> None:
    axis = subdivide(10, 5).part(2, 48)  # cuts the first and the last input cell
    assert covered(axis, 10).tolist() == [False] + [True] * 8 + [False]


def test_means_of_cells_that_tile_are_block_means() -> None:
    fine = field(2, 12, 20)
    found = CellMeans(subdivide(4, 3), subdivide(4, 5), 4, 4)(fine)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, fine.astype(np.float64).reshape(2, 4, 3, 4, 5).mean(axis=(2, 4)), rtol=1e-14)


def test_a_cell_that_straddles_counts_in_both_by_its_share() -> None:
    """Two and a half fine cells an input cell: the third is halved."""
    means = CellMeans(subdivide(2, 2.5), subdivide(1, 1), 2, 1)
    fine = np.array([[1.0], [2.0], [4.0], [8.0], [16.0]])
    np.testing.assert_allclose(means(fine), [[(1 + 2 + 4 / 2) / 2.5], [(4 / 2 + 8 + 16) / 2.5]])
    np.testing.assert_allclose(means.spread(np.array([[10.0], [20.0]])), [[10], [10], [15], [20], [20]])


def test_only_cells_that_are_covered_whole_have_a_mean() -> None:
    rows, cols = subdivide(6, 4).part(2, 24), subdivide(5, 2)
    means, coarse = CellMeans(rows, cols, 6, 5), field(6, 5)
    assert means.inside_rows.tolist() == [False] + [True] * 5
    assert means.select(coarse).shape == means(field(22, 10)).shape == (5, 5)
    assert not means.spread(np.ones((5, 5)))[:2].any(), "what is cut belongs to no covered cell"


def test_across_the_seam_of_the_earth_a_fine_cell_has_a_share_on_either_side() -> None:
    """Input cell 0 begins at -0.5, amid the first of the fine cells, whose other half lies in input cell 3."""
    rows, cols = subdivide(1, 1), Axis(np.arange(9) / 2 - 0.5, 0.5)
    values = np.array([[1.0, 2.0, 3.0, 4.0]])
    around, apart = (CellMeans(rows, cols, 1, 4, around=a) for a in (True, False))
    assert around.inside_cols.all()
    assert around.spread(values)[0, 0] == pytest.approx((4 + 1) / 2)
    assert apart.spread(values)[0, 0] == pytest.approx(1)


@settings(max_examples=20, deadline=None)
@given(scale=st.floats(1.0, 7.0), cells=st.integers(3, 12), seed=st.integers(0, 9))
def test_numpy_and_torch_take_the_same_means(scale: float, cells: int, seed: int) -> None:
    axis = subdivide(cells, scale)
    fine = field(len(axis), len(axis), seed=seed)
    means = CellMeans(axis, axis, cells, cells)
    in_torch = area_mean(torch.from_numpy(fine).double(), axis, axis, cells, cells).numpy()
    np.testing.assert_allclose(means(fine), means.select(in_torch), rtol=1e-12)


def test_error_is_the_added_error_in_deviations_of_the_input() -> None:
    axis = subdivide(6, 3)
    means, coarse = CellMeans(axis, axis, 6, 6), field(6, 6)
    fine = np.kron(coarse, np.ones((3, 3)))
    assert means.error(fine, coarse) == pytest.approx(0, abs=1e-12)
    assert means.error(fine + 2, coarse) == pytest.approx(2 / coarse.astype(np.float64).std())
    assert means.error(fine + 2, np.full((6, 6), 280.0)) == 0, "nothing varies"
    assert np.isnan(means.error(np.where(fine > 285, np.nan, fine), coarse))
