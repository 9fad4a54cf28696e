"""What preparation hands on: a cycle's fields on the input grid with the statics, kept as one Zarr store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
import xarray as xr
import zarr
from pydantic import BaseModel
from zarr.codecs import BloscCodec

from models.statics import STATICS
from tasks.grids.grid import Grid
from tasks.grids.gridded import ALTITUDE, LAND, Gridded
from tasks.storage import join, open_zarr, room_for, write_zarr, zarr_store

DIMENSIONS = ("step", "latitude", "longitude")
FIELD_CHUNK = 4_000_000  # bytes: some lead times of one variable on the input grid, at least one
STATIC_CHUNK = 512  # points a side
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


class Sliceable(Protocol):
    """A two-dimensional field in memory, or in a store that is read by slices."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns."""

    def __getitem__(self, key: Any) -> Any:
        """Part of it, in memory."""


@dataclass(frozen=True)
class StaticFields:
    """Terrain height in m and land fraction, by their names in STATICS; what is not known is not in it.

    `coarse` on the input grid, `fine` on the target grid with `margin` cells more on every side.
    """

    coarse: dict[str, np.ndarray]
    fine: Mapping[str, Sliceable]
    margin: int


def write_steps(
    group: zarr.Group, field: xr.DataArray, chunk: int, codec: BloscCodec, attributes: dict[str, Any]
) -> None:
    """Write a field (step, latitude, longitude) some lead times at a time: chunks of at most so many bytes."""
    count, rows, cols = field.shape
    at_once = min(max(chunk // (4 * rows * cols), 1), count)
    array = group.create_array(
        str(field.name), shape=field.shape, chunks=(at_once, rows, cols), dtype="float32", fill_value=np.nan,
        compressors=codec, dimension_names=DIMENSIONS, attributes=attributes,
    )  # fmt: skip
    for start in range(0, count, at_once):
        array[start : start + at_once] = field[start : start + at_once].values


@dataclass(frozen=True)
class Prepared:
    """Fields (step, latitude, longitude) float32 in SI units on `grid`, read when asked for.

    Statics where a terrain file was given.
    """

    fields: xr.Dataset
    grid: Grid
    statics: StaticFields | None

    def save(self, folder: str) -> str:
        """Write `fields.zarr` under a workspace folder, some lead times at a time; returns its URI."""
        names = [str(n) for n, v in self.fields.data_vars.items() if v.dims == DIMENSIONS]
        ds = self.fields.drop_vars(names)
        chunks: dict[str, tuple[int, int]] = {}
        if self.statics is not None:
            for name, field in self.statics.coarse.items():
                ds[name] = (("latitude", "longitude"), field)
                fine = self.statics.fine[name]
                ds[name + TARGET] = (("target_latitude", "target_longitude"), fine[:])
                chunks[name + TARGET] = (min(STATIC_CHUNK, fine.shape[0]), min(STATIC_CHUNK, fine.shape[1]))
            ds.attrs["static_margin"] = self.statics.margin
        g = self.grid
        ds.attrs["grid"] = [g.north, g.west, g.dlat, g.dlon, g.rows, g.cols]
        uri = join(folder, "fields.zarr")
        write_zarr(ds, uri, encoding={n: {"chunks": c} for n, c in chunks.items()})
        with room_for(uri):
            group = zarr.open_group(zarr_store(uri), mode="r+", use_consolidated=False)
            fast = BloscCodec(cname="lz4", clevel=1, shuffle="shuffle")
            for name in names:
                write_steps(group, self.fields[name], FIELD_CHUNK, fast, {"coordinates": "time valid_time"})
            zarr.consolidate_metadata(zarr_store(uri))
        return uri

    @classmethod
    def load(cls, uri: str) -> Prepared:
        """What `save` wrote; fields and the fine statics are read when they are asked for."""
        ds = open_zarr(uri)
        north, west, dlat, dlon, rows, cols = ds.attrs.pop("grid")
        statics = None
        if "static_margin" in ds.attrs:
            margin = int(ds.attrs.pop("static_margin"))
            group = zarr.open_group(zarr_store(uri), mode="r")
            here = [n for n in STATICS if n in ds]
            fine = {n: cast("Sliceable", group[n + TARGET]) for n in here}
            statics = StaticFields({n: ds[n].values for n in here}, fine, margin)
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
