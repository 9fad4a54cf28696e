"""How a coarse field is made from a fine one in training: area means, half of them blurred and with noise first.

First version of the design's model: clean area mean, or Gaussian blur -> area mean -> noise. The second order (a
second blur and a resize in between) is not here yet.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from models.geometry import Axis
from models.interpolation import area_mean

BLUR_SIGMA = (0.2, 0.8)  # high-resolution pixels
NOISE = 0.005  # of each window's standard deviation, at most


def blur(y: Tensor, sigma: float) -> Tensor:
    """Gaussian blur, edges repeated; keeps the mean inside. (B, V, H, W) -> (B, V, H, W)."""
    radius = 3
    t = torch.arange(-radius, radius + 1, dtype=y.dtype, device=y.device)
    kernel = torch.exp(-0.5 * (t / sigma) ** 2)
    kernel = kernel / kernel.sum()
    b, v, h, w = y.shape
    flat = F.pad(y.reshape(b * v, 1, h, w), (radius,) * 4, mode="replicate")
    flat = F.conv2d(F.conv2d(flat, kernel.view(1, 1, -1, 1)), kernel.view(1, 1, 1, -1))
    return flat.view(b, v, h, w)


def degrade(
    y: Tensor, rows: Axis, cols: Axis, height: int, width: int, rng: np.random.Generator, clean: float = 0.5
) -> Tensor:
    """Fine fields (B, V, len(rows), len(cols)) -> coarse (B, V, height, width); clean with probability `clean`."""
    if rng.random() < clean:
        return area_mean(y, rows, cols, height, width)
    mean = y.mean(dim=(-2, -1), keepdim=True)  # anomalies: pascals in float32 lose a digit in a convolution
    coarse = area_mean(blur(y - mean, float(rng.uniform(*BLUR_SIGMA))), rows, cols, height, width)
    amplitude = coarse.std(dim=(-2, -1), keepdim=True) * float(rng.uniform(0, NOISE))
    noise = torch.from_numpy(rng.standard_normal(coarse.shape, dtype=np.float32)).to(coarse)
    return coarse + amplitude * noise + mean
