"""The grid of a GRIB message and its values in canonical order."""

from __future__ import annotations

from functools import lru_cache

import eccodes
import numpy as np
from eccodes.highlevel.message import GRIBMessage

from tasks.errors import CorruptField, FinescaleError, UnreadableFile
from tasks.grib.keys import integer, number, text
from tasks.grids.grid import Canonical, canonical
from tasks.units import Conversion

AGAIN = "fetch the file again"
MISSING = 1e20
GAUSSIAN = ("reduced_gg", "regular_gg", "sh")


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


def _assert_increments(message: GRIBMessage, label: str) -> None:
    """First point, last point and increment agree: a wrong byte in one of them would move the field."""
    unit = 1e-3 if integer(message, "edition") == 1 else 1e-6  # degree, in which the edition writes coordinates
    for axis, n, which in (("i", "Ni", "longitude"), ("j", "Nj", "latitude")):
        count = integer(message, n)
        if not integer(message, f"{axis}DirectionIncrementGiven") or count < 2:
            continue
        first, last = (number(message, f"{which}Of{end}GridPointInDegrees") for end in ("First", "Last"))
        extent = abs(last - first)
        step = number(message, f"{axis}DirectionIncrementInDegrees")
        extents = [extent, 360.0 - extent] if axis == "i" else [extent]
        if all(abs(e / (count - 1) - step) > 2 * unit for e in extents):
            raise CorruptField(
                f"{label}: {count} points of {step:g} degree do not fit {which}s {first:g} to {last:g}; {AGAIN}"
            )


def _remedy(kind: str) -> str:
    """What brings another grid to latitudes and longitudes."""
    if kind in GAUSSIAN:
        return "bring it to latitudes and longitudes with: finescale regrid FILE NEW.grib --spacing 0.1"
    return "only latitudes and longitudes are read; bring it to them, winds turned, for instance with cdo remapbil"


def read_layout(message: GRIBMessage, label: str) -> Canonical:
    """How to bring a message's values into canonical order.

    UnreadableFile for a grid that is not regular in latitude and longitude; CorruptField for one that contradicts
    itself.
    """
    try:
        kind = text(message, "gridType")
        if kind != "regular_ll":
            raise UnreadableFile(f"{label}: grid {kind}; {_remedy(kind)}")
        if integer(message, "alternativeRowScanning"):
            raise UnreadableFile(f"{label}: rows scanned in alternating directions are not read")
        ni, nj, points = (integer(message, key) for key in ("Ni", "Nj", "numberOfDataPoints"))
        if ni * nj != points:  # before coordinates are made: one wrong byte in Ni asks for gigabytes of them
            raise CorruptField(f"{label}: {points} points for a grid of {nj}x{ni}; {AGAIN}")
        _assert_increments(message, label)
        return _canonical(
            *(number(message, f"latitudeOf{end}GridPointInDegrees") for end in ("First", "Last")), nj,
            *(number(message, f"longitudeOf{end}GridPointInDegrees") for end in ("First", "Last")), ni,
            integer(message, "jScansPositively"), integer(message, "iScansNegatively"),
        )  # fmt: skip
    except (eccodes.CodesInternalError, KeyError, ValueError) as error:
        raise CorruptField(f"{label}: header does not decode ({error}); {AGAIN}") from None


def read_values(message: GRIBMessage, layout: Canonical, label: str, convert: Conversion) -> np.ndarray:
    """A message's values (rows, cols) float32 in the table's unit, NaN where missing; CorruptField if undecodable."""
    flat, shape = decode_values(message, CorruptField, label, AGAIN)
    consecutive = message["jPointsAreConsecutive"]
    values = layout(flat.reshape(shape[::-1]).T if consecutive else flat.reshape(shape))
    values[values >= MISSING] = np.nan
    return convert(values)


def decode_values(
    message: GRIBMessage, fault: type[FinescaleError], label: str, remedy: str
) -> tuple[np.ndarray, tuple[int, int]]:
    """(all values in file order, (rows, columns) of the grid); `fault` if the data section does not decode to that."""
    try:
        message.set("missingValue", MISSING, check_values=False)
        ni, nj = int(message["Ni"]), int(message["Nj"])
        count = message.get_size("values")
        if count != ni * nj:  # before memory is taken for them
            raise fault(f"{label}: {count} values for a grid of {nj}x{ni}; {remedy}")
        return message.get_array("values"), (nj, ni)
    except (eccodes.CodesInternalError, KeyError) as error:
        raise fault(f"{label}: data section does not decode ({error}); {remedy}") from None
