"""NOAA ISD-Lite: hourly reports up to August 2025, and the history of stations that says where they are.

Format: https://www.ncei.noaa.gov/pub/data/noaa/isd-lite/isd-lite-format.txt. No quality flags.
"""

from __future__ import annotations

import gzip
import io
import logging
import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from models.constants import KELVIN
from tasks.errors import UnreadableFile
from tasks.observations.networks import anywhere
from tasks.observations.networks.http import Http
from tasks.observations.networks.missing import known_elevation
from tasks.observations.networks.rows import Column, direction_of_wind, long_form
from tasks.observations.networks.table import table

log = logging.getLogger(__name__)

BASE_URL = "https://www.ncei.noaa.gov/pub/data/noaa"
NAME = re.compile(r"(?P<station>[0-9A-Z]{6}-[0-9]{5})-(?P<year>[0-9]{4})(\.gz)?$")
STARTS = [0, 5, 8, 11, *range(13, 61, 6)]  # of year, month, day, hour and the eight values
LENGTH = 61
MISSING = -9999
TRACE = -1
ENOUGH = 20  # temperatures; of fewer, whole degrees may be chance
WHOLE = 0.9  # SYNOP has a tenth of its temperatures in whole degrees; the airport under 574940 has 0.97 of them
FIELDS = ["temperature", "dew_point", "msl", "direction", "speed", "sky", "rain_1h", "rain_6h"]
COLUMNS = {
    "temperature": Column("t2m", 0.1, KELVIN),
    "dew_point": Column("d2m", 0.1, KELVIN),
    "msl": Column("msl", 10.0),  # tenths of hPa
    "direction": Column("wind_direction"),
    "speed": Column("wind_speed", 0.1),
    "rain_1h": Column("tp", 1e-4, period=1.0),  # tenths of mm
    "rain_6h": Column("tp", 1e-4, period=6.0),
}


def read_history(source: str | Path | bytes) -> pd.DataFrame:
    """Stations of an isd-history.csv by USAF-WBAN: name, icao, latitude, longitude, elevation (m), begin and end.

    Positions and elevations that are not known are NaN. UnreadableFile if it is no such file.
    """
    data = source if isinstance(source, bytes) else anywhere.read(str(source))
    label = "isd-history.csv" if isinstance(source, bytes) else str(source)
    try:
        raw = pd.read_csv(io.BytesIO(data), dtype=str, keep_default_na=False)
        history = pd.DataFrame(
            {
                "name": raw["STATION NAME"],
                "icao": raw["ICAO"],
                "latitude": pd.to_numeric(raw["LAT"], errors="coerce"),
                "longitude": pd.to_numeric(raw["LON"], errors="coerce"),
                "elevation": known_elevation(raw["ELEV(M)"]),
                "begin": pd.to_datetime(raw["BEGIN"], format="%Y%m%d", errors="coerce"),
                "end": pd.to_datetime(raw["END"], format="%Y%m%d", errors="coerce"),
            }
        )
    except (KeyError, ValueError) as error:
        raise UnreadableFile(
            f"{label}: is no isd-history.csv ({error}); get it from {BASE_URL}/isd-history.csv"
        ) from None
    history.index = pd.Index(raw["USAF"] + "-" + raw["WBAN"], name="station")
    nowhere = (history["latitude"] == 0) & (history["longitude"] == 0)
    history.loc[nowhere, ["latitude", "longitude"]] = np.nan
    return history


def read_isd_lite(source: str | Path | Iterable[str | Path], history: pd.DataFrame) -> pd.DataFrame:
    """The table of a file (USAF-WBAN-year, also .gz), a folder of them, or several files; local or fsspec URIs.

    Positions come from the history, by USAF-WBAN: a station's WMO number says nothing of where it is (574941 is in
    Sanya). A station that the history does not place is left out, and the log says so. UnreadableFile for a line or a
    name that is not ISD-Lite, and for a folder without any.
    """
    files = _files(str(source)) if isinstance(source, str | Path) else [str(f) for f in source]
    return _table(((file, anywhere.read(file)) for file in files), history)


