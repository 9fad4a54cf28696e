"""The era5 source: one UTC day of ERA5 or ERA5T from the Copernicus CDS, proved, resumable, fetched once.

From its queue, or, where the region says so, a day that is final from ECMWF's archive (era5_archive.py).

{workspace}/raw/era5/{day}/{hash of request}.grib       the day, with its `RawFile` beside it
{workspace}/raw/era5/{day}/{hash of request}.job.json   the CDS's id of a request that is not fetched yet
{workspace}/raw/era5/{day}/{hash of request}-archive.grib   the day from the archive
{workspace}/raw/era5terrain/...                         the terrain to it, asked of the queue once
"""

from __future__ import annotations

import calendar
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from tasks.acquire.cds import Cds
from tasks.acquire.cds_credentials import find_credentials
from tasks.acquire.era5_messages import prove
from tasks.acquire.era5_queue import QueueFetch
from tasks.acquire.era5_request import DATASET, Asked, asked_of, terrain_of
from tasks.acquire.raw import RawFolder
from tasks.errors import (
    AnswerNotUnderstood,
    BadInput,
    CycleNotReady,
    IncompleteDownload,
    RequestRefused,
)
from tasks.grib.write import redated
from tasks.handover.cycle import Cycle, RawFile
from tasks.region.document import Region
from tasks.variables import TERRAIN
from tasks.web.patience import Deadline, Patience

log = logging.getLogger(__name__)

DAYS_BEHIND = timedelta(days=6)  # of ERA5T: the day before the newest may still lack its last hours
MONTHS_TO_FINAL = 3  # ERA5 replaces ERA5T two to three months later; after three it is there
TRIES = 5  # of each file of the archive, where the queue is there too


def final_since(cycle_time: datetime) -> datetime:
    """When final ERA5 (expver 0001) of a day has replaced ERA5T (0005): three calendar months later, by ECMWF's plan.

    2024-01-31 gives 2024-04-30. A product of ERA5T that is older than that is worth making again.
    """
    years, month = divmod(cycle_time.month - 1 + MONTHS_TO_FINAL, 12)
    year, month = cycle_time.year + years, month + 1
    return cycle_time.replace(year=year, month=month, day=min(cycle_time.day, calendar.monthrange(year, month)[1]))


def _newest_final(now: datetime) -> datetime:
    """The newest day that is final by then."""
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    while final_since(day) > now:
        day -= timedelta(days=1)
    return day


