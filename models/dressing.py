"""What a downscaled field does not know: how far the truth is from it, point by point, and fields that are so far off.

An error of the downscaling is taken for logistic, of no bias and a scale whose logarithm is linear in logarithms of
what is known at the point: how much a residual commonly is at this scale, how much the field itself varies within an
input cell and around it, the terrain within the cell, how far the input's points are, and of amounts how much there is.
The coefficients are fitted, by CRPS, to places that do not score (`models.training.dress`), and lie in the package.

After residual dressing (Roulston and Smith 2003, doi:10.3402/tellusa.v55i1.12082), whose size follows the weather.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from models.geometry import Axis, mean_scale

FLOORS = {"sp": 1.0, "msl": 1.0}  # squares of what counts as no variation, SI; of others LEAST
LEAST, LEAST_AMOUNT = 1e-4, 1e-12
AMOUNT = 1e-5  # m: a hundredth of a millimetre
HEIGHT = 1.0  # m2
AT_POINT = 0.02  # of the way to the middle between the input's points
TERMS = ("always", "residual", "near", "far", "terrain", "distance", "amount")
# input cells: the noise's Gaussian kernel. By it members have 0.7 to 1 of the power that truth has at waves below two
# cells; on boxes that do not score neighbours 0.4 cells apart went together by 0.6, these do by 0.5
LENGTH = 0.25
BLOCK = 64  # points a side that are drawn at once
TAIL = 6.0  # deviations of a normal, beyond which the logistic's tail is cut: twenty scales off


@dataclass(frozen=True)
class Dressing:
    """Coefficients of the logarithm of the error's scale: variable -> one of each of TERMS."""

    coefficients: dict[str, list[float]]

    def scale(
        self, name: str, field: np.ndarray, height: np.ndarray, rows: Axis, cols: Axis, sigma: float, amount: bool
    ) -> np.ndarray:
        """Scale of the logistic error of a field (Qy, Qx) at its queries, in its unit, float32.

        height (Qy, Qx) in m; zeros where it is not known. sigma: of a residual at this scale, as the package's
        statistics have it. What lies `reach` points from the edge depends on nothing beyond it, to the bit: a part of a
        field is dressed as the whole. So all of it is numpy's, whose functions do not know where in an array they are.
        """
        terms = terms_of(name, field, height, rows, cols, sigma, amount)
        return np.exp(_sum(w * t for w, t in zip(self.coefficients[name], terms, strict=True))).astype(np.float32)


def reach(scale: float) -> int:
    """Points around one that its scale depends on."""
    return 2 * max(round(scale), 1)


def terms_of(
    name: str, field: np.ndarray, height: np.ndarray, rows: Axis, cols: Axis, sigma: float, amount: bool
) -> list[np.ndarray]:
    """TERMS at each point (Qy, Qx), float64, as `Dressing.scale` takes them."""
    floor = LEAST_AMOUNT if amount else FLOORS.get(name, LEAST)
    near, far = reach(mean_scale(rows, cols)) // 2, reach(mean_scale(rows, cols))
    flat = field.astype(np.float64)  # of pascals' squares float32 would lose what varies
    wet = np.log(np.maximum(flat, 0.0) + AMOUNT) if amount else np.zeros_like(flat)
    return [
        np.ones_like(flat),
        np.full_like(flat, np.log(sigma)),
        *(np.log(_variance(flat, side) + floor) for side in (near, far)),
        np.log(_variance(height.astype(np.float64), near) + HEIGHT),
        np.log(_away(rows)[:, None] + _away(cols) + AT_POINT),
        wet,
    ]


def _away(axis: Axis) -> np.ndarray:
    """0 at the input's points, 1 in the middle between them."""
    return np.asarray(np.sin(np.pi * (axis.centres - np.round(axis.centres))) ** 2)


def _variance(field: np.ndarray, side: int) -> np.ndarray:
    """Variance of a field in windows of 2 * side + 1 points a side; beyond the edge it is repeated."""
    wide = np.pad(field, side, mode="edge")
    mean, square = _mean(wide, side), _mean(wide * wide, side)
    return np.maximum(square - mean * mean, 0.0)


def _mean(wide: np.ndarray, side: int) -> np.ndarray:
    rows, cols = (n - 2 * side for n in wide.shape)
    along = _sum(wide[i : i + rows] for i in range(2 * side + 1))
    return _sum(along[:, j : j + cols] for j in range(2 * side + 1)) / (2 * side + 1) ** 2


def _sum(terms: Iterable[np.ndarray]) -> np.ndarray:
    """One after the other: what libraries do with a window's sum depends on the size of the field."""
    total: np.ndarray | None = None
    for term in terms:
        total = term.copy() if total is None else np.add(total, term, out=total)
    assert total is not None
    return total


def noise(seed: int, top: int, left: int, rows: int, cols: int, length: float) -> np.ndarray:
    """A field (rows, cols) float32 of unit normal noise that goes together over about `length` points.

    The same at a point whatever window is asked for: top, left are its first row and column on a lattice of the Earth,
    whose blocks are drawn each by its own place and the seed.
    """
    margin = int(np.ceil(3 * length))
    offsets = np.arange(-margin, margin + 1)
    kernel = np.exp(-0.5 * (offsets / max(length, 1e-6)) ** 2)
    kernel = (kernel / np.sqrt((kernel**2).sum())).astype(np.float32)  # keeps the variance
    white = _white(seed, top - margin, left - margin, rows + 2 * margin, cols + 2 * margin)
    along = _sum(weight * white[i : i + rows] for i, weight in enumerate(kernel))
    return _sum(weight * along[:, j : j + cols] for j, weight in enumerate(kernel))


def _white(seed: int, top: int, left: int, rows: int, cols: int) -> np.ndarray:
    out = np.empty((rows, cols), np.float32)
    for i in range(top // BLOCK, (top + rows - 1) // BLOCK + 1):
        for j in range(left // BLOCK, (left + cols - 1) // BLOCK + 1):
            key = np.array([seed % 2**64, (i % 2**32) << 32 | j % 2**32], np.uint64)
            drawn = np.random.Generator(np.random.Philox(key=key)).standard_normal((BLOCK, BLOCK), np.float32)
            first, west = max(i * BLOCK, top), max(j * BLOCK, left)
            last, east = min((i + 1) * BLOCK, top + rows), min((j + 1) * BLOCK, left + cols)
            out[first - top : last - top, west - left : east - left] = drawn[
                first - i * BLOCK : last - i * BLOCK, west - j * BLOCK : east - j * BLOCK
            ]
    return out


def logistic(normal: np.ndarray) -> np.ndarray:
    """Values of a unit normal -> those of a logistic distribution of scale 1, equally likely to be exceeded; float32.

    Straight between the points of a table, to a ten-thousandth.
    """
    return np.interp(normal, *_table()).astype(np.float32)


@cache
def _table() -> tuple[np.ndarray, np.ndarray]:
    normal = torch.linspace(-TAIL, TAIL, 2401, dtype=torch.float64)
    return normal.numpy(), (torch.special.log_ndtr(normal) - torch.special.log_ndtr(-normal)).numpy()


def crps(error: Tensor, scale: Tensor) -> Tensor:
    """Of a logistic forecast of this scale about 0 for a truth at `error`: continuous ranked probability score.

    Jordan, Krüger and Lerch 2019, doi:10.18637/jss.v090.i12, table 3.
    """
    z = (error / scale).abs()
    return scale * (z - 2 * F.logsigmoid(z) - 1)
