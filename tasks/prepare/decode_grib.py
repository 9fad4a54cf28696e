"""GRIB -> headers of fields, whose values are decoded when they are asked for."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np

from tasks.errors import BadInput, CorruptField, UnreadableFile
from tasks.grib.header import EXTREMES, MEANS, OF_EXTREME, SUMS, Header, read_header
from tasks.grib.layout import AGAIN, read_layout, read_values
from tasks.grib.walk import Placed, message_at, walk
from tasks.grids.grid import Canonical, Grid
from tasks.prepare.fields import FieldHeader, OwnTerrain, Rule, Scan, Since
from tasks.units import AS_IT_IS, Conversion, conversion

ORIGINS = {"od": "ifs", "ai": "aifs", "ea": "era5", "l5": "era5"}  # class l5: ERA5-Land
REANALYSES = {"ea", "l5"}
DAY = 86400.0  # s
HEIGHTS = {"z", "orog"}  # short names at the surface: geopotential and height of the model's terrain
MEAN_OF_ENSEMBLE = {None, 0, 1, 6}  # code table 4.7 of GRIB2; others are spread and the like


def first_grid(path: Path) -> Grid:
    """Canonical grid of the first message."""
    return read_layout(next(walk(path, UnreadableFile)).message, f"{path.name} message 1").grid


def scan_grib(path: Path, wanted: set[str]) -> Scan:
    """The header of every wanted surface field of a file, its terrain, what others are; no data section is decoded."""
    headers: list[FieldHeader] = []
    others: dict[str, None] = {}
    terrain: list[OwnTerrain] = []
    for placed in walk(path, UnreadableFile):
        label = f"{path.name} message {placed.number}"
        header = read_header(placed.message, CorruptField, label, AGAIN)
        convert = _convert(header)
        if header.level_type == "surface" and header.short_name in HEIGHTS:
            with suppress(BadInput):  # on a grid that no field of ours comes on
                terrain.append(_terrain(path, placed, header, f"{label} ({header.short_name})"))
        elif convert is not None and _is_wanted(header, wanted):
            headers.append(_field(path, placed, header, convert, label))
        else:
            others[_what(header)] = None
    return Scan(headers, list(others), terrain)


def _convert(header: Header) -> Conversion | None:
    """None where it is none of ours, an instant's rate of rain included, or in a unit that is not one."""
    if header.variable is None:
        return None
    convert = conversion(header.units, header.variable.units, header.variable.amount)
    instant = convert is not None and convert.rate and header.step_type not in SUMS | MEANS
    return None if instant else convert


def _is_wanted(header: Header, wanted: set[str]) -> bool:
    assert header.variable is not None
    extreme = header.variable.extreme
    of_steps = header.step_type in OF_EXTREME[extreme] if extreme else header.step_type not in EXTREMES
    own = header.derived in MEAN_OF_ENSEMBLE and of_steps
    return header.variable.name in wanted and header.of_surface and own


def _what(header: Header) -> str:
    member = f" of member {header.member}" if header.member else ""
    level = "" if header.level_type in ("surface", "meanSea") else f" at {header.level_type}"
    if header.derived not in MEAN_OF_ENSEMBLE:
        member = f" (derived forecast {header.derived}: no mean of an ensemble)"
    kind = f" ({header.step_type})" if header.step_type not in ("instant", "accum") else ""
    return f"{header.short_name}{kind}{level}{member}"


def _field(path: Path, placed: Placed, header: Header, convert: Conversion, label: str) -> FieldHeader:
    assert header.variable is not None
    label, amount = f"{label} ({header.variable.name})", header.variable.amount
    per, rule, start = 1.0 if convert.rate else None, None, header.start
    if amount and header.monthly:
        per, rule, start = per or DAY, Rule(Since.MONTH, "its months, means a day"), None
    analysis = header.grib_class in REANALYSES or header.grib_type == "an" or header.monthly
    if amount and analysis and start == header.valid:
        start = None  # a tool has dropped the steps
    return FieldHeader(
        variable=header.variable, init=header.init, start=start, valid=header.valid, analysis=analysis,
        origin=ORIGINS.get(header.grib_class, "unknown"), expver=header.expver,
        layout=read_layout(placed.message, label), label=label,
        read=partial(_values, path, (placed.offset, placed.length, placed.field), label, convert),
        evidence="the steps of its messages", rule=rule, per=per, averaged=not amount and header.step_type in MEANS,
        member=header.member,
    )  # fmt: skip


def _terrain(path: Path, placed: Placed, header: Header, label: str) -> OwnTerrain:
    read = partial(_values, path, (placed.offset, placed.length, placed.field), label, AS_IT_IS)
    return OwnTerrain(label, header.units, read_layout(placed.message, label), read)


def _values(
    path: Path, place: tuple[int, int, int | None], label: str, convert: Conversion, layout: Canonical
) -> np.ndarray:
    return read_values(message_at(path, *place), layout, label, convert)
