"""Interpolation without parameters: bicubic through samples, and bicubic that conserves cell means.

The conservative form is what back-projection converges to, in closed form. Let c be coefficients on the input grid
and f the cubic-convolution interpolant (Keys 1981) through them. A query's value is the *mean of f over the query
cell*, and c solves "the mean of f over each input cell is the input", a short separable filter. Query cells that tile
an input cell then average to the input exactly, at any scale, and at scale 1 the result is the input itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn

from models.geometry import Axis
from models.operator import Sampling, Seen
from models.statics import Statics

KEYS_A = -0.5  # third-order accurate choice, Keys (1981), doi:10.1109/TASSP.1981.1163711
PREFILTER_REACH = 8  # taps decay by 4.8 per cell; at 8 what is cut off is below 1e-5 of the value
# input cells that a conservative bicubic query can see on each side: prefilter + cubic support
INTERPOLATION_HALO = PREFILTER_REACH + 3


def keys_kernel(t: np.ndarray) -> np.ndarray:
    """Cubic-convolution kernel at distances t (in cells)."""
    a, t = KEYS_A, np.abs(t)
    inner = ((a + 2) * t - (a + 3)) * t * t + 1
    outer = ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
    return np.where(t < 1, inner, np.where(t < 2, outer, 0.0))


def _keys_integral(t: np.ndarray) -> np.ndarray:
    """Integral of the kernel from minus infinity to t."""
    a, s = KEYS_A, np.minimum(np.abs(t), 2.0)
    inner = (a + 2) * s**4 / 4 - (a + 3) * s**3 / 3 + s
    outer_at = lambda u: a * u**4 / 4 - 5 * a * u**3 / 3 + 4 * a * u**2 - 4 * a * u  # noqa: E731
    half = (a + 2) / 4 - (a + 3) / 3 + 1
    area = np.where(s < 1, inner, half + outer_at(s) - outer_at(1.0))
    return 0.5 + np.sign(t) * area


def point_weights(axis: Axis) -> tuple[np.ndarray, np.ndarray]:
    """Bicubic at the query centres: (Q, 4) input indices, not clipped, and (Q, 4) weights."""
    base = np.floor(axis.centres).astype(np.int64) - 1
    index = base[:, None] + np.arange(4)
    return index, keys_kernel(axis.centres[:, None] - index)


def cell_weights(axis: Axis) -> tuple[np.ndarray, np.ndarray]:
    """Mean of the cubic interpolant over each query cell: (Q, T) indices, not clipped, and (Q, T) weights."""
    low, high = axis.centres - axis.width / 2, axis.centres + axis.width / 2
    taps = 4 + int(np.ceil(axis.width))
    index = np.floor(low).astype(np.int64)[:, None] - 1 + np.arange(taps + 1)
    weights = _keys_integral(high[:, None] - index) - _keys_integral(low[:, None] - index)
    return index, weights / axis.width


@lru_cache(maxsize=1)
def prefilter_taps() -> np.ndarray:
    """FIR inverse of "mean of the cubic interpolant over the own cell", (2 * PREFILTER_REACH + 1,), sum 1."""
    n = 64
    index, weights = cell_weights(Axis(np.array([0.0]), 1.0))
    response = np.zeros(n)
    np.add.at(response, index[0] % n, weights[0])
    inverse = np.fft.ifft(1.0 / np.fft.fft(response)).real
    taps = np.array([inverse[k % n] for k in range(-PREFILTER_REACH, PREFILTER_REACH + 1)])
    return np.asarray(taps / taps.sum())


def _apply(x: Tensor, index: np.ndarray, weights: np.ndarray, dim: int) -> Tensor:
    """Weighted sum of slices of x along `dim`; indices beyond the edge repeat the edge."""
    n = x.shape[dim]
    clipped = torch.from_numpy(np.clip(index, 0, n - 1)).to(x.device)
    w = torch.from_numpy(weights).to(x)
    shape = [1] * x.ndim
    shape[dim] = len(index)
    out: Tensor | None = None
    for tap in range(index.shape[1]):
        term = x.index_select(dim, clipped[:, tap]) * w[:, tap].reshape(shape)
        out = term if out is None else out + term
    assert out is not None
    return out


def _matrix(index: np.ndarray, weights: np.ndarray, n: int) -> tuple[slice, np.ndarray]:
    """The inputs that are needed, and dense weights (Q, of these); indices beyond the edge repeat the edge."""
    index = np.clip(index, 0, n - 1)
    low, high = int(index.min()), int(index.max()) + 1
    out = np.zeros((len(index), high - low), dtype=np.float32)
    np.add.at(out, (np.arange(len(index))[:, None], index - low), weights)
    return slice(low, high), out


class Separable:
    """Weighted sums along both axes of any arrays (..., H, W) of one size: -> (..., Qy, Qx), float32.

    rows, cols: input indices and weights, (Q, taps) each, as `cell_weights` gives them. As two matrix products: those
    of a decoded piece are small and mostly zeros, and still several times as fast as a gather and a sum a tap.
    """

    def __init__(
        self,
        rows: tuple[np.ndarray, np.ndarray],
        cols: tuple[np.ndarray, np.ndarray],
        shape: Sequence[int],
        device: torch.device,
    ) -> None:
        (self._rows, by_row), (self._cols, by_col) = (_matrix(*a, n) for a, n in zip((rows, cols), shape, strict=True))
        self._by_row = torch.from_numpy(by_row).to(device)
        self._by_col = torch.from_numpy(np.ascontiguousarray(by_col.T)).to(device)

    def __call__(self, x: Tensor) -> Tensor:
        """(..., H, W) -> (..., Qy, Qx), float32."""
        with torch.autocast(x.device.type, enabled=False):
            return self._by_row @ x[..., self._rows, self._cols].float() @ self._by_col


def separable(x: Tensor, rows: tuple[np.ndarray, np.ndarray], cols: tuple[np.ndarray, np.ndarray]) -> Tensor:
    """`Separable` for once."""
    return Separable(rows, cols, x.shape[-2:], x.device)(x)


def bicubic(x: Tensor, rows: Axis, cols: Axis) -> Tensor:
    """Plain bicubic at the query centres: (..., H, W) -> (..., len(rows), len(cols)), float32."""
    return separable(x, point_weights(rows), point_weights(cols))


def linear_weights(axis: Axis) -> tuple[np.ndarray, np.ndarray]:
    """Linear at the query centres: (Q, 2) input indices, not clipped, and (Q, 2) weights."""
    low = np.floor(axis.centres).astype(np.int64)
    after = axis.centres - low
    return np.stack([low, low + 1], axis=1), np.stack([1 - after, after], axis=1)


def bilinear(x: Tensor, rows: Axis, cols: Axis) -> Tensor:
    """Bilinear at the query centres: (..., H, W) -> (..., len(rows), len(cols)), float32; edges repeated."""
    return separable(x, linear_weights(rows), linear_weights(cols))


@dataclass(frozen=True)
class Interpolant:
    """What goes through fields (..., H, W): their values at the points, or their means over cells.

    Coefficients (..., H, W) are anomalies from the mean (..., 1, 1): float32 pascals would lose a digit.
    """

    coefficients: Tensor
    mean: Tensor
    weights: Callable[[Axis], tuple[np.ndarray, np.ndarray]]

    def reader(self, rows: Axis, cols: Axis) -> Separable:
        """What reads the coefficients of any fields of this size at queries; the mean is to be added."""
        return Separable(self.weights(rows), self.weights(cols), self.coefficients.shape[-2:], self.mean.device)

    def __call__(self, rows: Axis, cols: Axis) -> Tensor:
        """(..., len(rows), len(cols)) float32."""
        return self.reader(rows, cols)(self.coefficients) + self.mean


def conservative_interpolant(x: Tensor) -> Interpolant:
    """Cubic, whose mean over each input cell is the input; evaluated as means over query cells.

    x (..., H, W). The prefilter sees PREFILTER_REACH cells on each side; beyond the array's edge the edge is repeated,
    so that exactness holds away from edges.
    """
    x = x.float()
    mean = x.mean(dim=(-2, -1), keepdim=True)
    c = x - mean
    taps = prefilter_taps()
    for dim in (-2, -1):
        index = np.arange(c.shape[dim])[:, None] + np.arange(-PREFILTER_REACH, PREFILTER_REACH + 1)
        c = _apply(c, index, np.tile(taps, (len(index), 1)), dim)
    return Interpolant(c, mean, cell_weights)


def point_interpolant(x: Tensor) -> Interpolant:
    """Cubic (Keys) through fields' values at the input points; evaluated at the query centres.

    x (..., H, W); beyond the array's edge the edge is repeated. Of what was tried on samples of HRES at scales 2 to 4
    (other Keys parameters, the cubic B-spline through the points) none is better by more than 3 % everywhere.
    """
    x = x.float()
    mean = x.mean(dim=(-2, -1), keepdim=True)
    return Interpolant(x - mean, mean, point_weights)


def interpolant(x: Tensor, seen: Seen) -> Interpolant:
    """What goes through fields (..., H, W) that are seen so."""
    return conservative_interpolant(x) if seen.sampling is Sampling.MEANS else point_interpolant(x)


def conservative_bicubic(x: Tensor, rows: Axis, cols: Axis) -> Tensor:
    """Bicubic whose query cells average to the input: (..., H, W) -> (..., len(rows), len(cols)), float32."""
    return conservative_interpolant(x)(rows, cols)


def continuous_weights(source: Axis, count: int) -> np.ndarray:
    """Mean over input cells 0..count-1 of the cubic interpolant whose means over cells of `source` (Q) are its values.

    (count, Q), rows sum to 1. Where cells nest these are `cell_means.overlap_weights`; elsewhere those take a field
    for constant inside each cell that is cut, and so blur it. Mirrored beyond its edge, which keeps the mean of the
    whole.
    """
    cells = Axis((np.arange(count) - source.centres[0]) / source.width, 1 / source.width)
    n = len(source)
    rows = np.arange(n)[:, None]
    inside = lambda i: np.minimum(np.abs(i + 0.5) - 0.5, 2 * n - 1 - i).clip(0, n - 1).astype(np.int64)  # noqa: E731
    prefilter, mean = np.zeros((n, n)), np.zeros((count, n))
    taps = np.arange(-PREFILTER_REACH, PREFILTER_REACH + 1)
    np.add.at(prefilter, (rows, inside(rows + taps)), prefilter_taps())
    index, weights = cell_weights(cells)
    np.add.at(mean, (np.arange(count)[:, None], inside(index)), weights)
    return np.asarray(mean @ prefilter)


class Bilinear(nn.Module):
    """Bilinear at the query centres."""

    reach = 1

    def forward(self, x: Tensor, present: Tensor, statics: Statics, rows: Axis, cols: Axis, seen: Seen) -> Tensor:
        """As `Downscaler.forward`."""
        return bilinear(x, rows, cols)


class Bicubic(nn.Module):
    """Bicubic at the query centres; knows nothing of area means."""

    reach = 2

    def forward(self, x: Tensor, present: Tensor, statics: Statics, rows: Axis, cols: Axis, seen: Seen) -> Tensor:
        """As `Downscaler.forward`."""
        return bicubic(x, rows, cols)


class ConservativeBicubic(nn.Module):
    """Bicubic whose query cells average to the input: back-projection taken to its limit."""

    reach = INTERPOLATION_HALO

    def forward(self, x: Tensor, present: Tensor, statics: Statics, rows: Axis, cols: Axis, seen: Seen) -> Tensor:
        """As `Downscaler.forward`."""
        return conservative_bicubic(x, rows, cols)
