"""A place's forecast day by day: highest, lowest and sum of each day in the zone that is asked for."""

from __future__ import annotations

import math
from datetime import date, timedelta, tzinfo
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from flows.products.series import Series
from tasks.timezones import day_of, days_of, shares
from tasks.variables import VARIABLES

# variable -> what a day's value is called, and how it is found; a missing one is passed over
HIGHEST: dict[str, Any] = {"max": np.fmax}
LOWEST: dict[str, Any] = {"min": np.fmin}
EXTREMES: dict[str, dict[str, Any]] = {
    "t2m": HIGHEST | LOWEST, "mx2t": HIGHEST, "mn2t": LOWEST, "rh": HIGHEST | LOWEST, "wind_speed": HIGHEST,
    "fg10": HIGHEST, "wind_speed_100": HIGHEST, "wind_speed_hub": HIGHEST, "skt": HIGHEST | LOWEST,
}  # fmt: skip
SUMS = ("tp", "sf", "ssrd", "strd")  # of the hours before each lead time


class Day(BaseModel):
    """One day; its further keys are what became of the variables: t2m_max, t2m_min, tp_sum, wind_speed_max."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float]

    day: date
    heading: str  # for people; one that the lead times cover in part says so


def daily(found: list[Series], zone: tzinfo) -> list[list[Day]]:
    """Of each place's whole forecast, the days that its lead times cover. What falls over midnight is shared by time.

    All places have the same times, so that which day each belongs to is asked once.
    """
    first = found[0]
    times, start = first.times, first.times[0] - timedelta(hours=first.lead_hours[0])
    at, before = ([day_of(t, zone, ends) for t in times] for ends in (False, True))
    spans = [shares(start + timedelta(hours=b), t, zone) for b, t in zip(first.begins, times, strict=True)]
    out: list[list[Day]] = [[] for _ in found]
    for day, heading in days_of(times[0], times[-1], zone).items():
        of_moments, of_extremes = (np.array([d == day for d in days]) for days in (at, before))
        weights = np.array([s.get(day, 0.0) for s in spans])
        for i, series in enumerate(found):
            values: dict[str, float] = {}
            for name, column in series.values.items():
                if name in SUMS:
                    values[f"{name}_sum"] = float(weights[weights > 0] @ column[weights > 0])
                here = column[of_extremes if name in VARIABLES and VARIABLES[name].extreme else of_moments]
                for how, extreme in EXTREMES.get(name, {}).items():
                    values[f"{name}_{how}"] = float(extreme.reduce(here, initial=math.nan))
            known = {"day": day, "heading": heading} | {k: round(v, 3) for k, v in values.items()}
            out[i].append(Day.model_validate(known))
    return out


def variable_of(name: str) -> str:
    """What a day's value is made of: t2m of t2m_max."""
    return name.rpartition("_")[0]