def fetch_isd_lite(
    http: Http, stations: Iterable[str], years: Iterable[int], history: pd.DataFrame, base_url: str = BASE_URL
) -> pd.DataFrame:
    """The table of these stations (USAF-WBAN) and years from NOAA; errors as of `Http.get_all`."""
    years = list(years)
    urls = [f"{base_url}/isd-lite/{year}/{station}-{year}.gz" for station in stations for year in years]
    parts = []
    for url, data in http.get_all(urls).items():
        try:
            parts.append(_table([(url, data)], history))
        except UnreadableFile as error:  # one station's trouble is not the others'
            log.warning("isd-lite: left out: %s", error)
    return table(parts)


def isd_lite_files(names: Iterable[str]) -> list[str]:
    """Those of the names that ISD-Lite's files have, sorted."""
    return sorted(name for name in names if NAME.search(name))


def _files(uri: str) -> list[str]:
    if not anywhere.is_folder(uri):
        return [uri]
    files = isd_lite_files(anywhere.files_in(uri))
    if not files:
        raise UnreadableFile(
            f"{uri}: no file in it is named like ISD-Lite's, e.g. 574610-99999-2021 or 574610-99999-2021.gz"
        )
    return files


def _table(files: Iterable[tuple[str, bytes]], history: pd.DataFrame) -> pd.DataFrame:
    parts: list[pd.DataFrame] = []
    for file, data in files:
        named = NAME.search(file)
        if named is None:
            raise UnreadableFile(f"{file}: is not named USAF-WBAN-year, so that its station is not known")
        station = named["station"]
        if station not in history.index:
            log.warning("isd-lite: %s is left out: the history of stations does not have it", station)
            continue
        place = history[["latitude", "longitude", "elevation"]].loc[[station]].iloc[-1]
        if not np.isfinite(place[["latitude", "longitude"]].to_numpy(dtype=float)).all():
            log.warning("isd-lite: %s is left out: the history of stations gives it no position", station)
            continue
        reports = _reports(file, data)
        if len(reports):
            parts += long_form(reports.assign(station=station, **place), COLUMNS)
    return table(parts)


def _reports(file: str, data: bytes) -> pd.DataFrame:
    """A file's lines: time, network and the fields in the file's units, NaN where missing."""
    try:
        text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("ascii")
    except (OSError, EOFError, ValueError) as error:
        raise UnreadableFile(f"{file}: cannot be unpacked ({error}); fetch it again") from None
    ends = [*STARTS[1:], LENGTH]
    times, values = [], []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            year, month, day, hour, *rest = (int(line[a:b]) for a, b in zip(STARTS, ends, strict=True))
            times.append(datetime(year, month, day, hour))
        except (ValueError, TypeError):
            raise UnreadableFile(
                f"{file}, line {number}: is not ISD-Lite: {line[:80]!r}; fetch the file again"
            ) from None
        values.append(rest)
    reports = pd.DataFrame(np.array(values, dtype=float).reshape(-1, len(FIELDS)), columns=FIELDS).replace(
        MISSING, np.nan
    )
    reports["time"] = pd.DatetimeIndex(times)
    reports["direction"] = direction_of_wind(reports["direction"], reports["speed"] / 10)
    for rain in ("rain_1h", "rain_6h"):
        reports[rain] = reports[rain].replace(TRACE, 0.0)
    # Printed every three hours, a total of six rolls: every other one holds rain that its neighbours hold too.
    reports["rain_6h"] = reports["rain_6h"].where(reports["time"].dt.hour % 6 == 0)
    reports["network"] = network_of(reports["temperature"], reports["time"])
    return reports


def network_of(temperature: pd.Series, time: pd.Series) -> pd.Series:
    """Who reports, "metar" or "synop", by row: METAR has whole degrees only (tenths of degC here).

    Some files are an airport's alone, under a SYNOP number (574940); in others it fills the hours between SYNOPs
    (583210), so what is not METAR as a whole is looked at by hour of the day.
    """
    whole = (temperature % 10 == 0).where(temperature.notna())
    if whole.count() >= ENOUGH and whole.mean() >= WHOLE:
        return pd.Series("metar", index=temperature.index)
    by_hour = whole.astype(float).groupby(time.dt.hour).agg(["count", "mean"])
    metar = by_hour.index[(by_hour["count"] >= ENOUGH) & (by_hour["mean"] >= WHOLE)]
    return pd.Series(np.where(time.dt.hour.isin(metar), "metar", "synop"), index=temperature.index)
