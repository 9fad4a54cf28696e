"""A place's forecast day by day: highest, lowest and sum of each day in the zone that is asked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date, timedelta, tzinfo

from pydantic import BaseModel, ConfigDict

from flows.products.series import Series
from tasks.timezones import day_of, days_of, shares
from tasks.variables import VARIABLES

EXTREMES: dict[str, tuple[Callable[..., float], ...]] = {
    "t2m": (max, min), "mx2t": (max,), "mn2t": (min,), "rh": (max, min), "wind_speed": (max,), "fg10": (max,),
    "wind_speed_100": (max,), "wind_speed_hub": (max,), "skt": (max, min),
}  # fmt: skip
SUMS = ("tp", "sf", "ssrd", "strd")  # of the hours before each lead time


class Day(BaseModel):
    """One day; its further keys are what became of the variables: t2m_max, t2m_min, tp_sum, wind_speed_max."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float]

    day: date
    heading: str  # for people; one that the lead times cover in part says so


def daily(series: Series, zone: tzinfo) -> list[Day]:
    """Of a whole forecast, the days that its lead times cover. What falls over midnight is shared by time."""
    times, out = series.times, []
    start = times[0] - timedelta(hours=series.lead_hours[0])
    spans = [shares(start + timedelta(hours=b), t, zone) for b, t in zip(series.begins, times, strict=True)]
    for day, heading in days_of(times[0], times[-1], zone).items():
        found: dict[str, float] = {}
        for name, values in series.values.items():
            if name in SUMS:
                parts = [s[day] * float(v) for s, v in zip(spans, values, strict=True) if day in s]
                found[f"{name}_sum"] = sum(parts) if parts else math.nan
                continue
            before = name in VARIABLES and bool(VARIABLES[name].extreme)
            here = [float(v) for t, v in zip(times, values, strict=True) if day_of(t, zone, before) == day]
            here = [v for v in here if math.isfinite(v)]
            for how in EXTREMES.get(name, ()):
                found[f"{name}_{how.__name__}"] = how(here) if here else math.nan
        out.append(Day.model_validate({"day": day, "heading": heading} | {k: round(v, 3) for k, v in found.items()}))
    return out


def variable_of(name: str) -> str:
    """What a day's value is made of: t2m of t2m_max."""
    return name.rpartition("_")[0]
