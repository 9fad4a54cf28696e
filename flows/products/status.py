"""What the ledger knows of a region, for people and programs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
from pydantic import BaseModel

from flows.products.preliminary import preliminary_cycles
from flows.server.health import PrefectHealth, prefect_health
from tasks.acquire import ALIASES, SOURCES
from tasks.handover.candidates import Candidate
from tasks.handover.cycle import Cycle
from tasks.handover.scorecard import Quality
from tasks.locations import default_store
from tasks.present.report import words
from tasks.region import search as regions
from tasks.region.document import Region
from tasks.storage import assert_readable, exists, join, read_json
from tasks.store.ledger import LedgerEntry, State, entries
from tasks.store.paths import in_store, latest_uri
from tasks.store.scores import drift, read_scores, summary
from tasks.store.withdrawal import withdraw as take_back

# Since the newest good cycle began. IFS: the next two, 12 h apart and complete 7 h 40 min after they begin, are missing
# or late; ERA5: five or six days behind, a day each.
OLD = {"ifs": timedelta(hours=24), "era5": timedelta(days=8)}

MONTH = timedelta(days=30)


def _age(since: timedelta) -> str:
    hours = since.total_seconds() / 3600
    if hours < 1:
        return f"{hours * 60:.0f} min ago"
    return f"{hours:.0f} h ago" if hours < 72 else f"{hours / 24:.0f} d ago"


class SourceHealth(BaseModel):
    """The newest good product of a source, held against when there should be one."""

    source: str
    verdict: str  # ok, old, none
    cycle: str | None = None
    product: str | None = None
    age_hours: float | None = None  # since the cycle's initial time
    limit_hours: float | None = None  # older is old; None: nobody knows when the next is due
    damaged: int = 0
    withdrawn: int = 0
    quarantined: int = 0
    degraded: int = 0

    @property
    def ok(self) -> bool:
        """Whether there is nothing to look after; what a person has withdrawn was looked after."""
        return self.verdict == "ok" and not self.damaged

    def _counts(self) -> list[tuple[int, str]]:
        return [(getattr(self, what), what) for what in ("damaged", "quarantined", "withdrawn", "degraded")]

    def __str__(self) -> str:
        parts = [f"{self.source:5} {self.verdict:4}"]
        if self.cycle is not None and self.age_hours is not None:
            parts.append(f"{self.cycle}, {_hours(self.age_hours)} since its start")
        else:
            parts.append("no good product")
        if self.limit_hours is not None and self.verdict == "old":
            parts.append(f"older than {_hours(self.limit_hours)}")
        parts += [f"{n} {what}" for n, what in self._counts() if n]
        return "  ".join(parts)


def _hours(hours: float) -> str:
    return f"{hours:.0f} h" if hours < 72 else f"{hours / 24:.1f} d"


def source_health(region: Region, store: str, found: list[LedgerEntry], now: datetime) -> list[SourceHealth]:
    """Of each source with products, and of each that is scheduled."""
    scheduled = {s for s in ("ifs", "era5") if getattr(region.schedule, s) is not None}
    rows = []
    for source in sorted({e.source for e in found} | scheduled):
        mine = [e for e in found if e.source == source]
        damaged, withdrawn, refused = (
            sum(e.state == s for e in mine) for s in (State.DAMAGED, State.WITHDRAWN, State.QUARANTINED)
        )
        good = [e for e in mine if e.good and exists(join(in_store(store, e.product), "zarr.json"))]
        row = SourceHealth(
            source=source, verdict="none", damaged=damaged, withdrawn=withdrawn, quarantined=refused,
            degraded=sum(e.quality == Quality.DEGRADED for e in good),
        )  # fmt: skip
        if good:
            best = max(good, key=lambda e: e.cycle)
            age = (now - Cycle.parse(best.cycle, source).time).total_seconds() / 3600
            limit = OLD.get(source)
            row.cycle, row.product, row.age_hours = best.cycle, in_store(store, best.product), round(age, 2)
            row.limit_hours = limit.total_seconds() / 3600 if limit else None
            row.verdict = "old" if row.limit_hours is not None and age > row.limit_hours else "ok"
        rows.append(row)
    return rows


def region_status(name: str, store: str | None, *, ask_prefect: bool = True) -> dict[str, Any]:
    """Health, latest product of each source, and every cycle in the ledger, newest first."""
    region = regions.load(name)
    place = join(store or default_store())
    assert_readable(place)
    found = sorted(entries(place, region.name), key=lambda e: (e.cycle.split("/")[1], e.cycle), reverse=True)
    sources = sorted({e.source for e in found})
    now = datetime.now(UTC)
    due = {str(c) for s in sources if s in SOURCES for c in preliminary_cycles(place, region.name, s, now)}
    health = source_health(region, place, found, now)
    prefect = prefect_health(region, now) if ask_prefect else PrefectHealth(api=None)
    return {
        "region": region.name,
        "store": place,
        "ok": all(h.ok for h in health) and prefect.ok,
        "sources": [h.model_dump(mode="json") | {"ok": h.ok} for h in health],
        "prefect": prefect.model_dump(mode="json") | {"ok": prefect.ok},
        "latest": {s: read_json(latest_uri(place, region.name, s)) for s in sources},
        "scores": {s: _recent(place, region.name, s, now) for s in sources},
        "cycles": [
            {
                "cycle": e.cycle,
                "state": e.state,
                "why": e.why or "; ".join(e.scorecard.why),
                "quality": e.quality,
                "product": in_store(place, e.product),
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


def _recent(store: str, region: str, source: str, now: datetime) -> dict[str, Any]:
    """The last 30 days against stations, and what has drifted."""
    history = read_scores(store, region, source, now)
    if history.empty:
        return {"days": MONTH.days, "variables": [], "drift": []}
    recent = history[history["cycle"] >= pd.Timestamp((now - MONTH).replace(tzinfo=None))]
    found = [r.model_dump() for r in summary(recent)] if len(recent) else []
    return {"days": MONTH.days, "variables": found, "drift": drift(history, now)}


def score_rows(status: dict[str, Any]) -> list[list[str]]:
    """The last 30 days for people: a row a source and variable."""
    rows = []
    for source, found in status["scores"].items():
        for v in found["variables"]:
            how = words.unit(v["variable"], v["units"])
            factor, unit = how.scale, how.name
            name = f"{v['variable']} {v['period']:g} h" if v["period"] else v["variable"]
            best = Candidate.parse(v["best"]).title if v["best"] else ""
            against = f"{v['baseline'] * factor:.3g}" if v["best"] else ""
            numbers = [f"{v['cycles']}", f"{v['count']}", f"{v['bias'] * factor:.3g}", f"{v['rmse'] * factor:.3g}"]
            rows.append([source, name, *numbers, against, unit, best])
    return rows


def health_lines(status: dict[str, Any]) -> list[str]:
    """Health for people: a line a source, a deployment, a pool."""
    lines = [str(SourceHealth.model_validate({k: v for k, v in s.items() if k != "ok"})) for s in status["sources"]]
    for source, found in status["scores"].items():
        lines += [f"{source:5} drift  {d}" for d in found["drift"]]
    prefect = status["prefect"]
    if prefect["problem"]:
        lines.append(prefect["problem"])
    for d in prefect["deployments"]:
        when = d["when"][:16].replace("T", " ") if d["when"] else ""
        said = f"{d['state'] or 'never ran'}{', paused' if d['paused'] else ''}"
        lines.append(f"{d['name']:24} {said}  {when}  {d['message']}".rstrip())
    lines += [
        f"pool {p['name']:6} {p['status']}, {p['workers']} workers online, {p['queued']} runs waiting"
        for p in prefect["pools"]
    ]
    return lines


def withdraw(name: str, source: str, cycle: str, store: str | None, why: str) -> LedgerEntry | None:
    """Take a cycle's product back; the entry that readers are led to now."""
    chosen = Cycle.parse(cycle, ALIASES.get(source, source))
    return take_back(join(store or default_store()), regions.load(name).name, chosen, why)
