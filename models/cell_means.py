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
from models.observed import Observed, both_axes


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


class CellMeans(Observed):
    """Means of fine cells over the input cells that they cover whole, and the way back; numpy, in float64.

    rows, cols: the fine cells as the input sees them, which has (height, width) cells. `around`: its columns go once
    around the Earth, so that a fine cell across the seam has a share on either side.
    """

    def __init__(self, rows: Axis, cols: Axis, height: int, width: int, *, around: bool = False) -> None:
        self.rows, self.cols = rows, cols
        inside = covered(rows, height), covered(cols, width)
        lengths = overlap_lengths(rows, np.arange(height)), overlap_lengths(cols, np.arange(width))
        super().__init__(_shares(lengths[0]), _shares(lengths[1]), inside)
        row_lengths, col_lengths = lengths[0][inside[0]], lengths[1][inside[1]]
        if around and self.inside_cols.all():
            col_lengths = _fold(overlap_lengths(cols, np.arange(-width, 2 * width)), width)
        self._spread_rows, self._spread_cols = _sparse(row_lengths.T), _sparse(col_lengths.T)

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Values of covered cells -> fine cells, by the share of each fine cell in them; 0 outside of them."""
        return both_axes(self._spread_rows, values, self._spread_cols)


def _shares(lengths: np.ndarray) -> np.ndarray:
    """Rows scaled to sum 1; rows without any overlap stay 0."""
    total = lengths.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(lengths, total, out=np.zeros_like(lengths), where=total > 1e-9))


def _sparse(lengths: np.ndarray) -> sparse.csr_array:
    return sparse.csr_array(_shares(lengths))


def _fold(lengths: np.ndarray, count: int) -> np.ndarray:
    """Overlaps with cells -count..2*count of a periodic axis -> with cells 0..count."""
    return lengths.reshape(3, count, -1).sum(axis=0)
