"""The slicer: which queries, which input window and which crop belong to each tile. Pure functions of the axes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from models.geometry import Axis


@dataclass(frozen=True)
class Tile:
    """Queries rows x cols of the output, and the input window that they need."""

    rows: slice
    cols: slice
    window_rows: slice
    window_cols: slice


def _spans(axis: Axis, n: int, size: int, halo: int) -> list[tuple[slice, slice]]:
    """Equal spans of at most `size` queries, each with its input window of `halo` cells around, inside 0..n."""
    count = max(1, -(-len(axis) // size))
    edges = [round(i * len(axis) / count) for i in range(count + 1)]
    spans = []
    for start, stop in pairwise(edges):
        low = int(axis.cells[start]) - halo
        high = int(axis.cells[stop - 1]) + halo + 1
        spans.append((slice(start, stop), slice(max(low, 0), min(high, n))))
    return spans


def tiles(rows: Axis, cols: Axis, height: int, width: int, *, size: int, halo: int) -> list[Tile]:
    """Tiles that cover every query once, row by row."""
    across = _spans(cols, width, size, halo)
    return [Tile(r, c, wr, wc) for r, wr in _spans(rows, height, size, halo) for c, wc in across]


def borders(tiling: list[Tile]) -> tuple[list[int], list[int]]:
    """Query rows and columns at which a new tile starts, the first left out."""
    rows = sorted({t.rows.start for t in tiling} - {0})
    cols = sorted({t.cols.start for t in tiling} - {0})
    return rows, cols
