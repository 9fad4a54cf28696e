"""Observations as they arrive: which cycles stations can be held against, until when more come, earlier scores."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pydantic import BaseModel

from tasks.handover.cycle import Cycle
from tasks.handover.prepared import PreparedInfo
from tasks.observations.observe import Observed, observe
from tasks.region.document import Region
from tasks.storage import join, write_parquet
from tasks.store.history import has_history
from tasks.store.scores import read_scores

PATIENCE = timedelta(days=7)  # with a source that does not answer
OBSERVED_SOURCES = {
    "ifs",
    "ens",
    "aifs",
    "ifs9km",
    "era5",
}  # real weather at its own time; a demo or a file is scored when somebody asks


class Seen(BaseModel):
    """What there is to hold a product against."""

    observed: Observed | None = None
    complete: bool = False  # no more is expected
    history: str | None = None  # URI of earlier cycles' scores


def valid_times(cycle: Cycle, lead_hours: list[float]) -> list[datetime]:
    """UTC, rising."""
    return [cycle.time + timedelta(hours=h) for h in lead_hours]


def is_complete(last: datetime, region: Region, now: datetime, answered: bool) -> bool:
    """Whether the last observation of a valid time has come, or never will.

    `answered`: by all sources; one that is away is waited for, but not for ever.
    """
    late = timedelta(days=region.observations.late_days)
    return now - last > (late if answered else late + PATIENCE)


def save_history(store: str, region: Region, cycle: Cycle, folder: str) -> str:
    """URI of the scores of cycles before this one, which the gate holds whole cycles against."""
    uri, within = join(folder, "history.parquet"), timedelta(days=region.gate.history_days)
    write_parquet(read_scores(store, region.name, cycle.source, cycle.time, within), uri)
    return uri


def arrived(
    region: Region, store: str, cycle: Cycle, info: PreparedInfo, folder: str, given: str | None
) -> Observed | None:
    """Observations as a product is made: those given, or the services', if anybody has use for them.

    Calibration has where it has a history; verification if most valid times are past. A forecast is published without
    waiting for services that have next to nothing to say of it yet.
    """
    past, most = _past(cycle, info)
    learned = region.calibration.enabled and has_history(store, region.name, cycle.source)
    asked = cycle.source in OBSERVED_SOURCES and region.observations.sources and (most or learned)
    return observe(region, past[0], past[-1], folder, given) if past and (given or asked) else None


def _past(cycle: Cycle, info: PreparedInfo) -> tuple[list[datetime], bool]:
    """Valid times that are past, and whether most are."""
    now, times = datetime.now(UTC), valid_times(cycle, info.lead_hours)
    past = [t for t in times if t <= now]
    return past, len(past) > len(times) / 2


def look(
    region: Region, store: str, cycle: Cycle, info: PreparedInfo, folder: str, observed: Observed | None, given: bool
) -> Seen:
    """What a product is held against as it is made: those given, or the services', if most valid times are past."""
    now, times = datetime.now(UTC), valid_times(cycle, info.lead_hours)
    if observed is None or not (given or _past(cycle, info)[1]):
        return Seen()
    answered = not observed.problems
    complete = times[-1] <= now if given else is_complete(times[-1], region, now, answered)
    history = save_history(store, region, cycle, folder) if complete else None
    return Seen(observed=observed, complete=complete, history=history)
