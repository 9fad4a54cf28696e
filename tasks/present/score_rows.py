"""A verification as rows for people."""

from __future__ import annotations

from tasks.handover.candidates import Candidate
from tasks.handover.scorecard import StationScore, Verification
from tasks.present import display

COLUMNS = ["variable", "stations", "candidate", "pairs", "bias", "RMSE", "95 %", "unit"]


def rows(found: Verification) -> list[list[str]]:
    """variable, group of heights, candidate, pairs, bias, RMSE, its interval, unit; the product and its baselines."""
    return [_row(s) for s in found.scores]


def _row(s: StationScore) -> list[str]:
    how = display.of(s.variable, s.units)
    name = f"{s.variable} {s.period:g} h" if s.period else s.variable
    number = lambda v: f"{v * how.scale:.3g}"  # noqa: E731
    interval = f"{number(s.low)} to {number(s.high)}"
    return [
        name,
        s.group,
        Candidate.parse(s.candidate).title,
        f"{s.count}",
        number(s.bias),
        number(s.rmse),
        interval,
        how.unit,
    ]
