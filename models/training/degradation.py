"""How a coarse field is made from a fine one in training: area means, and the second-order degradation of the design.

Blur -> resize -> noise -> light blur -> resize -> light noise, with an area mean as the last resize, so that any
scale, rational or not, ends on the same cells as the clean area mean. No JPEG, no sinc, no upsampling: fields are not
photographs. After Wang et al. 2021 (Real-ESRGAN, arXiv:2107.10833).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from models.cell_means import overlap_weights
from models.geometry import Axis
from models.interpolation import continuous_weights, keys_kernel

BLUR_SIGMA = (0.2, 0.8)  # high-resolution pixels
SECOND_BLUR = (0.1, 0.4)  # lighter
RESIZE = (0.7, 1.0)  # of the high resolution
NOISE, SECOND_NOISE = 0.005, 0.0025  # of each window's standard deviation, at most


def blur(n: int, sigma: float) -> Tensor:
    """Gaussian blur of n pixels along one axis, edges repeated, as a matrix (n, n) whose rows sum to 1."""
    radius = 3
    t = torch.arange(-radius, radius + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (t / sigma) ** 2)
    padded = F.pad(torch.eye(n)[None, None], (0, 0, radius, radius), mode="replicate")
    return F.conv2d(padded, (kernel / kernel.sum()).view(1, 1, -1, 1))[0, 0]


def resize(axis: Axis, rng: np.random.Generator, how: str) -> tuple[Tensor, Axis]:
    """Shrink an axis by a random factor of RESIZE with area, bilinear or bicubic: a matrix (m, n) and the new axis."""
    n = len(axis)
    m = max(int(n * rng.uniform(*RESIZE)), 2)
    new = _stretched(axis, m)
    if how == "area":  # the old cells seen from the new grid
        return torch.from_numpy(overlap_weights(_seen(axis, new), m)).float(), new
    eye = torch.eye(n)[None, None]
    return F.interpolate(eye, (m, n), mode=how, antialias=False, align_corners=False)[0, 0], new


def _stretched(axis: Axis, count: int) -> Axis:
    """`count` cells over the same extent."""
    width = axis.width * len(axis) / count
    low = axis.centres[0] - axis.width / 2
    return Axis(low + (np.arange(count) + 0.5) * width, width)


def _seen(old: Axis, new: Axis) -> Axis:
    """The old cells in units of the new ones."""
    return Axis((old.centres - new.centres[0]) / new.width, old.width / new.width)


def noisy(y: Tensor, share: float, rng: np.random.Generator) -> Tensor:
    """White noise of `share` of each window's standard deviation, drawn on the tensor's own device, seeded by `rng`."""
    generator = torch.Generator(y.device).manual_seed(int(rng.integers(2**62)))
    noise = torch.randn(y.shape, generator=generator, device=y.device, dtype=y.dtype)
    return y + y.std(dim=(-2, -1), keepdim=True) * share * noise


def degrade(
    y: Tensor, rows: Axis, cols: Axis, height: int, width: int, rng: np.random.Generator, clean: float = 0.5
) -> Tensor:
    """Fine fields (B, V, len(rows), len(cols)) -> coarse (B, V, height, width); clean with probability `clean`."""
    if rng.random() < clean:
        return cell_means(y, rows, cols, height, width)
    mean = y.mean(dim=(-2, -1), keepdim=True)  # anomalies: pascals in float32 lose a digit in a product
    # blur and resize are linear along each axis: one matrix before the noise, one after it
    sigma, axes = float(rng.uniform(*BLUR_SIGMA)), [rows, cols]
    first = [blur(len(axis), sigma) for axis in axes]
    if rows.scale > 1 / RESIZE[0] and cols.scale > 1 / RESIZE[0]:  # else the resize would be the coarser of the two
        how = ("area", "bilinear", "bicubic")[int(rng.integers(3))]
        for i in range(2):
            matrix, axes[i] = resize(axes[i], rng, how)
            first[i] = matrix @ first[i]
    z = noisy(_both(y - mean, first), float(rng.uniform(0, NOISE)), rng)
    sigma = float(rng.uniform(*SECOND_BLUR))
    second = [
        torch.from_numpy(continuous_weights(axis, n)).float() @ blur(len(axis), sigma)
        for axis, n in zip(axes, (height, width), strict=True)
    ]
    return noisy(_both(z, second), float(rng.uniform(0, SECOND_NOISE)), rng) + mean


def cell_means(y: Tensor, rows: Axis, cols: Axis, height: int, width: int) -> Tensor:
    """The clean degradation: means over the input cells of the continuous field, shapes as in `degrade`.

    The same at scale 2 and 2.001: with a mean of pixels that are cut, nested scales would be problems of their own.
    """
    mean = y.mean(dim=(-2, -1), keepdim=True)
    weights = [torch.from_numpy(continuous_weights(a, n)).float() for a, n in ((rows, height), (cols, width))]
    return _both(y - mean, weights) + mean


def _both(y: Tensor, matrices: list[Tensor]) -> Tensor:
    rows, cols = (m.to(y.device) for m in matrices)
    return rows @ y @ cols.T


def bicubic_downscale(y: Tensor, rows: Axis, cols: Axis, height: int, width: int) -> Tensor:
    """Antialiased bicubic, the degradation of the published methods; as `degrade`, for scales of 1 and more.

    The cubic kernel widened by the scale, as in MATLAB's imresize, but on any axes.
    """

    def weights(axis: Axis, count: int) -> Tensor:
        w = keys_kernel(axis.centres[None, :] - np.arange(count)[:, None])
        total = w.sum(axis=1, keepdims=True)
        return torch.from_numpy(w / np.where(np.abs(total) > 1e-6, total, 1.0)).to(y)

    mean = y.mean(dim=(-2, -1), keepdim=True)
    return weights(rows, height) @ (y - mean) @ weights(cols, width).T + mean
