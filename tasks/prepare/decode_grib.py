"""GRIB 1 and 2 -> decoded fields. Decides by key, never by order; every byte of the file must belong to a message."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from io import RawIOBase
from pathlib import Path
from typing import Any

import eccodes
import numpy as np

from tasks.errors import CorruptField, UnreadableFile
from tasks.grids.grid import Canonical, Grid, canonical
from tasks.parallel import in_order
from tasks.prepare.fields import DecodedField
from tasks.variables import Variable, by_param_id

Needed = Callable[[Grid], Grid] | None  # the area that is needed of fields on a grid; None: all

ORIGINS = {"od": "ifs", "ea": "era5"}
SURFACE_LEVELS = {"surface", "meanSea", "heightAboveGround"}
ARCHIVE_BLOCK = 120  # bytes: ECMWF's archive fills each GRIB 1 message with zeros to a multiple of this

# ecCodes writes to standard error what it raises as well; kept open for as long as ecCodes may write to it
_NOWHERE = open(os.devnull, "w")  # noqa: SIM115
eccodes.codes_context_set_logging(_NOWHERE)


def is_grib(path: Path) -> bool:
    """True if the file starts as a GRIB message does."""
    with path.open("rb") as file:
        return file.read(4) == b"GRIB"


def _assert_padding(file: RawIOBase, start: int, stop: int, path: Path) -> None:
    """Bytes between messages are zeros and fewer than the archive's block, or UnreadableFile.

    More zeros are what a download leaves that reserved its space and stopped.
    """
    file.seek(start)
    if stop - start >= ARCHIVE_BLOCK or any(file.read(stop - start) or b""):
        raise UnreadableFile(f"{path.name}: bytes {start}..{stop} are not GRIB; fetch the file again")


def _messages(path: Path) -> Iterator[tuple[int, int]]:
    """(number, eccodes handle) of every message, the caller's to release; UnreadableFile on bytes of none."""
    size, expected, number = path.stat().st_size, 0, 0
    with path.open("rb", buffering=0) as file:  # eccodes reads from the descriptor: a buffer would hide seeks from it
        while expected < size:
            number += 1
            file.seek(expected)
            try:
                handle = eccodes.codes_grib_new_from_file(file)
                if handle is None:
                    _assert_padding(file, expected, size, path)
                    return
                offset, length = int(eccodes.codes_get(handle, "offset")), int(eccodes.codes_get(handle, "totalLength"))
            except eccodes.CodesInternalError as error:
                raise UnreadableFile(
                    f"{path.name}: message {number} at byte {expected} of {size} is truncated or broken ({error}); "
                    "fetch the file again"
                ) from None
            try:
                _assert_padding(file, expected, offset, path)
            except UnreadableFile:
                eccodes.codes_release(handle)
                raise
            expected = offset + length
            yield number, handle


@lru_cache(maxsize=16)
def _canonical(
    first: float, last: float, nj: int, west: float, east: float, ni: int, south_to_north: int, east_to_west: int
) -> Canonical:
    """Canonical form of one GRIB grid definition."""
    rising = last > first
    if rising != bool(south_to_north):
        raise UnreadableFile(f"GRIB grid: latitudes {first:g}..{last:g} contradict the scanning mode")
    if east_to_west:
        west, east = east, west
    if east <= west:
        east += 360.0
    longitude = np.linspace(west, east, ni)
    return canonical(np.linspace(first, last, nj), longitude[::-1] if east_to_west else longitude, "GRIB grid")


def _assert_increments(handle: int, where: str) -> None:
    """First point, last point and increment agree: a wrong byte in one of them would move the field."""
    get = eccodes.codes_get
    unit = 1e-3 if get(handle, "edition") == 1 else 1e-6  # degree, in which the edition writes coordinates
    for axis, n, which in (("i", "Ni", "longitude"), ("j", "Nj", "latitude")):
        if not get(handle, f"{axis}DirectionIncrementGiven") or get(handle, n) < 2:
            continue
        first, last = (float(get(handle, f"{which}Of{end}GridPointInDegrees")) for end in ("First", "Last"))
        extent = abs(last - first)
        step = float(get(handle, f"{axis}DirectionIncrementInDegrees"))
        extents = [extent, 360.0 - extent] if axis == "i" else [extent]
        if all(abs(e / (get(handle, n) - 1) - step) > 2 * unit for e in extents):
            raise CorruptField(
                f"{where}: {get(handle, n)} points of {step:g} degree do not fit {which}s {first:g} to {last:g}; "
                "fetch the file again"
            )


