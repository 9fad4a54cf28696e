"""What preparation hands on: a cycle's fields on the input grid with the heights, kept as one Zarr store."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from pydantic import BaseModel

from tasks.grid import Grid
from tasks.storage import join, open_zarr, write_zarr

HEIGHT, HEIGHT_TARGET = "height", "height_target"


class PreparedInfo(BaseModel):
    """What the fields are, without the fields."""

    uri: str
    init: str  # UTC
    lead_hours: list[float]
    variables: list[str]
    absent: list[str]
    origin: str
    expver: str
    grid: str
    halo: int  # input cells around the region that the input really has; fewer than the model's are repeated edges


@dataclass(frozen=True)
class Heights:
    """Heights in m: `coarse` on the input grid, `fine` on the target grid with `margin` cells more on every side."""

    coarse: np.ndarray
    fine: np.ndarray
    margin: int


@dataclass(frozen=True)
class Prepared:
    """Fields (step, latitude, longitude) float32 in SI units on `grid`; heights where a terrain file was given."""

    fields: xr.Dataset
    grid: Grid
    heights: Heights | None

    def save(self, folder: str) -> str:
        """Write `fields.zarr` under a workspace folder; returns its URI."""
        ds = self.fields.copy()
        if self.heights is not None:
            ds[HEIGHT] = (("latitude", "longitude"), self.heights.coarse)
            ds[HEIGHT_TARGET] = (("target_latitude", "target_longitude"), self.heights.fine)
            ds.attrs["height_margin"] = self.heights.margin
        g = self.grid
        ds.attrs["grid"] = [g.north, g.west, g.dlat, g.dlon, g.rows, g.cols]
        uri = join(folder, "fields.zarr")
        write_zarr(ds, uri)
        return uri

    @classmethod
    def load(cls, uri: str) -> Prepared:
        """Read what `save` wrote."""
        ds = open_zarr(uri).load()
        north, west, dlat, dlon, rows, cols = ds.attrs.pop("grid")
        heights = None
        if HEIGHT in ds:
            margin = int(ds.attrs.pop("height_margin"))
            heights = Heights(ds[HEIGHT].values, ds[HEIGHT_TARGET].values, margin)
            ds = ds.drop_vars([HEIGHT, HEIGHT_TARGET])
        return cls(ds, Grid(north, west, dlat, dlon, int(rows), int(cols)), heights)
