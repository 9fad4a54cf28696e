"""A box as people write it on the command line."""

from __future__ import annotations

from tasks.errors import BadInput, short
from tasks.grids.box import Box


def parse_box(text: str) -> Box:
    """North,west,south,east in degrees, as the CDS writes it; BadInput for anything else."""
    try:
        north, west, south, east = (float(part) for part in text.split(","))
        return Box(north=north, west=west, south=south, east=east)
    except ValueError as error:  # pydantic's is one
        why = "" if "unpack" in str(error) or "convert" in str(error) else f" ({short(str(error))})"
        raise BadInput(f"--box {short(text)!r}: write it as north,west,south,east like 32,110,30,112{why}") from None
