"""An example of a source: cycles that another programme puts into a folder, one GRIB file each, 2026-11-22T00.grib2.

To make it one of finescale's: copy it to tasks/acquire/folder.py, give the class an entry in SOURCES of
tasks/acquire/__init__.py, and `finescale run hubei --source folder` works, schedules and backfill included. Who has to
be named with its fields follows from what the files say of their origin: LICENCE and ATTRIBUTION in
tasks/handover/cycle.py.
"""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

from tasks.acquire.raw import RawFolder
from tasks.errors import BadInput, CycleNotReady
from tasks.grib.walk import walk
from tasks.handover.cycle import Cycle, RawFile
from tasks.region.document import Region


class FolderSource:
    """Implements `Source` of tasks/acquire/__init__.py; every method and attribute of that protocol is needed."""

    name = "folder"  # in cycles, ledger entries and paths of the store: lower case letters and digits
    truth: str | None = None  # only the demo knows the truth
    spacing: float | None = None

    def __init__(self) -> None:
        # a setting of its own; what a *region* decides goes into AcquireSettings, tasks/region/settings.py
        self.folder = Path(os.environ.get("FINESCALE_FORECASTS", "forecasts"))

    def latest(self, region: Region, now: datetime) -> Cycle:
        """The newest cycle that is complete: here, that has a file; CycleNotReady (exit code 3) if there is none."""
        stamps = sorted(f.stem for f in self.folder.glob("*.grib2"))
        if not stamps:
            raise CycleNotReady(f"folder: no cycle in {self.folder} yet; FINESCALE_FORECASTS names another folder")
        return Cycle.parse(stamps[-1], self.name)

    def due(self, region: Region, scheduled: datetime) -> Cycle:
        """The cycle that a scheduled run is for: by the schedule alone, so that a late run makes no other one."""
        day = scheduled.astimezone(UTC)
        return Cycle(source=self.name, time=day.replace(hour=0, minute=0, second=0, microsecond=0))

    def fetch(self, cycle: Cycle, region: Region, folder: str) -> list[RawFile]:
        """The cycle's files in the raw folder, proved whole. What is fetched once is not fetched again."""
        raw = RawFolder(folder, cycle)
        with raw.locked(region.acquire.wait_minutes * 60):  # two runs of one cycle fetch it once
            if (kept := raw.get("fields.grib2")) is not None:
                return [kept]
            file = self.folder / f"{cycle.stamp}.grib2"
            if not file.is_file():
                raise CycleNotReady(f"{cycle}: {file} is not there yet; run again later")
            for _ in walk(file, BadInput):  # every byte belongs to a whole message, or the error says which does not
                pass
            data = file.read_bytes()
            stated = file.with_suffix(".sha256")
            if stated.is_file() and stated.read_text().split()[0] != hashlib.sha256(data).hexdigest():
                raise BadInput(f"{cycle}: {file} is not the file that {stated.name} was made for; copy it again")
            return [raw.put("fields.grib2", data, str(cycle), mirror=str(self.folder))]

    def final_since(self, time: datetime) -> datetime:
        """When a cycle's fields are replaced no more; of a forecast, at once."""
        return time
