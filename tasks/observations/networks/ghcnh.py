"""NOAA's GHCNh, which follows ISD: pipe-separated, columns by name, quality codes that depend on who supplied a value.

Format: https://www.ncei.noaa.gov/oa/global-historical-climatology-network/hourly/doc/ghcnh_DOCUMENTATION.pdf. About
two days late.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterable

import numpy as np
import pandas as pd

from models.constants import KELVIN
from tasks.errors import UnreadableFile
from tasks.observations.networks.http import Http
from tasks.observations.networks.missing import known_elevation
from tasks.observations.networks.rows import Column, direction_of_wind, long_form
from tasks.observations.networks.table import table

log = logging.getLogger(__name__)

BASE_URL = "https://www.ncei.noaa.gov/oa/global-historical-climatology-network/hourly"
COLUMNS = {
    "temperature": Column("t2m", offset=KELVIN),
    "dew_point_temperature": Column("d2m", offset=KELVIN),
    "station_level_pressure": Column("sp", 100.0),
    "sea_level_pressure": Column("msl", 100.0),
    "wind_speed": Column("wind_speed"),
    "wind_direction": Column("wind_direction"),
    "precipitation": Column("tp", 1e-3, period=1.0),
    **{f"precipitation_{h}_hour": Column("tp", 1e-3, period=float(h)) for h in (3, 6, 9, 12, 15, 18, 21, 24)},
}
NUMBERS = {*COLUMNS, "LATITUDE", "LONGITUDE", "ELEVATION", "Latitude", "Longitude", "Elevation"}
LEGACY_SOURCES = {str(n) for n in range(313, 349)}  # came with ISD's own flags, whose letters are an editor's consent
LEGACY_CONSENT = set("ACIMPRU")
PASSED = {"", "0", "1", "4", "5", "9"}  # ISD: passed, or not checked; 2 and 6 are suspect, 3 and 7 wrong
TRACE = {"T", "2"}
# Amounts of the period that the column says. 3 is "measurable" here; in ISD's format it began an accumulation, but some
# countries' wet reports all carry it, and without them only their dry ones would be left.
MEASURED = {"", "3", "9"} | TRACE
SPECIAL = "FM16"  # a SPECI: its amount is of less than the hour
SYNOP, METAR = "FM12", ("FM15", "FM16")
RANK = {"metar": 0, "ghcnh": 1, "synop": 2}  # of two reports of one time the last is kept: tenths over whole degrees


def read_station_list(data: bytes) -> pd.DataFrame:
    """Stations of a ghcnh-station-list.csv by id: name, wmo, icao, latitude, longitude, elevation (m, NaN unknown)."""
    try:
        raw = pd.read_csv(io.BytesIO(data), dtype=str, keep_default_na=False)
        stations = pd.DataFrame(
            {
                "name": raw["NAME"],
                "wmo": raw["WMO_ID"],
                "icao": raw["ICAO"],
                "latitude": pd.to_numeric(raw["LATITUDE"], errors="coerce"),
                "longitude": pd.to_numeric(raw["LONGITUDE"], errors="coerce"),
                "elevation": known_elevation(raw["ELEVATION"]),
            }
        )
        stations.index = pd.Index(raw["GHCN_ID"], name="station")
    except (KeyError, ValueError) as error:
        raise UnreadableFile(
            f"ghcnh-station-list.csv: is no list of stations ({error}); "
            f"get it from {BASE_URL}/doc/ghcnh-station-list.csv"
        ) from None
    return stations.dropna(subset=["latitude", "longitude"])


def read_ghcnh(data: bytes, name: str) -> pd.DataFrame:
    """The table of one psv file, of either of NOAA's two headings; values that failed a check with the reason.

    UnreadableFile names the file.
    """
    try:
        raw = pd.read_csv(io.BytesIO(data), sep="|", dtype=str, keep_default_na=False)
    except (ValueError, pd.errors.ParserError) as error:
        raise UnreadableFile(f"{name}: is no GHCNh file ({error}); fetch it again") from None
    return of_columns(raw, name)


def is_ghcnh(columns: Iterable[object]) -> bool:
    """Whether a table has this network's columns, of either heading, in whatever kind of file."""
    names = {str(c) for c in columns}
    return bool({"STATION", "Station_ID"} & names) and {"temperature", "dew_point_temperature"} & names != set()


