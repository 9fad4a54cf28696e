"""One lead time or a few of them, all variables, through a method in tiles; the arrays are plain numpy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from models.geometry import Axis
from models.statics import FINE_MARGIN, STATICS, Statics, cell_sizes
from tasks.downscale.packages import Method
from tasks.downscale.tiles import Tile, tiles
from tasks.grid import Grid, pad
from tasks.prepared import Prepared
from tasks.variables import VARIABLES

TILE = 512  # queries a side; the input window is encoded once and decoded in blocks
Tick = Callable[[], None]


def no_tick() -> None:
    """Progress for nobody."""


@dataclass(frozen=True)
class Plan:
    """A target grid seen from the padded input: what to compute, tile by tile.

    `work` is the target with `edge` more cells on every side, so that the input cells it cuts are whole. `rows` and
    `cols` are its axes on the padded input grid `domain`.
    """

    coarse: Grid
    target: Grid
    work: Grid
    edge: int
    padding: tuple[int, int, int, int]  # top, bottom, left, right cells around `coarse`
    rows: Axis
    cols: Axis
    tiling: list[Tile]

    @property
    def scale(self) -> tuple[float, float]:
        """Scale factors in y and x."""
        return self.rows.scale, self.cols.scale


def make_plan(coarse: Grid, target: Grid, *, halo: int, reach: int, tile: int = TILE) -> Plan:
    """Plan for a target; `halo` input cells are kept around it, a tile sees `reach` of them at most."""
    rows, cols = target.axes_in(coarse)
    edge = int(np.ceil(max(rows.scale, cols.scale)))
    work = target.extended(edge, edge, edge, edge)
    rows, cols = work.axes_in(coarse)

    def lack(axis: Axis, n: int) -> tuple[int, int]:
        before = halo - int(np.floor(axis.centres[0] + 0.5))
        after = int(np.floor(axis.centres[-1] + 0.5)) + halo - (n - 1)
        return max(before, 0), max(after, 0)

    (top, bottom), (left, right) = lack(rows, coarse.rows), lack(cols, coarse.cols)
    rows, cols = rows.shifted(-top), cols.shifted(-left)
    height, width = coarse.rows + top + bottom, coarse.cols + left + right
    tiling = tiles(rows, cols, height, width, size=tile, halo=reach)
    return Plan(coarse, target, work, edge, (top, bottom, left, right), rows, cols, tiling)


def padded(field: np.ndarray, plan: Plan, component: bool = False) -> np.ndarray:
    """A field of the input grid on the padded domain."""
    top, bottom, left, right = plan.padding
    return pad(field, plan.coarse, top=top, bottom=bottom, left=left, right=right, component=component)


def statics_of(prepared: Prepared, plan: Plan) -> Statics:
    """Static fields of the whole plan as the network wants them."""
    domain = plan.coarse.extended(*plan.padding)
    spacing = cell_sizes(domain.latitude, domain.dlat, domain.dlon)
    statics = Statics.unknown(domain.rows, domain.cols, plan.rows, plan.cols, spacing)
    if prepared.statics is None:
        return statics
    trim = prepared.statics.margin - plan.edge - FINE_MARGIN
    for i, name in enumerate(STATICS):
        if name in prepared.statics.fine:
            fine = prepared.statics.fine[name]
            fine = np.ascontiguousarray(fine[trim : fine.shape[0] - trim, trim : fine.shape[1] - trim])
            statics.coarse[0, i] = torch.from_numpy(padded(prepared.statics.coarse[name], plan))
            statics.fine[0, i] = torch.from_numpy(fine)
            statics.known[0, i] = 1.0
    return statics


def device_of(method: Method) -> torch.device:
    """Where a method's weights are; interpolations have none and go with the CPU."""
    return next((p.device for p in method.parameters()), torch.device("cpu"))


@torch.inference_mode()
def super_resolve(
    method: Method, names: list[str], prepared: Prepared, steps: slice, plan: Plan, tick: Tick = no_tick
) -> dict[str, np.ndarray]:
    """Fields of some lead times on `plan.work`: variable -> (steps, rows, cols) float32, before physical limits.

    `names` is the order that the method expects; those that are absent are zeros for it and left out of the result.
    """
    here = [n for n in names if n in prepared.fields]
    stack = {n: padded(prepared.fields[n].values[steps], plan, bool(VARIABLES[n].component)) for n in here}
    count = next(iter(stack.values())).shape[0]
    zeros = np.zeros_like(next(iter(stack.values())))
    x = torch.from_numpy(np.stack([stack.get(n, zeros) for n in names], axis=1))
    present = torch.tensor([[float(n in stack) for n in names]]).expand(count, -1)
    statics = statics_of(prepared, plan)
    device = device_of(method)
    out = np.empty((count, len(names), plan.work.rows, plan.work.cols), dtype=np.float32)
    for t in plan.tiling:
        rows = plan.rows.part(t.rows.start, t.rows.stop).shifted(t.window_rows.start)
        cols = plan.cols.part(t.cols.start, t.cols.stop).shifted(t.window_cols.start)
        around = statics.window(t.window_rows, t.window_cols)
        around = around.part(t.rows.start, t.rows.stop, t.cols.start, t.cols.stop).to(device)
        for i in range(count):  # one lead time at a time: memory goes with the tile, not with the forecast's length
            window = x[i : i + 1, :, t.window_rows, t.window_cols].to(device)
            fine = method(window, present[:1].to(device), around, rows, cols)
            out[i : i + 1, :, t.rows, t.cols] = fine.cpu().numpy()
            tick()
    return {n: out[:, i] for i, n in enumerate(names) if n in stack}
