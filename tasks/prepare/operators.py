"""What an input's values are: samples of a model's field or means over cells, and of which footprint."""

from __future__ import annotations

from models.operator import CELL_MEANS, ERA5, IFS, Operator, Sampling
from tasks.errors import BadInput

OF_ORIGIN = {"ifs": IFS, "era5": ERA5}  # references are in `models.operator`
WORDS = tuple(str(s) for s in Sampling)


def sampling_of(word: str | None) -> Sampling | None:
    """What a user says an input is; BadInput for another word."""
    if word is None:
        return None
    if word not in WORDS:
        raise BadInput(f"--input-is {word!r}: give {' or '.join(WORDS)}")
    return Sampling(word)


def operator_of(origin: str, means: bool, said: Sampling | None = None) -> Operator:
    """Of fields of an origin (ifs, era5, unknown), which the file calls means over cells or not.

    `said`: what the user says, which overrules the file. Where nobody says anything these are samples of a 9 km model:
    nearly every regular grid that is handed out is made so, and most come from that model.
    """
    if said is Sampling.MEANS or (said is None and means):
        return CELL_MEANS
    return OF_ORIGIN.get(origin, IFS)
