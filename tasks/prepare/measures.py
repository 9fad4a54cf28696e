"""How a field looks where a byte of its message is wrong: points that stand alone, rows that do not follow each other.

Packing lays values out row by row. A wrong byte of simple packing changes one value; one of CCSDS the values after it,
each by its difference from the one before: along a row the field stays smooth, from row to row it does not.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

RING = 4  # points on either side of one that its neighbourhood reaches; without the nine in its middle
WINDOW = (3, 15)  # rows and columns that roughness is a mean of
POLEWARD = 85.0  # degrees: beyond, wind turns by the convergence of the meridians from point to point


def outside(field: np.ndarray) -> np.ndarray:
    """How far each value is above the highest, or below the lowest (negative), of its eight neighbours; else 0.

    field (rows, cols) in any unit, no NaN. At coasts, fronts and slopes a point has neighbours on its own side.
    """
    rows, cols = field.shape
    around = np.pad(field, 1, mode="reflect" if min(field.shape) > 1 else "edge")
    parts = [around[i : i + rows, j : j + cols] for i in range(3) for j in range(3) if (i, j) != (1, 1)]
    highest, lowest = parts[0].copy(), parts[0].copy()
    for part in parts[1:]:
        np.maximum(highest, part, out=highest)
        np.minimum(lowest, part, out=lowest)
    return np.asarray(np.maximum(field - highest, 0) - np.maximum(lowest - field, 0))


def alone(excess: np.ndarray, floor: float) -> np.ndarray:
    """Excess (rows, cols), at least 0, over the largest near it plus `floor` of its unit: mountains have company.

    Near: within RING points, but not among the nine around the point itself.
    """
    size, shift = 2 * RING + 1, RING - 1
    ring = np.maximum(
        ndimage.maximum_filter(np.maximum(_shifted(excess, shift), _shifted(excess, -shift)), (3, size)),
        ndimage.maximum_filter(np.maximum(_shifted(excess.T, shift).T, _shifted(excess.T, -shift).T), (size, 3)),
    )
    return np.asarray(excess / (ring + floor))


def _shifted(field: np.ndarray, by: int) -> np.ndarray:
    """Rows moved by so many, the edge repeated."""
    at = np.clip(np.arange(len(field)) - by, 0, len(field) - 1)
    return np.asarray(field[at])


def unevenness(field: np.ndarray, latitude: np.ndarray, floor: float) -> np.ndarray:
    """Roughness from row to row over that along rows, each the mean of second differences in WINDOW.

    r = mean |f[i-1] - 2 f[i] + f[i+1]| / (mean |f[j-1] - 2 f[j] + f[j+1]| / cos(latitude)**2 + floor)

    field (rows, cols), NaN where nothing is known; `floor` in its unit. Weather has no direction, so the same distance
    north-south and west-east is about as rough; 0 near the poles.
    """
    if min(field.shape) < 3:
        return np.zeros(field.shape)
    along = np.pad(np.abs(np.diff(field, 2, axis=1)), ((0, 0), (1, 1)), mode="edge")
    across = np.pad(np.abs(np.diff(field, 2, axis=0)), ((1, 1), (0, 0)), mode="edge")
    known = np.isfinite(along) & np.isfinite(across)
    window = min(WINDOW[0], field.shape[0]), min(WINDOW[1], field.shape[1])
    share = ndimage.uniform_filter(known.astype(np.float32), window, mode="nearest")
    cosine = np.maximum(np.cos(np.deg2rad(latitude)), 0.05)[:, None]
    means = [
        np.divide(
            ndimage.uniform_filter(np.where(known, f, 0).astype(np.float32), window, mode="nearest"),
            share, out=np.zeros_like(share), where=share > 0.5,
        )
        for f in (across, along)
    ]  # fmt: skip
    ratio = means[0] / (means[1] / cosine**2 + floor)
    ratio[np.abs(latitude) > POLEWARD] = 0
    return np.asarray(ratio)
