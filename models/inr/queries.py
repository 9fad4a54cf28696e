"""Queries along one axis, and how to read an array of input cells at them.

A rational scale p/q repeats itself every q cells: its queries fall into p phases, each at one offset, on every q-th
cell. Reading a phase is a strided view instead of a gather, and its offset one number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.geometry import Axis

MOST_PHASES = 16  # x16, x15.5 and the like; beyond, gathers are as fast
SAME = 1e-5  # of a cell: offsets that differ by less are one phase


@dataclass(frozen=True)
class Queries:
    """The cell that holds each query, counted from the first cell of an array, and where in it the query lies."""

    cell: np.ndarray  # (Q,) int64
    offset: np.ndarray  # (Q,) from the cell's centre, in cells, -0.5 to 0.5
    width: float  # of a query cell, in input cells
    step: int = 0  # cells from one query to the next where all have one offset, else 0

    @classmethod
    def of(cls, axis: Axis, first: int) -> Queries:
        """Of an axis, for an array that begins with cell `first`."""
        return cls(axis.cells - first, axis.centres - axis.cells, axis.width)

    def __len__(self) -> int:
        return len(self.cell)

    def phases(self) -> list[Queries]:
        """Phase j holds the queries j, j + p, ...; the queries themselves where they have no short period."""
        for p in range(1, min(MOST_PHASES, len(self) - 1) + 1):
            steps = self.cell[p:] - self.cell[:-p]
            if (steps == steps[0]).all() and np.abs(self.offset[p:] - self.offset[:-p]).max() < SAME:
                return [
                    Queries(self.cell[j::p], self.offset[j::p], self.width, max(int(steps[0]), 1)) for j in range(p)
                ]
        return [self]

    def pair(self) -> Queries:
        """The same, counted from the last cell whose centre is not beyond the query: offsets are 0 to 1."""
        before = self.offset < 0
        return Queries(self.cell - before, self.offset + before, self.width, self.step)

    def take(self, x: Tensor, dim: int, shift: int = 0) -> Tensor:
        """X at each query's cell, or so many cells after it."""
        if self.step:
            start = int(self.cell[0]) + shift
            return x[(slice(None),) * dim + (slice(start, start + self.step * (len(self) - 1) + 1, self.step),)]
        if x.device.type == "cpu":
            return x.index_select(dim, torch.from_numpy(self.cell + shift))
        return x.index_select(dim, self._there(x.device) + shift)

    def _there(self, device: torch.device) -> Tensor:
        """`cell` on a device, brought there once: to copy is to wait for all that is under way."""
        found: Tensor | None = self.__dict__.get("_cell")
        if found is None or found.device != device:
            found = torch.from_numpy(self.cell).to(device)
            object.__setattr__(self, "_cell", found)
        return found

    def offset_along(self, dim: int, like: Tensor) -> Tensor:
        """Offsets as a tensor to multiply `like` along a dimension; of length 1 where all are one."""
        values = self.offset[:1] if self.step else self.offset
        out = torch.from_numpy(values.astype(np.float32)).to(like)
        return out.view(-1, *(1,) * (like.ndim - dim - 1))
