"""Services of observations by name, each asked for a box and a span of time."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import pandas as pd

from tasks.errors import BadInput
from tasks.grids.box import Box
from tasks.observations.networks import dwd, ghcnh, isd_lite, metar, wis2
from tasks.observations.networks.http import Http
from tasks.observations.networks.place import inside, utc, within
from tasks.observations.networks.table import table

log = logging.getLogger(__name__)


class Observer(Protocol):
    """Asks a service for what it has in a box, first to last; it may give more than that."""

    def __call__(self, http: Http, box: Box, first: datetime, last: datetime, base_url: str) -> pd.DataFrame:
        """The table; empty if nothing."""


@dataclass(frozen=True)
class Service:
    """An observer and where its service is."""

    observe: Observer
    base_url: str


def from_isd_lite(http: Http, box: Box, first: datetime, last: datetime, base_url: str) -> pd.DataFrame:
    """ISD-Lite: stations by the history's positions and years, until August 2025."""
    history = isd_lite.read_history(http.get(f"{base_url}/isd-history.csv"))
    at_work = (history["begin"] <= utc(last)) & (history["end"] >= utc(first).normalize())
    here = inside(history, box)
    stations = history.index[here & at_work].unique()
    if here.any() and not len(stations):
        log.warning("isd-lite: none of the %d stations in the box reported then; ISD ended in August 2025", here.sum())
    return (
        isd_lite.fetch_isd_lite(http, stations, years(first, last), history, base_url) if len(stations) else table([])
    )


def from_ghcnh(http: Http, box: Box, first: datetime, last: datetime, base_url: str) -> pd.DataFrame:
    """GHCNh: stations by the list's positions; the list does not say when they report."""
    listed = ghcnh.read_station_list(http.get(f"{base_url}/doc/ghcnh-station-list.csv"))
    stations = listed.index[inside(listed, box)]
    return ghcnh.fetch_ghcnh(http, stations, years(first, last), base_url) if len(stations) else table([])


SOURCES: dict[str, Service] = {
    "metar": Service(metar.fetch_metar, metar.BASE_URL),
    "ghcnh": Service(from_ghcnh, ghcnh.BASE_URL),
    "isd-lite": Service(from_isd_lite, isd_lite.BASE_URL),
    "iem": Service(metar.fetch_iem, metar.IEM_URL),
    "synop": Service(dwd.fetch_dwd, dwd.BASE_URL),
    "wis2": Service(wis2.fetch_wis2, wis2.BASE_URL),
}


def years(first: datetime, last: datetime) -> range:
    """Calendar years (UTC) from first to last."""
    return range(utc(first).year, utc(last).year + 1)


def fetch(
    source: str,
    box: Box,
    first: datetime,
    last: datetime,
    cache_folder: str | Path,
    services: Mapping[str, str] | None = None,
    deadline_s: float = 300.0,
    *,
    http: Http | None = None,
) -> pd.DataFrame:
    """The table of what a source has in a box (degrees), from first to last (UTC, both included); empty if nothing.

    What is fetched is kept in the cache folder. `services`: other addresses than `SOURCES`' own, by name. BadInput for
    a name that is no source; ObservationsMissing if the service has no file of any station, ObservationsUnavailable if
    it does not answer within `deadline_s` seconds in all.
    """
    if source not in SOURCES:
        raise BadInput(f"unknown source of observations {source!r}; known are: {', '.join(SOURCES)}")
    service = SOURCES[source]
    base = (services or {}).get(source, service.base_url).rstrip("/")
    http = http or Http(Path(cache_folder) / source, deadline_s)
    found = within(service.observe(http, box, first, last, base), box, first, last)
    count = found["station"].nunique()
    log.info("observations: %s: %d values of %d stations, %s to %s", source, len(found), count, utc(first), utc(last))
    return found
