"""Both branches at queries that lie alike in every cell, as at every rational scale: matrix products, cell by cell.

What a query sees of its cell's 3x3 neighbours are sums whose weights depend on its offset alone (linear), or on its
offset and its cell (attention). Of all queries of a cell at once both are products of small matrices, and nothing is
worked out for one query that is the same for all of a cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.geometry import Axis, with_margin
from models.inr.decoder import (
    LOGIT_LIMIT,
    OFFSET_BASIS,
    AttentionFusion,
    CoordinateLinearBranch,
    NeighbourhoodNonlinearBranch,
    on_grid,
)
from models.inr.queries import Queries

MOST_QUERIES, MOST_KINDS = 16, 4  # a period's queries and cells: x16, x3.5, x2.25 and the like; others are gathered
SAME = 1e-5  # of a cell: offsets that differ by less are one


@dataclass(frozen=True)
class Periods:
    """An axis whose queries repeat themselves every few cells: whole periods of them, a little more than is asked for.

    first: cell with which they begin. periods of `cells` cells and `queries` queries. kinds: of each cell of a period,
    its queries among the period's, and their offsets. before: queries that come before the first one asked for.
    """

    first: int
    periods: int
    cells: int
    queries: int
    kinds: list[tuple[slice, np.ndarray]]
    before: int
    length: int
    width: float

    @property
    def last(self) -> int:
        """The last cell."""
        return self.first + self.periods * self.cells - 1

    @classmethod
    def of(cls, axis: Axis) -> Periods | None:
        """Of an axis; None where it has no short period."""
        cells, offsets = axis.cells, axis.centres - axis.cells
        for p in range(1, min(MOST_QUERIES, len(axis) - 1) + 1):
            steps = cells[p:] - cells[:-p]
            alike = np.abs(offsets[p:] - offsets[:-p]).max() < SAME
            if alike and (steps == steps[0]).all() and 1 <= steps[0] <= MOST_KINDS:
                return cls._whole(axis, p, int(steps[0]))
        return None

    @classmethod
    def _whole(cls, axis: Axis, queries: int, cells: int) -> Periods | None:
        first, last = (int(axis.cells[i]) for i in (0, -1))
        count = (last - first) // cells + 1
        wide = with_margin(axis, 2 * queries)
        inside = np.flatnonzero((wide.cells >= first) & (wide.cells < first + count * cells))
        if len(inside) != count * queries:
            return None
        start = int(inside[0])
        period = wide.part(start, start + queries)
        kinds = []
        for i in range(cells):
            here = np.flatnonzero(period.cells == first + i)
            if not len(here):
                return None
            kinds.append((slice(int(here[0]), int(here[-1]) + 1), (period.centres - period.cells)[here]))
        return cls(first, count, cells, queries, kinds, 2 * queries - start, len(axis), axis.width)


def fused(
    window: Tensor,
    rows: Periods,
    cols: Periods,
    linear: CoordinateLinearBranch | None,
    nonlinear: NeighbourhoodNonlinearBranch | None,
    fusion: AttentionFusion | None,
) -> Tensor:
    """Features (B, h, w, C) of the axes' cells and two around -> both branches as one, (B, Qy, Qx, C)."""
    b, c = window.shape[0], window.shape[-1]
    by_cell = _Linear(linear, window) if linear is not None else None
    asked = _Nonlinear(nonlinear, window) if nonlinear is not None else None
    out = window.new_empty(b, rows.periods, rows.queries, cols.periods, cols.queries, c)
    for i, (some_rows, oy) in enumerate(rows.kinds):
        for j, (some_cols, ox) in enumerate(cols.kinds):
            cells = slice(i, None, rows.cells), slice(j, None, cols.cells)
            parts = []
            if by_cell is not None:
                parts.append(by_cell(cells, oy, ox))
            if asked is not None:
                parts.append(asked(cells, oy, ox, rows.width, cols.width))
            one = _gated(fusion, *parts) if fusion is not None else torch.stack(parts).mean(dim=0)  # (cells, C, K)
            one = one.view(b, rows.periods, cols.periods, c, len(oy), len(ox))
            out[:, :, some_rows, :, some_cols] = one.permute(0, 1, 4, 2, 5, 3)
    whole = out.view(b, rows.periods * rows.queries, cols.periods * cols.queries, c)
    return whole[:, rows.before : rows.before + rows.length, cols.before : cols.before + cols.length]


