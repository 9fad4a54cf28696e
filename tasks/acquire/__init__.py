"""Step 1, acquire: which cycle is complete, and its files, proved whole, in the workspace."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from tasks.acquire.demo import DemoSource
from tasks.acquire.era5 import Era5Source
from tasks.acquire.files import local_files
from tasks.acquire.ifs import AifsSource, EnsembleSource, IfsSource
from tasks.acquire.native import NativeSource
from tasks.errors import BadInput
from tasks.handover.cycle import ALIASES, Cycle, RawFile
from tasks.region.document import Region
from tasks.steps import step

log = logging.getLogger(__name__)


class Source(Protocol):
    """Where cycles come from."""

    name: str
    spacing: float | None  # degrees, where its fields come in another than the region's input_spacing
    truth: str | None  # a finer field of the same time to score against, where there is one

    def latest(self, region: Region, now: datetime) -> Cycle:
        """The newest complete cycle."""

    def due(self, region: Region, scheduled: datetime) -> Cycle:
        """The cycle that a run scheduled for this time is for, however late it starts and whatever a clock says."""

    def fetch(self, cycle: Cycle, region: Region, folder: str) -> list[RawFile]:
        """The cycle's files for a region, proved whole."""

    def final_since(self, time: datetime) -> datetime:
        """When a cycle's fields are replaced no more."""


SOURCES: dict[str, type[Source]] = {
    "ifs": IfsSource, "ens": EnsembleSource, "aifs": AifsSource, "ifs9km": NativeSource, "era5": Era5Source,
    "demo": DemoSource,
}  # fmt: skip


def open_source(name: str) -> Source:
    """A source by name or alias."""
    name = ALIASES.get(name, name)
    if name not in SOURCES:
        raise BadInput(f"unknown source {name!r}; known are: {', '.join([*SOURCES, *ALIASES])}")
    return SOURCES[name]()


def choose_cycle(source: Source, region: Region, cycle: str | None, scheduled: datetime | None = None) -> Cycle:
    """The cycle asked for, or that of the schedule, or the source's latest."""
    if cycle is not None:
        return Cycle.parse(cycle, source.name)
    if scheduled is not None:
        return source.due(region, scheduled)
    return source.latest(region, datetime.now(UTC))


def forget(cycle: Cycle, raw: str) -> None:
    """Drop what was fetched of a cycle, so that it is fetched again; notes of queued jobs and the lock stay."""
    for file in Path(raw, cycle.source, cycle.stamp).glob("*.grib*"):
        file.unlink(missing_ok=True)


# each source has a deadline of its own, from the region's YAML
@step("acquire", "acquire {cycle}", retries=2, timeout_seconds=14 * 3600)
def acquire(cycle: Cycle, region: Region, raw: str) -> list[RawFile]:
    """A cycle's files in the raw folder, which all runs share."""
    files = open_source(cycle.source).fetch(cycle, region, raw)
    log.info("acquire: %s, files: %d, %.1f kB", cycle, len(files), sum(f.size for f in files) / 1e3)
    return files


@step("acquire-files", "acquire files", retries=0, timeout_seconds=600)
def acquire_files(names: list[str]) -> list[RawFile]:
    """Files handed in, hashed."""
    files = local_files(names)
    log.info("acquire: files handed in: %d, %.1f kB", len(files), sum(f.size for f in files) / 1e3)
    return files
