"""How likely a value is passed at a place, by its ranges: `t2m<0`, `wind_speed>10.8`, in the units people use."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from flows.products.series import Series
from tasks.errors import BadInput, short
from tasks.handover.calibrated import LEVELS

RARE = 100.0 * LEVELS[0]  # %: ranges say no more
TEXT = re.compile(r"\s*([a-z]\w*)\s*([<>])\s*([-+]?\d+(?:\.\d*)?)\s*")


@dataclass(frozen=True)
class Passing:
    """A variable below or above a value, in the unit that it is shown in."""

    variable: str
    below: bool
    value: float

    @classmethod
    def parse(cls, text: str) -> Passing:
        """From `t2m<0`; BadInput if it is no such thing."""
        match = TEXT.fullmatch(text)
        if match is None:
            raise BadInput(f"--chance {short(text)!r}: write it like 't2m<0' or 'wind_speed>10.8', in the units shown")
        return cls(match[1], match[2] == "<", float(match[3]))

    def __str__(self) -> str:
        return f"{self.variable}{'<' if self.below else '>'}{self.value:g}"

    def chance(self, ranges: np.ndarray) -> np.ndarray:
        """In %, of ranges (lead time, LEVELS), straight between these: RARE to 100 - RARE, as they say no more."""
        below = np.array([np.interp(self.value, np.maximum.accumulate(row), LEVELS) for row in ranges])
        return 100.0 * (below if self.below else 1.0 - below)


def with_chances(found: list[Series], asked: list[str], region: str) -> list[Series]:
    """The series with a column for each, in %; BadInput where stations do not say how sure the variable is."""
    wanted = [Passing.parse(text) for text in asked]
    for one in wanted:
        if one.variable not in found[0].ranges:
            known = ", ".join(found[0].ranges) or "nothing yet: its stations have too short a history"
            raise BadInput(f"--chance {one}: of {region} it is known how sure these are: {known}")
    out = []
    for series in found:
        columns = {str(one): one.chance(series.ranges[one.variable]) for one in wanted}
        units = series.units | dict.fromkeys(columns, "%")
        out.append(replace(series, values=series.values | columns, units=units))
    return out


def shown(percent: float) -> str:
    """54; of what ranges do not resolve that it is less, or more."""
    return f"≤{RARE:.0f}" if percent <= RARE else f"≥{100 - RARE:.0f}" if percent >= 100 - RARE else f"{percent:.0f}"
