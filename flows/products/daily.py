"""A place's forecast day by day: highest, lowest and sum of each day in the zone that is asked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date, tzinfo

from pydantic import BaseModel, ConfigDict

from flows.products.series import Series
from tasks.timezones import day_of, days_of

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
    """Of a series, the days that its lead times cover."""
    out = []
    for day, heading in days_of(series.times, zone).items():
        found: dict[str, float] = {}
        for name, values in series.values.items():
            here = [
                float(v)
                for t, v in zip(series.times, values, strict=True)
                if day_of(t, zone, name in SUMS) == day and math.isfinite(v)
            ]
            for how in (sum,) if name in SUMS else EXTREMES.get(name, ()):
                found[f"{name}_{how.__name__}"] = how(here) if here else math.nan
        out.append(Day.model_validate({"day": day, "heading": heading} | {k: round(v, 3) for k, v in found.items()}))
    return out


def variable_of(name: str) -> str:
    """What a day's value is made of: t2m of t2m_max."""
    return name.rpartition("_")[0]
