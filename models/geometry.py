"""Where queries lie on an input grid: one `Axis` each for rows and columns.

Everything is measured in input cells, so that a model never sees degrees and a tile sees the same numbers as the
whole field once its origin is subtracted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FloatArray = np.ndarray
TIE = 1e-6  # of a cell: centres are known to about 1e-9


@dataclass(frozen=True)
class Axis:
    """Query cells along one axis, in input-cell units: input centre i is at i, its cell spans i - 0.5 .. i + 0.5.

    `centres` (Q,) float64, ascending; `width` is the query cell's size, 1/scale. A width above 1 (coarser than the
    input) is allowed for interpolation, not for the network.
    """

    centres: FloatArray
    width: float

    @property
    def scale(self) -> float:
        """Scale factor of this axis: input cell size over query cell size."""
        return 1.0 / self.width

    def __len__(self) -> int:
        return len(self.centres)

    @property
    def cells(self) -> FloatArray:
        """Index of the input cell that holds each query centre, (Q,) int64, also beyond the input.

        A centre between two cells, as every tenth is at scale 10, belongs to the second, however it has been rounded:
        else a tile would differ from the whole there.
        """
        return np.floor(self.centres + 0.5 + TIE).astype(np.int64)

    def shifted(self, origin: float) -> Axis:
        """The same cells seen from a window whose first input index is `origin`."""
        return Axis(self.centres - origin, self.width)

    def part(self, start: int, stop: int) -> Axis:
        """Query cells start..stop."""
        return Axis(self.centres[start:stop], self.width)

    def window(self, n: int, around: int) -> slice:
        """The input cells 0..n-1 that hold the queries, and so many more on each side."""
        nearest = self.nearest(n)
        return slice(max(int(nearest[0]) - around, 0), min(int(nearest[-1]) + around + 1, n))

    def nearest(self, n: int) -> FloatArray:
        """Index of the input cell that holds each query centre, (Q,) int64, kept inside 0..n-1."""
        return np.clip(self.cells, 0, n - 1)


def with_margin(axis: Axis, cells: int) -> Axis:
    """The axis with `cells` more query cells of the same width at both ends."""
    before = axis.centres[0] - axis.width * np.arange(cells, 0, -1)
    after = axis.centres[-1] + axis.width * np.arange(1, cells + 1)
    return Axis(np.concatenate([before, axis.centres, after]), axis.width)


def mean_scale(rows: Axis, cols: Axis) -> float:
    """Scale factor, the geometric mean of both axes."""
    return float((rows.scale * cols.scale) ** 0.5)


def subdivide(n: int, scale: float) -> Axis:
    """The axis that splits the n input cells into round(n * scale) equal query cells."""
    count = round(n * scale)
    if count < 1:
        raise ValueError(f"scale {scale} leaves no cell of {n}")
    width = n / count
    return Axis((np.arange(count) + 0.5) * width - 0.5, width)
