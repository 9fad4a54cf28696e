"""Continuous decoder: the value at any coordinate from coordinate-linear and neighbourhood-nonlinear features.

Queries form a grid, so that everything that depends on the offset alone is a table per axis, and gathers are separable.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.geometry import Axis


def _take(x: Tensor, rows: np.ndarray, cols: np.ndarray) -> Tensor:
    """X (B, C, H, W) at rows x cols -> (B, C, len(rows), len(cols)); indices beyond the edge repeat the edge."""
    r = torch.from_numpy(np.clip(rows, 0, x.shape[-2] - 1)).to(x.device)
    c = torch.from_numpy(np.clip(cols, 0, x.shape[-1] - 1)).to(x.device)
    return x.index_select(-2, r).index_select(-1, c)


def _tensor(values: np.ndarray, like: Tensor) -> Tensor:
    return torch.from_numpy(np.asarray(values, dtype=np.float32)).to(like.device)


class CoordinateLinearBranch(nn.Module):
    """Bilinear features plus a learned derivative times the offset: what changes linearly inside a cell."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.value = nn.Conv2d(channels, channels, 1)
        self.derivative = nn.Conv2d(channels, 2 * channels, 1)

    def forward(self, features: Tensor, rows: Axis, cols: Axis) -> Tensor:
        """Features (B, C, H, W) -> (B, C, Qy, Qx)."""
        value = self.value(features)
        r0, c0 = np.floor(rows.centres).astype(np.int64), np.floor(cols.centres).astype(np.int64)
        fy = _tensor(rows.centres - r0, value).view(-1, 1).to(value.dtype)
        fx = _tensor(cols.centres - c0, value).to(value.dtype)
        top = _take(value, r0, c0) * (1 - fx) + _take(value, r0, c0 + 1) * fx
        bottom = _take(value, r0 + 1, c0) * (1 - fx) + _take(value, r0 + 1, c0 + 1) * fx
        ny, nx = rows.nearest(features.shape[-2]), cols.nearest(features.shape[-1])
        dy, dx = _take(self.derivative(features), ny, nx).chunk(2, dim=1)
        oy = _tensor(rows.centres - ny, value).view(-1, 1).to(value.dtype)
        ox = _tensor(cols.centres - nx, value).to(value.dtype)
        return top * (1 - fy) + bottom * fy + dy * oy + dx * ox


class PositionTable(nn.Module):
    """Embedding of (offset, cell width) along one axis: (Q,) offsets -> (C, Q)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(2, channels), nn.GELU(), nn.Linear(channels, channels))

    def forward(self, offset: Tensor, width: float) -> Tensor:
        """Offset (Q,) in input cells and the query cell's width -> (C, Q)."""
        table: Tensor = self.mlp(torch.stack([offset, torch.full_like(offset, width)], dim=-1))
        return table.T


class NeighbourhoodNonlinearBranch(nn.Module):
    """3x3 attention around the query: the query comes from centre, offset and cell; keys and values from neighbours.

    Position tables are separable: rows and columns each have their own, and they add.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Conv2d(channels, channels, 1) for _ in range(3))
        tables = ("query_y", "query_x", "key_y", "key_x", "value_y", "value_x")
        self.tables = nn.ModuleDict({name: PositionTable(channels) for name in tables})

    def _positions(self, what: str, offsets: tuple[Tensor, Tensor], widths: tuple[float, float]) -> Tensor:
        """(1, C, Qy, Qx) from one table an axis."""
        y = self.tables[f"{what}_y"](offsets[0], widths[0])
        x = self.tables[f"{what}_x"](offsets[1], widths[1])
        return (y[:, :, None] + x[:, None, :])[None]

    def forward(self, features: Tensor, rows: Axis, cols: Axis) -> Tensor:
        """Features (B, C, H, W) -> (B, C, Qy, Qx)."""
        b, c = features.shape[:2]
        ny, nx = rows.nearest(features.shape[-2]), cols.nearest(features.shape[-1])
        oy, ox = _tensor(rows.centres - ny, features), _tensor(cols.centres - nx, features)
        widths = (rows.width, cols.width)
        shape = (b, self.heads, c // self.heads, len(rows), len(cols))
        query = _take(self.query(features), ny, nx) + self._positions("query", (oy, ox), widths)
        query = query.view(shape)
        keys, values = self.key(features), self.value(features)
        neighbours = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
        logits = []
        for dy, dx in neighbours:
            key = _take(keys, ny + dy, nx + dx) + self._positions("key", (oy - dy, ox - dx), widths)
            logits.append((query * key.view(shape)).sum(dim=2))
        attention = (torch.stack(logits) * (c // self.heads) ** -0.5).softmax(dim=0)
        out = torch.zeros_like(query)
        for weight, (dy, dx) in zip(attention, neighbours, strict=True):
            value = _take(values, ny + dy, nx + dx) + self._positions("value", (oy - dy, ox - dx), widths)
            out = out + weight[:, :, None] * value.view(shape)
        return out.view(b, c, len(rows), len(cols))


class AttentionFusion(nn.Module):
    """Two-way gate: each group of channels chooses between the linear and the nonlinear branch."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.score = nn.Conv2d(2 * channels, 2 * heads, 1)

    def forward(self, linear: Tensor, nonlinear: Tensor) -> Tensor:
        """(B, C, Qy, Qx) twice -> (B, C, Qy, Qx)."""
        b, c, h, w = linear.shape
        gate = self.score(torch.cat([linear, nonlinear], dim=1)).view(b, 2, self.heads, 1, h, w).softmax(dim=1)
        grouped = (b, self.heads, c // self.heads, h, w)
        return (gate[:, 0] * linear.view(grouped) + gate[:, 1] * nonlinear.view(grouped)).view(b, c, h, w)


class TerrainBranch(nn.Module):
    """Two 3x3 convolutions over the statics at the target resolution: slope and exposure, not height alone."""

    REACH = 2  # query cells of static fields needed beyond each edge

    def __init__(self, statics: int, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(statics, channels, 3)
        self.conv2 = nn.Conv2d(channels, channels, 3)

    def forward(self, fine: Tensor) -> Tensor:
        """Fine (B, statics, Qy + 4, Qx + 4) -> (B, channels, Qy, Qx)."""
        return F.gelu(self.conv2(F.gelu(self.conv1(fine))))
