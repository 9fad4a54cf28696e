"""A place's forecast day by day: highest, lowest and sum of each day in the zone that is asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from flows.products.series import Series
from tasks.timezones import DaySpan, day_of, shares, spans_of
from tasks.variables import VARIABLES

# variable -> what a day's value is called, and how it is found; a missing one is passed over
HIGHEST: dict[str, Any] = {"max": np.fmax}
LOWEST: dict[str, Any] = {"min": np.fmin}
EXTREMES: dict[str, dict[str, Any]] = {
    "t2m": HIGHEST | LOWEST, "mx2t": HIGHEST, "mn2t": LOWEST, "rh": HIGHEST | LOWEST,
    "fg10": HIGHEST, "skt": HIGHEST | LOWEST,
}  # fmt: skip
SUMS = ("tp", "sf", "ssrd", "strd")  # of the hours before each lead time


class Day(BaseModel):
    """One day; its further keys are what became of the variables: t2m_max, t2m_min, tp_sum, wind_speed_max."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float]

    day: date
    heading: str  # for people; one that the lead times cover in part says so
    hours: float  # of it that the lead times cover


def daily(found: list[Series], zone: tzinfo, starts: int = 0) -> list[list[Day]]:
    """Of each place's whole forecast, the days that its lead times cover; all places have the same times.

    `starts`: hour at which days begin, as `tasks.timezones.day_of`.
    """
    first = found[0]
    values = {name: np.stack([series.values[name] for series in found], axis=1) for name in first.values}
    out: list[list[Day]] = [[] for _ in found]
    for span, columns in by_day(values, first.times, first.lead_hours, first.begins, zone, starts):
        for i, days in enumerate(out):
            known = {"day": span.day, "heading": span.heading, "hours": round(span.hours, 2)} | {
                k: round(float(v[i]), 3) for k, v in columns.items()
            }
            days.append(Day.model_validate(known))
    return out


def by_day(
    values: dict[str, np.ndarray], times: list[datetime], lead_hours: list[float], begins: list[float], zone: tzinfo,
    starts: int = 0,
) -> Iterator[tuple[DaySpan, dict[str, np.ndarray]]]:  # fmt: skip
    """Each day, and what becomes of values (lead time, place): t2m_max (place,) and so on.

    begins: hours ahead at which sums of each lead time begin. What falls over midnight is shared by time.
    """
    start = times[0] - timedelta(hours=lead_hours[0])
    at, before = ([day_of(t, zone, ends, starts) for t in times] for ends in (False, True))
    spans = [shares(start + timedelta(hours=b), t, zone, starts) for b, t in zip(begins, times, strict=True)]
    for span in spans_of(times[0], times[-1], zone, starts):
        day = span.day
        of_moments, of_extremes = (np.array([d == day for d in days]) for days in (at, before))
        weights = np.array([s.get(day, 0.0) for s in spans])
        found: dict[str, np.ndarray] = {}
        for name, column in values.items():
            if name in SUMS:
                found[f"{name}_sum"] = weights[weights > 0] @ column[weights > 0]
            here = column[of_extremes if name in VARIABLES and VARIABLES[name].extreme else of_moments]
            for how, extreme in (HIGHEST if name.startswith("wind_speed") else EXTREMES.get(name, {})).items():
                found[f"{name}_{how}"] = extreme.reduce(here, axis=0, initial=math.nan)
        yield span, found


def variable_of(name: str) -> str:
    """What a day's value is made of: t2m of t2m_max."""
    return name.rpartition("_")[0]
