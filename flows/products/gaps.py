"""Cycles that were due by a region's schedule and are not in its ledger."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from flows.server import names
from tasks.handover.cycle import Cycle
from tasks.region.cron import fire_times
from tasks.region.document import Region
from tasks.store.ledger import LedgerEntry, State

log = logging.getLogger(__name__)

SCHEDULED = ("ifs", "ens", "aifs", "era5")  # sources that a region's schedule knows


def due_cycles(region: Region, source: str, start: datetime, end: datetime) -> dict[Cycle, datetime]:
    """Cycles for which the schedule starts runs from `start` to `end`, the newest first, and when each was due."""
    cron = region.schedule.of(source)
    if cron is None:
        return {}
    from tasks.acquire import open_source  # with all that reads its answers: who has no gap does not wait for it

    service, found = open_source(source), dict[Cycle, datetime]()
    for time in fire_times(cron, start, end):
        found.setdefault(service.due(region, time), time)
    return dict(sorted(found.items(), key=lambda pair: pair[0].time, reverse=True))


def newer_due(region: Region, cycle: Cycle, scheduled: datetime, now: datetime) -> Cycle | None:
    """The newest cycle of the source that has become due since a run for this one was scheduled; None if none has.

    None too where catch-up is off: nobody would make this one later.
    """
    if not region.catch_up.days(cycle.source):
        return None
    newest = next(iter(due_cycles(region, cycle.source, scheduled, now)), None)
    return newest if newest is not None and newest.time > cycle.time else None


def given_way(region: Region, cycle: Cycle, newer: Cycle) -> Any:
    """The last state of a run that leaves its cycle for later: cancelled, for no product came of it."""
    message = (
        f"{region.name} {cycle}: {newer} is due by now and goes first; {names.CATCH_UP_DEPLOYMENT} makes this one "
        "after it, as far back as the region's catch_up says; what is older: "
        f"finescale backfill {region.name} --source {cycle.source} --start {cycle.time:%Y-%m-%d}"
    )
    log.warning("%s", message)
    from prefect.states import Cancelled  # who lists gaps has no state to give

    return Cancelled(message=message)


def in_charge_since(found: list[LedgerEntry], source: str, deployed: datetime | None) -> datetime | None:
    """Since when cycles of a source are due: since it was deployed or first published, whichever is earlier.

    None if neither is known: what was never asked for is not missing.
    """
    published = [entry.published_at for entry in found if entry.source == source]
    return min([*published, *([deployed] if deployed is not None else [])], default=None)


def gaps(
    region: Region, source: str, found: list[LedgerEntry], deployed: datetime | None, now: datetime
) -> dict[Cycle, datetime]:
    """Due cycles that are not in the ledger, or damaged there, the newest first, and when each was due.

    As far back as the region's `catch_up` says, and not what is older than it keeps. What a person has withdrawn or
    the gate has refused is in the ledger: it was looked after.
    """
    since = in_charge_since(found, source, deployed)
    if since is None:
        return {}
    start = max(since, now - timedelta(days=region.catch_up.days(source)))
    made = {entry.cycle for entry in found if entry.state != State.DAMAGED}
    keep = timedelta(days=region.keep.days) if region.keep.days is not None else None
    return {
        cycle: due
        for cycle, due in due_cycles(region, source, start, now).items()
        if str(cycle) not in made and (keep is None or now - cycle.time < keep)
    }
