"""Amounts over longer periods from shorter ones: the 6 and 24 hours in which WMO verifies precipitation."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tasks.observations.networks.table import table, usable

# (shorter, longer period in h, hours of the day at which the longer one ends): synoptic hours; a day ends at 00 UTC
SUMS = [(1.0, 6.0, (0, 6, 12, 18)), (3.0, 6.0, (0, 6, 12, 18)), (6.0, 24.0, (0,)), (12.0, 24.0, (0,))]


def with_sums(observations: pd.DataFrame) -> pd.DataFrame:
    """Usable observations and the sums that can be made of them; an amount that was reported itself is kept.

    A sum needs every part of its period.
    """
    known = usable(observations)
    for short, long, hours in SUMS:
        known = table([_sums(known, short, long, hours), known])  # the last of equal keys stays: the reported one
    return known


def _sums(observations: pd.DataFrame, short: float, long: float, hours: tuple[int, ...]) -> pd.DataFrame:
    parts = observations[(observations["variable"] == "tp") & (observations["period"] == short)]
    if parts.empty:
        return parts
    by_time = parts.pivot_table(index="time", columns="station", values="value", aggfunc="last")
    step = pd.Timedelta(hours=short)
    every = pd.date_range(by_time.index.min(), by_time.index.max(), freq=step, unit="ns")
    # parts lie on the lattice of the longer period: hours before its end in whole multiples of the shorter
    every = every if np.isin(by_time.index, every).all() else by_time.index.union(every)
    n = round(long / short)
    total = by_time.reindex(every)
    sums = sum((total.shift(freq=step * k).reindex(every) for k in range(n)), start=total * 0.0)
    sums = sums[sums.index.hour.isin(hours) & (sums.index.minute == 0)]
    found = sums.stack().rename("value").rename_axis(["time", "station"]).reset_index()
    places = parts.drop_duplicates("station")[["station", "network", "latitude", "longitude", "elevation"]]
    return found.merge(places, on="station").assign(variable="tp", period=long, quality="")
