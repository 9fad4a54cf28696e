"""Where and when observations are wanted: a box in degrees, and from one time to another."""

from __future__ import annotations

from datetime import datetime

import pandas as pd

from tasks.errors import BadInput

Box = tuple[
    float, float, float, float
]  # north, south, west, east; across the date line east is above 180 or below west


def spans(box: Box) -> list[tuple[float, float]]:
    """(west, east) of a box in -180 to 180: two across the date line. BadInput for a box that is none."""
    north, south, west, east = box
    if not -90 <= south < north <= 90:
        raise BadInput(f"box from {south} to {north} N: south must be below north, both in -90 to 90")
    if east - west >= 360:
        return [(-180.0, 180.0)]
    west, east = ((x + 180) % 360 - 180 for x in (west, east))
    return [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]


def inside(stations: pd.DataFrame, box: Box) -> pd.Series:
    """True for rows whose `latitude` and `longitude` (any convention) are in the box, its edges included."""
    longitude = (stations["longitude"] + 180) % 360 - 180
    along = pd.Series(False, index=stations.index)
    for west, east in spans(box):
        along |= longitude.between(west, east)
    return along & stations["latitude"].between(box[1], box[0])


def utc(time: datetime) -> pd.Timestamp:
    """The time in UTC without zone; one that has no zone is in UTC already."""
    stamp = pd.Timestamp(time)
    return stamp if stamp.tz is None else stamp.tz_convert("UTC").tz_localize(None)


def within(observations: pd.DataFrame, box: Box, first: datetime, last: datetime) -> pd.DataFrame:
    """Rows in the box, from first to last, both included."""
    chosen = inside(observations, box) & observations["time"].between(utc(first), utc(last))
    return observations[chosen].reset_index(drop=True)
