"""Continuous decoder: the value at any coordinate from coordinate-linear and neighbourhood-nonlinear features.

Queries form a grid, so that everything that depends on the offset alone is a table per axis, everything that depends
on one axis is worked out at (Qy, W) or (H, Qx), and what is left at (Qy, Qx) are gathers, a softmax and sums.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.geometry import Axis
from models.statics import FINE_MARGIN


@dataclass(frozen=True)
class Lookup:
    """One axis of queries on n input cells: which cells each sees, and where it lies in its own."""

    nearest: Tensor  # (3, Q) int64: the cell before, the cell that holds the query, the cell after; edges repeated
    pair: Tensor  # (2, Q) int64: the two cells whose centres are around the query
    fraction: Tensor  # (Q,) of the way from the first of the pair to the second
    offset: Tensor  # (Q,) from the centre of the cell that holds it, in input cells
    width: float

    @classmethod
    def of(cls, axis: Axis, n: int, device: torch.device) -> Lookup:
        """For an axis of input cells 0..n-1."""
        whole = lambda i: torch.from_numpy(np.clip(i, 0, n - 1)).to(device)  # noqa: E731
        real = lambda v: torch.from_numpy(v.astype(np.float32)).to(device)  # noqa: E731
        nearest, low = axis.nearest(n), np.floor(axis.centres).astype(np.int64)
        return cls(
            whole(nearest + np.array([-1, 0, 1])[:, None]),
            whole(low + np.array([0, 1])[:, None]),
            real(axis.centres - low),
            real(axis.centres - nearest),
            axis.width,
        )


class CoordinateLinearBranch(nn.Module):
    """Bilinear features plus a learned derivative times the offset: what changes linearly inside a cell."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.value = nn.Conv2d(channels, channels, 1)
        self.derivative = nn.Conv2d(channels, 2 * channels, 1)

    def forward(self, features: Tensor, rows: Lookup, cols: Lookup) -> Tensor:
        """Features (B, C, H, W) -> (B, C, Qy, Qx)."""
        value = self.value(features).contiguous()
        dy, dx = self.derivative(features).contiguous().chunk(2, dim=1)
        fy, fx = rows.fraction.view(-1, 1).to(value.dtype), cols.fraction.to(value.dtype)
        oy, ox = rows.offset.view(-1, 1).to(value.dtype), cols.offset.to(value.dtype)
        a, b = (value.index_select(-2, r) for r in rows.pair)
        between_rows = a + (b - a) * fy
        by_row = dy.index_select(-2, rows.nearest[1]) * oy
        by_col = dx.index_select(-1, cols.nearest[1]) * ox
        c, d = (between_rows.index_select(-1, c) for c in cols.pair)
        bilinear = torch.addcmul(c, d - c, fx)
        out: Tensor = bilinear + by_row.index_select(-1, cols.nearest[1]) + by_col.index_select(-2, rows.nearest[1])
        return out


class PositionTable(nn.Module):
    """Embedding of (offset, cell width) along one axis: (Q,) offsets -> (C, Q)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(2, channels), nn.GELU(), nn.Linear(channels, channels))

    def forward(self, offset: Tensor, width: float) -> Tensor:
        """Offset (Q,) in input cells and the query cell's width -> (C, Q)."""
        table: Tensor = self.mlp(torch.stack([offset, torch.full_like(offset, width)], dim=-1))
        return table.T


def _shifted(x: Tensor, dim: int) -> list[Tensor]:
    """X moved so that each place holds its neighbour before, itself, its neighbour after; edges repeated."""
    n = x.shape[dim]
    first, last = x.narrow(dim, 0, 1), x.narrow(dim, n - 1, 1)
    return [
        torch.cat([first, x.narrow(dim, 0, n - 1)], dim),
        x,
        torch.cat([x.narrow(dim, 1, n - 1), last], dim),
    ]


