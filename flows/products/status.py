"""What ledger, scores and server know of a region, for people and programs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from pydantic import BaseModel, computed_field, field_serializer

from flows.products.gaps import SCHEDULED
from flows.products.missing import Missing, missing_of
from flows.products.preliminary import preliminary_cycles
from flows.server.answers import prefect_health
from flows.server.health import PrefectHealth
from tasks.handover.candidates import Candidate
from tasks.handover.cycle import Cycle
from tasks.handover.scorecard import Quality
from tasks.locations import default_store
from tasks.present import display
from tasks.region import search as regions
from tasks.region.document import Region
from tasks.storage import assert_readable, exists, join, read_json
from tasks.store.ledger import LedgerEntry, State, entries
from tasks.store.paths import in_store, latest_uri
from tasks.store.scores import Recent, are_scored, drift, read_scores, summary
from tasks.store.space import Space, space

# Since the newest good cycle began. IFS: the next two, 12 h apart and complete 7 h 40 min after they begin, are missing
# or late; ERA5: five or six days behind, a day each.
OLD = {name: timedelta(hours=24) for name in ("ifs", "ens", "ifs9km", "aifs")} | {"era5": timedelta(days=8)}

MONTH = timedelta(days=30)
WELL = {"ok", "made", "never"}


def _age(since: timedelta) -> str:
    hours = since.total_seconds() / 3600
    if hours < 1:
        return f"{hours * 60:.0f} min ago"
    return f"{hours:.0f} h ago" if hours < 72 else f"{hours / 24:.0f} d ago"


class SourceHealth(BaseModel):
    """The newest good product of a source, held against when there should be one."""

    source: str
    # ok; old; none; made: of a source that is never due, so that its age says nothing; never: nobody has run it
    verdict: str
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

    def _counts(self) -> list[tuple[int, str]]:
        return [(getattr(self, what), what) for what in ("damaged", "quarantined", "withdrawn", "degraded")]

    def __str__(self) -> str:
        parts = [f"{self.source:5} {self.verdict:5}"]
        if self.cycle is not None and self.age_hours is not None:
            parts.append(f"{self.cycle}, {_hours(self.age_hours)} since its start")
        else:
            parts.append("nobody runs it" if self.verdict == "never" else "no good product")
        if self.limit_hours is not None and self.verdict == "old":
            parts.append(f"older than {_hours(self.limit_hours)}")
        parts += [f"{n} {what}" for n, what in self._counts() if n]
        return "  ".join(parts)


def _hours(hours: float) -> str:
    return f"{hours:.0f} h" if hours < 72 else f"{hours / 24:.1f} d"


def source_health(
    region: Region, store: str, found: list[LedgerEntry], now: datetime, *, served: bool = True
) -> list[SourceHealth]:
    """Of each source with products, and of each that is scheduled.

    `served`: a server runs the schedules. Without one a source that was never made is one that nobody runs, if there
    are products of another.
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
        if good:
            best = max(good, key=lambda e: e.cycle)
            age = (now - Cycle.parse(best.cycle, source).time).total_seconds() / 3600
            limit = OLD.get(source)
            row.cycle, row.product, row.age_hours = best.cycle, in_store(store, best.product), round(age, 2)
            row.limit_hours = limit.total_seconds() / 3600 if limit else None
            row.verdict = "made" if limit is None else "old" if age > limit.total_seconds() / 3600 else "ok"
        rows.append(row)
    return rows


class SourceScores(BaseModel):
    """A source's last days against stations, and what has drifted, in words."""

    days: int = MONTH.days
    variables: list[Recent] = []
    drift: list[str] = []


class CycleStatus(BaseModel):
    """A cycle in the ledger, whatever became of it."""

    cycle: str
    state: State
    why: str
    quality: Quality
    product: str  # its URI
    published_at: datetime
    age: str  # since then, in words
    lead_times: int
    variables: list[str]
    absent: list[str]
    preliminary: bool  # made of ERA5T
    final_due: bool  # and its final fields should be there
    model: str
    seconds: float  # that the job took

    @field_serializer("published_at")
    def _iso(self, value: datetime) -> str:
        return value.isoformat()


class RegionStatus(BaseModel):
    """What `finescale status --json` prints."""

    region: str
    store: str  # its URI
    ok: bool  # whether there is nothing to look after
    sources: list[SourceHealth]
    prefect: PrefectHealth
    space: Space | None  # of the disk that a local store is on
    missing: list[Missing]  # cycles that were due and are not there, the newest first within each source
    latest: dict[str, dict[str, Any] | None]  # source -> its latest.json as it is (docs/latest.schema.json)
    scores: dict[str, SourceScores]  # by source
    cycles: list[CycleStatus]  # the newest first


