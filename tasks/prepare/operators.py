"""What an input's values are: samples of a model's field or means over cells, and of which footprint."""

from __future__ import annotations

from models.operator import AIFS, CELL_MEANS, ERA5, ERA5_LAND, IFS, Operator, Sampling
from tasks.errors import BadInput

OF_ORIGIN = {"ifs": IFS, "aifs": AIFS, "era5": ERA5}  # references are in `models.operator`
ERA5_LAND_BELOW = 0.2  # degrees: ERA5 comes every 0.25, ERA5-Land every 0.1
WORDS = tuple(str(s) for s in Sampling)


def sampling_of(word: str | None) -> Sampling | None:
    """What a user says an input is; BadInput for another word."""
    if word is None:
        return None
    if word not in WORDS:
        raise BadInput(f"--input-is {word!r}: give {' or '.join(WORDS)}")
    return Sampling(word)


def operator_of(origin: str, spacing: float, means: bool, by_user: Sampling | None = None) -> Operator:
    """Of fields of an origin (ifs, aifs, era5, unknown) with points every `spacing` degrees, means over cells or not.

    `by_user`: what the user says, which overrules the file. Where nobody says anything these are samples of a 9 km
    model: nearly every regular grid that is handed out is made so, and most come from that model.
    """
    if by_user is Sampling.MEANS or (by_user is None and means):
        return CELL_MEANS
    if origin == "era5" and spacing < ERA5_LAND_BELOW:
        return ERA5_LAND
    return OF_ORIGIN.get(origin, IFS)
