"""METAR of airports: now from aviationweather.gov (JSON), earlier ones from Iowa's archive IEM (CSV).

Temperatures are whole degrees Celsius, pressure is the altimeter's (QNH), which is neither at the station nor at sea
level and is not read: `msl` comes only from where a report gives it. https://aviationweather.gov/data/api/,
https://mesonet.agron.iastate.edu/cgi-bin/request/asos.py?help
"""

from __future__ import annotations

import io
import json
import logging
import math
from datetime import datetime, timedelta

import pandas as pd

from models.constants import KELVIN
from tasks.errors import UnreadableFile
from tasks.grids.box import Box
from tasks.observations.networks.http import Http
from tasks.observations.networks.place import inside, utc
from tasks.observations.networks.rows import KNOT, Column, direction_of_wind, long_form
from tasks.observations.networks.table import table

log = logging.getLogger(__name__)

BASE_URL = "https://aviationweather.gov/api/data"
IEM_URL = "https://mesonet.agron.iastate.edu"
INCH = 0.0254  # m
LEAST = 0.01  # inches, what a gauge can tell; less is a trace: 0.0001 at IEM, 0.005 at aviationweather.gov
MOST = 400  # reports in an answer of aviationweather.gov, which says nothing of those that it left out
KEPT_DAYS = 15  # at aviationweather.gov
NOW_COLUMNS = {
    "temp": Column("t2m", offset=KELVIN),
    "dewp": Column("d2m", offset=KELVIN),
    "slp": Column("msl", 100.0),
    "wspd": Column("wind_speed", KNOT),
    "wdir": Column("wind_direction"),
    "precip": Column("tp", INCH, period=1.0),
    "pcp3hr": Column("tp", INCH, period=3.0),
    "pcp6hr": Column("tp", INCH, period=6.0),
}
IEM_COLUMNS = {
    "tmpf": Column("t2m", 5 / 9, KELVIN - 32 * 5 / 9),
    "dwpf": Column("d2m", 5 / 9, KELVIN - 32 * 5 / 9),
    "mslp": Column("msl", 100.0),
    "sknt": Column("wind_speed", KNOT),
    "drct": Column("wind_direction"),
    "p01i": Column("tp", INCH, period=1.0),
}
IEM_PLACE = ["station", "valid", "lat", "lon", "elevation"]


