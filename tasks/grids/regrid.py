"""Regridding between regular grids: bilinear for states, conservative for amounts and for coarser targets.

Weights are separable, one sparse matrix an axis. They are made once for a pair of grids and kept in memory by the
parameters of both: making them costs less than reading them from a disk would.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import sparse

from tasks.grids.grid import Grid

Weights = tuple[sparse.csr_array, sparse.csr_array]


def _bilinear(position: np.ndarray, n: int, wraps: bool) -> sparse.csr_array:
    """Weights (T, n) at fractional indices; beyond the edge the edge is repeated."""
    low = np.floor(position + 1e-9).astype(int)
    fraction = np.clip(position - low, 0.0, 1.0)
    index = np.stack([low, low + 1], axis=1)
    index = index % n if wraps else np.clip(index, 0, n - 1)
    weight = np.stack([1 - fraction, fraction], axis=1)
    rows = np.repeat(np.arange(len(position)), 2)
    out = sparse.coo_array((weight.ravel(), (rows, index.ravel())), shape=(len(position), n)).tocsr()
    out.sum_duplicates()
    out.eliminate_zeros()
    return out


def _overlap(low: np.ndarray, high: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Length shared by each target cell low..high (T,) and each source cell edges[i]..edges[i+1]: (T, n)."""
    return np.clip(np.minimum(high[:, None], edges[1:]) - np.maximum(low[:, None], edges[:-1]), 0.0, None)


def _normalised(overlap: np.ndarray) -> sparse.csr_array:
    total = overlap.sum(axis=1, keepdims=True)
    weights = np.divide(overlap, total, out=np.full_like(overlap, np.nan), where=total > 0)
    return sparse.csr_array(weights)


def _cell_edges(first: float, step: float, n: int) -> np.ndarray:
    return first + step * (np.arange(n + 1) - 0.5)


def _conservative_rows(source: Grid, target: Grid) -> sparse.csr_array:
    sine = lambda edges: np.sin(np.deg2rad(np.clip(edges, -90, 90)))  # noqa: E731  area of a band goes with sin(lat)
    edges = sine(-_cell_edges(-source.north, source.dlat, source.rows))
    cells = sine(-_cell_edges(-target.north, target.dlat, target.rows))
    return _normalised(_overlap(-cells[:-1], -cells[1:], -edges))


def _conservative_cols(source: Grid, target: Grid) -> sparse.csr_array:
    edges = _cell_edges(source.west, source.dlon, source.cols)
    cells = _cell_edges(target.west + _turns(source, target), target.dlon, target.cols)
    overlap = _overlap(cells[:-1], cells[1:], edges)
    if source.wraps:
        for turn in (-360.0, 360.0):
            overlap += _overlap(cells[:-1] + turn, cells[1:] + turn, edges)
    return _normalised(overlap)


def _turns(source: Grid, target: Grid) -> float:
    """Whole turns that bring the target's longitudes next to the source's."""
    return 360.0 * round((source.west + source.east - target.west - target.east) / 720.0)


@lru_cache(maxsize=32)
def weights(source: Grid, target: Grid, conservative: bool) -> Weights:
    """(rows, cols) weights; NaN where a conservative target cell lies outside the source."""
    if conservative:
        return _conservative_rows(source, target), _conservative_cols(source, target)
    rows = _bilinear((source.north - target.latitude) / source.dlat, source.rows, False)
    position = (target.longitude + _turns(source, target) - source.west) / source.dlon
    return rows, _bilinear(position, source.cols, source.wraps)


def regrid(field: np.ndarray, source: Grid, target: Grid, *, conservative: bool) -> np.ndarray:
    """(..., source.rows, source.cols) -> (..., target.rows, target.cols), dtype kept; a NaN spreads to all it touches.

    A state on a much finer source is averaged over the target's cells as well: bilinear would only sample it.
    """
    rows, cols = weights(source, target, conservative or is_averaged(source, target))
    flat = field.reshape(-1, *field.shape[-2:]).astype(np.float64)
    out = np.stack([(cols @ (rows @ f).T).T for f in flat])
    return out.reshape(*field.shape[:-2], target.rows, target.cols).astype(field.dtype)


def is_averaged(source: Grid, target: Grid) -> bool:
    """Whether the source is so much finer that every value becomes a mean over the target's cell."""
    return target.dlat > 1.5 * source.dlat or target.dlon > 1.5 * source.dlon


def covers(source: Grid, target: Grid) -> bool:
    """True if the cells of the source hold every point of the target."""
    half_lat, half_lon = source.dlat / 2 + 1e-6, source.dlon / 2 + 1e-6
    shift = _turns(source, target)
    return bool(
        target.north <= source.north + half_lat
        and target.south >= source.south - half_lat
        and (
            source.wraps
            or (target.west + shift >= source.west - half_lon and target.east + shift <= source.east + half_lon)
        )
    )


def clip_to(target: Grid, source: Grid) -> Grid:
    """The part of the target whose points lie within the source's outermost points."""
    shift = _turns(source, target)
    lat, lon = target.latitude, target.longitude + shift
    rows = np.flatnonzero((lat <= source.north + 1e-6) & (lat >= source.south - 1e-6))
    cols = np.arange(target.cols)
    if not source.wraps:
        cols = np.flatnonzero((lon >= source.west - 1e-6) & (lon <= source.east + 1e-6))
    return target.extended(
        -int(rows[0]), -int(target.rows - 1 - rows[-1]), -int(cols[0]), -int(target.cols - 1 - cols[-1])
    )
