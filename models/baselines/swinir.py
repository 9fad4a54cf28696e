"""SwinIR, the lightweight one: residual groups of shifted-window attention, then a pixel shuffle by a fixed factor.

Liang et al. (2021), SwinIR: Image Restoration Using Swin Transformer, doi:10.1109/ICCVW54120.2021.00210,
arXiv:2108.10257. Windows are counted from the input's first row and column: unlike the convolutional methods, a tile
equals the whole only if its first row and column are multiples of the window. Stochastic depth is left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from models.baselines.edsr import lattice, reconstruct
from models.geometry import Axis
from models.operator import Seen


def to_windows(x: Tensor, window: int) -> Tensor:
    """(B, H, W, C) -> (B, windows, window * window, C)."""
    b, h, w, c = x.shape
    x = x.reshape(b, h // window, window, w // window, window, c)
    return x.transpose(2, 3).reshape(b, -1, window * window, c)


def from_windows(x: Tensor, window: int, height: int, width: int) -> Tensor:
    """(B, windows, window * window, C) -> (B, H, W, C)."""
    b, c = x.shape[0], x.shape[-1]
    x = x.reshape(b, height // window, width // window, window, window, c)
    return x.transpose(2, 3).reshape(b, height, width, c)


def seam_mask(height: int, width: int, window: int, shift: int) -> Tensor:
    """Which pairs must not see each other after a cyclic shift, (windows, 1, window**2, window**2) bool.

    The shift brings the first rows behind the last ones: in one window, but not neighbours.
    """
    sides = [torch.arange(n) >= n - shift for n in (height, width)]
    side = (2 * sides[0][:, None] + 1 * sides[1])[None, :, :, None]
    labels = to_windows(side, window)[0, :, :, 0]
    return (labels[:, :, None] != labels[:, None, :])[:, None]


class WindowAttention(nn.Module):
    """Multi-head self-attention inside windows, with a learned bias for each relative position."""

    relative: Tensor

    def __init__(self, channels: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads = heads
        self.scale = (channels // heads) ** -0.5
        self.bias = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        self.qkv = nn.Linear(channels, 3 * channels)
        self.project = nn.Linear(channels, channels)
        nn.init.trunc_normal_(self.bias, std=0.02)
        y, x = (i.flatten() for i in torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij"))
        dy, dx = y[:, None] - y + window - 1, x[:, None] - x + window - 1
        self.register_buffer("relative", dy * (2 * window - 1) + dx, persistent=False)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """X (B, windows, N, C), mask as of `seam_mask` -> (B, windows, N, C)."""
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(3, 0, 1, 4, 2, 5)
        logits = (q * self.scale) @ k.transpose(-2, -1) + self.bias[self.relative].permute(2, 0, 1)
        if mask is not None:
            logits = logits.masked_fill(mask, float("-inf"))
        out: Tensor = self.project((logits.softmax(dim=-1) @ v).transpose(2, 3).flatten(3))
        return out


class SwinLayer(nn.Module):
    """Attention in windows shifted by `shift`, then a two-layer perceptron; both normalised before, residual."""

    def __init__(self, channels: int, heads: int, window: int, shift: int, mlp_ratio: float) -> None:
        super().__init__()
        self.window, self.shift = window, shift
        self.norm1 = nn.LayerNorm(channels)
        self.attention = WindowAttention(channels, heads, window)
        self.norm2 = nn.LayerNorm(channels)
        hidden = int(channels * mlp_ratio)
        self.mlp = nn.Sequential(nn.Linear(channels, hidden), nn.GELU(), nn.Linear(hidden, channels))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """X (B, H, W, C) with H and W multiples of the window, mask for shifted windows -> (B, H, W, C)."""
        height, width = x.shape[1:3]
        y = self.norm1(x)
        if self.shift:
            y = y.roll((-self.shift, -self.shift), dims=(1, 2))
        y = self.attention(to_windows(y, self.window), mask if self.shift else None)
        y = from_windows(y, self.window, height, width)
        if self.shift:
            y = y.roll((self.shift, self.shift), dims=(1, 2))
        x = x + y
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


def convolve(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """A convolution of x (B, H, W, C)."""
    out: Tensor = conv(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    return out


class ResidualSwinGroup(nn.Module):
    """Layers with windows shifted every other time, a 3x3 convolution, and a skip around all of it."""

    def __init__(self, channels: int, depth: int, heads: int, window: int, mlp_ratio: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            SwinLayer(channels, heads, window, window // 2 if i % 2 else 0, mlp_ratio) for i in range(depth)
        )
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, H, W, C)."""
        y = x
        for layer in self.layers:
            y = layer(y, mask)
        return x + convolve(self.conv, y)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)


