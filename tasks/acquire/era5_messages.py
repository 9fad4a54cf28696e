"""Proving that a file is the day of ERA5 that was asked for: every message, no more and no less."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import eccodes
import numpy as np

from tasks.acquire.era5_request import HOURS, SPACING, Area, Asked
from tasks.errors import CycleNotReady, IncompleteDownload
from tasks.variables import Variable, by_param_id

MILLIDEGREE = 1.1e-3  # GRIB 1 writes coordinates in 0.001 degree
ARCHIVE_BLOCK = 120  # bytes: ECMWF's archive fills each GRIB 1 message with zeros to a multiple of this


def _messages(path: Path, cycle: object) -> Iterator[tuple[str, int]]:
    """(where, eccodes handle) of each; IncompleteDownload where bytes belong to none or a message is cut."""
    data, position, number = path.read_bytes(), 0, 0
    if data[:4] != b"GRIB":
        raise IncompleteDownload(f"{cycle}: the CDS sent {len(data)} bytes that begin {data[:12]!r}, not GRIB")
    with path.open("rb", buffering=0) as file:  # eccodes reads from the descriptor
        while position < len(data):
            begin = data.find(b"GRIB", position, position + ARCHIVE_BLOCK + 3)
            gap = data[position : begin if begin >= 0 else None]
            if len(gap) >= ARCHIVE_BLOCK or any(gap):
                raise IncompleteDownload(f"{cycle}: bytes after message {number}, at {position}, are not GRIB")
            if begin < 0:
                return
            position = begin
            number += 1
            where = f"{cycle} message {number}"
            file.seek(position)
            try:
                handle = eccodes.codes_grib_new_from_file(file)
            except eccodes.CodesInternalError as error:
                raise IncompleteDownload(f"{where}: cut or broken at byte {position} ({error})") from None
            try:
                length = int(eccodes.codes_get(handle, "totalLength"))
                if data[position + length - 4 : position + length] != b"7777":
                    raise IncompleteDownload(f"{where}: does not end as a GRIB message does")
                position += length
                yield where, handle
            finally:
                eccodes.codes_release(handle)


def _assert_covers(get: Any, area: Area, where: str) -> None:
    """The message's grid is ERA5's and holds every point that was asked for."""
    if get("gridType") != "regular_ll" or get("iScansNegatively"):
        raise IncompleteDownload(f"{where}: grid {get('gridType')}, not the latitude-longitude grid asked for")
    ni, nj = int(get("Ni")), int(get("Nj"))
    lats = sorted(float(get(f"latitudeOf{end}GridPointInDegrees")) for end in ("First", "Last"))
    west, last = (float(get(f"longitudeOf{end}GridPointInDegrees")) for end in ("First", "Last"))
    width = (last - west) % 360.0
    on_grid = all(abs(v / SPACING - round(v / SPACING)) * SPACING < MILLIDEGREE for v in (*lats, west))
    spacings = ((lats[1] - lats[0]) / max(nj - 1, 1), width / max(ni - 1, 1))
    if not on_grid or any(abs(s - SPACING) > MILLIDEGREE for s in spacings):
        raise IncompleteDownload(f"{where}: {nj}x{ni} points are not those of the {SPACING:g} degree grid")
    around = width > 360.0 - SPACING - MILLIDEGREE
    offset = (area.west - west + MILLIDEGREE) % 360.0 - MILLIDEGREE
    if (
        lats[1] < area.north - MILLIDEGREE
        or lats[0] > area.south + MILLIDEGREE
        or not (around or offset + area.east - area.west <= width + MILLIDEGREE)
    ):
        raise IncompleteDownload(
            f"{where}: {lats[0]:g}..{lats[1]:g}N {west:g}..{west + width:g}E does not hold the area asked for, "
            f"{area.south:g}..{area.north:g}N {area.west:g}..{area.east:g}E"
        )


def _identify(handle: int, asked: Asked, where: str) -> tuple[Variable, int, str]:
    """(variable, hour of the day, expver) of a message; IncompleteDownload if it is none of those asked for."""
    get = lambda key: eccodes.codes_get(handle, key)  # noqa: E731
    variable = by_param_id(int(get("paramId")))
    if variable not in asked.variables:
        raise IncompleteDownload(f"{where}: {get('shortName')} (paramId {get('paramId')}) was not asked for")
    where = f"{where} ({variable.name})"
    if get("class") != "ea":
        raise IncompleteDownload(f"{where}: of class {get('class')}, not of ERA5 (ea)")
    valid = datetime.strptime(f"{get('validityDate'):08d}{get('validityTime'):04d}", "%Y%m%d%H%M").replace(tzinfo=UTC)
    hour = (valid - asked.day) / timedelta(hours=1)
    if hour not in HOURS:
        raise IncompleteDownload(f"{where}: valid at {valid:%Y-%m-%dT%H:%M}, not on {asked.day:%Y-%m-%d}")
    _assert_covers(get, asked.area, where)
    values = eccodes.codes_get_array(handle, "values")
    if values.size != int(get("Ni")) * int(get("Nj")) or not np.isfinite(values).all():
        raise IncompleteDownload(f"{where}: {values.size} values for a grid of {get('Nj')}x{get('Ni')}, or not numbers")
    return variable, int(hour), str(get("expver"))


def _assert_whole(found: dict[tuple[str, int], str], asked: Asked, cycle: object) -> None:
    """Every variable at every hour; CycleNotReady where only the end of the day is missing."""
    lacking: dict[tuple[int, ...], list[str]] = {}
    for variable in asked.variables:
        hours = tuple(h for h in HOURS if (variable.name, h) not in found)
        lacking.setdefault(hours, []).append(variable.name)
    lacking.pop((), None)
    if not lacking:
        return
    shown = "; ".join(f"{', '.join(names)} at {', '.join(map(str, h))} UTC" for h, names in lacking.items())
    if all(hours[0] > 0 and hours == tuple(range(hours[0], 24)) for hours in lacking):
        raise CycleNotReady(f"{cycle}: the CDS does not have the end of the day yet: {shown} missing; run again later")
    raise IncompleteDownload(f"{cycle}: {shown} missing from the CDS's file")


def prove(path: Path, asked: Asked, cycle: object) -> dict[str, list[int]]:
    """Hours by expver (0001: ERA5, 0005: ERA5T) of a file that is whole and what was asked for.

    An hour counts as final only if all its variables are. IncompleteDownload for anything wrong; CycleNotReady where
    the end of the day is missing.
    """
    found: dict[tuple[str, int], str] = {}
    for where, handle in _messages(path, cycle):
        try:
            variable, hour, expver = _identify(handle, asked, where)
        except (eccodes.CodesInternalError, ValueError) as error:
            raise IncompleteDownload(f"{where}: does not decode ({error})") from None
        if (variable.name, hour) in found:
            raise IncompleteDownload(f"{where}: {variable.name} at {hour:02d} UTC a second time")
        found[variable.name, hour] = expver
    _assert_whole(found, asked, cycle)
    out: dict[str, list[int]] = {}
    for hour in HOURS:
        out.setdefault(max(found[v.name, hour] for v in asked.variables), []).append(hour)
    return out