def region_status(name: str, store: str | None, *, ask_prefect: bool = True) -> RegionStatus:
    """Health, latest product of each source, and every cycle in the ledger; StoreNotReadable if that is away."""
    region, uri = regions.load(name), join(store or default_store())
    assert_readable(uri)
    found = sorted(entries(uri, region.name), key=lambda e: (e.cycle.split("/")[1], e.cycle), reverse=True)
    sources = sorted({e.source for e in found})
    now = datetime.now(UTC)
    early = sorted({e.source for e in found if e.preliminary})
    due = {str(c) for s in early for c in preliminary_cycles(uri, region.name, s, now)}
    prefect = prefect_health(region, now) if ask_prefect else PrefectHealth(api=None)
    health = source_health(region, uri, found, now, served=prefect.api is not None)
    missing = _missing(region, uri, found, now, prefect)
    of_disk = space(uri, found, region.keep.days, now)
    well = prefect.ok and not any(m.given_up for m in missing) and (of_disk is None or of_disk.ok)
    return RegionStatus(
        region=region.name,
        store=uri,
        ok=all(h.ok for h in health) and well,
        sources=health,
        prefect=prefect,
        space=of_disk,
        missing=missing,
        latest={s: read_json(latest_uri(uri, region.name, s)) for s in sources},
        scores={s: _recent(uri, region.name, s, now) for s in sources},
        cycles=[_cycle(uri, e, now, e.cycle in due) for e in found],
    )


def _missing(
    region: Region, store: str, found: list[LedgerEntry], now: datetime, prefect: PrefectHealth
) -> list[Missing]:
    """Gaps of every scheduled source; what was tried of them as far as a server says so."""
    if prefect.api is None or prefect.problem:
        return [m for source in SCHEDULED for m in missing_of(region, source, store, found, [], None, now)]
    from prefect.client.orchestration import get_client

    from flows.server.runs import cycle_runs, deployment_of, since_when

    gone: list[Missing] = []
    with get_client(sync_client=True) as client:
        for source in SCHEDULED:
            deployment = deployment_of(client, region.name, source)
            runs = cycle_runs(client, now - timedelta(days=region.catch_up.days(source)), now)
            gone += missing_of(region, source, store, found, runs, since_when(deployment), now)
    return gone


def _cycle(store: str, entry: LedgerEntry, now: datetime, due: bool) -> CycleStatus:
    """An entry of the ledger; `due`: its final fields should be there."""
    return CycleStatus(
        cycle=entry.cycle,
        state=entry.state,
        why=entry.why or "; ".join(entry.scorecard.why),
        quality=entry.quality,
        product=in_store(store, entry.product),
        published_at=entry.published_at,
        age=_age(now - entry.published_at),
        lead_times=len(entry.lead_hours),
        variables=entry.variables,
        absent=entry.absent,
        preliminary=entry.preliminary,
        final_due=entry.preliminary and due,
        model=entry.model,
        seconds=round(sum(entry.timings.values()), 3),
    )


def _recent(store: str, region: str, source: str, now: datetime) -> SourceScores:
    """The last 30 days against stations, and what has drifted."""
    if not are_scored(store, region, source, now):
        return SourceScores()
    history = read_scores(store, region, source, now)
    recent = history[history["cycle"] >= np.datetime64((now - MONTH).replace(tzinfo=None))]
    return SourceScores(variables=summary(recent) if len(recent) else [], drift=drift(history, now))


def score_rows(status: RegionStatus) -> list[list[str]]:
    """The last 30 days for people: a row a source and variable."""
    rows = []
    for source, found in status.scores.items():
        for v in found.variables:
            shown = display.of(v.variable, v.units)
            name = f"{v.variable} {v.period:g} h" if v.period else v.variable
            best = Candidate.parse(v.best).title if v.best else ""
            against = f"{v.baseline * shown.scale:.3g}" if v.baseline is not None else ""
            numbers = [f"{v.cycles}", f"{v.count}", f"{v.bias * shown.scale:.3g}", f"{v.rmse * shown.scale:.3g}"]
            rows.append([source, name, *numbers, against, shown.unit, best])
    return rows


def health_lines(status: RegionStatus) -> list[str]:
    """Health for people: a line a source, a deployment, a pool."""
    lines = [str(source) for source in status.sources]
    lines += [str(missing) for missing in status.missing]
    if status.space is not None:
        lines.append(str(status.space))
    for source, found in status.scores.items():
        lines += [f"{source:5} drift  {d}" for d in found.drift]
    if status.prefect.problem:
        lines.append(status.prefect.problem)
    for d in status.prefect.deployments:
        when = f"{d.when:%Y-%m-%d %H:%M}" if d.when else ""
        state = f"{d.state or 'never ran'}{', paused' if d.paused else ''}"
        lines.append(f"{d.name:24} {state}  {when}  {d.message}".rstrip())
    lines += [
        f"pool {p.name:6} {p.status}, {p.workers} workers online, {p.queued} runs waiting" for p in status.prefect.pools
    ]
    lines += [
        f"{w.flow} {w.name} waits since {w.since:%Y-%m-%d %H:%M} for {w.waits_for}" for w in status.prefect.waiting
    ]
    return lines


def cycle_rows(status: RegionStatus) -> list[list[str]]:
    """The cycles in the ledger for people."""
    return [[c.cycle, c.state, c.quality, f"{c.lead_times}", c.age, c.model, c.product] for c in status.cycles]


def cycle_notes(status: RegionStatus, region: str) -> list[str]:
    """What is to be said of single cycles; `region` as it was typed, for commands to type next."""
    notes = [f"{c.cycle} is {c.state}: {c.why}" for c in status.cycles if c.why]
    early = [c.cycle for c in status.cycles if c.preliminary]
    due = [c.cycle for c in status.cycles if c.final_due]
    if early:
        notes.append(f"preliminary (ERA5T): {len(early)}, of these final by now: {', '.join(due) or 'none'}")
    if due:
        notes.append(f"make them anew: finescale backfill {region} --source era5 --refresh-preliminary")
    return notes
