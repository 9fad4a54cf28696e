"""GRIB 1 and 2 -> headers of fields, whose values are decoded when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from tasks.errors import CorruptField, UnreadableFile
from tasks.grib.header import Header, read_header
from tasks.grib.layout import AGAIN, read_layout, read_values
from tasks.grib.walk import Placed, message_at, walk
from tasks.grids.grid import Canonical, Grid
from tasks.prepare.fields import FieldHeader

ORIGINS = {"od": "ifs", "ea": "era5"}


def first_grid(path: Path) -> Grid:
    """Canonical grid of the first message."""
    return read_layout(next(walk(path, UnreadableFile)).message, f"{path.name} message 1").grid


def scan_grib(path: Path, wanted: set[str]) -> Iterator[FieldHeader]:
    """The header of every wanted surface field of a file; no data section is decoded."""
    for placed in walk(path, UnreadableFile):
        label = f"{path.name} message {placed.number}"
        header = read_header(placed.message, CorruptField, label, AGAIN)
        if header.variable is not None and _is_wanted(header, wanted):
            yield _field(path, placed, header, f"{label} ({header.variable.name})")


def _is_wanted(header: Header, wanted: set[str]) -> bool:
    assert header.variable is not None
    return header.variable.name in wanted and header.of_surface and header.member == 0


def _field(path: Path, placed: Placed, header: Header, label: str) -> FieldHeader:
    assert header.variable is not None
    return FieldHeader(
        variable=header.variable, init=header.init, start=header.start, valid=header.valid,
        analysis=header.grib_class == "ea" or header.grib_type == "an",
        origin=ORIGINS.get(header.grib_class, "unknown"), expver=header.expver,
        layout=read_layout(placed.message, label), label=label,
        read=partial(_values, path, placed.offset, placed.length, label),
    )  # fmt: skip


def _values(path: Path, offset: int, length: int, label: str, layout: Canonical) -> np.ndarray:
    return read_values(message_at(path, offset, length), layout, label)
