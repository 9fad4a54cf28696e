"""Proving that a file is the day of ERA5 that was asked for: every message, no more and no less."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
from eccodes.highlevel.message import GRIBMessage

from tasks.acquire.era5_request import HOURS, SPACING, Asked
from tasks.errors import BadInput, CorruptField, CycleNotReady, IncompleteDownload
from tasks.grib.header import read_header
from tasks.grib.layout import AGAIN, read_layout, read_values
from tasks.grib.walk import BEGIN, walk
from tasks.grids.box import Box
from tasks.grids.grid import Grid
from tasks.units import AS_IT_IS
from tasks.variables import TERRAIN, Variable

MILLIDEGREE = 1.1e-3  # GRIB 1 writes coordinates in 0.001 degree


def _assert_covers(grid: Grid, area: Box, label: str) -> None:
    """The message's grid is ERA5's and holds every point that was asked for."""
    on_grid = all(abs(v / SPACING - round(v / SPACING)) * SPACING < MILLIDEGREE for v in (grid.north, grid.west))
    if not on_grid or any(abs(s - SPACING) > MILLIDEGREE for s in (grid.dlat, grid.dlon)):
        raise IncompleteDownload(
            f"{label}: {grid.rows}x{grid.cols} points are not those of the {SPACING:g} degree grid"
        )
    offset = (area.west - grid.west + MILLIDEGREE) % 360.0 - MILLIDEGREE
    width = (grid.cols - 1) * grid.dlon
    if (
        grid.north < area.north - MILLIDEGREE
        or grid.south > area.south + MILLIDEGREE
        or not (grid.wraps or offset + area.east - area.west <= width + MILLIDEGREE)
    ):
        raise IncompleteDownload(
            f"{label}: {grid.south:g}..{grid.north:g}N {grid.west:g}..{grid.east:g}E does not hold the area asked for, "
            f"{area.south:g}..{area.north:g}N {area.west:g}..{area.east:g}E"
        )


def _identify(message: GRIBMessage, asked: Asked, label: str, values: bool) -> tuple[Variable, int, str]:
    """(variable, hour of the day, expver) of a message; IncompleteDownload if it is none of those asked for."""
    header = read_header(message, IncompleteDownload, label, AGAIN)
    variable = header.variable
    if variable not in asked.variables:
        raise IncompleteDownload(f"{label}: {header.short_name} (paramId {header.param_id}) was not asked for")
    assert variable is not None
    label = f"{label} ({variable.name})"
    if header.grib_class != "ea":
        raise IncompleteDownload(f"{label}: of class {header.grib_class}, not of ERA5 (ea)")
    hour = (header.valid - asked.day) / timedelta(hours=1)
    if hour not in HOURS:
        raise IncompleteDownload(f"{label}: valid at {header.valid:%Y-%m-%dT%H:%M}, not on {asked.day:%Y-%m-%d}")
    try:
        layout = read_layout(message, label)
    except BadInput as error:
        raise IncompleteDownload(str(error)) from None
    _assert_covers(layout.grid, asked.area, label)
    if values and not np.isfinite(read_values(message, layout, label, AS_IT_IS)).all():
        raise IncompleteDownload(f"{label}: some values are missing")
    return variable, int(hour), header.expver


def _fields(asked: Asked) -> list[Variable]:
    """What changes from hour to hour."""
    return [v for v in asked.variables if v is not TERRAIN]


def _assert_whole(found: dict[tuple[str, int], str], asked: Asked, cycle: object) -> None:
    """Every variable at every hour, terrain at any; CycleNotReady where only the end of the day is missing."""
    lacking: dict[tuple[int, ...], list[str]] = {}
    for variable in _fields(asked):
        hours = tuple(h for h in HOURS if (variable.name, h) not in found)
        lacking.setdefault(hours, []).append(variable.name)
    lacking.pop((), None)
    if not lacking:
        return
    shown = "; ".join(f"{', '.join(names)} at {', '.join(map(str, h))} UTC" for h, names in lacking.items())
    if all(hours[0] > 0 and hours == tuple(range(hours[0], 24)) for hours in lacking):
        raise CycleNotReady(f"{cycle}: the CDS does not have the end of the day yet: {shown} missing; run again later")
    raise IncompleteDownload(f"{cycle}: {shown} missing from the CDS's file")


def prove(path: Path, asked: Asked, cycle: object, *, values: bool = True) -> dict[str, list[int]]:
    """Hours by expver (0001: ERA5, 0005: ERA5T) of a file that is whole and what was asked for.

    An hour counts as final only if all its variables are. `values`: decode them too, where no checksum has proved the
    bytes. IncompleteDownload for anything wrong; CycleNotReady where the end of the day is missing.
    """
    with path.open("rb") as file:
        if (head := file.read(12))[:4] != BEGIN:
            raise IncompleteDownload(f"{cycle}: the CDS sent {path.stat().st_size} bytes that begin {head!r}, not GRIB")
    found: dict[tuple[str, int], str] = {}
    for placed in walk(path, IncompleteDownload, str(cycle)):
        label = f"{cycle} message {placed.number}"
        try:
            variable, hour, expver = _identify(placed.message, asked, label, values)
        except CorruptField as error:
            raise IncompleteDownload(str(error)) from None
        if (variable.name, hour) in found:
            raise IncompleteDownload(f"{label}: {variable.name} at {hour:02d} UTC a second time")
        found[variable.name, hour] = expver
    _assert_whole(found, asked, cycle)
    out: dict[str, list[int]] = {}
    if not _fields(asked):  # the terrain alone
        if not found:
            raise IncompleteDownload(f"{cycle}: no {TERRAIN.name} in the CDS's file")
        return out
    for hour in HOURS:
        out.setdefault(max(found[v.name, hour] for v in _fields(asked)), []).append(hour)
    return out
