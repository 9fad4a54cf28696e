"""A box as people write it on the command line."""

from __future__ import annotations

from pydantic import ValidationError

from tasks.errors import BadInput, short
from tasks.grids.box import Box

WRITE = "write it as north,west,south,east like 32,110,30,112"
# how else people order corners: which of what is written is north, west, south, east
ORDERS = {
    "west,south,east,north": (3, 0, 1, 2), "south,west,north,east": (2, 1, 0, 3), "west,north,east,south": (1, 0, 3, 2),
    "north,east,south,west": (0, 3, 2, 1), "north,south,west,east": (0, 2, 1, 3), "south,north,west,east": (1, 2, 0, 3),
    "west,east,south,north": (3, 0, 2, 1),
}  # fmt: skip


def parse_box(text: str) -> Box:
    """North,west,south,east in degrees, as the CDS writes it; BadInput for anything else, with what may be meant."""
    given = f"--box {short(text)!r}"
    try:
        corners = [float(part) for part in text.split(",")]
    except ValueError:
        raise BadInput(f"{given}: four numbers are wanted, with commas between; {WRITE}") from None
    if len(corners) != 4:
        raise BadInput(f"{given}: has {len(corners)} of four numbers; {WRITE}")
    try:
        return _box(corners)
    except ValidationError as error:
        first = error.errors()[0]
        why = " ".join([*map(str, first["loc"]), first["msg"].removeprefix("Value error, ")])
        raise BadInput(f"{given}: {WRITE} ({why}){_meant(corners)}") from None


def _box(corners: list[float]) -> Box:
    north, west, south, east = corners
    return Box(north=north, west=west, south=south, east=east)


def _meant(corners: list[float]) -> str:
    """The same numbers in the order that is wanted, where they are a box in one that others have."""
    north, west, south, east = corners
    if -180 <= east < west and -90 <= south < north <= 90:
        line = f"{north:g},{west:g},{south:g},{east + 360:g}"
        return f"; did you mean {north:g},{east:g},{south:g},{west:g}, or, across the date line, {line}?"
    for name, order in ORDERS.items():
        ordered = [corners[i] for i in order]
        try:
            _box(ordered)
        except ValidationError:
            continue
        return f"; that looks like {name}: did you mean {','.join(f'{c:g}' for c in ordered)}?"
    return ""
