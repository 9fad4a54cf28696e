"""Step 2, prepare: raw files in, a staged product out that holds checked fields on the region's input grid with halo.

Headers first: they tell lead times, variables and grids, and with them the product is staged. Then every message is
decoded once, into the product's group `input`, which all later steps read; there fields are held against each other and
against the cycle before. Normalisation is not here: it is part of the
model package, so that training and daily use share it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from models.operator import Operator
from tasks.errors import BadInput
from tasks.grids.grid import Grid
from tasks.handover.cycle import Cycle, RawFile
from tasks.handover.prepared import Prepared, PreparedInfo, StaticFields
from tasks.prepare.agreement import disagreement, doubts
from tasks.prepare.amounts import parse_rule
from tasks.prepare.assemble import Assembled, assemble
from tasks.prepare.decode import scanned
from tasks.prepare.earlier import earlier_input
from tasks.prepare.input_grid import assert_one_spacing, input_grid, say_spacing
from tasks.prepare.operators import operator_of
from tasks.prepare.own_terrain import own_heights
from tasks.prepare.terrain import static_fields
from tasks.region.document import Region
from tasks.steps import step
from tasks.storage import join, remove
from tasks.store.paths import new_staged_uri
from tasks.store.product import create, fill_input

log = logging.getLogger(__name__)


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
def opened(files: list[str], region: Region, halo: int, member: int = 0) -> Iterator[Assembled]:
    """What is in some files for a region, by their headers; values can be decoded while it is open.

    member: of an ensemble, whose fields are wanted of files that have several.
    BadInput where the files do not say of what time.
    """
    assert region.required is not None
    document = str(region.folder / "region.yaml")
    with scanned([Path(file) for file in files], set(region.variables), member) as scan:
        assert_one_spacing(scan.headers, region, halo)
        target_of = partial(input_grid, region, halo=halo)
        rule = parse_rule(region.rain_interval)
        assembled = assemble(scan, target_of, list(region.variables), region.required, rule, region.target, document)
        if not assembled.dated:
            names = ", ".join(Path(f).name for f in files)
            raise BadInput(f"{names}: does not say of what time it is; add a scalar coordinate `time`")
        yield assembled


def terrain_of(region: Region, assembled: Assembled, operator: Operator) -> StaticFields | None:
    """The region's terrain on its target grid and on the input's; None if it names no file."""
    if region.terrain_file is None:
        return None
    own = own_heights(assembled.terrain, assembled.grid)
    return static_fields(region.terrain_file, assembled.grid, region.target, region.target, operator, own)


def prepare_files(files: list[str], region: Region, halo: int) -> tuple[Assembled, Prepared]:
    """Files for a region, in memory: for whoever wants their fields and no product."""
    with opened(files, region, halo) as assembled:
        operator = operator_of(assembled.origin, assembled.grid.dlat, assembled.means, region.input_is)
        statics = terrain_of(region, assembled, operator)
        prepared = Prepared(assembled.load(), assembled.grid, operator, statics)
        disagreement(prepared.fields, assembled, prepared.gridded.height)
        return assembled, prepared


def say_intervals(assembled: Assembled) -> None:
    """Log what says which time rain covers; where nothing does a warning has gone before."""
    if assembled.evidence:
        log.info("rain's intervals are by %s", assembled.evidence)


def _warn(region: Region, assembled: Assembled, available: int, halo: int) -> None:
    say_spacing(region, assembled.file_grids, assembled.grid)
    if available < halo:
        log.warning("input reaches %d of %d cells beyond %s: its edge is repeated", available, halo, region.name)
    if assembled.absent:
        log.warning("not in the input, left out of the product: %s", ", ".join(assembled.absent))
    if assembled.averaged:
        log.warning("means over time, which the product takes for moments: %s", ", ".join(assembled.averaged))
    if assembled.others:
        log.info("not used of the input: %s", ", ".join(assembled.others))
    if region.terrain_file is None:
        log.warning("region %s names no terrain file: the product will not know its mountains", region.name)


@step("prepare", "prepare {region.name}", timeout_seconds=3600)
def prepare(
    raw: list[RawFile], region: Region, cycle: Cycle | None, store: str, workspace: str, halo: int
) -> PreparedInfo:
    """Raw files -> a product in the store's _staging that has its input and no values yet. Nobody reads there.

    `cycle`: None for files that were handed in, which say it themselves. Files may be one member's, or have it among
    others. A failure leaves nothing in the store.
    """
    with opened([f.uri for f in raw], region, halo, raw[0].member) as assembled:
        cycle = cycle or Cycle(source="file", time=assembled.init)
        operator = operator_of(assembled.origin, assembled.grid.dlat, assembled.means, region.input_is)
        statics = terrain_of(region, assembled, operator)
        available = _halo_of(assembled.grid, region, halo)
        _warn(region, assembled, available, halo)
        terrain = statics.save(join(workspace, "terrain.zarr")) if statics is not None else None
        uri = new_staged_uri(store, region.name, cycle)
        try:
            block = region.inference.block
            names = assembled.variables
            beside = create(uri, assembled.coordinates(), region.target, names, statics, operator, block)
            filled = fill_input(uri, assembled.series())
            kept = Prepared.load(uri, None, assembled.grid, operator).fields
            heights = statics.coarse.get("height") if statics is not None else None
            doubted = disagreement(kept, assembled, heights, confirmed=all(f.confirmed for f in raw))
            doubted += doubts(kept, assembled, earlier_input(store, region.name, cycle, assembled.origin))
        except BaseException:
            remove(uri)
            raise
        say_intervals(assembled)
        info = PreparedInfo(
            product=uri, terrain=terrain, grid=assembled.grid, operator=operator, init=f"{assembled.init:%Y-%m-%dT%H}",
            lead_hours=assembled.lead_hours, variables=assembled.variables, deviations=filled.deviations,
            digests=beside | filled.digests, absent=assembled.absent, origin=assembled.origin,
            expver=assembled.expver, halo=available,
            file_spacing=min((g.dlat, g.dlon) for g in assembled.file_grids), doubts=doubted,
        )  # fmt: skip
    count = len(info.variables), len(info.lead_hours)
    log.info("prepare: variables: %d, lead times: %d, on %s", *count, assembled.grid)
    return info
