"""Files of MICAPS, the forecaster's workstation of China, told by their content, and which kinds hold stations."""

from __future__ import annotations

import codecs

import pandas as pd

from tasks.errors import BadInput
from tasks.observations.networks.micaps_points import read_points
from tasks.observations.networks.micaps_surface import read_surface
from tasks.observations.networks.micaps_text import START, opened

BINARY = b"mdfs"  # of MICAPS 4's servers
KINDS = {
    2: "soundings",
    4: "a grid, not stations",
    5: "soundings",
    7: "tracks of typhoons",
    8: "forecasts for cities",
    11: "a grid of vectors, not stations",
    13: "a picture",
    14: "drawings",
}
READ = "stations are read from diamond 1 (surface reports) and diamond 3 (one element)"


def is_micaps(data: bytes) -> bool:
    """Whether a file starts as MICAPS's do, the text ones or the binary ones."""
    head = data[:200].removeprefix(codecs.BOM_UTF8).lstrip()
    return head[: len(START)].lower() == START or data[: len(BINARY)] == BINARY


def read_micaps(data: bytes, name: str) -> pd.DataFrame:
    """The table of a diamond 1 or 3 in GBK or UTF-8; its Beijing time becomes UTC, 9999 is missing.

    Stations that have one identifier at several places are left out, and the log says which. BadInput for another
    diamond, or an element that the header does not name; UnreadableFile, with the line, for a file that is cut or whose
    values do not fit the header.
    """
    if data[: len(BINARY)] == BINARY:
        raise BadInput(f"{name}: is MICAPS 4's binary form (mdfs); export it as text, {READ}")
    kind, stream = opened(data, name)
    match kind:
        case 1:
            return read_surface(stream)
        case 3:
            return read_points(stream)
        case _:
            holds = f", which holds {KINDS[kind]}" if kind in KINDS else ""
            raise BadInput(f"{name}: is MICAPS diamond {kind}{holds}; {READ}")
