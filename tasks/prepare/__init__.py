"""Step 2, prepare: raw files in, a staged product out that holds checked fields on the region's input grid with halo.

Headers first: they tell lead times, variables and grids, and with them the product is staged. Then every message is
decoded once, into the product's group `input`, which all later steps read. Normalisation is not here: it is part of the
model package, so that training and daily use share it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from prefect import task

from models.operator import Operator
from tasks.errors import BadInput, RegionOutsideInput
from tasks.grids.grid import Grid, lattice
from tasks.grids.regrid import clip_to, covers
from tasks.handover.cycle import Cycle
from tasks.handover.prepared import Prepared, PreparedInfo, StaticFields
from tasks.prepare.assemble import Assembled, assemble
from tasks.prepare.decode import scanned
from tasks.prepare.operators import operator_of
from tasks.prepare.terrain import static_fields
from tasks.region.document import Region
from tasks.storage import join, remove
from tasks.store.paths import new_staged_uri
from tasks.store.product import create, fill_input
from tasks.web.task_retries import retried

log = logging.getLogger(__name__)


def input_grid(region: Region, source: Grid, halo: int) -> Grid:
    """The region's input grid with halo, cut to what the source has; RegionOutsideInput if that lacks the region."""
    if not covers(source, region.target):
        raise RegionOutsideInput(
            f"region {region.name} ({region.target}) is not inside the input ({source}); give an input that "
            "covers it, or make `box` in its region.yaml smaller"
        )
    box, d = region.box, region.input_spacing
    inner = lattice(
        box.north + d * 0.999, box.south - d * 0.999, box.west - d * 0.999, box.east + d * 0.999, d
    )  # every cell that the region touches
    across = halo
    if source.wraps and inner.cols * d >= 360.0:  # all around: the first column follows the last
        inner, across = Grid(inner.north, -180.0, d, d, inner.rows, round(360.0 / d)), 0
    top = min(halo, int((90.0 - inner.north) / d + 1e-6))
    bottom = min(halo, int((90.0 + inner.south) / d + 1e-6))
    return clip_to(inner.extended(top, bottom, across, across), source)


def _halo_of(grid: Grid, region: Region, wanted: int) -> int:
    """Cells around the region that the input has; around the Earth and over the poles it goes on."""
    rows, cols = region.target.axes_in(grid)
    sides = [wanted] if grid.wraps else [cols.centres[0], grid.cols - 1 - cols.centres[-1]]
    if not (grid.wraps and grid.reaches_north_pole):
        sides.append(rows.centres[0])
    if not (grid.wraps and grid.reaches_south_pole):
        sides.append(grid.rows - 1 - rows.centres[-1])
    return int(min(sides))


@contextmanager
def opened(files: list[str], region: Region, halo: int) -> Iterator[Assembled]:
    """What is in some files for a region, by their headers; values can be decoded while it is open.

    BadInput where the files do not say of what time.
    """
    assert region.required is not None
    with scanned([Path(file) for file in files], set(region.variables)) as headers:
        target_of = partial(input_grid, region, halo=halo)
        assembled = assemble(headers, target_of, list(region.variables), region.required)
        if not assembled.dated:
            names = ", ".join(Path(f).name for f in files)
            raise BadInput(f"{names}: does not say of what time it is; add a scalar coordinate `time`")
        yield assembled


def terrain_of(region: Region, grid: Grid, operator: Operator) -> StaticFields | None:
    """The region's terrain on its target grid and on an input grid; None if it names no file."""
    if region.terrain_file is None:
        return None
    return static_fields(region.terrain_file, grid, region.target, region.target, operator)


def prepare_files(files: list[str], region: Region, halo: int) -> tuple[Assembled, Prepared]:
    """Files for a region, in memory: for whoever wants their fields and no product."""
    with opened(files, region, halo) as assembled:
        operator = operator_of(assembled.origin, assembled.grid.dlat, assembled.means, region.input_is)
        statics = terrain_of(region, assembled.grid, operator)
        return assembled, Prepared(assembled.load(), assembled.grid, operator, statics)


def _warn(region: Region, assembled: Assembled, available: int, halo: int) -> None:
    if available < halo:
        log.warning("input reaches %d of %d cells beyond %s: its edge is repeated", available, halo, region.name)
    if assembled.absent:
        log.warning("not in the input, left out of the product: %s", ", ".join(assembled.absent))
    if region.terrain_file is None:
        log.warning("region %s names no terrain file: the product will not know its mountains", region.name)


@task(name="prepare", task_run_name="prepare {region.name}", timeout_seconds=3600, **retried())
def prepare(
    files: list[str], region: Region, cycle: Cycle | None, store: str, workspace: str, halo: int
) -> PreparedInfo:
    """Raw files -> a product in the store's _staging that has its input and no values yet. Nobody reads there.

    `cycle`: None for files that were handed in, which say it themselves. A failure leaves nothing in the store.
    """
    with opened(files, region, halo) as assembled:
        cycle = cycle or Cycle(source="file", time=assembled.init)
        operator = operator_of(assembled.origin, assembled.grid.dlat, assembled.means, region.input_is)
        statics = terrain_of(region, assembled.grid, operator)
        available = _halo_of(assembled.grid, region, halo)
        _warn(region, assembled, available, halo)
        terrain = statics.save(join(workspace, "terrain.zarr")) if statics is not None else None
        uri = new_staged_uri(store, region.name, cycle)
        try:
            block = region.inference.block
            names = assembled.variables
            beside = create(uri, assembled.coordinates(), region.target, names, statics, operator, block)
            filled = fill_input(uri, assembled.series())
        except BaseException:
            remove(uri)
            raise
        info = PreparedInfo(
            product=uri, terrain=terrain, grid=assembled.grid, operator=operator, init=f"{assembled.init:%Y-%m-%dT%H}",
            lead_hours=assembled.lead_hours, variables=assembled.variables, deviations=filled.deviations,
            digests=beside | filled.digests, absent=assembled.absent, origin=assembled.origin,
            expver=assembled.expver, halo=available,
        )  # fmt: skip
    count = len(info.variables), len(info.lead_hours)
    log.info("prepare: variables: %d, lead times: %d, on %s", *count, assembled.grid)
    return info
