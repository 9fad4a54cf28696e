"""What preparation hands on: a cycle's fields on the input grid, in group `input` of the product, and terrain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
import zarr
from pydantic import BaseModel
from zarr.abc.codec import BytesBytesCodec
from zarr.codecs import BloscCodec

from models.constants import STATICS
from models.operator import Operator
from tasks.arrays import checked, open_zarr, undamaged, zarr_store
from tasks.grids.grid import Grid
from tasks.grids.gridded import ALTITUDE, LAND, Gridded
from tasks.handover.shards import DIMENSIONS, digest
from tasks.storage import room_for

if TYPE_CHECKING:
    import xarray as xr

DOUBT = "input: "  # how a doubt of the input begins, among the reasons for a product's quality
INPUT = "input"  # group of a product: the fields that it is made from
CHUNK = 1_000_000  # bytes before compression: a province's input is one object a variable
SIDE = 256  # points a side of a chunk at most: what a block needs of a large domain, and little more
STATIC_SIDE = 512  # points a side
COORDINATE = dict(zip(STATICS, (ALTITUDE, LAND), strict=True))  # a static field's name in products

Series = Iterable[tuple[str, Iterator[np.ndarray]]]  # variable, its fields (rows, cols) by lead time


class PreparedInfo(BaseModel):
    """What the fields are and where, without the fields."""

    product: str  # URI of the staged product, with the fields in its group `input`
    terrain: str | None  # URI of the static fields on the target grid with their margin; None: no terrain is known
    grid: Grid  # of the input
    operator: Operator  # what its values are
    init: str  # UTC
    lead_hours: list[float]
    variables: list[str]
    deviations: dict[str, list[float]]  # variable -> standard deviation of its field at each lead time
    digests: dict[str, list[str]]  # path of each array that is written by now -> sha-256, as tasks/handover/digests.py
    absent: list[str]
    origin: str
    expver: str
    file_spacing: tuple[float, float]  # degrees north-south and west-east, of the files' finest; `grid` has the input's
    doubts: list[str] = []  # what an earlier product's input has otherwise; a product with doubts is degraded
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
    heights: str = ""  # where the coarse ones are from, in words

    @property
    def on_input(self) -> dict[str, np.ndarray]:
        """(rows, cols) of the input grid, by their names in products."""
        return {COORDINATE[n]: field for n, field in self.coarse.items()}

    @property
    def on_target(self) -> dict[str, np.ndarray]:
        """(rows, cols) of the target grid, without the margin, by their names in products."""
        inner = slice(self.margin, -self.margin or None)
        return {COORDINATE[n]: field[inner, inner] for n, field in self.fine.items()}

    def save(self, uri: str) -> str:
        """Write the fine ones, with their margin, as a Zarr store; returns its URI."""
        with room_for(uri):
            group = zarr.open_group(zarr_store(uri), mode="w", attributes={"margin": self.margin})
            for name, field in self.fine.items():
                chunks = (min(STATIC_SIDE, field.shape[0]), min(STATIC_SIDE, field.shape[1]))
                group.create_array(name, data=np.ascontiguousarray(field[:]), chunks=chunks, compressors=checked())
        return uri

    @classmethod
    def load(cls, uri: str, coarse: dict[str, np.ndarray], heights: str = "") -> StaticFields:
        """What `save` wrote, read by slices when asked for; `coarse` by their names in STATICS."""
        group = zarr.open_group(zarr_store(uri), mode="r")
        fine = {n: cast("Sliceable", group[n]) for n in STATICS if n in group}
        return cls(coarse, fine, int(cast("int", group.attrs["margin"])), heights)


@dataclass(frozen=True)
class Prepared:
    """Fields (step, latitude, longitude) float32 in SI units on `grid`, read when asked for.

    Statics where a terrain file was given.
    """

    fields: xr.Dataset
    grid: Grid
    operator: Operator  # what the values are
    statics: StaticFields | None

    @classmethod
    def load(cls, product: str, terrain: str | None, grid: Grid, operator: Operator) -> Prepared:
        """The input of a staged product, lazily; arguments as `PreparedInfo` has them."""
        with undamaged(f"{product}: input"):
            ds = open_zarr(product, INPUT)
            coarse = {n: ds[c].values for n, c in COORDINATE.items() if c in ds.coords}
            heights = str(ds[ALTITUDE].attrs.get("source", "")) if ALTITUDE in ds.coords else ""
        statics = StaticFields.load(terrain, coarse, heights) if terrain is not None else None
        return cls(ds, grid, operator, statics)

    @property
    def gridded(self) -> Gridded:
        """The fields with their terrain."""
        statics = self.statics.coarse if self.statics is not None else {}
        return Gridded(self.fields, self.grid, statics.get("height"), statics.get("land"))


def create_fields(
    group: zarr.Group,
    shape: tuple[int, int, int],
    names: dict[str, dict[str, Any]],
    codecs: tuple[BytesBytesCodec, ...],
) -> None:
    """Arrays (step, latitude, longitude) without values yet; `names`: each one's attributes."""
    count, rows, cols = shape
    side = min(rows, SIDE), min(cols, SIDE)
    at_once = min(max(CHUNK // (4 * side[0] * side[1]), 1), count)
    for name, attributes in names.items():
        group.create_array(
            name, shape=shape, chunks=(at_once, *side), dtype="float32", fill_value=np.nan, compressors=codecs,
            dimension_names=DIMENSIONS, attributes=attributes,
        )  # fmt: skip


@dataclass(frozen=True)
class Filled:
    """What is known of fields only while they are written: variable -> by lead time.

    deviations: standard deviation; whoever reads a part of a field does not know it, and nobody should read all of it
    again to know. digests: sha-256 of the values.
    """

    deviations: dict[str, list[float]]
    digests: dict[str, list[str]]


def fill_fields(group: zarr.Group, series: Series) -> Filled:
    """Write every variable's fields, as many lead times at a time as a chunk holds: each chunk is written once."""
    found = Filled({}, {})
    for name, fields in series:
        array, found.deviations[name], found.digests[name] = cast("zarr.Array[Any]", group[name]), [], []
        depth, start = array.chunks[0], 0
        for block in _blocks(fields, depth):
            values = np.ascontiguousarray(np.stack(block), dtype=np.float32)  # in the order that readers sum in
            array[start : start + len(block)] = values
            found.deviations[name] += [float(field.std()) for field in values]
            found.digests[name] += [digest(field) for field in values]
            start += len(block)
    return found


def _blocks(fields: Iterator[np.ndarray], depth: int) -> Iterator[list[np.ndarray]]:
    block: list[np.ndarray] = []
    for field in fields:
        block.append(field)
        if len(block) == depth:
            yield block
            block = []
    if block:
        yield block


def keep(coordinates: xr.Dataset, variables: list[str], series: Series, uri: str) -> xr.Dataset:
    """Fields in a scratch store of their own, lazily: for files that are larger than the memory."""
    sizes = coordinates.sizes
    with room_for(uri):
        coordinates.to_zarr(zarr_store(uri), mode="w", zarr_format=3, consolidated=False)
        group = zarr.open_group(zarr_store(uri), mode="r+", use_consolidated=False)
        shape = sizes["step"], sizes["latitude"], sizes["longitude"]
        attributes = {name: {"coordinates": "time valid_time"} for name in variables}
        create_fields(group, shape, attributes, checked(BloscCodec(cname="lz4", clevel=1, shuffle="shuffle")))
        fill_fields(group, series)
        zarr.consolidate_metadata(zarr_store(uri))
    return open_zarr(uri)
