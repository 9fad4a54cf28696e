"""From a source's own rows, one a report, to those of the table, one a value; no source's peculiarities."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tasks.observations.networks.missing import is_missing, known_elevation

log = logging.getLogger(__name__)

KNOT = 1852 / 3600  # m/s
SERIES = ["station", "network", "variable", "period", "lead_hours"]  # of what one series is, where rows have it
PLACE = ["station", "network", "latitude", "longitude", "elevation", "time"]
CALM = 0.5  # m/s; below one knot a report gives direction 0, or none
NEAR_THE_HOUR = pd.Timedelta(minutes=10)  # WMO-No. 306 FM 15: routine reports are made up to ten minutes before it
APART = 0.1  # degrees; within it are the roundings of one position, and a station that was moved down the road
HEIGHTS_APART = 30.0  # m; of elevations further apart nobody can say which is right


@dataclass(frozen=True)
class Column:
    """What a source's column is: value = number * scale + offset, in the variable's units."""

    variable: str
    scale: float = 1.0
    offset: float = 0.0
    period: float = 0.0  # h


def long_form(reports: pd.DataFrame, columns: Mapping[str, Column]) -> list[pd.DataFrame]:
    """Rows by column, for `table`; columns that the reports lack, sentinels and what is no number are no rows.

    Times are those of `on_the_hour`.
    `reports` has the place's columns (station to time) and may have `<column>:quality` with reasons, and
    `<column>:network`.
    """
    parts = []
    for name, column in columns.items():
        if name not in reports:
            continue
        written = pd.to_numeric(reports[name], errors="coerce").astype("float64")
        value = written * column.scale + column.offset
        there = np.isfinite(written.to_numpy()) & ~is_missing(written, value, column.variable).to_numpy()
        if not there.any():
            continue
        part = reports.loc[there, PLACE].copy()
        part["variable"], part["period"] = column.variable, column.period
        part["value"] = value[there]
        for extra in ("quality", "network"):
            if f"{name}:{extra}" in reports:
                part[extra] = reports.loc[there, f"{name}:{extra}"]
        parts.append(on_the_hour(part))
    return parts


def direction_of_wind(direction: pd.Series, speed: pd.Series) -> pd.Series:
    """Degrees, NaN where there is none: variable, calm, or out of 0 to 360; 0 in moving air is given as 360."""
    degrees = pd.to_numeric(direction, errors="coerce").astype("float64")
    speed = pd.to_numeric(speed, errors="coerce").astype("float64")
    degrees = degrees.where((degrees >= 0) & (degrees <= 360))
    degrees = degrees.mask((degrees == 0) & ~(speed >= CALM))
    return degrees.mask(degrees == 0, 360.0).mask(speed == 0)


def on_the_hour(rows: pd.DataFrame) -> pd.DataFrame:
    """Times within ten minutes of a full hour become that hour, the nearest last; others stay as they are.

    So does what has a usable value of its station, variable and period at that hour: a series of every ten minutes.
    """
    hour = rows["time"].dt.round("h")
    off = (rows["time"] - hour).abs()
    near = (off > pd.Timedelta(0)) & (off <= NEAR_THE_HOUR)
    if not near.any():
        return rows
    series = pd.MultiIndex.from_frame(rows[[c for c in SERIES if c in rows]].assign(time=hour))
    good = rows["quality"].fillna("") == "" if "quality" in rows else True
    near &= ~series.isin(series[(off == pd.Timedelta(0)) & good])
    moved = rows.assign(time=rows["time"].where(~near, hour))
    return moved.iloc[np.argsort(-off.to_numpy().astype("int64"), kind="stable")]


def one_place(reports: pd.DataFrame, name: str) -> pd.DataFrame:
    """Reports of stations that are at one place; those with the same identifier at several are left out and logged.

    Collective identifiers of ships and buoys are such, and slips in lists of stations. Positions within 0.1 degree are
    one, the last that has an elevation; elevations more than 30 m apart make it unknown.
    """
    longitude = (reports["longitude"] + 180.0) % 360.0 - 180.0
    elevation = known_elevation(reports["elevation"], reports["station"])
    reports = reports.assign(longitude=longitude, elevation=elevation)
    by = reports.groupby("station")
    spread = by[["latitude", "longitude", "elevation"]].max() - by[["latitude", "longitude", "elevation"]].min()
    spread["longitude"] = spread["longitude"].where(spread["longitude"] <= 180, 360.0 - spread["longitude"])
    several = spread.index[(spread[["latitude", "longitude"]] > APART).any(axis=1)]
    if len(several):
        log.warning(
            "%s: %d reports are left out, %d identifiers have several places: %s",
            name, reports["station"].isin(several).sum(), len(several), ", ".join(several[:10]),
        )  # fmt: skip
    ordered = reports.assign(known=reports["elevation"].notna()).sort_values("known", kind="stable")
    place = ordered.groupby("station")[["latitude", "longitude", "elevation"]].nth(-1)
    place.index = pd.Index(ordered.loc[place.index, "station"])
    place.loc[spread.index[spread["elevation"] > HEIGHTS_APART], "elevation"] = np.nan
    kept = ordered[~ordered["station"].isin(several)].drop(columns=["known", *place.columns])
    return kept.join(place, on="station")
