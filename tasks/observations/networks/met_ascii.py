"""Point observations in the eleven columns of MET, the verification package, as its ascii2nc reads them.

Format: MET User's Guide, "ASCII2NC tool": message type, station, valid time (UTC), latitude, longitude, elevation,
variable or GRIB code, level (hPa, or hours of an amount), height, quality, value; -9999 is missing.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from datetime import datetime

import numpy as np
import pandas as pd

from tasks.errors import UnreadableFile
from tasks.observations.networks.rows import Column, direction_of_wind, long_form, one_place
from tasks.observations.networks.table import table

log = logging.getLogger(__name__)

FIELDS = 11
TIME = "%Y%m%d_%H%M%S"
FIRST = re.compile(rb"\s*\S+[ \t]+\S+[ \t]+\d{8}_\d{6}\s")
MISSING = -9999.0
SURFACE = {"ADPSFC", "SFCSHP", "ONLYSF", "MSONET"}  # message types of stations at the ground; others are in the air
RAIN = Column("tp", 1e-3)
# Names, and codes of GRIB 1 (table 2 of NCEP), which older files have
VARIABLES = {
    "TMP": Column("t2m"), "11": Column("t2m"),
    "DPT": Column("d2m"), "17": Column("d2m"),
    "PRES": Column("sp"), "1": Column("sp"),
    "PRMSL": Column("msl"), "2": Column("msl"),
    "WIND": Column("wind_speed"), "32": Column("wind_speed"),
    "WDIR": Column("wind_direction"), "31": Column("wind_direction"),
    "APCP": RAIN, "61": RAIN, "AccPrecip": RAIN,
}  # fmt: skip
GOOD = {"NA", "0", "1", "2"}  # marks of PREPBUFR; MET's own pb2nc keeps those up to 2
LONGEST = 744.0  # h, a month; a larger level is another way to write hours (240000)


def is_met(data: bytes) -> bool:
    """Whether a file's first line has the time of these columns in its place."""
    return FIRST.match(data[:400]) is not None


def read_met(data: bytes, name: str) -> pd.DataFrame:
    """The table of one file; K, Pa, m/s and degrees as they are, amounts in mm over as many hours as the level says.

    Rows of other variables (UGRD and VGRD too) and of observations in the air are left out, as are stations that have
    one identifier at several places; the log counts them. UnreadableFile with the line for what does not fit the
    columns.
    """
    rows, left = [], Counter[str]()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"{name}: is no text in UTF-8 ({error.reason} at byte {error.start})") from None
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words:
            continue
        try:
            row = _row(words)
        except ValueError as error:
            raise UnreadableFile(f"{name}, line {number}: {error}; is the file cut? Copy it again") from None
        if words[0] not in SURFACE:
            left[f"message type {words[0]}"] += 1
        elif words[6] not in VARIABLES:
            left[words[6]] += 1
        else:
            rows.append(row)
    if left:
        log.warning("%s: rows left out: %s", name, ", ".join(f"{n} of {what}" for what, n in left.most_common()))
    if not rows:
        return table([])
    reports = one_place(pd.DataFrame(rows).assign(network="met"), name)
    parts = []
    for (variable, hours), some in _with_winds(reports).groupby(["name", "hours"]):
        column = VARIABLES[str(variable)]
        parts += long_form(some, {"value": Column(column.variable, column.scale, period=float(hours))})
    return table(parts)


def _row(words: list[str]) -> dict[str, object]:
    """One observation; ValueError says what is wrong with the line."""
    if len(words) != FIELDS:
        raise ValueError(f"has {len(words)} columns, not {FIELDS}")
    kind, station, time, latitude, longitude, elevation, variable, level, _, quality, value = words
    row: dict[str, object] = {
        "station": station,
        "time": _time(time),
        "latitude": _within(latitude, "latitude", -90, 90),
        "longitude": _within(longitude, "longitude", -180, 360),
        "elevation": _number(elevation, "elevation"),
        "name": variable,
        "hours": 0.0,
        "value": _number(value, "value"),
        "value:quality": "" if quality in GOOD else f"MET: quality {quality}",
    }
    if kind in SURFACE and VARIABLES.get(variable) == RAIN:
        row["hours"] = _within(level, "level, the hours of an amount,", 0, LONGEST)
        if row["hours"] == 0:
            raise ValueError("an amount's level is 0, so that its hours are not known")
    return row


def _with_winds(reports: pd.DataFrame) -> pd.DataFrame:
    """Directions as they may be used: none where the speed of the same station and time is 0."""
    variable = reports["name"].map(lambda name: VARIABLES[name].variable)
    key = pd.MultiIndex.from_frame(reports[["station", "time"]])
    speeds = pd.Series(reports["value"].to_numpy(), index=key)[(variable == "wind_speed").to_numpy()]
    speed = pd.Series(speeds.groupby(level=[0, 1]).last().reindex(key).to_numpy(), index=reports.index)
    directions = direction_of_wind(reports["value"], speed)
    return reports.assign(value=reports["value"].where(variable != "wind_direction", directions))


def _time(word: str) -> datetime:
    try:
        return datetime.strptime(word, TIME)
    except ValueError:
        raise ValueError(f"valid time {word} is none of YYYYMMDD_HHMMSS") from None


def _within(word: str, what: str, low: float, high: float) -> float:
    value = _number(word, what)
    if not low <= value <= high:
        raise ValueError(f"{what} {word} is not within {low:g} to {high:g}")
    return value


def _number(word: str, what: str) -> float:
    try:
        value = float(word)
    except ValueError:
        raise ValueError(f"{what} {word!r} is no number") from None
    return np.nan if value == MISSING else value
