"""Fine fields as a coarser grid sees them; the mathematics is `models.observed`, which knows axes only."""

from __future__ import annotations

from models.cell_means import CellMeans
from models.observed import Observed, PointReadings
from models.operator import Operator, Sampling
from tasks.grids.grid import Grid


def cell_means(fine: Grid, coarse: Grid) -> CellMeans:
    """Means of the cells of `fine` over those of `coarse` that they cover whole, and the way back."""
    return CellMeans(*fine.axes_in(coarse), coarse.rows, coarse.cols, around=coarse.wraps)


def observed(fine: Grid, coarse: Grid, operator: Operator) -> Observed:
    """Fields on `fine` through an operator onto `coarse`: read at its points, or as means over its cells."""
    if operator.sampling is Sampling.MEANS:
        return cell_means(fine, coarse)
    return PointReadings(*fine.axes_in(coarse), coarse.rows, coarse.cols)
