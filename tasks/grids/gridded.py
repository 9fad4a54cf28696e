"""Fields on a regular grid with the heights of its points: what is read at stations, a product or the input of one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tasks.grids.grid import Grid, canonical

if TYPE_CHECKING:
    import xarray as xr

ALTITUDE, LAND = "surface_altitude", "land_area_fraction"  # coordinates (latitude, longitude)


@dataclass(frozen=True)
class Gridded:
    """Fields (step, latitude, longitude) in canonical order with `valid_time` (step) and `step`; lazily read or not.

    `height` in m and `land` as a fraction, both (rows, cols); None: not known. Amounts are those since the previous
    lead time, over `step_bounds` (step, 2) where the data set has them.
    """

    fields: xr.Dataset
    grid: Grid
    height: np.ndarray | None = None
    land: np.ndarray | None = None


def gridded(ds: xr.Dataset, label: str) -> Gridded:
    """A data set with coordinates as products have them; `label` names it in errors."""
    grid = canonical(ds["latitude"].values, ds["longitude"].values, label).grid
    height, land = (ds[n].values if n in ds.coords else None for n in (ALTITUDE, LAND))
    return Gridded(ds, grid, height, land)


def lead_times(array: xr.DataArray) -> Iterator[tuple[int, np.ndarray]]:
    """(index, (latitude, longitude)) of each lead time; as many are read together as one chunk of the store holds."""
    depth = (array.encoding.get("chunks") or (1, 1, 1))[-3]
    for start in range(0, array.sizes["step"], depth):
        block: np.ndarray = array[start : start + depth].values
        yield from enumerate(block, start)