class NeighbourhoodNonlinearBranch(nn.Module):
    """3x3 attention around the query: its centre cell, its offset and its size ask, the neighbours answer.

    The logit of neighbour n is (q + p(offset)) . (k_n + r(offset - n)), with position tables p and r separable into
    rows and columns, without the terms that mix a row's offset with a column's. All products are therefore worked out
    at (H, W), (Qy, W) or (H, Qx), never at (Qy, Qx).
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Conv2d(channels, channels, 1) for _ in range(3))
        self.tables = nn.ModuleDict(
            {name: PositionTable(channels) for name in ("query_y", "query_x", "key_y", "key_x")}
        )

    def _along(self, query: Tensor, key: Tensor, at: Lookup, dim: int, axis: str) -> Tensor:
        """Products with one axis's offsets, for the nine neighbours: (B, heads, 9, ...) at its queries."""
        h = self.heads
        split = lambda t: t.unflatten(1, (h, -1))  # noqa: E731
        place = lambda t: split(t[None])[..., None] if dim == -2 else split(t[None])[..., None, :]  # noqa: E731
        asked = place(self.tables[f"query_{axis}"](at.offset, at.width))
        own = split(query.index_select(dim, at.nearest[1])) + asked
        terms = []
        for step, index in zip((-1, 0, 1), at.nearest, strict=True):
            relative = place(self.tables[f"key_{axis}"](at.offset - step, at.width))
            position = (own * relative).sum(dim=2)
            content = (split(key.index_select(dim, index)) * asked).sum(dim=2)
            # the neighbour's column (row) moves with the other axis's step
            terms.append(torch.stack([position + c for c in _shifted(content, -3 - dim)], dim=2))
        stacked = torch.stack(terms, dim=2) if dim == -2 else torch.stack(terms, dim=3)
        return stacked.flatten(2, 3)

    def forward(self, features: Tensor, rows: Lookup, cols: Lookup) -> Tensor:
        """Features (B, C, H, W) -> (B, C, Qy, Qx)."""
        c, h = features.shape[1], self.heads
        query = self.query(features).contiguous() * (c // h) ** -0.5
        key, value = self.key(features).contiguous(), self.value(features).contiguous()
        split = lambda t: t.unflatten(1, (h, -1))  # noqa: E731
        neighbours = [k for by_row in _shifted(key, -2) for k in _shifted(by_row, -1)]
        content = torch.stack([(split(query) * split(k)).sum(dim=2) for k in neighbours], dim=2)
        by_row = content.index_select(-2, rows.nearest[1]) + self._along(query, key, rows, -2, "y")
        by_col = self._along(query, key, cols, -1, "x")
        logits = by_row.index_select(-1, cols.nearest[1]) + by_col.index_select(-2, rows.nearest[1])
        attention = logits.softmax(dim=2)
        out: Tensor | None = None
        at_cols = [value.index_select(-1, index) for index in cols.nearest]
        for n in range(9):
            seen = split(at_cols[n % 3].index_select(-2, rows.nearest[n // 3]))
            weight = attention[:, :, n, None]
            out = seen * weight if out is None else torch.addcmul(out, seen, weight)
        assert out is not None
        return out.flatten(1, 2)


class AttentionFusion(nn.Module):
    """Two-way gate: each group of channels chooses between the linear and the nonlinear branch.

    A softmax over two scores is a sigmoid of their difference, which is what is learned.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.from_linear = nn.Conv2d(channels, heads, 1)
        self.from_nonlinear = nn.Conv2d(channels, heads, 1, bias=False)

    def forward(self, linear: Tensor, nonlinear: Tensor) -> Tensor:
        """(B, C, Qy, Qx) twice -> (B, C, Qy, Qx)."""
        gate = torch.sigmoid(self.from_linear(linear) + self.from_nonlinear(nonlinear))[:, :, None]
        a, b = linear.unflatten(1, (self.heads, -1)), nonlinear.unflatten(1, (self.heads, -1))
        return torch.addcmul(b, gate, a - b).flatten(1, 2)


class TerrainBranch(nn.Module):
    """Two 3x3 convolutions over the statics at the target resolution: slope and exposure, not height alone."""

    def __init__(self, statics: int, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(statics, channels, 3)
        self.conv2 = nn.Conv2d(channels, channels, 3, dilation=FINE_MARGIN - 1)

    def forward(self, fine: Tensor) -> Tensor:
        """Fine (B, statics, Qy + 2 * FINE_MARGIN, Qx + 2 * FINE_MARGIN) -> (B, channels, Qy, Qx)."""
        return F.gelu(self.conv2(F.gelu(self.conv1(fine))))
