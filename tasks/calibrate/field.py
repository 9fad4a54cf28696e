"""A correction on a grid: spread over a lattice at some heights first, and from there to every point.

What spreads is smooth but for the terrain, so a lattice of a sixth of its distance loses nothing that matters, and
costs a hundredth of asking every station for every point.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_array

from tasks.calibrate.spread import DRIFT, Places, Spread, alike, same_ground
from tasks.grids.grid import Grid

KM = 111.2  # a degree of latitude
FINEST, COARSEST = 6.0, 0.25  # points in a distance; degrees
HIGHEST = 2.5  # levels in a Gaussian's standard deviation: an error of 2 % between them
AT_ONCE = 500_000  # covariances in memory; more do not stay in a processor's cache
COLUMNS = 8  # fields in memory
NEGLIGIBLE = 1e-6  # covariance over variance, below which a station says nothing


class FieldSpread:
    """Fields of what is known at the stations of `spread` on a grid with terrain.

    height, land, level (rows, cols): m, share, and the forecast's usual level in its units.
    """

    def __init__(self, spread: Spread, grid: Grid, height: np.ndarray, land: np.ndarray, level: np.ndarray) -> None:
        self._spread, self._shape = spread, height.shape
        structure = spread.structure
        step = min(max(structure.distance / FINEST / KM, min(grid.dlat, grid.dlon)), COARSEST)
        rows, self._latitude = _lattice(grid.latitude, step)
        cols, self._longitude = _lattice(grid.longitude, step / np.cos(np.deg2rad(np.abs(grid.latitude).mean())))
        self._heights = _levels(height, structure.height / HIGHEST)
        self._on_land = np.array([0.0, 1.0]) if float(land.min()) < 1.0 else np.array([1.0])
        up = _between(height, self._heights)
        shore = _between(land, self._on_land)
        self._weights, self._nodes = _product(rows, cols, up, shore)
        values = np.stack([height.ravel(), level.ravel()], axis=1)
        drift = spread.drift
        self._slopes = ((np.clip(values, drift.low, drift.high) - drift.middle) / drift.unit).astype(np.float32)

    def __call__(self, values: np.ndarray) -> Iterator[np.ndarray]:
        """Fields (rows, cols) float32, one a column of values (stations, k)."""
        weights = self._spread.weights(values)
        structure, stations = self._spread.structure, self._spread.places
        drift = DRIFT * structure.variance * (self._spread.drift(stations).T @ weights).astype(np.float32)  # (3, k)
        lattice = self._on_lattice(weights)
        for start in range(0, values.shape[1], COLUMNS):
            here = slice(start, start + COLUMNS)
            fields = self._weights @ np.ascontiguousarray(lattice[:, here])
            fields += self._slopes @ drift[1:, here] + drift[0, here]
            yield from np.ascontiguousarray(fields.T).reshape(-1, *self._shape)

    def _on_lattice(self, weights: np.ndarray) -> np.ndarray:
        """The estimate but for its drift at the nodes that any point lies between: (nodes, k) float32.

        Layer by layer, from the stations that are near it in height.
        """
        structure, stations = self._spread.structure, self._spread.places
        lattice = len(self._latitude) * len(self._longitude)
        point, height, shore = np.unravel_index(self._nodes, (lattice, len(self._heights), len(self._on_land)))
        row, col = np.divmod(point, len(self._longitude))
        none = np.zeros(len(row))
        nodes = Places(self._latitude[row], self._longitude[col], none, none, none)
        out = np.zeros((len(row), weights.shape[1]), np.float32)
        for i, z in enumerate(self._heights):
            up = structure.variance * structure.share * alike((z - stations.height) / structure.height)
            for j, x in enumerate(self._on_land):
                layer = up * same_ground(x, stations.land)
                some, here = np.flatnonzero(layer > NEGLIGIBLE * structure.variance), (height == i) & (shore == j)
                if not len(some):
                    continue
                at_once = max(AT_ONCE // len(some), 1)
                chosen, mine = stations[some], (layer[some, None] * weights[some]).astype(np.float32)
                every = np.flatnonzero(here)
                for which in np.split(every, range(at_once, len(every), at_once)):
                    near = nodes[which].away(chosen).astype(np.float32)
                    near /= np.float32(-structure.distance)
                    np.exp(near, out=near)
                    out[which] = near @ mine
        return out


Pair = tuple[np.ndarray, np.ndarray, int]  # the node before each point, the share of the next one, and how many nodes


def _lattice(axis: np.ndarray, step: float) -> tuple[Pair, np.ndarray]:
    """Between which nodes of a lattice the axis' points lie, and the lattice's coordinates, which span the axis."""
    count = max(int(np.ceil(abs(float(axis[-1] - axis[0])) / step)) + 1, 2)
    at = np.linspace(0, count - 1, len(axis))
    low = np.minimum(at.astype(int), count - 2)
    return (low, at - low, count), np.linspace(axis[0], axis[-1], count)


def _between(field: np.ndarray, nodes: np.ndarray) -> Pair:
    """Between which of evenly spaced nodes the values of a field (n,) lie."""
    if len(nodes) == 1:
        return np.zeros(field.size, int), np.zeros(field.size), 1
    at = np.clip((field.ravel() - nodes[0]) / (nodes[1] - nodes[0]), 0, len(nodes) - 1)
    low = np.minimum(at.astype(int), len(nodes) - 2)
    return low, at - low, len(nodes)


def _product(rows: Pair, cols: Pair, up: Pair, shore: Pair) -> tuple[csr_array, np.ndarray]:
    """Weights (points, nodes) of interpolation, linear along each of the four axes, and which nodes they are of.

    Of all nodes, counted row by row, shore last, a few are used: a place has few heights.
    """
    shape = len(rows[0]), len(cols[0])
    wide = [
        (np.broadcast_to(rows[0][:, None], shape).ravel(), np.broadcast_to(rows[1][:, None], shape).ravel(), rows[2]),
        (np.broadcast_to(cols[0], shape).ravel(), np.broadcast_to(cols[1], shape).ravel(), cols[2]),
        up,
        shore,
    ]
    nodes, shares = np.zeros((shape[0] * shape[1], 1), np.int32), np.ones((shape[0] * shape[1], 1), np.float32)
    for low, share, count in wide:
        both = [0, 1] if count > 1 else [0]
        nodes = np.concatenate([nodes * count + (low + i)[:, None].astype(np.int32) for i in both], axis=1)
        part = [1.0 - share, share] if count > 1 else [np.ones(len(share))]
        shares = np.concatenate([shares * w[:, None].astype(np.float32) for w in part], axis=1)
    starts = np.arange(0, nodes.size + 1, nodes.shape[1], dtype=np.int32 if nodes.size < 2**31 else np.int64)
    total = rows[2] * cols[2] * up[2] * shore[2]
    found = csr_array((shares.ravel(), nodes.ravel(), starts), shape=(len(nodes), total))
    found.eliminate_zeros()
    used = np.zeros(total, bool)
    used[found.indices] = True
    place = np.cumsum(used, dtype=np.int32) - 1
    return csr_array((found.data, place[found.indices], found.indptr), shape=(len(nodes), used.sum())), np.flatnonzero(
        used
    )


def _levels(height: np.ndarray, step: float) -> np.ndarray:
    """Heights that span the terrain, at most so far apart."""
    low, high = float(height.min()), float(height.max())
    return np.linspace(low, high, int(np.ceil((high - low) / step)) + 1) if high > low else np.array([low])
