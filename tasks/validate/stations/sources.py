"""Asking services for observations in a box and a span of time: one function a source."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from tasks.errors import ObservationsMissing, UnreadableFile
from tasks.validate.stations.ghcnh import BASE as GHCNH
from tasks.validate.stations.ghcnh import read_ghcnh, read_station_list
from tasks.validate.stations.http import Fetcher
from tasks.validate.stations.isd_lite import BASE as ISD
from tasks.validate.stations.isd_lite import read_history, read_isd_lite
from tasks.validate.stations.metar import HISTORY_BASE, NOW_BASE, read_iem, read_metar
from tasks.validate.stations.table import table

log = logging.getLogger(__name__)

Box = tuple[float, float, float, float]  # north, south, west, east
Bases = dict[str, str]  # service -> address
Source = Callable[[Fetcher, Bases, Box, datetime, datetime], pd.DataFrame]
ADDRESSES: Bases = {"ghcnh": GHCNH, "isd-lite": ISD, "metar": NOW_BASE, "iem": HISTORY_BASE}
LONGEST = 360  # hours that aviationweather.gov looks back
IEM_DATA = ("tmpf", "dwpf", "drct", "sknt", "mslp", "p01i")


def inside(places: pd.DataFrame, box: Box) -> pd.Series:
    """Which places are in a box; one that crosses the date line has an east above 180."""
    north, south, west, east = box
    return places["latitude"].between(south, north) & ((places["longitude"] - west) % 360.0 <= east - west)


def _each(stations: list[str], get: Callable[[str], pd.DataFrame], where: str) -> pd.DataFrame:
    """All stations' tables; one that is missing or broken is left out and told, the service being away is not."""
    parts, missing = [], []
    for station in stations:
        try:
            parts.append(get(station))
        except (ObservationsMissing, UnreadableFile) as error:
            log.debug("%s", error)
            missing.append(station)
    if missing:
        log.info("%s: nothing of %d of %d stations: %s", where, len(missing), len(stations), ", ".join(missing[:8]))
    return table(parts)


def _years(first: datetime, last: datetime) -> range:
    return range(first.year, last.year + 1)


def ghcnh(fetcher: Fetcher, bases: Bases, box: Box, first: datetime, last: datetime) -> pd.DataFrame:
    """GHCNh, about two days late."""
    base = bases["ghcnh"]
    listed = read_station_list(fetcher.get(f"{base}/doc/ghcnh-station-list.csv"))
    names = [f"{s}_{y}" for s in listed.index[inside(listed, box)] for y in _years(first, last)]

    def one(name: str) -> pd.DataFrame:
        file = f"GHCNh_{name}.psv"
        return read_ghcnh(fetcher.get(f"{base}/access/by-year/{name.rsplit('_', 1)[1]}/psv/{file}"), file)

    return _each(names, one, "ghcnh")


def isd_lite(fetcher: Fetcher, bases: Bases, box: Box, first: datetime, last: datetime) -> pd.DataFrame:
    """ISD-Lite, until August 2025."""
    base = bases["isd-lite"]
    history = read_history(fetcher.get(f"{base}/isd-history.csv"))
    names = [f"{s}-{y}" for s in history.index[inside(history, box)] for y in _years(first, last)]

    def one(name: str) -> pd.DataFrame:
        data = fetcher.get(f"{base}/isd-lite/data/{name.rsplit('-', 1)[1]}/{name}.gz")
        return read_isd_lite(data, f"{name}.gz", history)

    return _each(names, one, "isd-lite")


def metar(fetcher: Fetcher, bases: Bases, box: Box, first: datetime, _last: datetime) -> pd.DataFrame:
    """METARs from the first time until now; of the last 15 days."""
    north, south, west, east = box
    hours = math.ceil((datetime.now(UTC).replace(tzinfo=None) - first).total_seconds() / 3600)
    if hours <= 0:
        return table([])
    area = f"{south:g},{west:g},{north:g},{east:g}"
    asked = min(hours, LONGEST)
    return read_metar(fetcher.get(f"{bases['metar']}/metar", bbox=area, format="json", hours=f"{asked}"))


def iem(fetcher: Fetcher, bases: Bases, box: Box, first: datetime, last: datetime) -> pd.DataFrame:
    """METARs of any time, from Iowa's archive, of those airports in NOAA's list that are in the box."""
    history = read_history(fetcher.get(f"{bases['isd-lite']}/isd-history.csv"))
    here = history[inside(history, box)]
    airports = sorted(set(here["icao"]) - {""})
    span = {"sts": first, "ets": last + timedelta(hours=1)}
    asked = {k: t.strftime("%Y-%m-%dT%H:%MZ") for k, t in span.items()}
    options = {"tz": "Etc/UTC", "format": "onlycomma", "latlon": "yes", "elev": "yes", "missing": "M", "trace": "T"}

    def one(station: str) -> pd.DataFrame:
        data = ",".join(IEM_DATA)
        return read_iem(fetcher.get(f"{bases['iem']}/asos.py", station=station, data=data, **asked, **options))

    return _each(airports, one, "iem")


SOURCES: dict[str, Source] = {"ghcnh": ghcnh, "isd-lite": isd_lite, "metar": metar, "iem": iem}


def fetch(
    name: str, box: Box, first: datetime, last: datetime, cache: Path, services: Bases, deadline_s: float
) -> pd.DataFrame:
    """Observations of a source in a box, first to last (UTC without zone); ObservationsUnavailable if it is away.

    `services`: other addresses than the services' own. `cache`: folder of what was fetched.
    """
    bases = {service: address.rstrip("/") for service, address in (ADDRESSES | services).items()}
    found = SOURCES[name](Fetcher(cache / name, deadline_s), bases, box, first, last)
    return found[inside(found, box) & found["time"].between(first, last)].reset_index(drop=True)