class _Linear:
    """u(q) of all queries of a cell: what their offsets make of nine values and three derivatives."""

    def __init__(self, branch: CoordinateLinearBranch, window: Tensor) -> None:
        value, *derivatives = on_grid(branch.maps, window).chunk(OFFSET_BASIS, dim=-1)
        h, w = value.shape[1] - 2, value.shape[2] - 2
        around = [value[:, i : i + h, j : j + w] for i in range(3) for j in range(3)]
        self.known = torch.stack([*around, *(d[:, 1:-1, 1:-1] for d in derivatives)], dim=-1)  # (B, h, w, C, 12)

    def __call__(self, cells: tuple[slice, slice], oy: np.ndarray, ox: np.ndarray) -> Tensor:
        """(cells, C, K): of the queries at all pairs of offsets."""
        near = [np.stack([np.maximum(-o, 0), 1 - np.abs(o), np.maximum(o, 0)]) for o in (oy, ox)]
        weights = [np.outer(y, x) for y in near[0] for x in near[1]]
        one = np.ones_like
        weights += [np.outer(oy, one(ox)), np.outer(one(oy), ox), np.outer(oy, ox)]
        basis = torch.from_numpy(np.stack([w.ravel() for w in weights]).astype(np.float32)).to(self.known)
        known = self.known[:, cells[0], cells[1]]
        return (known.flatten(0, -2) @ basis).unflatten(0, (-1, known.shape[-2]))


class _Nonlinear:
    """3x3 attention of all queries of a cell."""

    def __init__(self, branch: NeighbourhoodNonlinearBranch, window: Tensor) -> None:
        self.branch, heads = branch, branch.heads
        split = lambda t: t.unflatten(-1, (heads, -1))  # noqa: E731
        inner = window[:, 1:-1, 1:-1]
        h, w, c = inner.shape[1] - 2, inner.shape[2] - 2, inner.shape[3]
        key, value = split(on_grid(branch.key, inner)), split(on_grid(branch.value, inner))
        query = on_grid(branch.query, inner[:, 1:-1, 1:-1]).unflatten(-1, (3, heads, -1)) * (c // heads) ** -0.5
        near = lambda t: [t[:, i : i + h, j : j + w] for i in range(3) for j in range(3)]  # noqa: E731
        keys = torch.stack(near(key), dim=-2)  # (B, h, w, heads, 9, C / heads)
        self.logits = keys @ query.permute(0, 1, 2, 4, 5, 3)  # (B, h, w, heads, 9, 3)
        self.values = torch.stack(near(value), dim=-1)  # (B, h, w, heads, C / heads, 9)

    def __call__(
        self, cells: tuple[slice, slice], oy: np.ndarray, ox: np.ndarray, height: float, width: float
    ) -> Tensor:
        """(cells, C, K): of the queries at all pairs of offsets."""
        logits, values = (t[:, cells[0], cells[1]].flatten(0, 2) for t in (self.logits, self.values))
        n, heads = logits.shape[:2]
        at = lambda o, size: Queries(np.zeros(len(o), np.int64), o, size)  # noqa: E731
        y = self.branch.table("y", at(oy, height), logits).T.unflatten(0, (9, heads))  # (9, heads, Ky)
        x = self.branch.table("x", at(ox, width), logits).T.unflatten(0, (9, heads))
        table = (y[..., :, None] + x[..., None, :]).flatten(-2).transpose(0, 1)  # (heads, 9, K)
        one = np.ones_like
        basis = np.stack([np.outer(one(oy), one(ox)), np.outer(oy, one(ox)), np.outer(one(oy), ox)]).reshape(3, -1)
        of_offset = torch.from_numpy(basis.astype(np.float32)).to(logits)
        raw = (logits.flatten(0, -2) @ of_offset).view(n, heads, 9, -1) + table
        # a softmax, normalised after the sum; cut so that exp stays finite, which makes logits beyond the limit equal
        attention = raw.clamp_(-LOGIT_LIMIT, LOGIT_LIMIT).exp_()
        out = torch.bmm(values.flatten(0, 1), attention.flatten(0, 1)).view(n, heads, -1, attention.shape[-1])
        return (out / attention.sum(dim=2, keepdim=True)).flatten(1, 2)


def _gated(fusion: AttentionFusion, linear: Tensor, nonlinear: Tensor) -> Tensor:
    """`AttentionFusion` of (cells, C, K) twice."""
    bias = fusion.from_linear.bias
    assert bias is not None
    gate = torch.matmul(fusion.from_linear.weight, linear) + torch.matmul(fusion.from_nonlinear.weight, nonlinear)
    gate = (gate + bias[:, None]).sigmoid_()[:, :, None]  # (cells, heads, 1, K)
    a, b = (t.unflatten(1, (fusion.heads, -1)) for t in (linear, nonlinear))
    return torch.addcmul(b, gate, a - b).flatten(1, 2)
