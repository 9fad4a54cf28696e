"""A verification as rows for people."""

from __future__ import annotations

from tasks.candidates import Candidate
from tasks.scorecard import StationScore, Verification

# variable's unit -> (factor, unit that people use)
SHOWN = {"Pa": (0.01, "hPa"), "m": (1000.0, "mm"), "m s-1": (1.0, "m/s"), "degree": (1.0, "°")}

COLUMNS = ["variable", "stations", "candidate", "pairs", "bias", "RMSE", "95 %", "unit"]


def rows(found: Verification) -> list[list[str]]:
    """variable, group of heights, candidate, pairs, bias, RMSE, its interval, unit; the product and its baselines."""
    return [_row(s) for s in found.scores]


def _row(s: StationScore) -> list[str]:
    factor, unit = SHOWN.get(s.units, (1.0, s.units))
    name = f"{s.variable} {s.period:g} h" if s.period else s.variable
    number = lambda v: f"{v * factor:.3g}"  # noqa: E731
    interval = f"{number(s.low)} to {number(s.high)}"
    return [
        name,
        s.group,
        Candidate.parse(s.candidate).title,
        f"{s.count}",
        number(s.bias),
        number(s.rmse),
        interval,
        unit,
    ]
