"""How coarse fields are made from fine ones in training: observation operators, and their second-order variants.

Everything is linear along each axis but the noise, so each degradation is two matrices an axis with noise after each.
Pixel i of a fine field lies at i; coarse points and cells are given in pixels. After Wang et al. 2021 (Real-ESRGAN,
arXiv:2107.10833) for blur and noise; no JPEG, no sinc, no upsampling: fields are not photographs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.geometry import Axis
from models.interpolation import continuous_weights, keys_kernel

BLUR_SIGMA = (0.2, 0.8)  # pixels
SECOND_BLUR = (0.1, 0.4)  # lighter
NOISE, SECOND_NOISE = 0.005, 0.0025  # of each window's standard deviation, at most
BLUR_REACH = 3
KERNELS = ("linear", "linear", "nearest", "cubic")  # how a second-order variant reads a field at a point

Matrix = np.ndarray


@dataclass(frozen=True)
class Lattice:
    """Points or cell centres at `start + step * i` pixels, i < count."""

    start: float
    step: float
    count: int

    @property
    def at(self) -> np.ndarray:
        """Positions in pixels, (count,)."""
        return self.start + self.step * np.arange(self.count)

    def part(self, start: int, stop: int) -> Lattice:
        """Elements start..stop."""
        return Lattice(self.start + self.step * start, self.step, stop - start)

    def seen_from(self, coarse: Lattice) -> Axis:
        """The same as query axis on a coarse lattice."""
        return Axis((self.at - coarse.start) / coarse.step, self.step / coarse.step)


def _placed(index: np.ndarray, weights: np.ndarray, n: int) -> Matrix:
    """Indices and weights (Q, taps) as a matrix (Q, n); beyond the edge the edge is repeated."""
    out = np.zeros((len(index), n))
    np.add.at(out, (np.arange(len(index))[:, None], np.clip(index, 0, n - 1)), weights)
    return out


def read_at(at: np.ndarray, n: int, kernel: str = "linear") -> Matrix:
    """A field of n pixels read at positions: (len(at), n)."""
    match kernel:
        case "nearest":
            return _placed(np.round(at).astype(np.int64)[:, None], np.ones((len(at), 1)), n)
        case "linear":
            index = np.floor(at).astype(np.int64)[:, None] + np.arange(2)
            return _placed(index, 1 - np.abs(at[:, None] - index), n)
        case _:
            index = np.floor(at).astype(np.int64)[:, None] + np.arange(-1, 3)
            return _placed(index, keys_kernel(at[:, None] - index), n)


def means_over(cells: Lattice, n: int) -> Matrix:
    """Means of n pixels, each constant over its width, over cells of `step`: (count, n); edges repeated."""
    low = cells.at - cells.step / 2
    index = np.floor(low + 0.5).astype(np.int64)[:, None] + np.arange(int(np.ceil(cells.step)) + 1)
    overlap = np.minimum(index + 0.5, (low + cells.step)[:, None]) - np.maximum(index - 0.5, low[:, None])
    return _placed(index, overlap.clip(0) / cells.step, n)


@dataclass(frozen=True)
class Native:
    """A model's own grid along one axis: a field is known as means over its cells, and read linearly between them.

    `size` in pixels; `phase` is where its first cell's centre lies. A grid as fine as the pixels is the pixels.
    """

    size: float
    phase: float = 0.0

    def read(self, at: np.ndarray, n: int) -> Matrix:
        """Its field at positions, from n pixels: (len(at), n)."""
        if self.size <= 1.0:
            return read_at(at, n)
        before = int(np.ceil((self.phase + 1) / self.size)) + 1
        cells = Lattice(self.phase - before * self.size, self.size, int(np.ceil(n / self.size)) + before + 2)
        return read_at((at - cells.start) / self.size, cells.count) @ means_over(cells, n)


def blur(n: int, sigma: float) -> Matrix:
    """Gaussian blur of n pixels along one axis, edges repeated: (n, n), rows sum to 1."""
    offsets = np.arange(-BLUR_REACH, BLUR_REACH + 1)
    kernel = np.exp(-0.5 * (offsets / sigma) ** 2)
    return _placed(np.arange(n)[:, None] + offsets, np.tile(kernel / kernel.sum(), (n, 1)), n)


def cell_means(fine: Lattice, coarse: Lattice) -> Matrix:
    """Means over coarse cells of the continuous field whose means over fine cells are known: (coarse, fine).

    The same at scale 2 and 2.001: with a mean of pixels that are cut, nested scales would be problems of their own.
    """
    return continuous_weights(fine.seen_from(coarse), coarse.count)


def noisy(y: Tensor, share: float, rng: np.random.Generator) -> Tensor:
    """White noise of `share` of each window's standard deviation, drawn on the tensor's own device, seeded by `rng`."""
    generator = torch.Generator(y.device).manual_seed(int(rng.integers(2**62)))
    noise = torch.randn(y.shape, generator=generator, device=y.device, dtype=y.dtype)
    return y + y.std(dim=(-2, -1), keepdim=True) * share * noise


def both(y: Tensor, rows: Matrix, cols: Matrix) -> Tensor:
    """One matrix along each of the last two axes, in float32."""
    r, c = (torch.from_numpy(m.astype(np.float32)).to(y.device, non_blocking=True) for m in (rows, cols))
    return r @ y @ c.T


def degraded(y: Tensor, operator: tuple[Matrix, Matrix], rng: np.random.Generator) -> Tensor:
    """A second-order variant of "y through the operator (rows, cols)": blur, noise, light blur, operator, noise.

    y (B, V, h, w), anomalies; operator (H, h) and (W, w).
    """
    sigma = float(rng.uniform(*BLUR_SIGMA))
    z = noisy(both(y, *(blur(n, sigma) for n in y.shape[-2:])), float(rng.uniform(0, NOISE)), rng)
    sigma = float(rng.uniform(*SECOND_BLUR))
    matrices = [m @ blur(m.shape[1], sigma) for m in operator]
    return noisy(both(z, *matrices), float(rng.uniform(0, SECOND_NOISE)), rng)


def bicubic_downscale(fine: Lattice, coarse: Lattice) -> Matrix:
    """Antialiased bicubic, the degradation of the published methods: (coarse, fine), for scales of 1 and more.

    The cubic kernel widened by the scale, as in MATLAB's imresize, but on any axes.
    """
    w = keys_kernel(fine.seen_from(coarse).centres[None, :] - np.arange(coarse.count)[:, None])
    total = w.sum(axis=1, keepdims=True)
    return w / np.where(np.abs(total) > 1e-6, total, 1.0)
