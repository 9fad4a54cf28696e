"""Scale-modulated encoder: features on the input grid, steered by the scale factor.

Strictly local: every layer sees a fixed neighbourhood, nothing sees the whole input, so that a tile equals the whole.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# input cells that one residual block (two 3x3) and one aggregation (3x3) can see on each side
BLOCK_REACH, AGGREGATION_REACH = 2, 1


class ScaleCode(nn.Module):
    """Learnable code of scale and operator: (1/sy, 1/sx), sin/cos octaves of them, what the values are -> (code,).

    Relative to the input cell, never to the patch's size: a patch and a globe at one scale get one code.
    """

    def __init__(self, octaves: int, code: int, operator: int = 0) -> None:
        super().__init__()
        self.octaves = octaves
        self.mlp = nn.Sequential(nn.Linear(2 + 4 * octaves + operator, code), nn.GELU(), nn.Linear(code, code))

    def forward(self, known: Tensor) -> Tensor:
        """Known (2 + operator,) = 1/sy, 1/sx, and `Seen.code` -> (code,)."""
        cell = known[:2]
        angles = math.pi * cell[:, None] * 2.0 ** torch.arange(self.octaves, device=cell.device)
        features = torch.cat([cell, angles.sin().flatten(), angles.cos().flatten(), known[2:]])
        out: Tensor = self.mlp(features)
        return out


class Modulator(nn.Module):
    """Turns the scale code into one factor a channel, near 1 at the start: x -> x * (1 + gain(code)).

    With a code of length 0 (an ablation) it passes x on as it is.
    """

    def __init__(self, code: int, channels: int) -> None:
        super().__init__()
        self.gain = nn.Linear(code, channels) if code else None
        if self.gain is not None:
            if (
                not self.gain.weight.is_meta
            ):  # of shapes alone nothing is drawn, for which torch would import for a second
                nn.init.normal_(self.gain.weight, std=0.1)
            nn.init.zeros_(self.gain.bias)

    def forward(self, x: Tensor, code: Tensor | None) -> Tensor:
        """X (B, C, H, W), code (code,) -> (B, C, H, W)."""
        return x if self.gain is None else x * self.factors(code).view(1, -1, 1, 1)

    def factors(self, code: Tensor | None) -> Tensor:
        """One a channel, (C,) or, where there is nothing to tell it by, 1."""
        if self.gain is None or code is None:
            return torch.ones(())
        out: Tensor = 1.0 + self.gain(code)
        return out


class ModulatedResidualBlock(nn.Module):
    """Residual block whose input and output the modulator scales."""

    def __init__(self, channels: int, code: int) -> None:
        super().__init__()
        self.before = Modulator(code, channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.after = Modulator(code, channels)
        with torch.no_grad():
            self.conv2.weight.mul_(0.1)  # near identity at the start: no normalisation layers are needed

    def forward(self, x: Tensor, code: Tensor | None) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        y = self.conv2(F.gelu(self.conv1(self.before(x, code))))
        out: Tensor = x + self.after(y, code)
        return out


class DynamicPixelFeatureAggregation(nn.Module):
    """Aggregates each pixel's 3x3 neighbourhood with kernels of its own, made from its features and the scale code."""

    def __init__(self, channels: int, code: int, groups: int) -> None:
        super().__init__()
        self.groups = groups
        self.modulator = Modulator(code, channels)
        self.kernel = nn.Conv2d(channels, 9 * groups, 1)
        self.project = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor, code: Tensor | None) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        h, w = x.shape[-2:]
        # channels first for these: a weight shared by few channels would cut every sum into pieces of their number
        kernels = self.kernel(self.modulator(x, code)).contiguous().unflatten(1, (self.groups, 9)).softmax(dim=2)
        around = F.pad(x.contiguous(), (1,) * 4).unflatten(1, (self.groups, -1))
        aggregated = torch.zeros_like(around[..., :h, :w])
        for n in range(9):  # nine sums: an unfolded copy would be nine times the features
            neighbour = around[..., n // 3 : n // 3 + h, n % 3 : n % 3 + w]
            aggregated = torch.addcmul(aggregated, kernels[:, :, n, None], neighbour)
        aggregated = aggregated.flatten(1, 2).contiguous(memory_format=torch.channels_last)
        out: Tensor = x + self.project(aggregated - x)
        return out


class ScaleModulatedEncoder(nn.Module):
    """3x3 convolution, then residual blocks; every `aggregate_every`-th (0: none) is followed by an aggregation."""

    def __init__(self, inputs: int, channels: int, blocks: int, aggregate_every: int, groups: int, code: int) -> None:
        super().__init__()
        self.head = nn.Conv2d(inputs, channels, 3, padding=1)
        self.blocks = nn.ModuleList()
        self.reach = 2  # head and tail
        for i in range(blocks):
            self.blocks.append(ModulatedResidualBlock(channels, code))
            self.reach += BLOCK_REACH
            if aggregate_every and (i + 1) % aggregate_every == 0:
                self.blocks.append(DynamicPixelFeatureAggregation(channels, code, groups))
                self.reach += AGGREGATION_REACH
        self.tail = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, code: Tensor | None) -> Tensor:
        """X (B, inputs, H, W), code (code,) -> features (B, C, H, W)."""
        features = self.head(x)
        y = features
        for block in self.blocks:
            y = block(y, code)
        out: Tensor = self.tail(y) + features
        return out
