"""What the ledger knows of a region, for people and programs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from flows.backfill import preliminary_cycles
from flows.downscale import default_store
from tasks import region as regions
from tasks.acquire import ALIASES, SOURCES
from tasks.cycle import Cycle
from tasks.publish.ledger import LedgerEntry, entries, latest_uri
from tasks.publish.withdrawal import withdraw as take_back
from tasks.storage import join, read_json


def _age(since: timedelta) -> str:
    hours = since.total_seconds() / 3600
    if hours < 1:
        return f"{hours * 60:.0f} min ago"
    return f"{hours:.0f} h ago" if hours < 72 else f"{hours / 24:.0f} d ago"


def region_status(name: str, store: str | None) -> dict[str, Any]:
    """Store, latest product of each source, and every published cycle, newest first."""
    region = regions.load(name)
    place = join(store or default_store())
    found = sorted(entries(place, region.name), key=lambda e: (e.cycle.split("/")[1], e.cycle), reverse=True)
    sources = sorted({e.cycle.split("/")[0] for e in found})
    now = datetime.now(UTC)
    due = {str(c) for s in sources if s in SOURCES for c in preliminary_cycles(place, region.name, s, now)}
    return {
        "region": region.name,
        "store": place,
        "latest": {s: read_json(latest_uri(place, region.name, s)) for s in sources},
        "cycles": [
            {
                "cycle": e.cycle,
                "state": e.state,
                "quality": e.quality,
                "product": join(place, *e.product.split("/")),
                "published_at": e.published_at.isoformat(),
                "age": _age(now - e.published_at),
                "lead_times": len(e.lead_hours),
                "variables": e.variables,
                "absent": e.absent,
                "preliminary": e.preliminary,
                "final_due": e.preliminary and e.cycle in due,
                "model": e.model,
                "seconds": round(sum(e.timings.values()), 3),
            }
            for e in found
        ],
    }


def withdraw(name: str, source: str, cycle: str, store: str | None, why: str) -> LedgerEntry | None:
    """Take a cycle's product back; the entry that readers are led to now."""
    chosen = Cycle.parse(cycle, ALIASES.get(source, source))
    return take_back(join(store or default_store()), regions.load(name).name, chosen, why)
