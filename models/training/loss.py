"""What training makes small: error in units of what the regression leaves, against the truth and a teacher's word."""

from __future__ import annotations

import torch
from torch import Tensor

from models.baselines.published import Published
from models.downscaler import Downscaler
from models.training.batches import Batch
from models.training.metrics import charbonnier

GRADIENT_WEIGHT = 0.1
FAR_OFF = 3.0  # sigmas, root mean square of a window


def loss_of(model: Downscaler | Published, batch: Batch, teacher: Downscaler | None = None) -> Tensor:
    """Charbonnier on error over sigma, plus a small term on its gradient, over the variables that are present.

    Sigma is that of what the regression leaves. Published methods: mean absolute error of standardised fields. With a
    teacher the truth is half of it, what the teacher says the other: in its word is no noise that nobody can know.
    """
    forecast = model(batch.x, batch.present, batch.statics, batch.rows, batch.cols, batch.seen)
    stats = model.statistics.variables.values()
    weight = batch.present / batch.present.sum().clamp(min=1)
    if isinstance(model, Published):
        unit = torch.tensor([s.spread for s in stats], device=forecast.device).view(1, -1, 1, 1)
        return (((forecast - batch.target) / unit).abs().mean(dim=(2, 3)) * weight).sum()
    scale = (batch.rows.scale * batch.cols.scale) ** 0.5
    sigma = torch.tensor([s.sigma(batch.seen, scale) for s in stats], device=forecast.device)
    unit = sigma.view(1, -1, 1, 1) * model.left(batch.statics)
    labels = [batch.target]
    if teacher is not None:
        with torch.no_grad():
            labels.append(teacher(batch.x, batch.present, batch.statics, batch.rows, batch.cols, batch.seen))
    losses = [(_charbonnier_loss(bounded((forecast - label) / unit)) * weight).sum() for label in labels]
    return torch.stack(losses).mean()


def _charbonnier_loss(error: Tensor) -> Tensor:
    """Of errors in sigmas (B, V, Qy, Qx), by variable: (B, V)."""
    total = charbonnier(error).mean(dim=(2, 3))
    for dim in (2, 3):
        total = total + GRADIENT_WEIGHT * charbonnier(error.diff(dim=dim)).mean(dim=(2, 3))
    return total


def bounded(error: Tensor) -> Tensor:
    """Errors (B, V, Qy, Qx) in sigmas, so that no window counts for more than one whose error is FAR_OFF.

    Blurred pressure on a mountain is thirty sigmas off, and nobody could do better: it would drown all else in a step.
    """
    size = error.detach().square().mean(dim=(2, 3), keepdim=True).sqrt()
    return error / (size / FAR_OFF).clamp(min=1)
