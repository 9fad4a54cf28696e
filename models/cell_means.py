"""Means of fine fields over the cells of a coarser one: for limits, checks, scores and training alike.

Cells are those of axes (`models.geometry`); grids on the Earth become axes in `tasks.grids.cell_means`. A mean here is
one over cells of equal size: within an input cell the cosine of latitude is left out, as in interpolation.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from models.geometry import Axis


def overlap_lengths(source: Axis, cells: np.ndarray) -> np.ndarray:
    """Length, in input cells, that each cell of `source` (Q) shares with input cells of these indices: (cells, Q)."""
    low, high = source.centres - source.width / 2, source.centres + source.width / 2
    edges = cells[:, None]
    return np.asarray(np.clip(np.minimum(edges + 0.5, high) - np.maximum(edges - 0.5, low), 0.0, None))


def overlap_weights(source: Axis, count: int) -> np.ndarray:
    """Area mean from cells of `source` to input cells 0..count-1: (count, Q), rows sum to 1 where covered, else 0."""
    return _shares(overlap_lengths(source, np.arange(count)))


def covered(source: Axis, count: int) -> np.ndarray:
    """Which input cells are covered whole by cells of `source`, (count,) bool."""
    low, high = source.centres[0] - source.width / 2, source.centres[-1] + source.width / 2
    edges = np.arange(count)
    return np.asarray((edges - 0.5 >= low - 1e-6) & (edges + 0.5 <= high + 1e-6))


def area_mean(y: Tensor, rows: Axis, cols: Axis, height: int, width: int) -> Tensor:
    """Mean of query cells over input cells: (..., len(rows), len(cols)) -> (..., height, width), dtype kept.

    Differentiable, on y's device. Input cells that are covered in part have the mean of that part, others 0.
    """
    wr = torch.from_numpy(overlap_weights(rows, height)).to(y)
    wc = torch.from_numpy(overlap_weights(cols, width)).to(y)
    return wr @ y @ wc.T


class CellMeans:
    """Means of fine cells over the input cells that they cover whole, and the way back; numpy, in float64.

    rows, cols: the fine cells as the input sees them, which has (height, width) cells. `around`: its columns go once
    around the Earth, so that a fine cell across the seam has a share on either side.
    """

    def __init__(self, rows: Axis, cols: Axis, height: int, width: int, *, around: bool = False) -> None:
        self.rows, self.cols = rows, cols
        self.inside_rows, self.inside_cols = covered(rows, height), covered(cols, width)
        row_lengths = overlap_lengths(rows, np.arange(height))[self.inside_rows]
        col_lengths = overlap_lengths(cols, np.arange(width))[self.inside_cols]
        self._rows, self._cols = _sparse(row_lengths), _sparse(col_lengths)
        if around and self.inside_cols.all():
            col_lengths = _fold(overlap_lengths(cols, np.arange(-width, 2 * width)), width)
        self._spread_rows, self._spread_cols = _sparse(row_lengths.T), _sparse(col_lengths.T)

    def __call__(self, fine: np.ndarray) -> np.ndarray:
        """(..., fine rows, fine cols) -> (..., covered rows, covered cols), float64."""
        return _both(self._rows, fine, self._cols)

    def select(self, coarse: np.ndarray) -> np.ndarray:
        """The covered cells of a field on the input's cells: (..., height, width) -> (..., covered rows, covered cols).

        In float64.
        """
        return coarse[..., self.inside_rows, :][..., self.inside_cols].astype(np.float64)

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Values of covered cells -> fine cells, by the share of each fine cell in them; 0 outside of them."""
        return _both(self._spread_rows, values, self._spread_cols)

    def gap(self, fine: np.ndarray, coarse: np.ndarray) -> np.ndarray:
        """Field on the input's cells minus the fine field's means, on the covered cells."""
        return self.select(coarse) - self(fine)

    def error(self, fine: np.ndarray, coarse: np.ndarray) -> float:
        """Re-coarsening error, sqrt(mean((m - x)^2)) / std(x), of means m and input x over the covered cells.

        fine (..., fine rows, fine cols), coarse (..., height, width), in one unit -> a share of the input's deviation;
        0 if nothing is covered or nothing varies, NaN if anything covered is NaN. ValueError where shapes do not go
        together. What a user finds who averages a product back; that it be nothing is the constraint of Harder et al.
        2023 (JMLR 24), doi:10.48550/arXiv.2208.05424.
        """
        wanted = self.select(coarse)
        if wanted.size == 0 or wanted.std() == 0:
            return 0.0
        return float(np.sqrt(((self(fine) - wanted) ** 2).mean()) / wanted.std())


def _shares(lengths: np.ndarray) -> np.ndarray:
    """Rows scaled to sum 1; rows without any overlap stay 0."""
    total = lengths.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(lengths, total, out=np.zeros_like(lengths), where=total > 1e-9))


def _sparse(lengths: np.ndarray) -> sparse.csr_array:
    return sparse.csr_array(_shares(lengths))


def _fold(lengths: np.ndarray, count: int) -> np.ndarray:
    """Overlaps with cells -count..2*count of a periodic axis -> with cells 0..count."""
    return lengths.reshape(3, count, -1).sum(axis=0)


def _both(rows: sparse.csr_array, fields: np.ndarray, cols: sparse.csr_array) -> np.ndarray:
    """Weights of both axes on (..., H, W), in float64: sparse, since a cell has a share in two or three others."""
    one = lambda field: (cols @ (rows @ field.astype(np.float64)).T).T  # noqa: E731
    if fields.ndim == 2:
        return np.ascontiguousarray(one(fields))
    flat = fields.reshape(-1, *fields.shape[-2:])
    return np.stack([one(f) for f in flat]).reshape(*fields.shape[:-2], rows.shape[0], cols.shape[0])
