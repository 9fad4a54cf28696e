"""One lead time or a few of them, all variables, through a method in tiles; the arrays are plain numpy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from models.constants import STATICS
from models.downscaler import Downscaler
from models.following import Following
from models.geometry import Axis
from models.operator import Operator, Sampling, Seen, cell_km
from models.statics import FINE_MARGIN, Statics, cell_sizes
from tasks.downscale.methods import Method
from tasks.downscale.tiles import Tile, tiles
from tasks.grids.grid import Grid, pad
from tasks.handover.prepared import Prepared, Sliceable
from tasks.handover.shards import Block
from tasks.variables import VARIABLES

TILE = 1280  # queries a side; the input window is encoded once and decoded in pieces
# input cells around a block of cell means that are computed too, where the product goes on: of what means further away
# do to the correction inside the block less than a hundredth is left
BESIDE = 4
Tick = Callable[[], None]


def no_tick() -> None:
    """Progress for nobody."""


@dataclass(frozen=True)
class Plan:
    """A target grid, or a block of it, seen from the padded input: what to compute, tile by tile.

    `window` is the part of the input that it needs, and `coarse` that part's grid. `work` is the target with `edges`
    more cells around it, so that the input cells it cuts are whole. `rows` and `cols` are its axes on the padded
    `coarse`.
    """

    window: Window
    coarse: Grid
    target: Grid
    work: Grid
    edges: tuple[int, int, int, int]  # top, bottom, left, right cells around `target`
    at: tuple[int, int]  # row and column of the product's grid at which `target` begins
    padding: tuple[int, int, int, int]  # top, bottom, left, right cells around `coarse`
    rows: Axis
    cols: Axis
    tiling: list[Tile]

    @property
    def scale(self) -> tuple[float, float]:
        """Scale factors in y and x."""
        return self.rows.scale, self.cols.scale


@dataclass(frozen=True)
class Window:
    """Rows and columns of the input grid; columns go on across 180 degrees."""

    rows: slice
    cols: np.ndarray

    def of(self, field: Sliceable) -> np.ndarray:
        """This part of a field (..., rows, cols) of the input grid; of a lazy one, no more is read."""
        first, last = int(self.cols[0]), int(self.cols[-1])
        if last - first + 1 == len(self.cols):
            return np.asarray(field[..., self.rows, slice(first, last + 1)])
        west, east = (slice(first, None), slice(0, last + 1))
        return np.concatenate([np.asarray(field[..., self.rows, part]) for part in (west, east)], axis=-1)


def _window(coarse: Grid, work: Grid, cells: int) -> tuple[Window, Grid]:
    """The part of the input that holds an area's cells and so many around, and its grid.

    All columns where rows beyond a pole are needed: these are on the other side of the Earth.
    """
    rows, cols, part = coarse.around(work, cells)
    over_pole = (rows.start == 0 and coarse.reaches_north_pole) or (
        rows.stop == coarse.rows and coarse.reaches_south_pole
    )
    if coarse.wraps and over_pole and part.cols < coarse.cols:
        cols = np.arange(coarse.cols)
        part = coarse.part(rows, slice(0, coarse.cols))
    return Window(rows, cols), part


def _edges(product: Grid, block: Block, cell: int) -> tuple[int, int, int, int]:
    """Cells around a block, whose means are held: one of the input's at the product's edge, some where it goes on.

    Around the Earth it goes on for every block but one that is as wide.
    """
    before = block.rows.start, block.cols.start
    after = product.rows - block.rows.stop, product.cols - block.cols.stop
    (top, left), (bottom, right) = (
        tuple(min(cell * BESIDE, n + cell) if n else cell for n in side) for side in (before, after)
    )
    if product.wraps and before[1] + after[1] > 0:
        left = right = cell * BESIDE
    return top, bottom, left, right


def make_plan(
    coarse: Grid,
    product: Grid,
    operator: Operator,
    *,
    halo: int,
    reach: int,
    tile: int = TILE,
    block: Block | None = None,
) -> Plan:
    """Plan for a product's grid, or a block of it.

    `halo` input cells are kept around it, a tile sees `reach` of them at most. Of samples no more is computed than is
    asked for: nothing that is done to one point afterwards depends on others.
    """
    block = block or Block(slice(0, product.rows), slice(0, product.cols))
    target = product.part(block.rows, block.cols)
    rows, cols = target.axes_in(coarse)
    edges = (0, 0, 0, 0)
    if operator.sampling is Sampling.MEANS:
        edges = _edges(product, block, int(np.ceil(max(rows.scale, cols.scale))))
    work = target.extended(*edges)
    window, coarse = _window(coarse, work, max(halo, reach))
    rows, cols = work.axes_in(coarse)

    def lack(axis: Axis, n: int) -> tuple[int, int]:
        before = halo - int(axis.cells[0])
        after = int(axis.cells[-1]) + halo - (n - 1)
        return max(before, 0), max(after, 0)

    (top, bottom), (left, right) = lack(rows, coarse.rows), lack(cols, coarse.cols)
    rows, cols = rows.shifted(-top), cols.shifted(-left)
    height, width = coarse.rows + top + bottom, coarse.cols + left + right
    tiling = tiles(rows, cols, height, width, size=tile, halo=reach)
    at = block.rows.start, block.cols.start
    return Plan(window, coarse, target, work, edges, at, (top, bottom, left, right), rows, cols, tiling)


def padded(field: np.ndarray, plan: Plan, component: bool = False) -> np.ndarray:
    """A field on `plan.coarse` -> on the padded domain."""
    top, bottom, left, right = plan.padding
    return pad(field, plan.coarse, top=top, bottom=bottom, left=left, right=right, component=component)


def statics_of(prepared: Prepared, plan: Plan) -> Statics:
    """Static fields of the whole plan as the network wants them."""
    domain = plan.coarse.extended(*plan.padding)
    spacing = cell_sizes(domain.latitude, domain.dlat, domain.dlon)
    statics = Statics.unknown(domain.rows, domain.cols, plan.rows, plan.cols, spacing)
    if prepared.statics is None:
        return statics
    # of arrays that begin `margin` cells before the product
    top, left = (prepared.statics.margin + n - e for n, e in zip(plan.at, plan.edges[::2], strict=True))
    m = FINE_MARGIN
    rows, cols = slice(top - m, top + plan.work.rows + m), slice(left - m, left + plan.work.cols + m)
    for i, name in enumerate(STATICS):
        if name in prepared.statics.fine:
            coarse = plan.window.of(prepared.statics.coarse[name])
            statics.coarse[0, i] = torch.from_numpy(padded(coarse, plan))
            statics.fine[0, i] = torch.from_numpy(np.ascontiguousarray(prepared.statics.fine[name][rows, cols]))
            statics.known[0, i] = 1.0
    return statics


def seen_by(plan: Plan, operator: Operator) -> Seen:
    """What the plan's input values are, in its cells; asked for is a field of the same footprint."""
    return operator.on(cell_km(plan.coarse.dlat, plan.coarse.dlon))


