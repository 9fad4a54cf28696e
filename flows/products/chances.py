"""How likely a value is passed at a place, by its ranges: `t2m<0`, `wind_speed>10.8`, in the units people use."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from flows.products.series import Series
from tasks.errors import BadInput, short
from tasks.handover.calibrated import LEVELS
from tasks.passing import Passing

RARE = 100.0 * LEVELS[0]  # %: ranges say no more


def chance(one: Passing, ranges: np.ndarray) -> np.ndarray:
    """In %, of ranges (lead time, LEVELS), straight between these: RARE to 100 - RARE, as they say no more."""
    below = np.array([np.interp(one.value, np.maximum.accumulate(row), LEVELS) for row in ranges])
    return 100.0 * (below if one.below else 1.0 - below)


def _passing(text: str) -> Passing:
    try:
        one = Passing.parse(text)
    except ValueError:
        raise BadInput(
            f"--chance {short(text)!r}: write it like 't2m<0' or 'wind_speed>10.8', in the units shown"
        ) from None
    if one.hours:
        raise BadInput(f"--chance {short(text)!r}: of sums over hours only those are known that region.yaml names")
    return one


def with_chances(found: list[Series], asked: list[str], region: str) -> list[Series]:
    """The series with a column for each, in %; BadInput where stations do not say how sure the variable is."""
    wanted = [_passing(text) for text in asked]
    for one in wanted:
        if one.variable not in found[0].ranges:
            known = ", ".join(found[0].ranges) or "nothing yet: its stations have too short a history"
            raise BadInput(f"--chance {one}: of {region} it is known how sure these are: {known}")
    out = []
    for series in found:
        columns = {str(one): chance(one, series.ranges[one.variable]) for one in wanted}
        units = series.units | dict.fromkeys(columns, "%")
        out.append(replace(series, values=series.values | columns, units=units))
    return out


def shown(percent: float) -> str:
    """54; of what ranges do not resolve that it is less, or more."""
    return f"≤{RARE:.0f}" if percent <= RARE else f"≥{100 - RARE:.0f}" if percent >= 100 - RARE else f"{percent:.0f}"