class Era5Source:
    """Implements `Source` for ERA5; a cycle is a UTC day. `pace` is for tests that hurry."""

    name = "era5"
    truth: str | None = None
    spacing: float | None = None

    def __init__(self, pace: Patience | None = None) -> None:
        self._pace = pace

    def latest(self, region: Region, now: datetime) -> Cycle:
        """The newest whole day of the catalogue; of the archive alone, the newest that is final."""
        if region.acquire.era5_from == "archive":
            return Cycle(source=self.name, time=_newest_final(now))
        asked = Cycle(source=self.name, time=now)  # names the question in errors
        end = self._open(asked, region, Deadline(region.acquire.wait_minutes * 60)).newest(DATASET)
        if end is None:
            raise CycleNotReady(f"{self.name}: the CDS's catalogue does not say how far ERA5 goes; name a --cycle")
        whole = min(end.astimezone(UTC) + timedelta(hours=1), now)  # the hour 23 ends a day
        day = whole.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
        return Cycle(source=self.name, time=day)

    def due(self, region: Region, scheduled: datetime) -> Cycle:
        """The day that commonly is whole, or final, by then."""
        if region.acquire.era5_from == "archive":
            return Cycle(source=self.name, time=_newest_final(scheduled.astimezone(UTC)))
        day = scheduled.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - DAYS_BEHIND
        return Cycle(source=self.name, time=day)

    def final_since(self, time: datetime) -> datetime:
        """When final ERA5 has replaced ERA5T."""
        return final_since(time)

    def fetch(self, cycle: Cycle, region: Region, folder: str) -> list[RawFile]:
        """The day in one GRIB file, from the raw folder, the CDS or the archive; from both, in two."""
        if cycle.time.hour:
            raise BadInput(f"{cycle}: a cycle of ERA5 is a whole UTC day; write it {cycle.time:%Y-%m-%d}T00")
        asked, deadline = asked_of(region, cycle.time), Deadline(region.acquire.cds_wait_hours * 3600)
        if region.acquire.era5_from == "queue":
            return [self._queued(cycle, asked, region, folder, deadline)]
        if (final := final_since(cycle.time)) > datetime.now(UTC):
            if region.acquire.era5_from == "either":
                return [self._queued(cycle, asked, region, folder, deadline)]
            raise CycleNotReady(
                f"{cycle}: preliminary until {final:%Y-%m-%d}, and the archive does not say which hours are; take an "
                "earlier day, or set `era5_from: either` under acquire: in the region's YAML"
            )
        try:
            return self._archived(cycle, asked, region, folder, deadline)
        except (AnswerNotUnderstood, CycleNotReady, IncompleteDownload, RequestRefused) as error:
            if region.acquire.era5_from == "archive":
                raise
            log.warning("%s; taking the queue", error)
        return [self._queued(cycle, asked, region, folder, deadline)]

    def _queued(self, cycle: Cycle, asked: Asked, region: Region, folder: str, deadline: Deadline) -> RawFile:
        """What is asked for, from the raw folder or from the CDS's queue."""
        raw, name = RawFolder(folder, cycle), f"{asked.digest}.grib"
        if (file := raw.get(name)) is not None:
            return file
        with raw.locked(deadline.left):
            if (file := raw.get(name)) is not None:  # another run was at it
                return file
            return QueueFetch(self._open(cycle, region, deadline), asked, raw, name).run()

    def _archived(self, cycle: Cycle, asked: Asked, region: Region, folder: str, deadline: Deadline) -> list[RawFile]:
        """What the archive has from it, terrain with it; the queue's part, of what it has not, beside it."""
        from tasks.acquire.arco import Remote  # xarray, for which `status` and others who ask a source do not wait
        from tasks.acquire.era5_archive import ARCHIVED, ArchivedDay

        here = [v for v in asked.variables if v.name in ARCHIVED]
        if others := [v for v in asked.variables if v not in here and v is not TERRAIN]:
            log.info("%s: not in the archive, from the queue: %s", cycle, ", ".join(v.name for v in others))
        queued = [self._queued(cycle, replace(asked, variables=others), region, folder, deadline)] if others else []
        if not here:
            return queued
        terrain = [TERRAIN] if TERRAIN in asked.variables else []
        part = replace(asked, variables=[*here, *terrain])
        raw, name = RawFolder(folder, cycle), f"{part.digest}-archive.grib"
        if (file := raw.get(name)) is not None:
            return [file, *queued]
        heights = b""
        if terrain:  # the archive has none
            only = terrain_of(asked)
            known = self._queued(Cycle(source=f"{self.name}terrain", time=only.day), only, region, folder, deadline)
            heights = redated(Path(known.uri).read_bytes(), cycle.time)
        settings = region.acquire
        pace = self._pace or Patience(2.0, settings.poll_seconds, 1.5, 0.2)
        tries = TRIES if settings.era5_from == "either" else None
        remote = Remote(cycle, find_credentials(cycle), settings, pace, deadline, tries)
        data = ArchivedDay(remote, part, folder, final_since(cycle.time)).messages(here, deadline.left) + heights
        with raw.locked(deadline.left), TemporaryDirectory(dir=raw.path, prefix=f".{name}.") as scratch:
            path = Path(scratch) / name
            path.write_bytes(data)
            expver = prove(path, part, cycle)
            file = raw.put(name, data, str(cycle), mirror=settings.archive, expver=expver)
        return [file, *queued]

    def _open(self, cycle: Cycle, region: Region, deadline: Deadline) -> Cds:
        pace = self._pace or Patience(first=2.0, longest=region.acquire.poll_seconds, growth=1.5)
        return Cds(cycle, find_credentials(cycle), region.acquire, pace, deadline)
