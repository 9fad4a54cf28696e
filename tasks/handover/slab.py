"""A slab: a part of one product, computed and written by one process, which may be on another machine.

A product is written in blocks: some lead times of a rectangle of points, one shard (one object) a variable. A block is
what one process holds in memory, and the unit of parallel writing; a slab is some of them.
"""

from __future__ import annotations

from collections import defaultdict

from pydantic import BaseModel

from tasks.grids.grid import Grid
from tasks.handover.shards import joined


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
    def progress(self) -> str:
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
