"""LTE: as LIIF, with features turned into waves: amplitudes and frequencies of the cell, phases of the query's size.

Lee & Jin (2022), Local Texture Estimator for Implicit Representation Function, doi:10.1109/CVPR52688.2022.00197,
arXiv:2111.08918. Its bilinear skip connection is left to the caller.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from models.baselines.edsr import EDSREncoder, crop, statics_at
from models.baselines.liif import ENSEMBLE_REACH, Neighbours, ensemble, perceptron
from models.geometry import Axis
from models.operator import Seen


class LTE(nn.Module):
    """EDSR encoder, texture estimator, local ensemble. Any scale, also different in y and x."""

    ratio: int | None = None

    def __init__(
        self,
        inputs: int,
        outputs: int,
        statics: int = 0,
        *,
        channels: int = 64,
        blocks: int = 16,
        hidden: int = 256,
        layers: int = 3,
    ) -> None:
        super().__init__()
        self.statics, self.waves = statics, hidden // 2  # each wave has a cosine and a sine, and two frequencies
        self.encoder = EDSREncoder(inputs, channels, blocks)
        self.amplitude = nn.Conv2d(channels, 2 * self.waves, 3, padding=1)
        self.frequency = nn.Conv2d(channels, 2 * self.waves, 3, padding=1)
        self.phase = nn.Linear(2, self.waves, bias=False)
        self.mlp = perceptron(2 * self.waves + statics, hidden, layers)  # not in the paper: the statics at the query
        self.last = nn.Linear(hidden, outputs)

    @property
    def reach(self) -> int:
        """Input cells that one query can see on each side: encoder, estimator, ensemble."""
        return self.encoder.reach + 1 + ENSEMBLE_REACH

    def encode(self, inputs: Tensor, rows: Axis, cols: Axis, seen: Seen) -> Tensor:
        """Inputs (B, inputs, H, W) -> amplitudes and frequencies (B, 4 * waves, H, W)."""
        features = self.encoder(inputs)
        return torch.cat([self.amplitude(features), self.frequency(features)], dim=1)

    def decode(self, features: Tensor, fine: Tensor, rows: Axis, cols: Axis, seen: Seen) -> Tensor:
        """Features of `encode`, fine (B, statics, Qy + 2 * m, Qx + 2 * m) -> (B, outputs, Qy, Qx) float32."""
        at_rows = Neighbours.of(rows, features.shape[-2], features.device)
        at_cols = Neighbours.of(cols, features.shape[-1], features.device)
        phase = self.phase(torch.tensor([at_rows.size, at_cols.size], device=features.device))

        def predict(seen: Tensor, offset: Tensor, statics: Tensor) -> Tensor:
            amplitude, frequency = seen.chunk(2, dim=-1)
            pairs = frequency.unflatten(-1, (self.waves, 2))  # along rows, along columns
            angle = math.pi * ((pairs * offset[..., None, :]).sum(dim=-1) + phase)
            texture = amplitude * torch.cat([angle.cos(), angle.sin()], dim=-1)
            if self.statics:
                texture = torch.cat([texture, statics], dim=-1)
            out: Tensor = self.last(self.mlp(texture))
            return out

        table = crop(features, at_rows.cells, at_cols.cells).flatten(2).transpose(1, 2).contiguous()
        return ensemble(table, statics_at(fine, len(rows), len(cols)), at_rows, at_cols, predict)
