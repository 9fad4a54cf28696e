"""Cell means between two grids; the mathematics is `models.cell_means`, which knows axes only."""

from __future__ import annotations

from models.cell_means import CellMeans
from tasks.grids.grid import Grid


def cell_means(fine: Grid, coarse: Grid) -> CellMeans:
    """Means of the cells of `fine` over those of `coarse` that they cover whole, and the way back."""
    return CellMeans(*fine.axes_in(coarse), coarse.rows, coarse.cols, around=coarse.wraps)