def _grid(handle: int, where: str) -> Canonical:
    get = eccodes.codes_get
    if get(handle, "gridType") != "regular_ll":
        raise UnreadableFile(f"{where}: grid {get(handle, 'gridType')}; only regular latitude-longitude grids are read")
    if get(handle, "alternativeRowScanning"):
        raise UnreadableFile(f"{where}: rows scanned in alternating directions are not read")
    ni, nj, points = get(handle, "Ni"), get(handle, "Nj"), get(handle, "numberOfDataPoints")
    if ni * nj != points:  # before coordinates are made: one wrong byte in Ni asks for gigabytes of them
        raise CorruptField(f"{where}: {points} points for a grid of {nj}x{ni}; fetch the file again")
    _assert_increments(handle, where)
    return _canonical(
        get(handle, "latitudeOfFirstGridPointInDegrees"),
        get(handle, "latitudeOfLastGridPointInDegrees"),
        nj,
        get(handle, "longitudeOfFirstGridPointInDegrees"),
        get(handle, "longitudeOfLastGridPointInDegrees"),
        ni,
        get(handle, "jScansPositively"),
        get(handle, "iScansNegatively"),
    )


def _values(handle: int, layout: Canonical, where: str) -> np.ndarray:
    eccodes.codes_set(handle, "missingValue", 1e20)
    ni, nj = eccodes.codes_get(handle, "Ni"), eccodes.codes_get(handle, "Nj")
    try:
        count = eccodes.codes_get_size(handle, "values")
        if count != ni * nj:  # before memory is taken for them
            raise CorruptField(f"{where}: {count} values for a grid of {nj}x{ni}; fetch the file again")
        flat = eccodes.codes_get_array(handle, "values")
    except eccodes.CodesInternalError as error:
        raise CorruptField(f"{where}: data section does not decode ({error}); fetch the file again") from None
    consecutive = eccodes.codes_get(handle, "jPointsAreConsecutive")
    values = layout(flat.reshape(ni, nj).T if consecutive else flat.reshape(nj, ni))
    values[values >= 1e20] = np.nan
    return values


def _get(handle: int, key: str, default: Any = "") -> Any:
    """A key that not every GRIB has."""
    return eccodes.codes_get(handle, key) if eccodes.codes_is_defined(handle, key) else default


def _time(handle: int, date_key: str, time_key: str) -> datetime:
    date, time = eccodes.codes_get(handle, date_key), eccodes.codes_get(handle, time_key)
    return datetime.strptime(f"{date:08d}{time:04d}", "%Y%m%d%H%M").replace(tzinfo=UTC)


def _decode(handle: int, variable: Variable, where: str, needed: Needed) -> DecodedField:
    layout = _grid(handle, where)
    if needed is not None:
        layout = layout.around(needed(layout.grid))
    init, valid = _time(handle, "dataDate", "dataTime"), _time(handle, "validityDate", "validityTime")
    start = valid
    if variable.amount:
        eccodes.codes_set(handle, "stepUnits", 1)
        start = init + timedelta(hours=int(eccodes.codes_get(handle, "startStep")))
    if not init <= start <= valid:
        raise CorruptField(
            f"{where}: valid from {start:%Y-%m-%dT%H} to {valid:%Y-%m-%dT%H}, initial time {init:%Y-%m-%dT%H}; "
            "fetch the file again"
        )
    grib_class = _get(handle, "class")
    values = _values(handle, layout, where)
    if eccodes.codes_get(handle, "paramId") == 228228:  # total precipitation in kg m-2
        values = values / 1000.0
    return DecodedField(
        variable=variable,
        init=init,
        start=start,
        valid=valid,
        analysis=grib_class == "ea" or _get(handle, "type") == "an",
        origin=ORIGINS.get(grib_class, "unknown"),
        expver=str(_get(handle, "expver")),
        grid=layout.grid,
        values=values.astype(np.float32),
        where=where,
    )


def first_grid(path: Path) -> Grid:
    """Canonical grid of the first message."""
    _, handle = next(_messages(path))
    try:
        return _grid(handle, f"{path.name} message 1").grid
    finally:
        eccodes.codes_release(handle)


def _decoded(number: int, handle: int, file: str, wanted: set[str], needed: Needed) -> DecodedField | None:
    """A message's field, None if it is not wanted; releases the message."""
    try:
        variable = by_param_id(int(eccodes.codes_get(handle, "paramId")))
        if variable is None or variable.name not in wanted:
            return None
        if eccodes.codes_get(handle, "typeOfLevel") not in SURFACE_LEVELS:
            return None
        if int(_get(handle, "perturbationNumber", 0)) != 0:
            return None
        return _decode(handle, variable, f"{file} message {number} ({variable.name})", needed)
    except (eccodes.CodesInternalError, ValueError) as error:
        raise CorruptField(f"{file} message {number}: header does not decode ({error}); fetch the file again") from None
    finally:
        eccodes.codes_release(handle)


def decode_grib(paths: Iterable[Path], wanted: set[str], needed: Needed = None) -> Iterator[DecodedField]:
    """Every wanted surface field of some files; other fields are skipped without being decoded.

    ecCodes decodes outside of Python's lock, and so several messages at once.
    """
    calls = (
        partial(_decoded, number, handle, path.name, wanted, needed)
        for path in paths
        for number, handle in _messages(path)
    )
    yield from (field for field in in_order(calls) if field is not None)
