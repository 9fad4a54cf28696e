"""Continuous decoder: features at any coordinate, from coordinate-linear and neighbourhood-nonlinear branches.

Queries form a grid. Whatever depends on the input cell alone is worked out on the input grid, whatever depends on one
axis at (Qy, W), and only sums, a softmax and products are left at (Qy, Qx). Arrays are (B, H, W, C) throughout.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.inr.queries import Queries
from models.statics import FINE_MARGIN

HEAD_REACH = 2  # query cells that the target-resolution head sees on each side
TERRAIN_DILATION = FINE_MARGIN - HEAD_REACH - 1
LOGIT_LIMIT = 30.0
OFFSET_BASIS = 4  # value, derivative in y, in x, and mixed


def on_grid(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """A convolution of (B, H, W, C), which is what torch calls channels_last; one of 1x1 is a matrix product."""
    if conv.kernel_size == (1, 1):
        return F.linear(x, conv.weight[:, :, 0, 0], conv.bias)
    out: Tensor = conv(x.permute(0, 3, 1, 2))
    return out.permute(0, 2, 3, 1)


def per_channel(weights: Tensor, channels: int) -> Tensor:
    """One weight a head, (..., heads) -> (..., heads, channels), for all channels of the head.

    A CPU works through what lies innermost and is laid out alike in all operands: of a broadcast weight the channels of
    one head. Written out it is a row, which is twice as fast.
    """
    wide = weights[..., None].expand(*weights.shape, channels)
    return wide.contiguous() if weights.device.type == "cpu" else wide


class CoordinateLinearBranch(nn.Module):
    """Bilinear features plus learned derivatives times the offset: what changes linearly inside a cell.

    u(q) = bilinear(V) + oy * Dy + ox * Dx + oy * ox * Dxy, where oy, ox is the offset from the cell's centre. At x2 the
    four terms span what a pixel shuffle can say; at other scales they go on meaning the same.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.maps = nn.Conv2d(channels, OFFSET_BASIS * channels, 3)

    def at_rows(self, features: Tensor, rows: Queries) -> tuple[Tensor, ...]:
        """Features (B, H + 2, W + 2, C), one cell more than the queries' own padding -> three of (B, Qy, W, C)."""
        value, dy, dx, dxy = on_grid(self.maps, features).chunk(OFFSET_BASIS, dim=-1)
        here, pair = rows.offset_along(1, value), rows.pair()
        between = torch.lerp(pair.take(value, 1), pair.take(value, 1, 1), pair.offset_along(1, value))
        return between, rows.take(dy, 1) * here, torch.addcmul(rows.take(dx, 1), rows.take(dxy, 1), here)

    def forward(self, by_row: tuple[Tensor, ...], cols: Queries) -> Tensor:
        """What `at_rows` made -> (B, Qy, Qx, C)."""
        between, constant, slope = by_row
        pair, here = cols.pair(), cols.offset_along(2, slope)
        out = torch.lerp(pair.take(between, 2), pair.take(between, 2, 1), pair.offset_along(2, slope))
        return (out + cols.take(constant, 2)).addcmul_(cols.take(slope, 2), here)


