"""The terrain that comes with an input: that which its model computes with, at the input's own points.

A height correction starts from it. What an elevation model says of the same place is another height: of ERA5 by 56 m
RMS in Hubei, which is a third of a kelvin (benchmarks/accuracy/own_terrain.py).
"""

from __future__ import annotations

import logging

import numpy as np

from tasks.errors import BadInput, readable
from tasks.grids.grid import Grid
from tasks.grids.regrid import covers, regrid
from tasks.prepare.fields import OwnTerrain
from tasks.prepare.terrain import in_metres

log = logging.getLogger(__name__)


def own_heights(found: list[OwnTerrain], grid: Grid) -> np.ndarray | None:
    """Heights in m (rows, cols) on an input grid; None where no terrain came that covers it and can be read.

    Nobody has asked for it: what is wrong with it is a warning, and no reason to refuse the fields beside it.
    """
    for one in found:
        if not covers(one.layout.grid, grid):
            log.warning("%s: its terrain does not cover %s, and is not used", one.label, grid)
            continue
        layout = one.layout.around(grid)
        try:
            with readable(f"{one.label}: does not decode"):
                values = one.read(layout).astype(np.float64)
            heights = in_metres(values, one.units, one.label)
        except BadInput as error:
            log.warning("%s: its terrain is not used", error)
            continue
        if layout.grid != grid:
            heights = regrid(heights, layout.grid, grid, conservative=False)
        log.info("terrain of the input: %s", one.label)
        return heights
    return None
