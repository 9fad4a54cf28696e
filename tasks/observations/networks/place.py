"""Where and when observations are wanted: a box in degrees, and from one time to another."""

from __future__ import annotations

from datetime import datetime

import pandas as pd

from tasks.grids.box import Box


def inside(stations: pd.DataFrame, box: Box) -> pd.Series:
    """True for rows whose `latitude` and `longitude` (any convention) are in the box, its edges included."""
    longitude = (stations["longitude"] + 180) % 360 - 180
    along = pd.Series(False, index=stations.index)
    for west, east in box.spans:
        along |= longitude.between(west, east)
    return along & stations["latitude"].between(box.south, box.north)


def utc(time: datetime) -> pd.Timestamp:
    """The time in UTC without zone; one that has no zone is in UTC already."""
    stamp = pd.Timestamp(time)
    return stamp if stamp.tz is None else stamp.tz_convert("UTC").tz_localize(None)


def within(observations: pd.DataFrame, box: Box, first: datetime, last: datetime) -> pd.DataFrame:
    """Rows in the box, from first to last, both included."""
    chosen = inside(observations, box) & observations["time"].between(utc(first), utc(last))
    return observations[chosen].reset_index(drop=True)
