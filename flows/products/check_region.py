"""`finescale regions check`: everything that can be wrong with a region before a run finds out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.followers import unknown_to
from tasks.errors import FinescaleError, InvalidRegion
from tasks.grids.grid import Grid
from tasks.grids.regrid import covers
from tasks.packages import open_package
from tasks.prepare.terrain import read_statics
from tasks.present.quicklook import outline
from tasks.region import search as regions
from tasks.region.document import Region
from tasks.region.gazetteer import read_gazetteer

MARGIN = 1.5  # degrees around the box: the model's halo of five cells of 0.25 degree, and the cell that the box cuts


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    found: str
    passed: bool


def _starts(region: Region) -> dict[str, str | None]:
    return {name: getattr(region.schedule, name) for name in ("ifs", "ens", "aifs", "era5", "maintain", "verify")}


def _name(region: Region) -> Row:
    """What products are filed under; a name that another folder has too is refused before."""
    named = f"; commands find it by its folder's name, {region.folder.name}"
    return Row("name", region.name + ("" if region.folder.name == region.name else named), True)


def _terrain(region: Region) -> Row:
    if region.terrain_file is None:
        return Row("terrain", "none: products will not know mountains", True)
    try:
        statics, grid = read_statics(region.terrain_file)
    except FinescaleError as error:
        return Row("terrain", str(error), False)
    height, land = statics["height"], "with land mask" if "land" in statics else "no land mask"
    found = f"{grid}; {height.min():.0f}..{height.max():.0f} m; {land}"
    if not covers(grid, region.target):
        return Row("terrain", f"{found}; does not reach over the whole target grid", False)
    if not covers(grid, around_target(region)):
        found += f"; less than {MARGIN:g} degree beyond the box: its edge is repeated"
    return Row("terrain", found, True)


def around_target(region: Region) -> Grid:
    """The target grid and MARGIN degrees around it, not beyond the poles: where terrain is looked at."""
    target = region.target
    top, bottom = (int(min(MARGIN, 90 - edge) / target.dlat) for edge in (target.north, -target.south))
    aside = int(MARGIN / target.dlon)
    return target.extended(top, bottom, aside, aside)


def _boundary(region: Region) -> Row:
    if region.boundary_file is None:
        return Row("boundary", "none: pictures without outline", True)
    try:
        points = np.concatenate(outline(region.boundary_file))
    except InvalidRegion as error:
        return Row("boundary", str(error), False)
    (west, south), (east, north) = points.min(axis=0), points.max(axis=0)
    box = region.box
    inside = box.west <= west and box.south <= south and box.east >= east and box.north >= north
    seen = box.west < east and box.south < north and box.east > west and box.north > south
    extent = "inside the box" if inside else "reaches beyond the box, is cut there" if seen else "nowhere near the box"
    return Row("boundary", f"{south:g}..{north:g}N {west:g}..{east:g}E, {extent}", bool(seen))


def _places(region: Region) -> Row:
    if region.places_file is None:
        return Row("places", "none: `finescale point` wants degrees", True)
    try:
        found = read_gazetteer(region.places_file)
    except InvalidRegion as error:
        return Row("places", str(error), False)
    box = region.box
    inside = [
        p
        for p in found
        if box.south <= p.latitude <= box.north and (p.longitude - box.west) % 360 <= box.east - box.west
    ]
    return Row("places", f"{len(inside)} of {len(found)} in the box", True)


def _model(region: Region) -> list[Row]:
    try:
        package = open_package(region.model)
    except FinescaleError as error:
        return [Row("model", str(error), False)]
    unknown = unknown_to(package.variables, region.variables)
    scale = region.input_spacing / region.spacing
    low, high = package.scale_range
    return [
        Row("model", f"{package.model_id}, files as released", True),
        Row("variables", ", ".join(region.variables) + (f"; unknown: {unknown}" if unknown else ""), not unknown),
        Row("scale", f"{scale:g}, trained on {low:g}..{high:g}", low <= scale <= high),
    ]


def check_region(name: str) -> tuple[list[Row], bool]:
    """Rows of the table, and whether all passed."""
    region = regions.load(name)
    rows = [
        Row("region.yaml", str(region.folder / "region.yaml"), True),
        _name(region),
        Row("target grid", str(region.target), True),
        Row("input grid", f"{region.input_spacing:g} degree", True),
        Row("required", ", ".join(region.required or []), True),
        Row(
            "lead times",
            f"{len(region.lead_times.hours())}, +{region.lead_times.start}..{region.lead_times.stop} h",
            True,
        ),
        Row("schedule, UTC", ", ".join(f"{k} {v or 'never'}" for k, v in _starts(region).items()), True),
        _terrain(region),
        _boundary(region),
        _places(region),
        *_model(region),
    ]
    return rows, all(r.passed for r in rows)
