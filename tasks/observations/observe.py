"""Observations of a span of valid times, from the region's sources or a file, judged one by one."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import BaseModel

from tasks.errors import FinescaleError
from tasks.locations import observations_folder
from tasks.observations.networks.files import read_observations
from tasks.observations.networks.sources import fetch
from tasks.observations.networks.table import rejected, table
from tasks.observations.quality import quality_control
from tasks.observations.unmatched import read
from tasks.region.document import Region
from tasks.steps import step
from tasks.storage import join, write_parquet

log = logging.getLogger(__name__)

AROUND = 0.5  # degrees around a region, from where stations help to judge those inside
BEFORE = timedelta(hours=24)  # first valid time, of which rain and stuck values need to know


class Observed(BaseModel):
    """Observations that were found, judged one by one, kept as a table."""

    uri: str
    sources: list[str]
    problems: list[str]  # sources that gave nothing, and why
    count: int
    read: str = ""  # of a given file: what it holds beside what is of those times, in words


@step("observe", "observe {region.name}", retries=1, timeout_seconds=3600)
def observe(region: Region, first: datetime, last: datetime, folder: str, given: str | None = None) -> Observed:
    """Observations at stations in and around a region, of a span of valid times: of its sources, or as `given`.

    A source that does not answer is a problem that is told, not an error: a product waits for no station. BadInput if
    what was given cannot be read.
    """
    settings, cache = region.observations, Path(observations_folder())
    start, end = (t.astimezone(UTC).replace(tzinfo=None) for t in (first - BEFORE, last))
    parts, sources, problems, whole = [], [], [], ""
    if given is not None:
        found = read_observations(given)
        parts.append(found[found["time"].between(start, end)])
        sources.append(given.rsplit("/", 1)[-1])
        whole = read(found)
    else:
        services = {str(name): address for name, address in settings.services.items()}
        around = region.box.around(AROUND)
        for name in settings.sources:
            try:
                found = fetch(name, around, start, end, cache, services, settings.deadline_seconds)
                parts.append(found)
                sources.append(name)
            except FinescaleError as error:
                log.warning("observe: %s: %s", name, error)
                problems.append(f"{name}: {error}")
            except Exception as error:  # an answer that no reader foresaw: neither product nor verdict hang on it
                log.exception("observe: %s", name)
                problems.append(f"{name}: {type(error).__name__}: {error}")
    judged = quality_control(table(parts))
    uri = join(folder, "observations.parquet")
    write_parquet(judged, uri)
    lost = sum(rejected(judged).values())
    log.info(
        "observe: %s: observations: %d from %s, rejected: %d",
        region.name,
        len(judged),
        ", ".join(sources) or "nowhere",
        lost,
    )
    return Observed(uri=uri, sources=sources, problems=problems, count=len(judged), read=whole)
