"""What a downscaled field does not know: how far the truth is from it, point by point, and fields that are so far off.

An error of the downscaling is taken for logistic, of no bias and a scale whose logarithm is linear in logarithms of
what is known at the point: how much a residual commonly is at this scale, how much the field itself varies within an
input cell and around it, the terrain within the cell, how far the input's points are, and of amounts how much there is.
The coefficients are fitted, by CRPS, to places that do not score (`models.training.dress`), and lie in the package.

After residual dressing (Roulston and Smith 2003, doi:10.3402/tellusa.v55i1.12082), whose size follows the weather.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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
SMALLEST = 1e-7  # of a chance, at which the logistic's tail is cut: sixteen scales off


@dataclass(frozen=True)
class Dressing:
    """Coefficients of the logarithm of the error's scale: variable -> one of each of TERMS."""

    coefficients: dict[str, list[float]]

    def scale(
        self, name: str, field: Tensor, height: Tensor, rows: Axis, cols: Axis, sigma: float, amount: bool
    ) -> Tensor:
        """Scale of the logistic error of a field (..., Qy, Qx) at its queries, in its unit.

        height (Qy, Qx) in m; zeros where it is not known. sigma: of a residual at this scale, as the package's
        statistics have it. What lies `reach` points from the edge depends on nothing beyond it.
        """
        terms = terms_of(name, field, height, rows, cols, sigma, amount)
        weights = torch.tensor(self.coefficients[name], dtype=field.dtype)
        return torch.stack([w * t for w, t in zip(weights, terms, strict=True)]).sum(dim=0).exp()


def reach(scale: float) -> int:
    """Points around one that its scale depends on."""
    return 2 * max(round(scale), 1)


def terms_of(
    name: str, field: Tensor, height: Tensor, rows: Axis, cols: Axis, sigma: float, amount: bool
) -> list[Tensor]:
    """TERMS at each point (..., Qy, Qx), as `Dressing.scale` takes them."""
    floor = LEAST_AMOUNT if amount else FLOORS.get(name, LEAST)
    near, far = reach(mean_scale(rows, cols)) // 2, reach(mean_scale(rows, cols))
    # in float64: of pascals' squares float32 would lose what varies, and a mean taken off first is a window's own
    flat = field.double().reshape(-1, 1, *field.shape[-2:])
    there = [(_variance(flat, side) + floor).log().to(field).reshape(field.shape) for side in (near, far)]
    relief = (_variance(height.double()[None, None], near) + HEIGHT).log()[0, 0]
    wet = (field.clamp(min=0) + AMOUNT).log() if amount else torch.zeros_like(field)
    away = (torch.from_numpy(_away(rows))[:, None] + torch.from_numpy(_away(cols))[None]).to(field)
    always = torch.ones_like(field)
    return [
        always, always * float(np.log(sigma)), *there, relief.to(field).expand_as(field),
        (away + AT_POINT).log().expand_as(field), wet,
    ]  # fmt: skip


def _away(axis: Axis) -> np.ndarray:
    """0 at the input's points, 1 in the middle between them."""
    return np.sin(np.pi * axis.centres) ** 2


def _variance(x: Tensor, side: int) -> Tensor:
    """Variance of (B, 1, H, W) in windows of 2 * side + 1 points; beyond the edge it is repeated.

    Summed shift by shift, as `noise` is, so that a window of a field has the bits of the whole.
    """
    wide = F.pad(x, (side,) * 4, mode="replicate")
    mean, square = _mean(wide, side), _mean(wide * wide, side)
    return (square - mean * mean).clamp(min=0)


def _mean(wide: Tensor, side: int) -> Tensor:
    for dim in (2, 3):
        n = wide.shape[dim] - 2 * side
        total = wide.narrow(dim, 0, n).clone()
        for i in range(1, 2 * side + 1):
            total += wide.narrow(dim, i, n)
        wide = total / (2 * side + 1)
    return wide


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
    # one product and sum after the other: what libraries do with a convolution depends on the window's size
    along = _sum(weight * white[i : i + rows] for i, weight in enumerate(kernel))
    return _sum(weight * along[:, j : j + cols] for j, weight in enumerate(kernel))


def _sum(terms: Iterator[np.ndarray]) -> np.ndarray:
    total = next(terms)
    for term in terms:
        total += term
    return total


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
    """Values of a unit normal -> those of a logistic distribution of scale 1, equally likely to be exceeded."""
    below = torch.special.ndtr(torch.from_numpy(normal).double()).clamp(SMALLEST, 1 - SMALLEST)
    found: np.ndarray = torch.logit(below).float().numpy()
    return found


def crps(error: Tensor, scale: Tensor) -> Tensor:
    """Of a logistic forecast of this scale about 0 for a truth at `error`: continuous ranked probability score.

    Jordan, Krüger and Lerch 2019, doi:10.18637/jss.v090.i12, table 3.
    """
    z = (error / scale).abs()
    return scale * (z - 2 * F.logsigmoid(z) - 1)
