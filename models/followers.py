"""Variables that the network is not trained on, and whom they follow.

A *follower* is what its input's interpolation says, plus a share (`gain`) of what the network makes of its *leader*
beyond that one's interpolation: wind at 100 m follows that at 10 m over ridges and along valleys, skin temperature that
at 2 m. Gains are fitted by least squares on real 0.1 degree fields away from what is scored
(`python -m benchmarks.accuracy.followers`). Without a leader in the input a follower is interpolated alone.

Snowfall is a share of precipitation, and what the terrain does to temperature decides how much of it falls as snow.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Interpolated(Enum):
    """How what follows nobody goes between its points."""

    CUBIC = "cubic"
    LINEAR = "linear"  # what ends abruptly: a cubic would swing on both sides of a snow line


@dataclass(frozen=True)
class Leader:
    """Whom a follower follows, by how much: a variable, or two components for the size of their vector.

    `relative`: both as shares of their values, as column water of pressure.
    """

    names: tuple[str, ...]
    gain: float
    relative: bool = False


@dataclass(frozen=True)
class Share:
    """A share of another amount, that grows with how likely snow is at the finer temperature (`snow_share`)."""

    of: str
    by: str


FOLLOWERS: dict[str, Leader | Share | Interpolated] = {
    "u100": Leader(("u10",), 1.07),
    "v100": Leader(("v10",), 1.07),
    "fg10": Leader(("u10", "v10"), 1.2),
    "skt": Leader(("t2m",), 1.0),  # by its nature: there is no finer truth to fit it to
    "tcwv": Leader(("sp",), 3.7, relative=True),
    "tcc": Interpolated.CUBIC,
    "ssrd": Interpolated.CUBIC,
    "strd": Interpolated.CUBIC,
    "mx2t": Leader(("t2m",), 1.0),  # as skt: of the extremes of an interval there is no finer truth either
    "mn2t": Leader(("t2m",), 1.0),
    "sf": Share("tp", "t2m"),
    "sd": Interpolated.LINEAR,
}


def unknown_to(known: list[str], names: list[str]) -> list[str]:
    """Which of `names` a network of `known` variables cannot make, not even as followers."""
    return [n for n in names if n not in known and n not in FOLLOWERS]
