"""EDSR-baseline: plain residual convolutions, then a pixel shuffle by a fixed factor.

Lim et al. (2017), Enhanced Deep Residual Networks for Single Image Super-Resolution, doi:10.1109/CVPRW.2017.151,
arXiv:1707.02921. Its encoder is also that of MetaSR, LIIF and LTE; what networks with a fixed factor share is here too.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.geometry import Axis
from models.operator import Seen

LATTICE_TOLERANCE = 1e-4  # of a query cell
UPSAMPLER_REACH = 2  # input cells that the convolutions of the largest upsampler, x4, can see on each side


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with a ReLU between them, no normalisation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        out: Tensor = x + self.conv2(F.relu(self.conv1(x)))
        return out


class EDSREncoder(nn.Module):
    """3x3 head, residual blocks, 3x3 tail, and a skip from the head's end to the tail's."""

    def __init__(self, inputs: int, channels: int, blocks: int) -> None:
        super().__init__()
        self.head = nn.Conv2d(inputs, channels, 3, padding=1)
        self.blocks = nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))
        self.tail = nn.Conv2d(channels, channels, 3, padding=1)
        self.reach = 2 + 2 * blocks

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, C, H, W)."""
        features = self.head(x)
        out: Tensor = features + self.tail(self.blocks(features))
        return out


def pixel_shuffle(channels: int, ratio: int) -> nn.Sequential:
    """Upsampler (B, C, H, W) -> (B, C, ratio * H, ratio * W); x4 is x2 twice."""
    steps = {2: (2,), 3: (3,), 4: (2, 2)}.get(ratio)
    if steps is None:
        raise ValueError(f"no pixel shuffle upsamples by {ratio}: 2, 3 and 4 are known")
    layers: list[nn.Module] = []
    for step in steps:
        layers += [nn.Conv2d(channels, channels * step**2, 3, padding=1), nn.PixelShuffle(step)]
    return nn.Sequential(*layers)


def lattice(axis: Axis, ratio: int, cells: int) -> range:
    """Which pixels of the upsampled axis the queries are; ValueError if they are not pixels of it."""
    if abs(axis.width * ratio - 1) > LATTICE_TOLERANCE:
        raise ValueError(f"this network upsamples by {ratio} and nothing else, not by {axis.scale:.6g}")
    index = (axis.centres + 0.5) * ratio - 0.5
    first = round(float(index[0]))
    off = float(np.abs(index - first - np.arange(len(index))).max())
    if off > LATTICE_TOLERANCE:
        raise ValueError(f"query centres are {off:.4g} of a query cell off the pixels of the x{ratio} upsampled grid")
    if first < 0 or first + len(index) > cells * ratio:
        end = first + len(index) - 1
        raise ValueError(f"pixels {first} to {end} are not all inside {cells} cells upsampled by {ratio}")
    return range(first, first + len(index))


def around(span: range, context: int, size: int) -> range:
    """The span with `context` more on each side, kept inside 0..size."""
    return range(max(span.start - context, 0), min(span.stop + context, size))


def crop(x: Tensor, rows: range, cols: range, origin: tuple[int, int] = (0, 0)) -> Tensor:
    """Part of x (..., H, W), whose first row and column have the numbers `origin`."""
    top, left = origin
    return x[..., rows.start - top : rows.stop - top, cols.start - left : cols.stop - left]


def statics_at(fine: Tensor, rows: int, cols: int, context: int = 0) -> Tensor:
    """Fine (B, S, rows + 2 * m, cols + 2 * m), m any margin -> (B, S, rows + 2 * context, cols + 2 * context)."""
    if not fine.shape[1]:
        return fine.new_zeros(fine.shape[0], 0, rows + 2 * context, cols + 2 * context)
    top, left = (fine.shape[-2] - rows) // 2 - context, (fine.shape[-1] - cols) // 2 - context
    if top < 0 or left < 0:
        raise ValueError(f"statics {tuple(fine.shape[-2:])} have no margin of {context} around {rows} x {cols} queries")
    return fine[..., top : top + rows + 2 * context, left : left + cols + 2 * context]


def reconstruct(
    features: Tensor,
    fine: Tensor,
    queries: tuple[range, range],
    ratio: int,
    upsample: nn.Module,
    fuse: nn.Conv2d | None,
    last: nn.Conv2d | None,
) -> Tensor:
    """Upsample, blend statics in, last convolution; at the queries' pixels alone: (B, outputs, Qy, Qx) float32.

    features (B, C, H, W); `upsample` (..., H, W) -> (..., ratio * H, ratio * W); `fuse` (C + S -> C) where there are
    statics; `last` (C -> outputs), None where the upsampler's result is the output. Worked out on the queries' cells
    with as much around them as the convolutions see. They pad with zeros: at the field's edge that is the network's
    own padding, elsewhere it spoils only what is cropped off, so that a window is exactly a crop of the whole.
    """
    context = 0 if last is None else 1 if fuse is None else 2
    size = features.shape[-2:]
    pixels = [around(q, context, n * ratio) for q, n in zip(queries, size, strict=True)]
    inside = [range(p.start // ratio, -(-p.stop // ratio)) for p in pixels]
    cells = [around(i, UPSAMPLER_REACH, n) for i, n in zip(inside, size, strict=True)]
    y = upsample(crop(features, cells[0], cells[1]))
    y = crop(y, pixels[0], pixels[1], (cells[0].start * ratio, cells[1].start * ratio))
    if fuse is not None:
        statics = statics_at(fine, len(queries[0]), len(queries[1]), context)
        origin = queries[0].start - context, queries[1].start - context
        y = F.relu(fuse(torch.cat([y, crop(statics, pixels[0], pixels[1], origin)], dim=1)))
    if last is not None:
        y = last(y)
    return crop(y, queries[0], queries[1], (pixels[0].start, pixels[1].start)).float()


class EDSR(nn.Module):
    """Encoder, pixel-shuffle upsampler, 3x3 convolution; with statics one more 3x3 convolution and ReLU before it."""

    def __init__(
        self, inputs: int, outputs: int, statics: int = 0, *, ratio: int = 2, channels: int = 64, blocks: int = 16
    ) -> None:
        super().__init__()
        self.ratio = ratio
        self.encoder = EDSREncoder(inputs, channels, blocks)
        self.upsample = pixel_shuffle(channels, ratio)
        # not in the paper: the plainest way in for fields that exist at the target resolution alone
        self.fuse = nn.Conv2d(channels + statics, channels, 3, padding=1) if statics else None
        self.last = nn.Conv2d(channels, outputs, 3, padding=1)

    @property
    def reach(self) -> int:
        """Input cells that one query can see on each side: encoder, upsampler with what follows it."""
        return self.encoder.reach + UPSAMPLER_REACH

    def encode(self, inputs: Tensor, rows: Axis, cols: Axis, seen: Seen) -> Tensor:
        """Inputs (B, inputs, H, W) -> features (B, C, H, W)."""
        features: Tensor = self.encoder(inputs)
        return features

    def decode(self, features: Tensor, fine: Tensor, rows: Axis, cols: Axis, seen: Seen) -> Tensor:
        """Features (B, C, H, W), fine (B, statics, Qy + 2 * m, Qx + 2 * m) -> (B, outputs, Qy, Qx) float32."""
        height, width = features.shape[-2:]
        queries = lattice(rows, self.ratio, height), lattice(cols, self.ratio, width)
        return reconstruct(features, fine, queries, self.ratio, self.upsample, self.fuse, self.last)