def of_columns(raw: pd.DataFrame, name: str) -> pd.DataFrame:
    """The table of a file's columns, numbers or texts.

    The network is who reported a value, SYNOP or METAR. UnreadableFile names the file.
    """
    raw = raw.apply(_as_text)
    raw = raw.rename(columns={c: c.upper() for c in raw if c.upper() in {"LATITUDE", "LONGITUDE", "ELEVATION", "DATE"}})
    raw = raw.rename(columns={"Station_ID": "STATION"})
    if lacking := [c for c in ("STATION", "LATITUDE", "LONGITUDE", "ELEVATION", "temperature") if c not in raw]:
        raise UnreadableFile(f"{name}: is no GHCNh file, or a new kind: no column {', '.join(lacking)}; fetch it again")
    reports = pd.DataFrame(
        {
            "station": raw["STATION"],
            "network": "ghcnh",
            "latitude": pd.to_numeric(raw["LATITUDE"], errors="coerce"),
            "longitude": pd.to_numeric(raw["LONGITUDE"], errors="coerce"),
            "elevation": known_elevation(raw["ELEVATION"]),
            "time": _times(raw, name),
        }
    )
    added = {}
    for column in (c for c in COLUMNS if c in raw):
        added[column] = pd.to_numeric(raw[column], errors="coerce")
        kind = raw[f"{column}_Report_Type"].str[:4] if f"{column}_Report_Type" in raw else pd.Series("", raw.index)
        added[f"{column}:network"] = np.select([kind == SYNOP, kind.isin(METAR)], ["synop", "metar"], "ghcnh")
        added[f"{column}:quality"] = _reasons(raw, column)
        if column.startswith("precipitation"):
            trace = raw.get(f"{column}_Measurement_Code", pd.Series("", raw.index)).str.strip().isin(TRACE)
            added[column] = added[column].mask(trace, 0.0).mask(kind == SPECIAL)
    if {"wind_direction", "wind_speed"} <= set(added):
        added["wind_direction"] = direction_of_wind(added["wind_direction"], added["wind_speed"])
    reports = pd.concat([reports, pd.DataFrame(added, index=raw.index)], axis=1)
    parts = long_form(reports, COLUMNS)
    return table([part.loc[part["network"].map(RANK).sort_values(kind="stable").index] for part in parts])


def fetch_ghcnh(http: Http, stations: Iterable[str], years: Iterable[int], base_url: str = BASE_URL) -> pd.DataFrame:
    """The table of these stations and years from NOAA; errors as of `Http.get_all`."""
    years = list(years)
    urls = [f"{base_url}/access/by-year/{y}/psv/GHCNh_{s}_{y}.psv" for s in stations for y in years]
    parts = []
    for url, data in http.get_all(urls).items():
        try:
            parts.append(read_ghcnh(data, url))
        except UnreadableFile as error:  # one station's trouble is not the others'
            log.warning("ghcnh: left out: %s", error)
    return table(parts)


def refused(quality: str, source: str) -> bool:
    """Whether a quality code says that the value failed a check; what a letter says depends on the source's code."""
    if quality in PASSED:
        return False
    return not (source in LEGACY_SOURCES and quality in LEGACY_CONSENT)


def _reasons(raw: pd.DataFrame, column: str) -> list[str]:
    """Why each value is not used; empty where nothing speaks against it."""
    blank = pd.Series("", raw.index)
    quality = raw.get(f"{column}_Quality_Code", blank).str.strip()
    source = raw.get(f"{column}_Source_Code", blank).str.strip()
    measured = raw.get(f"{column}_Measurement_Code", blank).str.strip()
    pairs = zip(quality, source, strict=True)
    reasons = [f"GHCNh: quality {q}" if refused(q, s) else "" for q, s in pairs]
    if not column.startswith("precipitation"):
        return reasons
    return [r or ("" if m in MEASURED else f"GHCNh: measurement {m}") for r, m in zip(reasons, measured, strict=True)]


def _as_text(column: pd.Series) -> pd.Series:
    """As in a psv, where a code is 4 and what is not there is empty; Parquet has numbers."""
    if pd.api.types.is_float_dtype(column) and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64")
    words = column.astype(object).where(column.notna(), "").astype(str)
    # What a spreadsheet or pandas made of them: codes with a fraction, commas in numbers
    words = words.str.replace(r"\.0$", "", regex=True) if str(column.name).endswith("_Code") else words
    return words.str.replace(",", ".", regex=False) if str(column.name) in NUMBERS else words


def _times(raw: pd.DataFrame, name: str) -> pd.Series:
    """UTC, of a DATE or of Year to Minute."""
    parts = ["Year", "Month", "Day", "Hour", "Minute"]
    try:
        if "DATE" in raw:
            return pd.to_datetime(raw["DATE"], utc=True, format="ISO8601").dt.tz_localize(None)
        return pd.to_datetime(raw[parts].rename(columns=str.lower).astype(int))
    except (ValueError, KeyError) as error:
        raise UnreadableFile(f"{name}: has times that cannot be read ({error}); fetch it again") from None