class SwinIR(nn.Module):
    """Convolution, groups of window attention, convolution, one-step pixel shuffle ("pixelshuffledirect")."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        statics: int = 0,
        *,
        ratio: int = 2,
        channels: int = 60,
        depths: Sequence[int] = (6, 6, 6, 6),
        heads: int = 6,
        window: int = 8,
        mlp_ratio: float = 2.0,
    ) -> None:
        super().__init__()
        if ratio < 2:
            raise ValueError(f"SwinIR upsamples by 2 or more, not by {ratio}")
        self.ratio, self.window, self.depths = ratio, window, tuple(depths)
        self.head = nn.Conv2d(inputs, channels, 3, padding=1)
        self.norm_in = nn.LayerNorm(channels)
        self.groups = nn.ModuleList(ResidualSwinGroup(channels, depth, heads, window, mlp_ratio) for depth in depths)
        self.norm_out = nn.LayerNorm(channels)
        self.tail = nn.Conv2d(channels, channels, 3, padding=1)
        # The paper's upsampler makes the output itself and has no place for statics. With statics it makes features
        # of as many channels as the encoder, and what follows is EDSR's: 3x3 with the statics, ReLU, 3x3.
        upsampled = channels if statics else outputs
        self.upsample = nn.Sequential(nn.Conv2d(channels, upsampled * ratio**2, 3, padding=1), nn.PixelShuffle(ratio))
        self.fuse = nn.Conv2d(channels + statics, channels, 3, padding=1) if statics else None
        self.final = nn.Conv2d(channels, outputs, 3, padding=1) if statics else None
        self.apply(_initialise)

    @property
    def last(self) -> nn.Conv2d:
        """The layer that makes the output."""
        out = self.upsample[0] if self.final is None else self.final
        assert isinstance(out, nn.Conv2d)
        return out

    @property
    def reach(self) -> int:
        """Input cells that one query can see on each side, for the query's worst place in its window.

        Followed back from the output: a convolution sees one cell more, attention sees the windows it touches whole.
        """
        w, found = self.window, 0
        for cell in range(w):
            # tail, upsampler, and the convolutions after it, which see less than one cell
            margin = 3 if self.final is not None else 2
            low, high = cell - margin, cell + margin
            for depth in reversed(self.depths):
                low, high = low - 1, high + 1
                for i in reversed(range(depth)):
                    shift = w // 2 if i % 2 else 0
                    low = (low - shift) // w * w + shift
                    high = (high - shift) // w * w + shift + w - 1
            found = max(found, cell - low + 1, high - cell + 1)  # and the head
        return found

    def encode(self, inputs: Tensor, rows: Axis, cols: Axis, seen: Seen) -> Tensor:
        """Inputs (B, inputs, H, W) -> features (B, C, H, W), reflected at the bottom and right to whole windows.

        As published the padding is cut off after the upsampler, so it stays on the features.
        """
        for dim in (-2, -1):
            n = inputs.shape[dim]
            reflected = np.pad(np.arange(n), (0, -n % self.window), mode="reflect")  # unlike F.pad, more than n - 1 too
            inputs = inputs.index_select(dim, torch.from_numpy(reflected).to(inputs.device))
        shallow = self.head(inputs)
        y = self.norm_in(shallow.permute(0, 2, 3, 1))
        mask = seam_mask(y.shape[1], y.shape[2], self.window, self.window // 2).to(y.device)
        for group in self.groups:
            y = group(y, mask)
        features: Tensor = shallow + self.tail(self.norm_out(y).permute(0, 3, 1, 2))
        return features

    def decode(self, features: Tensor, fine: Tensor, rows: Axis, cols: Axis, seen: Seen) -> Tensor:
        """Features (B, C, H, W), fine (B, statics, Qy + 2 * m, Qx + 2 * m) -> (B, outputs, Qy, Qx) float32."""
        height, width = features.shape[-2:]
        queries = lattice(rows, self.ratio, height), lattice(cols, self.ratio, width)
        return reconstruct(features, fine, queries, self.ratio, self.upsample, self.fuse, self.final)
