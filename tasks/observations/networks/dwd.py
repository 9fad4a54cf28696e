"""SYNOP of all countries from DWD's open data: collections in BUFR, some an hour, kept for about two days.

https://opendata.dwd.de/weather/weather_reports/synoptic/international/ is a folder with an index in HTML. A
collection's name holds `synop` and the time it was made, YYYYMMDDhhmm or YYYYMMDDhhmmss; late reports and corrections
come in later ones.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import html
import logging
import re
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

import pandas as pd

from tasks.errors import ObservationsMissing, UnreadableFile
from tasks.grids.box import Box
from tasks.observations.networks.http import Http
from tasks.observations.networks.place import utc, within
from tasks.observations.networks.synop import read_synop
from tasks.observations.networks.table import table
from tasks.storage import read_parquet, write_parquet

log = logging.getLogger(__name__)

BASE_URL = "https://opendata.dwd.de/weather/weather_reports/synoptic/international"
LINK = re.compile(r"""href\s*=\s*["']([^"'?#]+)["']""", re.IGNORECASE)
STAMP = re.compile(r"(?<!\d)(20\d{10})(?:\d\d)?(?!\d)")
LATE = timedelta(hours=6)  # after its valid time, in whose collections a report may still come


def fetch_dwd(http: Http, box: Box, first: datetime, last: datetime, base_url: str = BASE_URL) -> pd.DataFrame:
    """Reports of all collections from first to LATE after last that are there; of a report that comes twice the later.

    A collection that cannot be decoded is left out and logged. ObservationsMissing for an index without any.
    """
    index = http.get(f"{base_url}/").decode(errors="replace")
    every = collections(index)
    if not every:
        raise ObservationsMissing(f"{base_url}/: its index names no collection of SYNOP; has the service moved?")
    wanted = sorted((t, name) for name, t in every.items() if utc(first) <= t <= utc(last) + LATE)
    if utc(first) < min(every.values()):
        log.warning("synop: DWD keeps collections since %s; before that take the source ghcnh", min(every.values()))
    if not wanted:
        return table([])
    found = http.get_all(f"{base_url}/{name}" for _, name in wanted)
    parts = []
    for url, body in found.items():  # in the order of their times
        try:
            parts.append(within(_decoded(http.folder, body, url), box, first, last))
        except UnreadableFile as error:
            log.warning("synop: %s; the other collections are used", error)
    return table(parts)


def collections(index: str) -> dict[str, pd.Timestamp]:
    """Names of collections in an index page, and when each was made, UTC."""
    found = {}
    for link in LINK.findall(index):
        name = html.unescape(link).rsplit("/", 1)[-1]
        stamp = STAMP.search(unquote(name))
        if stamp is not None and "synop" in name.lower():
            found[name] = pd.to_datetime(stamp[1], format="%Y%m%d%H%M", errors="coerce")
    return {name: time for name, time in found.items() if pd.notna(time)}


def _decoded(folder: Path, body: bytes, url: str) -> pd.DataFrame:
    """The table of a collection; decoding one of 8,000 stations takes six seconds, so it is kept beside the copies."""
    kept = folder / f"{hashlib.sha256(body).hexdigest()[:32]}.decoded.parquet"
    if kept.exists():
        try:
            return read_parquet(str(kept))
        except (ValueError, OSError):
            log.warning("synop: %s is damaged and made anew", kept)
    found = read_synop(_unpacked(body, url), url)
    write_parquet(found, str(kept))
    return found


def _unpacked(body: bytes, url: str) -> bytes:
    try:
        if body[:3] == b"BZh":
            return bz2.decompress(body)
        return gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
    except (OSError, EOFError, ValueError) as error:
        raise UnreadableFile(f"{url}: is cut or damaged ({error}); it is asked for again next time") from None
