"""Error measures on tensors."""

from __future__ import annotations

import torch
from torch import Tensor


def rmse(forecast: Tensor, truth: Tensor) -> Tensor:
    """Root mean squared error over the last two axes and the batch: (B, V, H, W) twice -> (V,)."""
    return ((forecast - truth) ** 2).mean(dim=(0, 2, 3)).sqrt()


def charbonnier(error: Tensor, epsilon: float = 0.5) -> Tensor:
    """Smooth absolute error, sqrt(e^2 + epsilon^2), elementwise.

    Charbonnier et al. 1994, doi:10.1109/ICIP.1994.413553.
    e is in residual sigmas. Quadratic up to about half a sigma: with a small epsilon calm seas, where errors are tiny
    and many, pull as hard as mountains do, and wind learns nothing.
    """
    return torch.sqrt(error**2 + epsilon**2)
