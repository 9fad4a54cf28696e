"""The demo source: one real HRES cycle, shipped in the layout of ECMWF open data and read by the same code."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from tasks.acquire.catalogue import served
from tasks.acquire.open_data import fetch_lead_time
from tasks.errors import BadInput, IncompleteDownload
from tasks.handover.cycle import Cycle, RawFile
from tasks.region.document import Region
from tasks.storage import join
from tasks.variables import known

FOLDER = Path(__file__).parent / "demo_cycle"
TIME = datetime(2021, 12, 10, 12, tzinfo=UTC)
STEP = 8  # hours: the only lead time there is


class DemoSource:
    """Implements `Source` for the demo cycle."""

    name = "demo"
    truth: str | None = str(FOLDER / "truth_0p1.nc")
    spacing: float | None = None

    def latest(self, region: Region, now: datetime) -> Cycle:
        """The one cycle there is."""
        return Cycle(source=self.name, time=TIME)

    def due(self, region: Region, scheduled: datetime) -> Cycle:
        """The one cycle there is."""
        return Cycle(source=self.name, time=TIME)

    def fetch(self, cycle: Cycle, region: Region, folder: str) -> list[RawFile]:
        """The needed messages, proved."""
        if cycle.time != TIME:
            raise BadInput(f"{cycle}: the demo has one cycle, demo/{TIME:%Y-%m-%dT%H}")
        for line in (FOLDER / "SHA256SUMS").read_text().splitlines():
            expected, name = line.split()
            file = FOLDER / name
            if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != expected:
                raise IncompleteDownload(f"{cycle}: {name} is not the file that was released; reinstall finescale")
        return [
            fetch_lead_time(
                str(FOLDER), cycle, STEP, known(served(region, cycle)), join(folder, self.name), decode=False
            )
        ]

    def final_since(self, time: datetime) -> datetime:
        """From the start: a forecast is never replaced."""
        return time
