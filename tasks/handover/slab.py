"""A slab: a part of one product, computed and written by one process, which may be on another machine.

A product is written in blocks: some lead times of a rectangle of points, one shard (one object) a variable. A block is
what one process holds in memory, and the unit of parallel writing; a slab is some of them.
"""

from __future__ import annotations

import os
from collections import defaultdict
from typing import TYPE_CHECKING

from pydantic import BaseModel

from models.operator import Operator
from tasks.grids.grid import Grid
from tasks.handover.shards import blocks, joined, shapes, shares, spans
from tasks.region.document import Region
from tasks.storage import join

if TYPE_CHECKING:
    from models.package import ModelPackage
    from tasks.handover.prepared import PreparedInfo


class Slab(BaseModel):
    """What to do: lead times start..stop of the staged `product`'s input, through a model, into the product.

    Of its blocks those first..last only, all by default.
    """

    product: str  # URI of the staged product
    terrain: str | None  # URI of the static fields on the target grid; None: no terrain is known
    coarse: Grid  # of the input
    operator: Operator  # what its values are
    report: str  # URI of the JSON to leave behind: a SlabReport
    start: int
    stop: int
    deviations: dict[str, list[float]]  # variable -> of the whole input at each of these lead times
    model: str  # name of the package, or path of its folder
    model_sha256: str
    target: Grid
    device: str = "auto"
    first: int = 0
    last: int | None = None  # the block after the last one
    member: int | None = None  # of an ensemble

    @property
    def part(self) -> str:
        """For people: member 3, lead times 0 to 7, blocks 4 to 7."""
        who = f"member {self.member}, " if self.member is not None else ""
        here = f", blocks {self.first} to {self.last - 1}" if self.last is not None else ""
        return f"{who}lead times {self.start} to {self.stop - 1}{here}"

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


def borders(reports: list[SlabReport]) -> tuple[list[int], list[int]]:
    """Rows and columns of the product at which a tile or block of any slab begins."""
    rows, cols = {b for r in reports for b in r.tile_rows}, {b for r in reports for b in r.tile_cols}
    return sorted(rows), sorted(cols)


def slabs_of(
    info: PreparedInfo, region: Region, package: ModelPackage, model: str, folder: str, member: int | None = None
) -> list[Slab]:
    """The slabs of a staged product, of an ensemble's `member` maybe; their reports go below `folder`.

    `model`: the package's name, or its folder, which goes by its absolute path for another process's sake.
    """
    target, settings = region.target, region.inference
    _, (_, *sides) = shapes(len(info.lead_hours), target.rows, target.cols, settings.block)
    groups = list(shares(len(blocks(target.rows, target.cols, *sides)), settings.slab_blocks))
    return [
        Slab(
            product=info.product, terrain=info.terrain, coarse=info.grid, operator=info.operator,
            report=join(folder, f"{start}-{first}.json"), start=start, stop=stop,
            deviations={n: d[start:stop] for n, d in info.deviations.items()},
            model=str(package.folder) if os.sep in model else model,
            model_sha256=package.digest, target=target, device=settings.device, first=first,
            last=last if len(groups) > 1 else None, member=member,
        )
        for start, stop in spans(len(info.lead_hours), settings.slab_steps)
        for first, last in groups
    ]  # fmt: skip
