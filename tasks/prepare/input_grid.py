"""The grid on which a region's input is given to the model: the file's own points, or means of a much finer file."""

from __future__ import annotations

import logging
import math

from tasks.errors import BadInput, RegionOutsideInput
from tasks.grids.box import Box
from tasks.grids.grid import Grid, lattice
from tasks.grids.regrid import clip_to, covers, is_averaged
from tasks.prepare.fields import FieldHeader
from tasks.region.document import Region

log = logging.getLogger(__name__)

ALMOST = 0.999  # of a spacing beyond the box: points that lie on the next one are no longer touched


def input_grid(region: Region, source: Grid, halo: int) -> Grid:
    """The region's input grid with halo, cut to what the source has; RegionOutsideInput if that lacks the region.

    The source's own points where it is about as fine as the region's `input_spacing`, or coarser: what lies between
    them is for the model to say. Of a source that is more than 1.5 times finer, multiples of `input_spacing`.
    """
    if not covers(source, region.target):
        raise RegionOutsideInput(
            f"region {region.name} ({region.target}) is not inside the input ({source}); give an input that "
            "covers it, or make `box` in its region.yaml smaller"
        )
    inner = _own(source, region) or _multiples(region)
    across = halo
    if source.wraps and inner.cols * inner.dlon >= 360.0:  # all around: the first column follows the last
        west = source.west if inner.dlon == source.dlon else -180.0
        inner, across = Grid(inner.north, west, inner.dlat, inner.dlon, inner.rows, round(360.0 / inner.dlon)), 0
    top = min(halo, int((90.0 - inner.north) / inner.dlat + 1e-6))
    bottom = min(halo, int((90.0 + inner.south) / inner.dlat + 1e-6))
    return clip_to(inner.extended(top, bottom, across, across), source)


def _multiples(region: Region) -> Grid:
    """Multiples of `input_spacing`: every cell that the region touches."""
    box, d = region.box, region.input_spacing
    north, south, west, east = _touched(box, d, d)
    return lattice(north, south, west, east, d)


def _touched(box: Box, dlat: float, dlon: float) -> tuple[float, float, float, float]:
    """North, south, west, east within which points have cells that the box touches."""
    return (
        box.north + dlat * ALMOST, box.south - dlat * ALMOST, box.west - dlon * ALMOST, box.east + dlon * ALMOST,
    )  # fmt: skip


def _own(source: Grid, region: Region) -> Grid | None:
    """The source's points whose cells the region touches, its lattice going on beyond its edges.

    None if it is so fine that it is averaged, or finer than the product is to be.
    """
    wanted, least = region.input_spacing, region.spacing * (1 - 1e-6)
    of_region = Grid(source.north, source.west, wanted, wanted, 2, 2)
    if is_averaged(source, of_region) or min(source.dlat, source.dlon) < least:
        return None
    north, south, west, east = _touched(region.box, source.dlat, source.dlon)
    turn = 360.0 * round((source.west + source.east - west - east) / 720.0)
    first_row = math.ceil((source.north - north) / source.dlat - 1e-6)
    last_row = math.floor((source.north - south) / source.dlat + 1e-6)
    first_col = math.ceil((west + turn - source.west) / source.dlon - 1e-6)
    last_col = math.floor((east + turn - source.west) / source.dlon + 1e-6)
    return Grid(
        round(source.north - first_row * source.dlat, 9),
        round(source.west + first_col * source.dlon - turn, 9),
        source.dlat,
        source.dlon,
        last_row - first_row + 1,
        last_col - first_col + 1,
    )


def assert_one_spacing(headers: list[FieldHeader], region: Region, halo: int) -> None:
    """BadInput if fields cannot share an input grid; which input_spacing would let them is said where there is one."""
    if not headers:
        return
    first = headers[0]
    other = next((h for h in headers if h.grid != first.grid and _differ(region, h.grid, first.grid, halo)), None)
    if other is None:
        return
    coarser = max(max(h.grid.dlat, h.grid.dlon) for h in (first, other))
    remedy = "hand in fields of one area and one spacing"
    try:
        averaged = region.with_input_spacing(coarser)
        if not _differ(averaged, other.grid, first.grid, halo):
            remedy += f", or set input_spacing: {coarser:g} in region.yaml: finer ones are averaged then"
    except BadInput:  # the region's own spacing is finer than that allows
        pass
    raise BadInput(f"{other.label}: on {other.grid}, but {first.label} on {first.grid}; {remedy}")


def _differ(region: Region, one: Grid, other: Grid, halo: int) -> bool:
    return input_grid(region, one, halo) != input_grid(region, other, halo)


def say_spacing(region: Region, files: list[Grid], grid: Grid) -> None:
    """One line in the log where the input's spacing is another than the region's, and what became of it."""
    wanted = region.input_spacing
    given = ", ".join(dict.fromkeys(g.spacing for g in files))
    for file in files:
        if is_averaged(file, grid):
            log.warning(
                "input has points every %s degree, finer than the %g of region %s: averaged over its cells; set "
                "input_spacing: %g in region.yaml to use all of it", given, wanted, region.name,
                max(file.dlat, file.dlon),
            )  # fmt: skip
            return
        if (file.dlat, file.dlon) != (grid.dlat, grid.dlon):
            log.warning(
                "input has points every %s degree, finer than the product's %g: interpolated to %g; set spacing: %g or "
                "less in region.yaml", given, region.spacing, wanted, min(file.dlat, file.dlon),
            )  # fmt: skip
            return
    if max(abs(grid.dlat - wanted), abs(grid.dlon - wanted)) > 1e-6:
        log.warning(
            "input has points every %s degree, where region %s expects %g: used as they are, the product is made from "
            "%s degree; hand in finer files if there are any", given, region.name, wanted, grid.spacing,
        )  # fmt: skip
