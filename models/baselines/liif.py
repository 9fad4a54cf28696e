"""LIIF: a perceptron asked at any coordinate, from the features of the four nearest cells.

Chen, Liu & Wang (2021), Learning Continuous Image Representation with Local Implicit Image Function,
doi:10.1109/CVPR46437.2021.00852, arXiv:2012.09161. What LTE and MetaSR share with it is here too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.baselines.edsr import EDSREncoder, around, crop, statics_at
from models.geometry import Axis
from models.operator import Seen

QUERY_BATCH = 30_000  # queries of one field at once in inference, as published
ENSEMBLE_REACH = 1  # the four nearest cells lie up to one cell beyond the one that holds the query
NUDGE = 1e-6  # of a cell: a query at a centre or an edge, up to rounding, takes the cell after it
TINY = 1e-9  # as published: keeps the weights finite where a query sits on both of its cells


def unfolded(features: Tensor, rows: range, cols: range) -> Tensor:
    """3x3 neighbourhoods of these cells: features (B, C, H, W) -> (B, rows * cols, 9 * C); zeros beyond the edge."""
    height, width = features.shape[-2:]
    window = crop(features, around(rows, 1, height), around(cols, 1, width))
    edges = (cols.start == 0, cols.stop == width, rows.start == 0, rows.stop == height)
    return F.unfold(F.pad(window, [int(e) for e in edges]), 3).transpose(1, 2).contiguous()


def batches(rows: int, cols: int, most: int, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
    """Row and column numbers (q,) of all rows x cols queries in row order, `most` at once; all at once in training."""
    count = rows * cols
    step = count if torch.is_grad_enabled() else max(1, most)
    for start in range(0, count, step):
        flat = torch.arange(start, min(start + step, count), device=device)
        yield torch.div(flat, cols, rounding_mode="floor"), flat % cols


@dataclass(frozen=True)
class Neighbours:
    """One axis of queries on n input cells: the two cells whose centres are around each query."""

    cells: range  # all cells in use, from first to last
    index: Tensor  # (2, Q) int64, counted from the first of `cells`; edges repeated
    # (2, Q) from the cell's centre to the query; one cell is 2, because published coordinates run from -1 to 1 over
    # the input and are scaled by its size
    offset: Tensor
    weight: Tensor  # (2, Q) of each in the ensemble: how near the query is to it, against the other; sum 1
    size: float  # the query cell's size, in the same units: twice its width in cells

    @classmethod
    def of(cls, axis: Axis, n: int, device: torch.device) -> Neighbours:
        """For an axis of input cells 0..n-1."""
        low = np.floor(axis.centres + NUDGE).astype(np.int64)
        index = np.clip(low + np.array([[0], [1]]), 0, n - 1)
        offset = 2 * (axis.centres - index)
        opposite = np.abs(offset[::-1]) + TINY
        cells = range(int(index.min()), int(index.max()) + 1)
        real = lambda v: torch.from_numpy(v.astype(np.float32)).to(device)  # noqa: E731
        return cls(
            cells,
            torch.from_numpy(index - cells.start).to(device),
            real(offset),
            real(opposite / opposite.sum(axis=0)),
            2 * axis.width,
        )


def ensemble(
    table: Tensor,
    statics: Tensor,
    rows: Neighbours,
    cols: Neighbours,
    predict: Callable[[Tensor, Tensor, Tensor], Tensor],
) -> Tensor:
    """Local ensemble: what `predict` says from each of four cells, weighted by the area opposite: (B, V, Qy, Qx).

    table (B, cells, C) of rows.cells x cols.cells; statics (B, S, Qy, Qx); predict: seen (B, q, C), offset (B, q, 2) in
    the units of `Neighbours`, statics (B, q, S) -> (B, q, V). The area's rows and columns separate, as do the weights.
    """
    b, height, width = table.shape[0], rows.index.shape[1], cols.index.shape[1]
    at_queries = statics.flatten(2).transpose(1, 2)
    parts: list[Tensor] = []
    start = 0
    for y, x in batches(height, width, QUERY_BATCH // b, table.device):
        here = at_queries[:, start : start + len(y)]
        start += len(y)
        total: Tensor | None = None
        for i in range(2):
            for j in range(2):
                seen = table.index_select(1, rows.index[i, y] * len(cols.cells) + cols.index[j, x])
                offset = torch.stack([rows.offset[i, y], cols.offset[j, x]], dim=-1).expand(b, -1, -1)
                predicted = predict(seen, offset, here) * (rows.weight[i, y] * cols.weight[j, x])[:, None]
                total = predicted if total is None else total + predicted
        assert total is not None
        parts.append(total)
    return torch.cat(parts, dim=1).transpose(1, 2).unflatten(2, (height, width)).float()


def perceptron(inputs: int, hidden: int, layers: int) -> nn.Sequential:
    """Linear layers of one width, a ReLU after each: (..., inputs) -> (..., hidden)."""
    widths = [inputs] + [hidden] * layers
    return nn.Sequential(*(m for a, b in pairwise(widths) for m in (nn.Linear(a, b), nn.ReLU())))


class LIIF(nn.Module):
    """EDSR encoder; feature unfolding, cell decoding, local ensemble. Any scale, also different in y and x."""

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
        layers: int = 4,
    ) -> None:
        super().__init__()
        self.statics = statics
        self.encoder = EDSREncoder(inputs, channels, blocks)
        # 3x3 features, offset, cell; not in the paper: the statics at the query
        self.mlp = perceptron(9 * channels + 2 + 2 + statics, hidden, layers)
        self.last = nn.Linear(hidden, outputs)

    @property
    def reach(self) -> int:
        """Input cells that one query can see on each side: encoder, 3x3 features, ensemble."""
        return self.encoder.reach + 1 + ENSEMBLE_REACH

    def encode(self, inputs: Tensor, rows: Axis, cols: Axis, seen: Seen) -> Tensor:
        """Inputs (B, inputs, H, W) -> features (B, C, H, W)."""
        features: Tensor = self.encoder(inputs)
        return features

    def decode(self, features: Tensor, fine: Tensor, rows: Axis, cols: Axis, seen: Seen) -> Tensor:
        """Features (B, C, H, W), fine (B, statics, Qy + 2 * m, Qx + 2 * m) -> (B, outputs, Qy, Qx) float32."""
        at_rows = Neighbours.of(rows, features.shape[-2], features.device)
        at_cols = Neighbours.of(cols, features.shape[-1], features.device)
        cell = torch.tensor([at_rows.size, at_cols.size], device=features.device)

        def predict(seen: Tensor, offset: Tensor, statics: Tensor) -> Tensor:
            parts = [seen, offset, cell.expand_as(offset)]
            if self.statics:
                parts.append(statics)
            out: Tensor = self.last(self.mlp(torch.cat(parts, dim=-1)))
            return out

        table = unfolded(features, at_rows.cells, at_cols.cells)
        return ensemble(table, statics_at(fine, len(rows), len(cols)), at_rows, at_cols, predict)
