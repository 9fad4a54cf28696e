"""A correction on a grid: spread over a lattice at some heights first, and from there to every point.

What spreads is smooth but for the terrain, so a lattice of a quarter of its distance loses nothing that matters, and
costs a hundredth of asking every station for every point.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_array

from tasks.calibrate.spread import DRIFT, LAND, Places, Spread, alike
from tasks.grids.grid import Grid

KM = 111.2  # a degree of latitude
FINEST, COARSEST = 4.0, 0.25  # points in a distance; degrees
HIGHEST = 2.5  # levels in a Gaussian's standard deviation: an error of 2 % between them
AT_ONCE = 4_000_000  # covariances in memory


class FieldSpread:
    """Fields of what is known at the stations of `spread` on a grid with terrain.

    height, land, level (rows, cols): m, share, and the forecast's usual level in its units.
    """

    def __init__(self, spread: Spread, grid: Grid, height: np.ndarray, land: np.ndarray, level: np.ndarray) -> None:
        self._spread, self._shape = spread, height.shape
        structure = spread.structure
        step = min(max(structure.distance / FINEST / KM, min(grid.dlat, grid.dlon)), COARSEST)
        self._rows, self._latitude = _lattice(grid.latitude, step)
        self._cols, self._longitude = _lattice(grid.longitude, step / np.cos(np.deg2rad(np.abs(grid.latitude).mean())))
        self._heights = _levels(height, structure.height / HIGHEST)
        self._on_land = np.array([0.0, 1.0]) if float(land.min()) < LAND else np.array([1.0])
        self._height, self._land = height, land
        flat = Places(np.empty(0), np.empty(0), height.ravel(), land.ravel(), level.ravel())
        values = np.stack([flat.height, flat.level], axis=1)
        drift = spread.drift
        self._slopes = ((np.clip(values, drift.low, drift.high) - drift.middle) / drift.unit).astype(np.float32)

    def __call__(self, values: np.ndarray) -> Iterator[np.ndarray]:
        """Fields (rows, cols) float32, one a column of values (stations, k)."""
        weights = self._spread.weights(values)
        structure, stations = self._spread.structure, self._spread.places
        layers = np.stack(
            [
                (alike((z - stations.height) / structure.height) * alike((x - stations.land) / LAND))[:, None] * weights
                for z in self._heights
                for x in self._on_land
            ],
            axis=1,
        )  # fmt: skip  (stations, layers, k)
        lattice = self._on_lattice(layers.reshape(len(stations), -1))
        lattice = lattice.reshape(len(self._latitude), len(self._longitude), len(self._heights), -1, values.shape[1])
        drift = DRIFT * structure.variance * (self._spread.drift(stations).T @ weights)  # (3, k)
        for k in range(values.shape[1]):
            sloping = self._slopes @ drift[1:, k].astype(np.float32) + np.float32(drift[0, k])
            yield self._between(lattice[..., k]) + sloping.reshape(self._shape)

    def _on_lattice(self, layers: np.ndarray) -> np.ndarray:
        """Covariance with distance alone, times layers (stations, m) -> (lattice points, m) float32."""
        structure, stations = self._spread.structure, self._spread.places
        latitude, longitude = (v.ravel() for v in np.meshgrid(self._latitude, self._longitude, indexing="ij"))
        none = np.zeros(len(latitude))
        points = Places(latitude, longitude, none, none, none)
        layers = layers.astype(np.float32) * np.float32(structure.variance * structure.share)
        out = np.empty((len(points), layers.shape[1]), np.float32)
        at_once = max(AT_ONCE // len(stations), 1)
        for start in range(0, len(points), at_once):
            here = slice(start, start + at_once)
            away = points[np.arange(len(points))[here]].away(stations).astype(np.float32)
            out[here] = np.exp(away / np.float32(-structure.distance)) @ layers
        return out

    def _between(self, lattice: np.ndarray) -> np.ndarray:
        """(rows, cols) from (lattice rows, lattice cols, heights, land)."""
        out = np.zeros(self._shape, np.float32)
        step = self._heights[1] - self._heights[0] if len(self._heights) > 1 else np.inf
        for i, z in enumerate(self._heights):
            share = np.maximum(1.0 - np.abs(self._height - z) / step, 0.0).astype(np.float32)
            if not share.any():
                continue
            for j, x in enumerate(self._on_land):
                fine = (self._rows @ lattice[:, :, i, j]) @ self._cols.T
                out += share * (1.0 if len(self._on_land) == 1 else 1.0 - np.abs(self._land - x)) * fine
        return out


def _lattice(axis: np.ndarray, step: float) -> tuple[csr_array, np.ndarray]:
    """Weights (axis, lattice) of linear interpolation, and the lattice's coordinates, which span the axis."""
    count = max(int(np.ceil(abs(float(axis[-1] - axis[0])) / step)) + 1, 2)
    at = np.linspace(0, count - 1, len(axis))
    low = np.minimum(at.astype(int), count - 2)
    share = at - low
    rows = np.repeat(np.arange(len(axis)), 2)
    cols = np.stack([low, low + 1], axis=1).ravel()
    weights = np.stack([1 - share, share], axis=1).ravel().astype(np.float32)
    return csr_array((weights, (rows, cols)), shape=(len(axis), count)), np.linspace(axis[0], axis[-1], count)


def _levels(height: np.ndarray, step: float) -> np.ndarray:
    """Heights that span the terrain, at most so far apart."""
    low, high = float(height.min()), float(height.max())
    return np.linspace(low, high, int(np.ceil((high - low) / step)) + 1) if high > low else np.array([low])
