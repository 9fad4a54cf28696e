"""What preparation hands on: a cycle's fields on the input grid with the statics, kept as one Zarr store."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from pydantic import BaseModel

from models.statics import STATICS
from tasks.grid import Grid
from tasks.gridded import ALTITUDE, LAND, Gridded
from tasks.storage import join, open_zarr, write_zarr

TARGET = "_target"  # a static field's name on the target grid ends with it
COORDINATE = dict(zip(STATICS, (ALTITUDE, LAND), strict=True))  # a static field's name in products


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
class StaticFields:
    """Terrain height in m and land fraction, by their names in STATICS; what is not known is not in it.

    `coarse` on the input grid, `fine` on the target grid with `margin` cells more on every side.
    """

    coarse: dict[str, np.ndarray]
    fine: dict[str, np.ndarray]
    margin: int


@dataclass(frozen=True)
class Prepared:
    """Fields (step, latitude, longitude) float32 in SI units on `grid`; statics where a terrain file was given."""

    fields: xr.Dataset
    grid: Grid
    statics: StaticFields | None

    def save(self, folder: str) -> str:
        """Write `fields.zarr` under a workspace folder; returns its URI."""
        ds = self.fields.copy()
        if self.statics is not None:
            for name, field in self.statics.coarse.items():
                ds[name] = (("latitude", "longitude"), field)
                ds[name + TARGET] = (("target_latitude", "target_longitude"), self.statics.fine[name])
            ds.attrs["static_margin"] = self.statics.margin
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
        statics = None
        if "static_margin" in ds.attrs:
            margin = int(ds.attrs.pop("static_margin"))
            here = [n for n in STATICS if n in ds]
            coarse, fine = {n: ds[n].values for n in here}, {n: ds[n + TARGET].values for n in here}
            statics = StaticFields(coarse, fine, margin)
            ds = ds.drop_vars([name for n in here for name in (n, n + TARGET)])
        return cls(ds, Grid(north, west, dlat, dlon, int(rows), int(cols)), statics)

    @property
    def gridded(self) -> Gridded:
        """The fields with their terrain."""
        statics = self.statics.coarse if self.statics is not None else {}
        return Gridded(self.fields, self.grid, statics.get("height"), statics.get("land"))


def input_and_statics(uri: str) -> tuple[xr.Dataset, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Fields of what `save` wrote, lazily; and its statics by their names in products, on input and target grid."""
    ds = open_zarr(uri)
    here = [n for n in STATICS if n in ds]
    margin = int(ds.attrs.get("static_margin", 0))
    inner = slice(margin, -margin or None)
    on_input = {COORDINATE[n]: ds[n].values for n in here}
    on_target = {COORDINATE[n]: ds[n + TARGET].values[inner, inner] for n in here}
    return ds.drop_vars([v for n in here for v in (n, n + TARGET)]), on_input, on_target
