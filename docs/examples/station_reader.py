"""An example of a station reader: a service of one's own that answers CSV, a report a row.

    GET {base}/reports.csv?from=2026-11-22T00&to=2026-11-22T12
    id,lat,lon,height_m,time,temp_c,rain_1h_mm,suspect

To make it one of finescale's: copy it to tasks/observations/networks/farm.py, give it an entry in SOURCES of
tasks/observations/networks/sources.py and its name to ObservationSource in tasks/region/settings.py; then regions can
name it (`observations: {sources: [farm]}`), and quality control, matching, scores and reports follow by themselves.
"""

from __future__ import annotations

import io
from datetime import datetime

import pandas as pd

from tasks.grids.box import Box
from tasks.observations.networks.http import Http
from tasks.observations.networks.place import utc
from tasks.observations.networks.rows import Column, long_form
from tasks.observations.networks.sources import Service
from tasks.observations.networks.table import table

# the service's column -> our variable, and what makes its number SI; amounts say over how many hours they are summed
COLUMNS = {
    "temp_c": Column("t2m", offset=273.15),
    "rain_1h_mm": Column("tp", scale=1e-3, period=1.0),
}
NAMES = {"id": "station", "lat": "latitude", "lon": "longitude", "height_m": "elevation"}


def fetch_reports(http: Http, box: Box, first: datetime, last: datetime, base_url: str) -> pd.DataFrame:
    """What the service has from first to last; it may give more than that and than the box, which are cut later.

    `http` keeps copies, waits and asks again, and ends with its deadline: no loop of one's own is needed. What the
    service does not have raises ObservationsMissing there, what it refuses RequestRefused.
    """
    span = {"from": f"{utc(first):%Y-%m-%dT%H}", "to": f"{utc(last):%Y-%m-%dT%H}"}
    return read_reports(http.get(f"{base_url}/reports.csv", span))


def read_reports(data: bytes) -> pd.DataFrame:
    """The table of one answer: one row a value, SI, UTC; apart from fetching, so that files can be read too."""
    reports = pd.read_csv(io.BytesIO(data), dtype={"id": "str"}).rename(columns=NAMES)
    reports["network"] = "farm"
    reports["time"] = pd.to_datetime(reports["time"]).astype("datetime64[ns]")
    for name in COLUMNS:  # a reason for which a value is not used: it is kept, counted and shown
        reports[f"{name}:quality"] = reports["suspect"].map({0: "", 1: "suspect by its network"})
    return table(long_form(reports, COLUMNS))


SERVICE = Service(fetch_reports, "https://stations.example.org/api")
