"""Variables that the network is not trained on, and whom they follow.

A *follower* is what its input's interpolation says, plus a share (`gain`) of what the network makes of its *leader*
beyond that one's interpolation: wind at 100 m follows that at 10 m over ridges and along valleys, skin temperature that
at 2 m. Gains are fitted by least squares on real 0.1 degree fields away from what is scored
(`python -m benchmarks.accuracy.followers`). Without a leader in the input a follower is interpolated alone.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Leader:
    """Whom a follower follows, by how much: a variable, or two components for the size of their vector.

    `relative`: both as shares of their values, as column water of pressure.
    """

    names: tuple[str, ...]
    gain: float
    relative: bool = False


FOLLOWERS: dict[str, Leader | None] = {
    "u100": Leader(("u10",), 1.07),
    "v100": Leader(("v10",), 1.07),
    "fg10": Leader(("u10", "v10"), 1.2),
    "skt": Leader(("t2m",), 1.0),  # by its nature: there is no finer truth to fit it to
    "tcwv": Leader(("sp",), 3.7, relative=True),
    "tcc": None,
    "ssrd": None,
    "strd": None,
}


def unknown_to(known: list[str], names: list[str]) -> list[str]:
    """Which of `names` a network of `known` variables cannot make, not even as followers."""
    return [n for n in names if n not in known and n not in FOLLOWERS]
