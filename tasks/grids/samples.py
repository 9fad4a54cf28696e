"""Reading fields at stations: nearest point, bilinear, nearest land point of most similar height; and lapse rates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter

from models.constants import STANDARD_LAPSE_RATE
from tasks.grids.grid import Grid

LAND = 0.5  # fraction of a cell from which on it counts as land
WINDOW_DEGREES = 1.25  # five cells of 0.25 degree a side, in which a field's own lapse rate is regressed
LIMITS = (-12e-3, 4e-3)  # K/m: steeper than dry adiabatic or a strong inversion is noise of the regression
FLAT = 50.0**2  # m2, variance of height added in the window: flat land has no lapse rate of its own


@dataclass(frozen=True)
class Points:
    """Corner points of each station and their weights, both (4, stations)."""

    rows: np.ndarray
    cols: np.ndarray
    weights: np.ndarray

    def __call__(self, field: np.ndarray) -> np.ndarray:
        """(rows, cols) -> (stations,) float64."""
        return np.einsum("ks,ks->s", field[self.rows, self.cols].astype(np.float64), self.weights)


class Sampler:
    """Where stations lie on a grid. Stations outside of its points are NaN in everything that is read."""

    def __init__(self, grid: Grid, latitude: np.ndarray, longitude: np.ndarray) -> None:
        y = (grid.north - latitude) / grid.dlat
        x = (longitude - grid.west) % 360.0 / grid.dlon
        x = np.where(x > (360.0 / grid.dlon + grid.cols - 1) / 2, x - 360.0 / grid.dlon, x)  # just west of the grid
        edge = 1e-6  # stations on the outermost points, with coordinates as stations' lists have them
        last = grid.cols if grid.wraps else grid.cols - 1
        self.inside = (y >= -edge) & (y <= grid.rows - 1 + edge) & (x >= -edge) & (x <= last + edge)
        self._grid = grid
        y, x = np.clip(np.nan_to_num(y), 0, grid.rows - 1), np.clip(np.nan_to_num(x), 0, last)
        top, left = np.minimum(y.astype(int), grid.rows - 2), x.astype(int)
        if not grid.wraps:
            left = np.minimum(left, grid.cols - 2)
        fy, fx = y - top, x - left
        weights = np.stack([(1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx])
        weights[:, ~self.inside] = np.nan
        self.bilinear = Points(
            np.stack([top, top, top + 1, top + 1]), np.stack([left, left + 1, left, left + 1]) % grid.cols, weights
        )
        self._row, self._col = np.round(y).astype(int), np.round(x).astype(int) % grid.cols
        self.nearest = self._single(self._row, self._col)

    def _single(self, rows: np.ndarray, cols: np.ndarray) -> Points:
        return Points(rows[None], cols[None], np.where(self.inside, 1.0, np.nan)[None])

    def similar(self, height: np.ndarray | None, land: np.ndarray | None, elevation: np.ndarray) -> Points:
        """Of the nearest point and its eight neighbours the land point of most similar height.

        Without a known elevation the nearest of the land points; without land among them all nine count.
        """
        dy, dx = (d.ravel()[:, None] for d in np.meshgrid([-1, 0, 1], [-1, 0, 1], indexing="ij"))
        rows = np.clip(self._row + dy, 0, self._grid.rows - 1)
        cols = self._col + dx
        cols = cols % self._grid.cols if self._grid.wraps else np.clip(cols, 0, self._grid.cols - 1)
        away = (dy**2 + dx**2) * 1e-3  # decides between points of one height, and where heights are not known
        cost = np.broadcast_to(away, rows.shape).astype(np.float64)
        if height is not None:
            cost = cost + np.where(np.isfinite(elevation), np.abs(height[rows, cols] - elevation), 0.0)
        if land is not None:
            on_land = land[rows, cols] >= LAND
            cost = np.where(on_land | ~on_land.any(axis=0), cost, np.inf)
        best = cost.argmin(axis=0)
        each = np.arange(len(best))
        return self._single(rows[best, each], cols[best, each])


class LapseRate:
    """The rate at which a field changes with its own terrain's height, regressed in a window around every point."""

    def __init__(self, grid: Grid, height: np.ndarray) -> None:
        self._mode = ("nearest", "wrap" if grid.wraps else "nearest")
        self._size = tuple(2 * round((WINDOW_DEGREES / d - 1) / 2) + 1 for d in (grid.dlat, grid.dlon))
        self._height = height.astype(np.float64)

    def _mean(self, values: np.ndarray) -> np.ndarray:
        return np.asarray(uniform_filter(values, self._size, mode=self._mode))

    def __call__(self, field: np.ndarray) -> np.ndarray:
        """(rows, cols) in K -> K/m, limited to LIMITS; over flat land near the standard one. NaN takes no part."""
        there = np.isfinite(field) & np.isfinite(self._height)
        share = np.maximum(self._mean(there.astype(np.float64)), 1e-9)
        z0, t0 = (float(v[there].mean()) if there.any() else 0.0 for v in (self._height, field))
        z = np.where(there, self._height - z0, 0.0)  # less a constant: means of squares lose no digits
        t = np.where(there, field.astype(np.float64) - t0, 0.0)
        mean_z, mean_t = self._mean(z) / share, self._mean(t) / share
        variance = self._mean(z * z) / share - mean_z**2
        covariance = self._mean(z * t) / share - mean_z * mean_t
        return np.clip((covariance + FLAT * STANDARD_LAPSE_RATE) / (np.maximum(variance, 0.0) + FLAT), *LIMITS)
