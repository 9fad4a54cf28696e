"""SYNOP of WIS2 that `finescale collect` has kept: read from disk, nobody is asked."""

from __future__ import annotations

import logging
import sqlite3
from datetime import datetime, timedelta

import pandas as pd

from tasks.errors import ObservationsMissing, UnreadableFile
from tasks.grids.box import Box
from tasks.observations.networks.http import Http
from tasks.observations.networks.place import within
from tasks.observations.networks.synop import read_synop
from tasks.observations.networks.table import table
from tasks.observations.wis2.kept import FILE, FOLDER, Kept

log = logging.getLogger(__name__)

BASE_URL = "mqtts://globalbroker.meteo.fr:8883"  # Meteo-France's global broker, open to everybody
NEAR = timedelta(hours=1)  # reports shortly before an hour are that hour's


def fetch_wis2(http: Http, box: Box, first: datetime, last: datetime, base_url: str = BASE_URL) -> pd.DataFrame:  # noqa: ARG001
    """Reports kept of first to last; of a report that comes twice the one published later.

    ObservationsMissing where nothing was ever collected. Times when the collector was away are logged.
    """
    file = http.folder / FOLDER / FILE
    if not file.exists():
        raise ObservationsMissing(f"{file}: is not there; `finescale collect REGION` collects, from then on")
    try:
        with Kept(file.parent, read_only=True) as kept:
            messages = kept.messages(first - NEAR, last + NEAR)
            absences = kept.absences(first, last)
    except sqlite3.Error as error:
        raise UnreadableFile(f"{file}: is damaged ({error}); remove it, collecting begins anew") from None
    for absence in absences:
        if absence.lost:
            log.warning("wis2: nothing was collected from %s to %s", f"{absence.start:%F %T}", f"{absence.end:%F %T}")
    if not messages:
        return table([])
    return within(read_synop(b"".join(messages), str(file)), box, first, last)
