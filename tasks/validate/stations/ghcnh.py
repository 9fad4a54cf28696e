"""GHCNh, NOAA's successor of ISD: pipe-separated, columns by name, quality codes that depend on the source.

Format: https://www.ncei.noaa.gov/oa/global-historical-climatology-network/hourly/doc/ghcnh_DOCUMENTATION.pdf
"""

from __future__ import annotations

import io
import logging

import pandas as pd

from tasks.errors import UnreadableFile
from tasks.validate.stations.table import table

log = logging.getLogger(__name__)

BASE = "https://www.ncei.noaa.gov/oa/global-historical-climatology-network/hourly"
ZERO_CELSIUS, HPA, MM = 273.15, 100.0, 1e-3
# column -> (variable, period in h, factor, offset)
COLUMNS: dict[str, tuple[str, float, float, float]] = {
    "temperature": ("t2m", 0.0, 1.0, ZERO_CELSIUS),
    "dew_point_temperature": ("d2m", 0.0, 1.0, ZERO_CELSIUS),
    "station_level_pressure": ("sp", 0.0, HPA, 0.0),
    "sea_level_pressure": ("msl", 0.0, HPA, 0.0),
    "wind_speed": ("wind_speed", 0.0, 1.0, 0.0),
    "wind_direction": ("wind_direction", 0.0, 1.0, 0.0),
    "precipitation": ("tp", 1.0, MM, 0.0),
} | {f"precipitation_{h}_hour": ("tp", float(h), MM, 0.0) for h in (3, 6, 12, 24)}
# Checks that NOAA's own quality control did and the value failed; and what the older sources said of it themselves:
# 2 and 6 suspect, 3 and 7 wrong. The same figure means different things by source, none of these means good.
FAILED = set("LoFUDdWKCTShVwNEpH")
LEGACY = set("2367")
TRACE = {"T", "2"}  # measurement codes: too little to measure; 2 in the sources that came from ISD
TOTALS = (0, 6, 12, 18)  # hours UTC at which six-hour totals follow each other


def read_station_list(data: bytes) -> pd.DataFrame:
    """`ghcnh-station-list.csv` by id: name, latitude, longitude, elevation in m (NaN unknown)."""
    rows = pd.read_csv(io.BytesIO(data), dtype=str, keep_default_na=False)
    needed = ["GHCN_ID", "LATITUDE", "LONGITUDE", "ELEVATION", "NAME"]
    if lacking := [c for c in needed if c not in rows]:
        raise UnreadableFile(f"ghcnh-station-list.csv: no column {', '.join(lacking)}; has the format changed?")
    found = pd.DataFrame({"station": rows["GHCN_ID"], "name": rows["NAME"]})
    for new, old in {"latitude": "LATITUDE", "longitude": "LONGITUDE", "elevation": "ELEVATION"}.items():
        found[new] = pd.to_numeric(rows[old], errors="coerce")
    found["elevation"] = found["elevation"].mask(found["elevation"] <= -999)
    return found.dropna(subset=["latitude", "longitude"]).drop_duplicates("station").set_index("station")


def read_ghcnh(data: bytes, name: str) -> pd.DataFrame:
    """One station's file as observations, those that failed a check with the reason; UnreadableFile names the file.

    Times are rounded to the minute; the elevation is the file's own.
    """
    try:
        rows = pd.read_csv(io.BytesIO(data), sep="|", dtype=str, keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"{name}: not a GHCNh file ({error}); fetch it again") from None
    rows = rows.rename(columns=str.strip)
    by_lower = {c.lower(): c for c in rows}
    station, lat, lon = (by_lower.get(c) for c in ("station_id", "latitude", "longitude"))
    if station is None:
        station = by_lower.get("station")
    if station is None or lat is None or lon is None or not set(COLUMNS) & set(by_lower):
        raise UnreadableFile(f"{name}: not a GHCNh file: columns {', '.join(list(rows)[:6])}...; fetch it again")
    number = lambda column: pd.to_numeric(rows[column], errors="coerce")  # noqa: E731
    elevation = number(by_lower["elevation"]) if "elevation" in by_lower else pd.Series(float("nan"), rows.index)
    common = {
        "station": rows[station], "network": "synop", "latitude": number(lat), "longitude": number(lon),
        "elevation": elevation.mask(elevation <= -999), "time": _times(rows, by_lower, name),
    }  # fmt: skip
    parts = []
    for column, (variable, period, factor, offset) in COLUMNS.items():
        if column not in by_lower:
            continue
        value = number(by_lower[column]) * factor + offset
        code = lambda what, c=column: rows.get(by_lower.get(f"{c}_{what}", ""), pd.Series("", rows.index)).str.strip()  # noqa: E731
        if variable == "tp":
            value = value.mask(code("measurement_code").isin(TRACE) & value.isna(), 0.0)
        part = pd.DataFrame({**common, "variable": variable, "period": period, "value": value})
        parts.append(part.assign(quality=_reasons(code("quality_code"))))
    return _without_overlaps(_without_calm(table(parts).dropna(subset=["latitude", "longitude", "time"])))


def _times(rows: pd.DataFrame, by_lower: dict[str, str], name: str) -> pd.Series:
    if "date" in by_lower:
        return pd.to_datetime(rows[by_lower["date"]], errors="coerce", utc=True).dt.tz_localize(None).dt.round("min")
    parts = {c: by_lower[c] for c in ("year", "month", "day", "hour", "minute") if c in by_lower}
    if not {"year", "month", "day", "hour"} <= set(parts):
        raise UnreadableFile(f"{name}: no DATE and no Year, Month, Day and Hour; has the format changed?")
    numbers = pd.DataFrame({c: pd.to_numeric(rows[column], errors="coerce") for c, column in parts.items()})
    return pd.to_datetime(numbers, errors="coerce", utc=True).dt.tz_localize(None)


def _reasons(codes: pd.Series) -> pd.Series:
    """Why values are not used, by their quality codes."""
    failed = codes.isin(FAILED | LEGACY)
    return ("GHCNh: quality " + codes).where(failed, "")


def _without_calm(rows: pd.DataFrame) -> pd.DataFrame:
    """Without directions of a wind that does not blow."""
    speed = rows[(rows["variable"] == "wind_speed") & (rows["value"] == 0)]
    calm = pd.MultiIndex.from_frame(rows[["station", "time"]]).isin(
        pd.MultiIndex.from_frame(speed[["station", "time"]])
    )
    return rows[~(calm & (rows["variable"] == "wind_direction"))].reset_index(drop=True)


def _without_overlaps(rows: pd.DataFrame) -> pd.DataFrame:
    """Six-hour totals that follow each other only: some stations print a rolling one every three hours."""
    rolling = (rows["variable"] == "tp") & (rows["period"] == 6.0) & ~rows["time"].dt.hour.isin(TOTALS)
    return rows[~rolling].reset_index(drop=True)