def device_of(method: Method) -> torch.device:
    """Where a method's weights are; interpolations have none and go with the CPU."""
    return next((p.device for p in method.parameters()), torch.device("cpu"))


@torch.inference_mode()
def super_resolve(
    method: Method,
    names: list[str],
    coarse: dict[str, np.ndarray],
    statics: Statics,
    plan: Plan,
    seen: Seen,
    tick: Tick = no_tick,
) -> dict[str, np.ndarray]:
    """Fields of some lead times on `plan.work`: variable -> (steps, rows, cols) float32, before physical limits.

    coarse: variable -> (steps, rows, cols) on `plan.coarse`. `names` is the order that the method expects; those that
    are absent are zeros for it, and left out of the result. `seen`: what the input's values are.
    """
    here = [n for n in names if n in coarse]
    stack = {n: padded(coarse[n], plan, bool(VARIABLES[n].component)) for n in here}
    count = next(iter(stack.values())).shape[0]
    zeros = np.zeros_like(next(iter(stack.values())))
    x = torch.from_numpy(np.stack([stack.get(n, zeros) for n in names], axis=1))
    present = torch.tensor([[float(n in stack) for n in names]])
    device = device_of(method)
    out = {n: np.empty((count, plan.work.rows, plan.work.cols), dtype=np.float32) for n in here}
    for t in plan.tiling:
        rows = plan.rows.part(t.rows.start, t.rows.stop).shifted(t.window_rows.start)
        cols = plan.cols.part(t.cols.start, t.cols.stop).shifted(t.window_cols.start)
        around = statics.window(t.window_rows, t.window_cols)
        around = around.part(t.rows.start, t.rows.stop, t.cols.start, t.cols.stop).to(device)
        window = x[:, :, t.window_rows, t.window_cols].to(device)
        for some_rows, some_cols, piece in _pieces(method, window, present.to(device), around, rows, cols, seen):
            fine, at = piece.cpu().numpy(), (shifted(some_rows, t.rows.start), shifted(some_cols, t.cols.start))
            for name in here:
                out[name][:, *at] = fine[:, names.index(name)]
        tick()
    return out


def _pieces(
    method: Method, x: torch.Tensor, present: torch.Tensor, statics: Statics, rows: Axis, cols: Axis, seen: Seen
) -> Iterator[tuple[slice, slice, torch.Tensor]]:
    """Fine fields (steps, V, rows, cols) of a tile and where in it they are; of a network never all of it at once."""
    if isinstance(method, (Downscaler, Following)):
        yield from method.pieces(x, present, statics, rows, cols, seen)
    else:
        yield slice(0, len(rows)), slice(0, len(cols)), method(x, present, statics, rows, cols, seen)


def shifted(span: slice, by: int) -> slice:
    """The span counted from elsewhere."""
    return slice(span.start + by, span.stop + by)