class NeighbourhoodNonlinearBranch(nn.Module):
    """3x3 attention around the query: its centre cell, its offset and its size ask, the neighbours answer.

    The logit of neighbour n is (q + oy * qy + ox * qx) . k_n + r_n(oy, wy) + s_n(ox, wx): the question changes linearly
    inside a cell, and what a neighbour's relative position is worth is a table an axis.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Conv2d(channels, 3 * channels, 1)
        self.key, self.value = nn.Conv2d(channels, channels, 1), nn.Conv2d(channels, channels, 1)
        self.position = nn.ModuleDict({axis: PositionTable(9 * heads) for axis in ("y", "x")})

    def at_rows(self, features: Tensor, rows: Queries) -> tuple[Tensor, ...]:
        """Features (B, H + 2, W + 2, C), one cell more than the queries' own padding -> five at (B, Qy, W)."""
        h, w, c = features.shape[1:]
        split = lambda t: t.unflatten(-1, (self.heads, -1))  # noqa: E731
        key, value = split(on_grid(self.key, features)), on_grid(self.value, features)
        query = on_grid(self.query, features[:, 1:-1, 1:-1]).unflatten(-1, (3, self.heads, -1))
        query = query * (c // self.heads) ** -0.5
        logits = [(query * key[:, i : h - 2 + i, j : w - 2 + j, None]).sum(dim=-1) for i in range(3) for j in range(3)]
        constant, dy, dx = torch.stack(logits, dim=-2).flatten(-2).unbind(dim=3)  # each (B, H, W, 9 * heads)
        here = rows.offset_along(1, constant)
        asked = torch.addcmul(rows.take(constant, 1), rows.take(dy, 1), here) + self.table("y", rows, features)[:, None]
        around = [rows.take(value[:, i : h - 2 + i], 1) for i in range(3)]
        return asked, rows.take(dx, 1), *around

    def forward(self, by_row: tuple[Tensor, ...], cols: Queries) -> Tensor:
        """What `at_rows` made -> (B, Qy, Qx, C)."""
        asked, slope, *around = by_row
        logits = torch.addcmul(cols.take(asked, 2), cols.take(slope, 2), cols.offset_along(2, asked))
        logits = logits + self.table("x", cols, asked)
        # a softmax, normalised after the sum; cut so that exp stays finite, which makes logits beyond the limit equal
        attention = logits.clamp(-LOGIT_LIMIT, LOGIT_LIMIT).exp().unflatten(-1, (9, self.heads))
        channels = around[0].shape[-1] // self.heads
        out: Tensor | None = None
        for n in range(9):
            # `around` has one column more on each side than what the queries are counted on
            seen = cols.take(around[n // 3], 2, n % 3).unflatten(-1, (self.heads, -1))
            weights = per_channel(attention[..., n, :], channels)
            out = seen * weights if out is None else torch.addcmul(out, seen, weights)
        assert out is not None
        return (out / per_channel(attention.sum(dim=-2), channels)).flatten(-2)

    def table(self, axis: str, queries: Queries, like: Tensor) -> Tensor:
        """What each neighbour's relative position is worth along an axis, y or x, (Q, 9 * heads)."""
        table: Tensor = self.position[axis](queries, like)
        return table.unflatten(-1, (self.heads, 9)).transpose(-1, -2).flatten(-2)


class PositionTable(nn.Module):
    """Embedding of (offset, cell width) along one axis."""

    def __init__(self, channels: int, hidden: int = 32) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(2, hidden), nn.GELU(), nn.Linear(hidden, channels))

    def forward(self, queries: Queries, like: Tensor) -> Tensor:
        """(Q, channels)."""
        offset = queries.offset_along(0, like).view(-1)
        table: Tensor = self.mlp(torch.stack([offset, torch.full_like(offset, queries.width)], dim=-1))
        return table


class AttentionFusion(nn.Module):
    """Two-way gate: each group of channels chooses between the linear and the nonlinear branch.

    A softmax over two scores is a sigmoid of their difference, which is what is learned.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.from_linear = nn.Linear(channels, heads)
        self.from_nonlinear = nn.Linear(channels, heads, bias=False)

    def forward(self, linear: Tensor, nonlinear: Tensor) -> Tensor:
        """(B, Qy, Qx, C) twice -> (B, Qy, Qx, C)."""
        gate = torch.sigmoid(self.from_linear(linear) + self.from_nonlinear(nonlinear))
        a, b = linear.unflatten(-1, (self.heads, -1)), nonlinear.unflatten(-1, (self.heads, -1))
        return torch.addcmul(b, per_channel(gate, a.shape[-1]), a - b).flatten(-2)


class TerrainBranch(nn.Module):
    """Two 3x3 convolutions over the statics at the target resolution: slope and exposure, not height alone."""

    def __init__(self, statics: int, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(statics, channels, 3)
        self.conv2 = nn.Conv2d(channels, channels, 3, dilation=TERRAIN_DILATION)

    def forward(self, fine: Tensor) -> Tensor:
        """Fine (B, statics, Qy + 2 * FINE_MARGIN, ...) -> (B, channels, Qy + 2 * HEAD_REACH, ...)."""
        return F.gelu(self.conv2(F.gelu(self.conv1(fine))))
