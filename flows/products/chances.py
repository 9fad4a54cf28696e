"""How likely a value is passed at a place, by its ranges: `t2m<0`, `wind_speed>10.8`, in the units people use."""

from __future__ import annotations

import math
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
    return one


def with_chances(found: list[Series], asked: list[str], region: str) -> list[Series]:
    """The series with a column for each, in %; BadInput where nothing says how sure the variable is.

    By the members that pass it where the product has counted them, else by its ranges.
    """
    wanted = [_passing(text) for text in asked]
    out = []
    for series in found:
        columns = {str(one): _chance(one, series, region) for one in wanted}
        units = series.units | dict.fromkeys(columns, "%")
        out.append(replace(series, values=series.values | columns, units=units))
    return out


def _chance(one: Passing, series: Series, region: str) -> np.ndarray:
    counted = series.sure.chance(one, series.lead_hours)
    if counted is not None:
        return counted
    if str(one) in series.sure.chances:
        raise BadInput(f"--chance {one}: is known at the forecast's lead times alone; leave --hourly out")
    if one.hours:
        known = ", ".join(series.sure.chances) or "none"
        raise BadInput(f"--chance {one}: of sums over hours region.yaml of {region} has to name it; it names: {known}")
    if one.variable not in series.ranges:
        known = ", ".join(series.ranges) or "nothing yet: its stations have too short a history"
        raise BadInput(f"--chance {one}: of {region} it is known how sure these are: {known}")
    return chance(one, series.ranges[one.variable])


def shown(percent: float) -> str:
    """54; of what ranges do not resolve that it is less, or more; a dash of what nobody knows."""
    if math.isnan(percent):
        return "–"
    return f"≤{RARE:.0f}" if percent == RARE else f"≥{100 - RARE:.0f}" if percent == 100 - RARE else f"{percent:.0f}"
