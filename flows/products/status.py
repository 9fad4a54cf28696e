"""What ledger, scores and server know of a region, for people and programs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from pydantic import BaseModel, field_serializer

from flows.products.gaps import SCHEDULED
from flows.products.missing import Missing, missing_of
from flows.products.preliminary import preliminary_cycles
from flows.products.source_health import SourceHealth, source_health
from flows.server.answers import prefect_health
from flows.server.health import PrefectHealth
from tasks.counted import counted
from tasks.handover.candidates import Candidate
from tasks.handover.scorecard import Quality
from tasks.locations import default_store
from tasks.present import display
from tasks.region import search as regions
from tasks.region.document import Region
from tasks.storage import assert_readable, join, read_json
from tasks.store.ledger import LedgerEntry, State, entries
from tasks.store.paths import in_store, latest_uri
from tasks.store.scores import Recent, are_scored, drift, read_scores, summary
from tasks.store.space import Space, space

MONTH = timedelta(days=30)


def _age(since: timedelta) -> str:
    hours = since.total_seconds() / 3600
    if hours < 1:
        return f"{hours * 60:.0f} min ago"
    return f"{hours:.0f} h ago" if hours < 72 else f"{hours / 24:.0f} d ago"


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
    deployed = _deployed(region, prefect)
    health = source_health(region, uri, found, now, served=prefect.api is not None, deployed=deployed)
    missing = _missing(region, uri, found, now, prefect, deployed)
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


def _deployed(region: Region, prefect: PrefectHealth) -> dict[str, datetime | None]:
    """Since when a server runs each scheduled source; nothing where there is none, or it does not answer."""
    if prefect.api is None or prefect.problem:
        return {}
    from prefect.client.orchestration import get_client

    from flows.server.runs import deployment_of, since_when

    with get_client(sync_client=True) as client:
        return {source: since_when(deployment_of(client, region.name, source)) for source in SCHEDULED}


def _missing(
    region: Region,
    store: str,
    found: list[LedgerEntry],
    now: datetime,
    prefect: PrefectHealth,
    deployed: dict[str, datetime | None],
) -> list[Missing]:
    """Gaps of every scheduled source; what was tried of them as far as a server says so."""
    if prefect.api is None or prefect.problem:
        return [m for source in SCHEDULED for m in missing_of(region, source, store, found, [], None, now)]
    from prefect.client.orchestration import get_client

    from flows.server.runs import cycle_runs

    gone: list[Missing] = []
    with get_client(sync_client=True) as client:
        for source in SCHEDULED:
            runs = cycle_runs(client, now - timedelta(days=region.catch_up.days(source)), now)
            gone += missing_of(region, source, store, found, runs, deployed[source], now)
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
    """Health for people: a line a source, a deployment, a pool; `!` before each that --check fails for."""
    lines = [_marked(str(source), source.ok) for source in status.sources]
    lines += [_marked(str(missing), not missing.given_up) for missing in status.missing]
    if status.space is not None:
        lines.append(_marked(str(status.space), status.space.ok))
    for source, found in status.scores.items():
        lines += [f"{source:5} drift  {d}" for d in found.drift]
    if status.prefect.problem:
        lines.append(_marked(status.prefect.problem, status.prefect.api is None))
    for d in status.prefect.deployments:
        when = f"{d.when:%Y-%m-%d %H:%M}" if d.when else ""
        state = f"{d.state or 'never ran'}{', paused' if d.paused else ''}"
        lines.append(_marked(f"{d.name:24} {state}  {when}  {d.message}".rstrip(), d.ok))
    for p in status.prefect.pools:
        line = f"pool {p.name:6} {p.status}, {counted(p.workers, 'worker')} online, {counted(p.queued, 'run')} waiting"
        lines.append(_marked(line, p.ok))
    lines += [
        f"{w.flow} {w.name} waits since {w.since:%Y-%m-%d %H:%M} for {w.waits_for}" for w in status.prefect.waiting
    ]
    return lines


def _marked(line: str, ok: bool) -> str:
    return line if ok else f"! {line}"


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
