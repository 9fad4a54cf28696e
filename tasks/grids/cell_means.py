"""Averaging fine fields back to the cells of a coarser grid: one place, for the limits, the checks and the scores."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from models.interpolation import covered, overlap_lengths
from tasks.grids.grid import Grid


def _fold(lengths: np.ndarray, count: int) -> np.ndarray:
    """Overlaps with cells -count..2*count of a periodic axis -> with cells 0..count."""
    return lengths.reshape(3, count, -1).sum(axis=0)


class Recoarsen:
    """Means of a fine grid's cells over the coarse cells that they cover whole, and the way back."""

    def __init__(self, fine: Grid, coarse: Grid) -> None:
        rows, cols = fine.axes_in(coarse)
        self.inside_rows, self.inside_cols = covered(rows, coarse.rows), covered(cols, coarse.cols)
        row_lengths = overlap_lengths(rows, np.arange(coarse.rows))[self.inside_rows]
        col_lengths = overlap_lengths(cols, np.arange(coarse.cols))[self.inside_cols]
        self._rows, self._cols = _shares(row_lengths), _shares(col_lengths)
        if coarse.wraps and self.inside_cols.all():  # a fine cell across 0/360 has a share on either side
            col_lengths = _fold(overlap_lengths(cols, np.arange(-coarse.cols, 2 * coarse.cols)), coarse.cols)
        self._spread_rows, self._spread_cols = _shares(row_lengths.T), _shares(col_lengths.T)

    def __call__(self, fine: np.ndarray) -> np.ndarray:
        """(..., fine rows, fine cols) -> (..., covered rows, covered cols), float64."""
        return _both(self._rows, fine, self._cols)

    def select(self, coarse: np.ndarray) -> np.ndarray:
        """The covered cells of a field on the coarse grid, float64."""
        return coarse[..., self.inside_rows, :][..., self.inside_cols].astype(np.float64)

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Values of covered cells -> fine cells, by the share of each fine cell in them; 0 outside of them."""
        return _both(self._spread_rows, values, self._spread_cols)

    def gap(self, fine: np.ndarray, coarse: np.ndarray) -> np.ndarray:
        """Coarse field minus the fine field's means, on the covered cells."""
        return self.select(coarse) - self(fine)

    def error(self, fine: np.ndarray, coarse: np.ndarray) -> float:
        """RMSE of the gap over the coarse field's deviation there; 0 if nothing is covered or nothing varies."""
        wanted = self.select(coarse)
        if wanted.size == 0 or wanted.std() == 0:
            return 0.0
        return float(np.sqrt(((self(fine) - wanted) ** 2).mean()) / wanted.std())


def _shares(lengths: np.ndarray) -> sparse.csr_array:
    """Rows scaled to sum 1; rows without any overlap stay 0."""
    total = lengths.sum(axis=1, keepdims=True)
    return sparse.csr_array(np.divide(lengths, total, out=np.zeros_like(lengths), where=total > 1e-9))


def _both(rows: sparse.csr_array, fields: np.ndarray, cols: sparse.csr_array) -> np.ndarray:
    """Weights of both axes on (..., H, W), in float64: sparse, since a cell has a share in two or three others."""
    one = lambda field: (cols @ (rows @ field.astype(np.float64)).T).T  # noqa: E731
    if fields.ndim == 2:
        return np.ascontiguousarray(one(fields))
    flat = fields.reshape(-1, *fields.shape[-2:])
    return np.stack([one(f) for f in flat]).reshape(*fields.shape[:-2], rows.shape[0], cols.shape[0])
