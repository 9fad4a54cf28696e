"""Cell means between grids: their cells are laid upon each other wherever the grids begin."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.grids.cell_means import cell_means
from tasks.grids.grid import Grid


def test_cells_are_laid_upon_each_other_by_latitude_and_longitude() -> None:
    coarse, fine = Grid(33.0, 110.0, 0.25, 0.25, 12, 14), Grid(32.6, 110.4, 0.05, 0.05, 40, 40)
    means = cell_means(fine, coarse)
    assert means.inside_rows.tolist() == [False] * 2 + [True] * 8 + [False] * 2
    assert means.inside_cols.tolist() == [False] * 2 + [True] * 8 + [False] * 4
    lat, lon = np.meshgrid(fine.latitude, fine.longitude, indexing="ij")
    plane = lambda y, x: 3 * y - 2 * x  # noqa: E731
    at = np.meshgrid(coarse.latitude, coarse.longitude, indexing="ij")
    np.testing.assert_allclose(means(plane(lat, lon)), means.select(plane(*at)))


@pytest.mark.parametrize("wraps", [True, False])
def test_around_the_earth_cells_beyond_the_seam_belong_to_the_other_side(wraps: bool) -> None:
    """Fine cells go on past both ends of the input's columns, as a product's do that goes around the Earth."""
    coarse = Grid(60.0, -180.0, 2.5, 2.5, 8, 144 if wraps else 143)
    fine = Grid(61.0, -184.875, 0.25, 0.25, 80, 1440 + 40)
    means = cell_means(fine, coarse)
    assert means.inside_cols.all()
    cells = np.arange(coarse.cols) + np.zeros((int(means.inside_rows.sum()), 1))
    shares = means.spread(cells)[40]
    beyond = shares[:15]  # 3.75 degrees west of the first column's cells
    assert beyond.tolist() == ([142.0] * 5 + [143.0] * 10 if wraps else [0.0] * 15)
    assert shares[15] == 0.0
    assert shares[25:35].tolist() == [1.0] * 10
