"""Holds anybody's gridded file against anybody's stations; plain functions, no orchestration, nothing is kept."""

from __future__ import annotations

import logging
from pathlib import Path

from models.operator import Operator
from tasks.arrays import open_zarr
from tasks.errors import BadInput
from tasks.grids.gridded import Gridded
from tasks.handover.scorecard import Verification
from tasks.observations.networks.files import read_observations
from tasks.observations.quality import quality_control
from tasks.observations.unmatched import why_unmatched
from tasks.prepare.amounts import parse_rule
from tasks.prepare.assemble import assemble
from tasks.prepare.decode import scanned
from tasks.prepare.fields import Rule
from tasks.prepare.operators import operator_of
from tasks.prepare.own_terrain import own_heights
from tasks.prepare.terrain import static_fields
from tasks.storage import exists, is_remote, join
from tasks.store.calibration import open_calibration
from tasks.store.ensemble import with_members
from tasks.store.product import open_input, open_product, operator_in
from tasks.validate import against_stations
from tasks.variables import VARIABLES

log = logging.getLogger(__name__)


def _is_product(uri: str) -> bool:
    """Whether it is one of ours, which holds its terrain and input."""
    return (
        uri.rstrip("/").endswith(".zarr")
        and exists(join(uri, "zarr.json"))
        and "finescale_cycle" in open_zarr(uri).attrs
    )


def read_fields(file: str, rule: Rule | None = None) -> tuple[Gridded, Operator]:
    """Fields of any file that finescale reads, whole, and what their values are; attribute `series`: no forecast."""
    with scanned([Path(file)], set(VARIABLES)) as scan:
        assembled = assemble(scan, lambda grid: grid, list(VARIABLES), [], rule)
        if not assembled.dated:
            raise BadInput(f"{file}: does not say of what time it is; add a coordinate `time`")
        if assembled.others:
            log.info("%s: not used: %s", file, ", ".join(assembled.others))
        if assembled.averaged:
            log.warning("%s: means over time, not scored: %s", file, ", ".join(assembled.averaged))
        fields = assembled.load().drop_vars(assembled.averaged).assign_attrs(series=assembled.analysis)
        heights = own_heights(assembled.terrain, assembled.grid)
        operator = operator_of(assembled.origin, assembled.grid.dlat, assembled.means)
        return Gridded(fields, assembled.grid, heights), operator


def verify_file(
    grid: str, stations: str, coarse: str | None = None, terrain: str | None = None, rain_interval: str | None = None
) -> Verification:
    """Scores of a product or of any latitude-longitude file, beside those of a coarser one where that is given.

    `terrain`: heights for both, without which nothing is brought to a station's height. BadInput if a file cannot be
    read or nothing matches.
    """
    calibration, rule = None, parse_rule(rain_interval)
    if _is_product(grid):
        calibration = open_calibration(grid)
        fine, below = with_members(open_product(grid), grid), open_input(grid)
        operator = operator_in(below.fields.attrs if below is not None else {})
    elif is_remote(grid):
        raise BadInput(f"{grid}: of what lies in object stores only finescale's products are read; fetch the file")
    else:
        (fine, operator), below = read_fields(grid, rule), None
    if coarse is not None:
        below, operator = read_fields(coarse, rule)
    if terrain is not None:
        fine, below = on_terrain(terrain, fine, below, operator)
    elif fine.height is None:
        log.warning("no terrain: nothing is brought to a station's height; --terrain FILE names one")
    observations = quality_control(read_observations(stations))
    name = Path(stations).name
    verification, _, _ = against_stations(fine, below, observations, [name], True, calibration)
    if verification.count == 0:
        raise BadInput(f"{name} has no usable observation for {grid}: {why_unmatched(observations, fine)}")
    return verification


def on_terrain(
    terrain: str, fine: Gridded, below: Gridded | None, operator: Operator
) -> tuple[Gridded, Gridded | None]:
    """The same with heights; of the coarser one its own where they came with it."""
    grid = below.grid if below is not None else fine.grid
    own = below.height if below is not None else None
    statics = static_fields(Path(terrain), grid, fine.grid, fine.grid, operator, own)
    m = slice(statics.margin, -statics.margin or None)
    part = {n: f[m, m] for n, f in statics.fine.items()}
    fine = Gridded(fine.fields, fine.grid, part.get("height"), part.get("land"))
    if below is None:
        return fine, None
    return fine, Gridded(below.fields, below.grid, statics.coarse.get("height"), statics.coarse.get("land"))
