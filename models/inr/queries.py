"""Queries along one axis, and how to read an array of input cells at them, whatever the scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.geometry import Axis


@dataclass(frozen=True)
class Queries:
    """The cell that holds each query, counted from the first cell of an array, and where in it the query lies."""

    cell: np.ndarray  # (Q,) int64
    offset: np.ndarray  # (Q,) from the cell's centre, in cells, -0.5 to 0.5
    width: float  # of a query cell, in input cells

    @classmethod
    def of(cls, axis: Axis, first: int) -> Queries:
        """Of an axis, for an array that begins with cell `first`."""
        return cls(axis.cells - first, axis.centres - axis.cells, axis.width)

    def __len__(self) -> int:
        return len(self.cell)

    def pair(self) -> Queries:
        """The same, counted from the last cell whose centre is not beyond the query: offsets are 0 to 1."""
        before = self.offset < 0
        return Queries(self.cell - before, self.offset + before, self.width)

    def take(self, x: Tensor, dim: int, shift: int = 0) -> Tensor:
        """X at each query's cell, or so many cells after it."""
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
        """Offsets as a tensor to multiply `like` along a dimension."""
        out = torch.from_numpy(self.offset.astype(np.float32)).to(like)
        return out.view(-1, *(1,) * (like.ndim - dim - 1))
