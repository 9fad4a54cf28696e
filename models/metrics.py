"""Error measures on tensors."""

from __future__ import annotations

import torch
from torch import Tensor


def rmse(forecast: Tensor, truth: Tensor) -> Tensor:
    """Root mean squared error over the last two axes and the batch: (B, V, H, W) twice -> (V,)."""
    return ((forecast - truth) ** 2).mean(dim=(0, 2, 3)).sqrt()


def charbonnier(error: Tensor, epsilon: float = 1e-3) -> Tensor:
    """Smooth absolute error, sqrt(e^2 + epsilon^2), elementwise (Charbonnier et al. 1994)."""
    return torch.sqrt(error**2 + epsilon**2)
