"""What is missing around a region, as sea is in data of land alone: the nearest is repeated, as at a file's edge."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from tasks.grids.grid import Grid


def cells_of(grid: Grid, inside: Grid | None) -> tuple[slice, slice]:
    """Rows and columns of the points whose cells hold points of `inside`: these have to be there. None: all are."""
    if inside is None:
        return slice(None), slice(None)
    rows, cols = inside.axes_in(grid)
    return _span(rows.centres, grid.rows), _span(cols.centres, grid.cols)


def _span(centres: np.ndarray, count: int) -> slice:
    """Cells that hold these positions, which are in cell units; on the border of two the inner one holds it."""
    first, last = float(centres.min()), float(centres.max())
    return slice(max(int(np.floor(first + 0.5 + 1e-6)), 0), min(int(np.ceil(last - 0.5 - 1e-6)), count - 1) + 1)


def repeat_edge(values: np.ndarray, grid: Grid, inside: Grid | None) -> tuple[np.ndarray, int]:
    """(rows, cols) with what is missing beyond `inside` taken from the nearest point, and how many these were.

    What is missing within stays so. As a file that is cut there has its edge repeated.
    """
    missing = ~np.isfinite(values)
    if inside is None or not missing.any():
        return values, 0
    beyond = missing.copy()
    beyond[cells_of(grid, inside)] = False
    if not beyond.any() or missing.all():
        return values, 0
    middle = np.cos(np.deg2rad((grid.north + grid.south) / 2))
    rows, cols = ndimage.distance_transform_edt(
        missing, sampling=(grid.dlat, grid.dlon * middle), return_distances=False, return_indices=True
    )
    return np.where(beyond, values[rows, cols], values), int(beyond.sum())
