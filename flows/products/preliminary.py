"""Published cycles that were made of preliminary fields, ERA5T, and are final at their source by now."""

from __future__ import annotations

from datetime import datetime

from tasks.handover.cycle import Cycle
from tasks.store.ledger import entries


def preliminary_cycles(store: str, region: str, source: str, now: datetime) -> list[Cycle]:
    """Published cycles made of preliminary fields whose final ones should be there by now, oldest first."""
    from tasks.acquire import SOURCES, open_source  # of those who have any

    if source not in SOURCES:  # files that were handed in: who did has the final ones
        return []
    service = open_source(source)
    found = [e for e in entries(store, region) if e.cycle.split("/")[0] == service.name and e.preliminary]
    cycles = [Cycle.parse(e.cycle, service.name) for e in found]
    return [c for c in cycles if service.final_since(c.time) <= now]