def read_metar(data: bytes) -> pd.DataFrame:
    """The table of an answer of aviationweather.gov in JSON; no body is no METAR. UnreadableFile for anything else."""
    if not data.strip():
        return table([])
    try:
        raw = pd.DataFrame(json.loads(data))
        if raw.empty:
            return table([])
        reports = pd.DataFrame(
            {
                "station": raw["icaoId"],
                "network": "metar",
                "latitude": raw["lat"],
                "longitude": raw["lon"],
                "elevation": raw["elev"],
                "time": pd.to_datetime(raw["obsTime"], unit="s"),
            }
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableFile(
            f"aviationweather.gov: its answer is no list of METARs ({error}): {data[:80].decode(errors='replace')!r}"
        ) from None
    values = raw[[c for c in NOW_COLUMNS if c in raw]]
    reports = pd.concat([reports, values], axis=1)
    special = raw["metarType"] == "SPECI" if "metarType" in raw else pd.Series(False, index=raw.index)
    return _table(reports, NOW_COLUMNS, "wdir", "wspd", special)


def read_iem(data: bytes) -> pd.DataFrame:
    """The table of an answer of IEM's asos.py in CSV, with `latlon` and `elev`. UnreadableFile if it is none."""
    try:
        raw = pd.read_csv(io.BytesIO(data), comment="#", na_values=["M", "null"], dtype={"station": str})
        raw["p01i"] = pd.to_numeric(raw["p01i"].replace("T", 0.0), errors="coerce")
        reports = raw.rename(columns={"valid": "time", "lat": "latitude", "lon": "longitude"})
        reports = reports.assign(network="metar", time=pd.to_datetime(reports["time"]), station=reports["station"])
    except (ValueError, KeyError, pd.errors.ParserError) as error:
        beginning = data[:80].decode(errors="replace")
        raise UnreadableFile(f"IEM: its answer is no table of METARs ({error}): {beginning!r}") from None
    return _table(reports, IEM_COLUMNS, "drct", "sknt", pd.Series(False, index=reports.index))


def fetch_metar(http: Http, box: Box, first: datetime, last: datetime, base_url: str = BASE_URL) -> pd.DataFrame:
    """METARs in a box from first to last; halves the time while an answer is as long as answers can be."""
    end = utc(last)
    hours = max(math.ceil((end - utc(first)) / pd.Timedelta(hours=1)), 1)
    if pd.Timestamp.now("UTC").tz_localize(None) - utc(first) > timedelta(days=KEPT_DAYS):
        log.warning("metar: aviationweather.gov keeps %d days; before that take the source iem", KEPT_DAYS)
    parts = [_asked(http, box, west, east, end, hours, base_url) for west, east in box.spans]
    return table(parts)


def _asked(http: Http, box: Box, west: float, east: float, end: pd.Timestamp, hours: int, base: str) -> pd.DataFrame:
    bbox = f"{box.south:g},{west:g},{box.north:g},{east:g}"
    asked = {"bbox": bbox, "format": "json", "hours": hours, "date": f"{end:%Y-%m-%dT%H:%M:%SZ}"}
    data = http.get(f"{base}/metar", asked)
    if data.count(b'"icaoId"') < MOST:
        return read_metar(data)
    if hours == 1:
        log.warning("metar: more than %d reports in %s at %s; some are missing, ask for a smaller box", MOST, bbox, end)
        return read_metar(data)
    late = hours // 2
    halves = [(end - pd.Timedelta(hours=late), hours - late), (end, late)]
    return table([_asked(http, box, west, east, e, h, base) for e, h in halves])


def fetch_iem(http: Http, box: Box, first: datetime, last: datetime, base_url: str = IEM_URL) -> pd.DataFrame:
    """METARs of any time in a box, from IEM, routine reports only."""
    stations = read_iem_stations(http.get(f"{base_url}/geojson/network/AZOS.geojson"))
    chosen = sorted(stations.index[inside(stations, box)])
    if not chosen:
        return table([])
    day = pd.Timedelta(days=1)  # the end is not included
    span = {"sts": f"{utc(first).floor('h') - day:%Y-%m-%dT%H:%MZ}", "ets": f"{utc(last) + day:%Y-%m-%dT%H:%MZ}"}
    options = "&data=".join(["", *IEM_COLUMNS]) + (
        "&tz=Etc/UTC&format=onlycomma&latlon=yes&elev=yes&missing=M&trace=0.0001&direct=no&report_type=3"
    )
    urls = [
        f"{base_url}/cgi-bin/request/asos.py?station={s}&sts={span['sts']}&ets={span['ets']}{options}" for s in chosen
    ]
    return table([read_iem(data) for data in http.get_all(urls).values()])


def read_iem_stations(data: bytes) -> pd.DataFrame:
    """Stations of an IEM network's GeoJSON by id: latitude, longitude, elevation (m)."""
    try:
        features = json.loads(data)["features"]
        rows = [(f["id"], *f["geometry"]["coordinates"][:2], f["properties"].get("elevation")) for f in features]
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableFile(f"IEM: its list of stations cannot be read ({error})") from None
    stations = pd.DataFrame(rows, columns=["station", "longitude", "latitude", "elevation"]).set_index("station")
    return stations.astype(float)


def _table(
    reports: pd.DataFrame, columns: dict[str, Column], direction: str, speed: str, special: pd.Series
) -> pd.DataFrame:
    rain = [c for c, column in columns.items() if column.variable == "tp" and c in reports]
    reports = reports.copy()
    for name in rain:  # a special report's amount is of less than its hour
        amount = pd.to_numeric(reports[name], errors="coerce")
        reports[name] = amount.mask(amount < LEAST, 0.0).mask(special)
    if {direction, speed} <= set(reports):
        knots = pd.to_numeric(reports[speed], errors="coerce")
        reports[direction] = direction_of_wind(reports[direction], knots * KNOT)
    return table(long_form(reports, columns))
