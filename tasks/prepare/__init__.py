"""Step 2, prepare: raw files in, checked fields on the region's input grid with halo out.

Normalisation is not here: it is part of the model package, so that training and daily use share it.
"""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

from prefect import task

from tasks.errors import BadInput, RegionOutsideInput
from tasks.grids.grid import Grid, lattice
from tasks.grids.regrid import clip_to, covers
from tasks.handover.prepared import Prepared, PreparedInfo
from tasks.prepare.assemble import Assembled, assemble
from tasks.prepare.decode import decode_files
from tasks.prepare.terrain import static_fields
from tasks.region.document import Region

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


def prepare_files(files: list[str], region: Region, halo: int) -> tuple[Assembled, Prepared]:
    """Decode, check and regrid files for a region."""
    target_of = partial(input_grid, region, halo=halo)
    assert region.required is not None
    decoded = decode_files([Path(file) for file in files], set(region.variables), target_of)
    assembled = assemble(decoded, target_of, list(region.variables), region.required)
    if not assembled.dated:
        raise BadInput(
            f"{', '.join(Path(f).name for f in files)}: does not say of what time it is; add a scalar coordinate `time`"
        )
    terrain = None
    if region.terrain_file is not None:
        terrain = static_fields(region.terrain_file, assembled.grid, region.target, region.target)
    return assembled, Prepared(assembled.fields, assembled.grid, terrain)


@task(name="prepare", task_run_name="prepare {region.name}", retries=0, timeout_seconds=3600)
def prepare(files: list[str], region: Region, workspace: str, halo: int) -> PreparedInfo:
    """Raw files -> fields.zarr in the workspace."""
    assembled, prepared = prepare_files(files, region, halo)
    available = _halo_of(assembled.grid, region, halo)
    if available < halo:
        log.warning("input reaches %d of %d cells beyond %s: its edge is repeated", available, halo, region.name)
    if assembled.absent:
        log.warning("not in the input, left out of the product: %s", ", ".join(assembled.absent))
    if prepared.statics is None:
        log.warning("region %s names no terrain file: the product will not know its mountains", region.name)
    hours = (assembled.fields.step.values / 3.6e12).astype(float).tolist()
    variables = len(region.variables) - len(assembled.absent)
    log.info("prepare: variables: %d, lead times: %d, on %s", variables, len(hours), assembled.grid)
    return PreparedInfo(
        uri=prepared.save(workspace),
        init=f"{assembled.init:%Y-%m-%dT%H}",
        lead_hours=hours,
        variables=[n for n in region.variables if n not in assembled.absent],
        absent=assembled.absent,
        origin=assembled.origin,
        expver=assembled.expver,
        grid=str(assembled.grid),
        halo=available,
    )
