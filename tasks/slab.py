"""A slab: some lead times of one product, computed and written by one process, which may be on another machine."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator

import numpy as np
from pydantic import BaseModel

from tasks.grid import Grid

SHARD_STEPS = 8  # lead times in one object: the unit of parallel writing, so a slab is whole ones


def digest(field: np.ndarray) -> str:
    """sha-256 of a field's values as float32, little-endian, row by row: what is written is what must be read."""
    return hashlib.sha256(np.ascontiguousarray(field, dtype="<f4").tobytes()).hexdigest()


def spans(count: int, most: int) -> Iterator[tuple[int, int]]:
    """(start, stop) of the slabs of so many lead times: whole shards, of about equal length, `most` at most."""
    shards = math.ceil(count / SHARD_STEPS)
    slabs = math.ceil(shards / max(most // SHARD_STEPS, 1))
    start = 0
    for i in range(slabs):
        stop = start + (shards // slabs + (i < shards % slabs)) * SHARD_STEPS
        yield start, min(stop, count)
        start = stop


class Slab(BaseModel):
    """What to do: lead times start..stop of `fields`, through a model, into the staged `product`."""

    fields: str  # URI of fields.zarr
    product: str  # URI of the staged product
    report: str  # URI of the JSON to leave behind: a SlabReport
    start: int
    stop: int
    model: str  # name of the package, or path of its folder
    model_sha256: str
    target: Grid
    device: str = "auto"

    @property
    def name(self) -> str:
        """For people: hubei-ifs-2026-11-22T00, lead times 0 to 7."""
        product = self.product.rsplit("/", 1)[-1].rsplit("-", 1)[0]
        return f"{product}, lead times {self.start} to {self.stop - 1}"

    @property
    def news(self) -> str:
        """URI of the file that says how far it is."""
        return f"{self.report}.progress"


class SlabReport(BaseModel):
    """What was done."""

    start: int
    stop: int
    device: str
    seconds: float
    tile: int  # queries a side; smaller than usual if memory did not suffice
    tile_rows: list[int]  # borders between tiles, in points of the product
    tile_cols: list[int]
    digests: dict[str, list[str]]  # variable -> sha-256 of each lead time's values
    where: str = "in process"
    note: str = ""
