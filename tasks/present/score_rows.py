"""A verification as rows for people."""

from __future__ import annotations

from tasks.handover.candidates import Candidate
from tasks.handover.scorecard import StationScore, TruthScore, Verification
from tasks.present import display

COLUMNS = ["variable", "unit", "stations", "candidate", "pairs", "bias", "RMSE", "95 %"]
TRUTH = ["variable", "unit", "product", "bilinear", "bicubic", "at the terrain's height"]


def rows(found: Verification) -> list[list[str]]:
    """Of each candidate, COLUMNS, in units people use; `stations`: the group of heights."""
    return [_row(s) for s in found.scores]


def truth_rows(found: list[TruthScore]) -> list[list[str]]:
    """RMSE against a finer field of the same forecast, TRUTH; "" where there is none."""
    out = []
    for s in found:
        how = display.of_difference(s.variable, s.units)
        values = (s.product, s.bilinear, s.bicubic, s.at_height)
        out.append([s.variable, how.unit, *("" if v is None else f"{v * how.scale:.4g}" for v in values)])
    return out


def _row(s: StationScore) -> list[str]:
    how = display.of_difference(s.variable, s.units)
    name = f"{s.variable} {s.period:g} h" if s.period else s.variable
    number = lambda v: f"{v * how.scale:.3g}"  # noqa: E731
    interval = f"{number(s.low)} to {number(s.high)}"
    return [
        name,
        how.unit,
        s.group,
        Candidate.parse(s.candidate).title,
        f"{s.count}",
        number(s.bias),
        number(s.rmse),
        interval,
    ]
