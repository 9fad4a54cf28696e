"""A slab: a part of one product, computed and written by one process, which may be on another machine.

A product is written in blocks: some lead times of a rectangle of points, one shard (one object) a variable. A block is
what one process holds in memory, and the unit of parallel writing; a slab is some of them.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from pydantic import BaseModel

from tasks.grid import Grid
from tasks.packing import SHARD_STEPS


@dataclass(frozen=True)
class Block:
    """A rectangle of a product's points."""

    rows: slice
    cols: slice


def blocks(rows: int, cols: int, side_rows: int, side_cols: int) -> list[Block]:
    """The rectangles of a domain whose shards have these sides, row by row."""
    edges = lambda n, side: pairwise([*range(0, n, side), n])  # noqa: E731
    return [Block(slice(*r), slice(*c)) for r in edges(rows, side_rows) for c in edges(cols, side_cols)]


def digest(field: np.ndarray) -> str:
    """sha-256 of a field's values as float32, little-endian, row by row: what is written is what must be read."""
    return hashlib.sha256(np.ascontiguousarray(field, dtype="<f4").data).hexdigest()


def joined(digests: list[str]) -> str:
    """Of a field's blocks -> of the field; of a single one its own."""
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def field_digest(field: np.ndarray, side_rows: int, side_cols: int) -> str:
    """Of a whole field (rows, cols) whose shards have these sides."""
    return joined([digest(field[b.rows, b.cols]) for b in blocks(len(field), len(field[0]), side_rows, side_cols)])


def spans(count: int, most: int) -> Iterator[tuple[int, int]]:
    """(start, stop) of the slabs of so many lead times: whole shards, of about equal length, `most` at most."""
    for start, stop in shares(math.ceil(count / SHARD_STEPS), max(most // SHARD_STEPS, 1)):
        yield start * SHARD_STEPS, min(stop * SHARD_STEPS, count)


def shares(count: int, most: int) -> Iterator[tuple[int, int]]:
    """(start, stop) of as few parts of `count` things as `most` allows, of about equal length."""
    parts, start = math.ceil(count / most), 0
    for i in range(parts):
        stop = start + count // parts + (i < count % parts)
        yield start, stop
        start = stop


class Slab(BaseModel):
    """What to do: lead times start..stop of `fields`, through a model, into the staged `product`.

    Of its blocks those first..last only, all by default.
    """

    fields: str  # URI of fields.zarr
    product: str  # URI of the staged product
    report: str  # URI of the JSON to leave behind: a SlabReport
    start: int
    stop: int
    model: str  # name of the package, or path of its folder
    model_sha256: str
    target: Grid
    device: str = "auto"
    first: int = 0
    last: int | None = None  # the block after the last one

    @property
    def part(self) -> str:
        """For people: lead times 0 to 7, blocks 4 to 7."""
        here = f", blocks {self.first} to {self.last - 1}" if self.last is not None else ""
        return f"lead times {self.start} to {self.stop - 1}{here}"

    @property
    def name(self) -> str:
        """For people: hubei-ifs-2026-11-22T00, lead times 0 to 7."""
        return f"{self.product.rsplit('/', 1)[-1].rsplit('-', 1)[0]}, {self.part}"

    @property
    def news(self) -> str:
        """URI of the file that says how far it is."""
        return f"{self.report}.progress"


class SlabReport(BaseModel):
    """What was done."""

    start: int
    stop: int
    first: int = 0  # block
    device: str
    seconds: float
    tile: int  # queries a side; smaller than usual if memory did not suffice
    tile_rows: list[int]  # borders between tiles and between blocks, in points of the product
    tile_cols: list[int]
    digests: dict[str, list[list[str]]]  # variable -> lead time -> sha-256 of each block's values
    where: str = "in process"
    note: str = ""


def merged(reports: list[SlabReport]) -> dict[str, list[str]]:
    """Digests of all lead times, by variable: of slabs that share lead times, all blocks make a field's."""
    found: dict[str, dict[int, list[str]]] = {name: defaultdict(list) for name in reports[0].digests}
    for report in sorted(reports, key=lambda r: (r.start, r.first)):
        for name, by_lead_time in report.digests.items():
            for i, parts in enumerate(by_lead_time, report.start):
                found[name][i] += parts
    return {name: [joined(parts) for _, parts in sorted(fields.items())] for name, fields in found.items()}
