"""`finescale regions check`: everything that can be wrong with a region before a run finds out."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from tasks import region as regions
from tasks.downscale.packages import open_package
from tasks.errors import FinescaleError
from tasks.prepare.regrid import covers
from tasks.prepare.terrain import read_statics
from tasks.region import Region


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    found: str
    passed: bool


def _starts(region: Region) -> dict[str, str | None]:
    return {name: getattr(region.schedule, name) for name in ("ifs", "era5", "maintain")}


def _terrain(region: Region) -> Row:
    if region.terrain_file is None:
        return Row("terrain", "none: products will not know mountains", True)
    try:
        statics, grid = read_statics(region.terrain_file)
    except FinescaleError as error:
        return Row("terrain", str(error), False)
    inside = covers(grid, region.target)
    height, land = statics["height"], "with land mask" if "land" in statics else "no land mask"
    return Row("terrain", f"{grid}; {height.min():.0f}..{height.max():.0f} m; {land}", inside)


def _boundary(region: Region) -> Row:
    if region.boundary_file is None:
        return Row("boundary", "none: pictures without outline", True)
    try:
        features = json.loads(region.boundary_file.read_text())["features"]
        points = [p for f in features for p in _points(f["geometry"]["coordinates"])]
    except (ValueError, KeyError, TypeError) as error:
        return Row("boundary", f"{region.boundary_file}: not GeoJSON ({error})", False)
    west, south = np.min(points, axis=0)
    east, north = np.max(points, axis=0)
    box = region.box
    inside = box.west <= west and box.south <= south and box.east >= east and box.north >= north
    where = "inside the box" if inside else "not inside the box"
    return Row("boundary", f"{south:g}..{north:g}N {west:g}..{east:g}E, {where}", bool(inside))


def _points(coordinates: list[object]) -> list[tuple[float, float]]:
    """All points of nested GeoJSON coordinates."""
    if coordinates and isinstance(coordinates[0], int | float):
        return [(float(coordinates[0]), float(coordinates[1]))]  # type: ignore[arg-type]
    return [p for part in coordinates for p in _points(part)]  # type: ignore[arg-type]


def _model(region: Region) -> list[Row]:
    try:
        package = open_package(region.model)
    except FinescaleError as error:
        return [Row("model", str(error), False)]
    unknown = [v for v in region.variables if v not in package.variables]
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
        *_model(region),
    ]
    return rows, all(r.passed for r in rows)
