"""How to go from coarse fields to fine ones: a trained network, or plain interpolation."""

from __future__ import annotations

from models.downscaler import Downscaler
from models.following import Following
from models.interpolation import Bicubic, Bilinear, ConservativeBicubic
from tasks.errors import BadInput

Method = Downscaler | Following | Bilinear | Bicubic | ConservativeBicubic
INTERPOLATIONS: dict[str, type[Bilinear | Bicubic | ConservativeBicubic]] = {
    "bilinear": Bilinear,
    "bicubic": Bicubic,
    "bicubic-conservative": ConservativeBicubic,
}
METHODS = ("inr", *INTERPOLATIONS)


def interpolation(name: str) -> Method:
    """An interpolation by its name on the command line."""
    if name not in INTERPOLATIONS:
        raise BadInput(f"unknown method {name!r}; known are: {', '.join(METHODS)}")
    return INTERPOLATIONS[name]()
