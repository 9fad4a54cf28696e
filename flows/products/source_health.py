"""The newest good product of each source, held against when there should be one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from pydantic import BaseModel, computed_field

from flows.products.gaps import SCHEDULED
from tasks.handover.cycle import Cycle
from tasks.handover.scorecard import Quality
from tasks.region.cron import fire_times
from tasks.region.document import Region
from tasks.storage import exists, join
from tasks.store.ledger import LedgerEntry, State
from tasks.store.paths import in_store

# Since the newest good cycle began. IFS: the next two, 12 h apart and complete 7 h 40 min after they begin, are missing
# or late; ERA5: five or six days behind, a day each.
OLD = {name: timedelta(hours=24) for name in ("ifs", "ens", "ifs9km", "aifs")} | {"era5": timedelta(days=8)}

WELL = {"ok", "made", "never", "due"}
AHEAD = timedelta(days=40)  # how far ahead a first start of a schedule is looked for


class SourceHealth(BaseModel):
    """The newest good product of a source, held against when there should be one."""

    source: str
    # ok; old; none; made: of a source that is never due, so that its age says nothing; never: nobody has run it;
    # due: nothing had to be there yet
    verdict: str
    first_due: datetime | None = None  # of a source without a product: the first start of its schedule
    cycle: str | None = None
    product: str | None = None
    age_hours: float | None = None  # since the cycle's initial time
    limit_hours: float | None = None  # older is old; None: nobody knows when the next is due
    damaged: int = 0
    withdrawn: int = 0
    quarantined: int = 0
    degraded: int = 0

    @computed_field  # type: ignore[prop-decorator]
    @property
    def ok(self) -> bool:
        """Whether there is nothing to look after; what a person has withdrawn was looked after."""
        return self.verdict in WELL and not self.damaged

    def _nothing(self) -> str:
        """Why there is no product."""
        if self.verdict == "due":
            return f"first due {self.first_due:%Y-%m-%d %H:%M} UTC" if self.first_due else "not due for weeks"
        return "nobody runs it" if self.verdict == "never" else "no good product"

    def _counts(self) -> list[tuple[int, str]]:
        return [(getattr(self, what), what) for what in ("damaged", "quarantined", "withdrawn", "degraded")]

    def __str__(self) -> str:
        parts = [f"{self.source:5} {self.verdict:5}"]
        if self.cycle is not None and self.age_hours is not None:
            parts.append(f"{self.cycle}, {_hours(self.age_hours)} since its start")
        else:
            parts.append(self._nothing())
        if self.limit_hours is not None and self.verdict == "old":
            parts.append(f"older than {_hours(self.limit_hours)}")
        parts += [f"{n} {what}" for n, what in self._counts() if n]
        return "  ".join(parts)


def _hours(hours: float) -> str:
    return f"{hours:.0f} h" if hours < 72 else f"{hours / 24:.1f} d"


def source_health(
    region: Region,
    store: str,
    found: list[LedgerEntry],
    now: datetime,
    *,
    served: bool = True,
    deployed: Mapping[str, datetime | None] | None = None,
) -> list[SourceHealth]:
    """Of each source with products, and of each that is scheduled.

    `served`: a server runs the schedules. Without one a source that was never made is one that nobody runs, if there
    are products of another. `deployed`: since when a server runs each source's schedule.
    """
    scheduled = {s for s in SCHEDULED if region.schedule.of(s) is not None}
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
        if not mine and found and not served:
            row.verdict = "never"
        since = (deployed or {}).get(source)
        if not mine and since is not None and not _is_overdue(region, source, since, now):
            row.verdict, row.first_due = "due", _first_due(region, source, since)
        if good:
            best = max(good, key=lambda e: e.cycle)
            age = (now - Cycle.parse(best.cycle, source).time).total_seconds() / 3600
            limit = OLD.get(source)
            row.cycle, row.product, row.age_hours = best.cycle, in_store(store, best.product), round(age, 2)
            row.limit_hours = limit.total_seconds() / 3600 if limit else None
            row.verdict = "made" if limit is None else "old" if age > limit.total_seconds() / 3600 else "ok"
        rows.append(row)
    return rows


def _is_overdue(region: Region, source: str, since: datetime, now: datetime) -> bool:
    """Whether a product had to be there by now: a run of the schedule has had until its deadline."""
    cron, deadline = region.schedule.of(source), timedelta(minutes=region.schedule.deadline_minutes)
    return cron is None or bool(fire_times(cron, since, now - deadline))


def _first_due(region: Region, source: str, since: datetime) -> datetime | None:
    cron = region.schedule.of(source)
    return next(iter(fire_times(cron, since, since + AHEAD)), None) if cron is not None else None
