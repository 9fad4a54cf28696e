"""ECMWF's octahedral reduced Gaussian grids: circles of latitude, with fewer points towards the poles.

Malardel et al. (2016), ECMWF Newsletter 146, doi:10.21957/zwdu9u5i: O1280, the 9 km grid of IFS, has 2,560 circles
between the poles, of 20 points the first and 4 more each next one, up to the equator.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tasks.errors import BadInput
from tasks.grids.grid import Grid


@dataclass(frozen=True)
class Octahedral:
    """O`lines`: so many circles between a pole and the equator."""

    lines: int

    @cached_property
    def latitude(self) -> np.ndarray:
        """Degrees of each circle from north to south, (2 * lines,): roots of a Legendre polynomial.

        By Tricomi's expansion: within 1e-6 degree of O1280's, but at the first few circles.
        """
        n = 2 * self.lines
        colatitude = np.pi * (np.arange(1, n + 1) - 0.25) / (n + 0.5)
        found: np.ndarray = np.rad2deg(np.arcsin((1 - 1 / (8 * n**2) + 1 / (8 * n**3)) * np.cos(colatitude)))
        return found

    @cached_property
    def counts(self) -> np.ndarray:
        """Points of each circle, the first at 0 degrees east, (2 * lines,)."""
        north = 20 + 4 * np.arange(self.lines)
        return np.concatenate([north, north[::-1]])

    @cached_property
    def starts(self) -> np.ndarray:
        """Which point each circle begins with, and at last how many there are, (2 * lines + 1,)."""
        return np.concatenate([[0], np.cumsum(self.counts)])

    def circles(self, grid: Grid) -> slice:
        """Those between which all of a regular grid's points lie; BadInput for one beyond the first or the last."""
        if not self.latitude[-1] < grid.south <= grid.north < self.latitude[0]:
            raise BadInput(f"{grid}: reaches beyond {self.latitude[0]:.2f} degrees, where O{self.lines} has no points")
        first = int(np.searchsorted(-self.latitude, -grid.north, side="right")) - 1
        last = int(np.searchsorted(-self.latitude, -grid.south, side="left"))
        return slice(first, last + 1)

    def points(self, circles: slice) -> slice:
        """All points of some circles."""
        return slice(int(self.starts[circles.start]), int(self.starts[circles.stop]))

    def sampled(self, values: np.ndarray, circles: slice, grid: Grid) -> np.ndarray:
        """Values (points of `circles`,) -> a regular grid's points within these, (rows, cols) float32.

        Linear along the circle above and the one below, then between the two.
        """
        offset = self.starts[circles.start]
        first = np.searchsorted(-self.latitude, -grid.latitude, side="right") - 1  # the circle above
        first = np.clip(first, circles.start, circles.stop - 2)
        weight = (self.latitude[first] - grid.latitude) / (self.latitude[first] - self.latitude[first + 1])
        out = np.empty((grid.rows, grid.cols), dtype=np.float32)
        for row, (circle, below) in enumerate(zip(first, weight, strict=True)):
            pair = [self._along(values, circle + i, offset, grid.longitude) for i in (0, 1)]
            out[row] = pair[0] * (1 - below) + pair[1] * below
        return out

    def _along(self, values: np.ndarray, circle: int, offset: int, longitude: np.ndarray) -> np.ndarray:
        """Values at longitudes of one circle, linear between its points."""
        count, start = int(self.counts[circle]), int(self.starts[circle] - offset)
        position = longitude % 360.0 / 360.0 * count
        west = np.floor(position).astype(int)
        east, right = (west + 1) % count, position - west
        own = values[start : start + count].astype(np.float64)
        found: np.ndarray = own[west % count] * (1 - right) + own[east] * right
        return found
