"""ISD-Lite, NOAA's archive until August 2025: fixed columns, no quality flags, positions in a list of their own.

Format: https://www.ncei.noaa.gov/pub/data/noaa/isd-lite/isd-lite-format.txt
"""

from __future__ import annotations

import gzip
import io
import logging
import re
from pathlib import Path

import numpy as np
import pandas as pd

from tasks.errors import UnreadableFile
from tasks.validate.stations.table import table

log = logging.getLogger(__name__)

BASE = "https://www.ncei.noaa.gov/pub/data/noaa"
NAME = re.compile(r"(?P<station>[0-9A-Z]{6}-\d{5})-(?P<year>\d{4})(?:\.gz)?")
WIDTHS = (4, 3, 3, 3, 6, 6, 6, 6, 6, 6, 6, 6)
FIELDS = ("year", "month", "day", "hour", "t", "td", "slp", "direction", "speed", "sky", "p1", "p6")
LENGTH = sum(WIDTHS)
MISSING, TRACE = -9999, -1
ZERO_CELSIUS, MM = 273.15, 1e-3
SYNOPTIC = (0, 6, 12, 18)  # UTC
# A METAR has whole degrees only, of readings in tenths one in ten is whole. NOAA merges what several networks report
# under one number: Wuhan airport (574940) has 97 % whole degrees, Hefei (583210), METAR and SYNOP, 77 %
WHOLE, LEAST = 0.9, 20
DOUBT = 30.0  # m between published elevations of one station


def read_history(data: Path | bytes) -> pd.DataFrame:
    """`isd-history.csv` by USAF-WBAN: name, icao, latitude, longitude, elevation in m (NaN unknown).

    Stations are told by USAF-WBAN, never by their first five figures: 574940 is Wuhan's airport, not the SYNOP station
    57494, and 574941 is in Sanya.
    """
    rows = pd.read_csv(io.BytesIO(data) if isinstance(data, bytes) else data, dtype=str, keep_default_na=False)
    needed = ["USAF", "WBAN", "STATION NAME", "LAT", "LON", "ELEV(M)"]
    if lacking := [c for c in needed if c not in rows]:
        raise UnreadableFile(f"isd-history.csv: no column {', '.join(lacking)}; fetch it from {BASE}/isd-history.csv")
    number = {new: pd.to_numeric(rows[old], errors="coerce") for new, old in
              {"latitude": "LAT", "longitude": "LON", "elevation": "ELEV(M)"}.items()}  # fmt: skip
    found = pd.DataFrame({"station": rows["USAF"] + "-" + rows["WBAN"], "name": rows["STATION NAME"], **number})
    found["icao"] = rows.get("ICAO", "")
    found["elevation"] = found["elevation"].mask(found["elevation"] <= -999)
    placed = found.dropna(subset=["latitude", "longitude"])
    placed = placed[(placed["latitude"] != 0) | (placed["longitude"] != 0)]
    return placed.drop_duplicates("station", keep="last").set_index("station")


def station_of(name: str) -> str | None:
    """USAF-WBAN from a file's name, 574940-99999-2021 or 574940-99999-2021.gz; None if it is no such file."""
    match = NAME.fullmatch(name)
    return match["station"] if match else None


def read_isd_lite(data: bytes, name: str, history: pd.DataFrame) -> pd.DataFrame:
    """One station's year as observations. UnreadableFile names file and line.

    `p6` is a rolling six-hour total printed every three hours: kept at 00, 06, 12 and 18 UTC, so that sums of several
    count no hour twice. Traces of rain are 0. A station that is not in the history has no position and gives no rows.
    """
    station = station_of(name)
    if station is None:
        raise UnreadableFile(f"{name}: not an ISD-Lite file; their names are like 574940-99999-2021.gz")
    if station not in history.index:
        log.warning("%s: station %s is not in isd-history.csv: left out", name, station)
        return table([])
    raw = _columns(data, name)
    if raw.empty:
        return table([])
    value = raw.astype("float64").mask(raw == MISSING)
    time = pd.to_datetime(raw[["year", "month", "day", "hour"]], errors="coerce", utc=True).dt.tz_localize(None)
    if time.isna().any():
        raise UnreadableFile(f"{name}: line {int(np.argmax(time.isna())) + 1}: not a time; fetch it again")
    rain = value[["p1", "p6"]].mask(raw[["p1", "p6"]] == TRACE, 0.0)
    calm = value["speed"] == 0
    columns = [
        ("t2m", 0.0, value["t"] / 10 + ZERO_CELSIUS), ("d2m", 0.0, value["td"] / 10 + ZERO_CELSIUS),
        ("msl", 0.0, value["slp"] * 10), ("wind_speed", 0.0, value["speed"] / 10),
        ("wind_direction", 0.0, value["direction"].mask(calm)), ("tp", 1.0, rain["p1"] / 10 * MM),
        ("tp", 6.0, (rain["p6"] / 10 * MM).where(time.dt.hour.isin(SYNOPTIC))),
    ]  # fmt: skip
    place = history.loc[station]
    where = {c: place[c] for c in ("latitude", "longitude", "elevation")}
    common = {"station": station, "network": "metar" if _is_metar(value["t"]) else "synop", **where}
    return table(
        [
            pd.DataFrame({"time": time, "variable": variable, "period": period, "value": values}).assign(**common)
            for variable, period, values in columns
        ]
    )


def _columns(data: bytes, name: str) -> pd.DataFrame:
    """The fields as whole numbers; UnreadableFile for a line that is cut or holds something else."""
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError) as error:
            raise UnreadableFile(f"{name}: not a whole gzip file ({error}); fetch it again") from None
    lines = data.decode("ascii", errors="replace").splitlines()
    for number, line in enumerate(lines, start=1):
        if len(line.rstrip()) < LENGTH - 5 or len(line.rstrip()) > LENGTH:
            raise UnreadableFile(f"{name}: line {number} has {len(line)} characters of {LENGTH}; fetch it again")
    if not lines:
        return pd.DataFrame(columns=list(FIELDS))
    text = pd.read_fwf(io.StringIO("\n".join(lines)), widths=WIDTHS, names=FIELDS, header=None, dtype=str)
    numbers = text.apply(pd.to_numeric, errors="coerce")
    if (bad := numbers.isna().any(axis=1)).any():
        raise UnreadableFile(f"{name}: line {int(np.argmax(bad)) + 1}: not numbers; fetch it again")
    return numbers.astype("int64")


def _is_metar(tenths: pd.Series) -> bool:
    """Whether temperatures are in whole degrees: such a station is an airport's, whatever its number says."""
    known = tenths.dropna()
    return len(known) >= LEAST and float((known % 10 == 0).mean()) >= WHOLE


def doubtful_elevations(*published: pd.Series) -> pd.Series:
    """Stations whose published elevations (m, by station) differ by more than 30 m, with the difference."""
    both = pd.concat(published, axis=1)
    spread = both.max(axis=1) - both.min(axis=1)
    return spread[spread > DOUBT].sort_values(ascending=False)
