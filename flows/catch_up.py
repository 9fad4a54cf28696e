"""What was due and was not made is made: crashed, failed and missed cycles, the newest first. Deployment catch-up/all.

It knows nothing of its own: what is missing is asked of schedule and ledger, what was tried of Prefect's server.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.events import emit_event
from prefect.events.filters import EventFilter, EventNameFilter, EventResourceFilter
from prefect.runtime import flow_run
from prefect.settings import get_current_settings
from pydantic import BaseModel

from flows.products.gaps import SCHEDULED
from flows.products.missing import Missing, missing_of
from flows.server import names
from flows.server.endings import completed
from flows.server.lifeless import LISTEN, SILENT, UNBEGUN, end_lifeless, end_orphans
from flows.server.runs import cycle_runs, deployment_of, since_when
from tasks.errors import FinescaleError, OrchestratorUnavailable
from tasks.locations import default_store
from tasks.region import search as regions
from tasks.region.document import Region
from tasks.storage import join
from tasks.store.ledger import entries

log = logging.getLogger(__name__)


class CatchUpReport(BaseModel):
    """What was found, and done about it."""

    lifeless: list[str] = []  # names of runs that were set to crashed
    cancelled: list[str] = []  # of slabs that nobody waits for
    again: list[str] = []  # region and cycle, of which a run was started
    waiting: list[str] = []  # that are missing too, and whose turn comes
    given_up: list[str] = []
    failed: dict[str, str] = {}  # region -> why it could not be looked at

    def __str__(self) -> str:
        parts = [
            (self.again, "run again"), (self.waiting, "wait their turn"), (self.given_up, "given up"),
            (self.lifeless, "runs were gone"), (self.cancelled, "slabs were for nobody"),
        ]  # fmt: skip
        shown = [f"{what}: {', '.join(named)}" for named, what in parts if named]
        shown += [f"{region} NOT LOOKED AT: {why}" for region, why in self.failed.items()]
        return "; ".join(shown) or "nothing is missing"


@flow(name=names.CATCH_UP, flow_run_name="catch-up", timeout_seconds=1800, validate_parameters=True)
def catch_up(
    only: list[str] | None = None,
    store: str | None = None,
    silent_minutes: float = SILENT.total_seconds() / 60,
    unbegun_minutes: float = UNBEGUN.total_seconds() / 60,
    listen_seconds: float = LISTEN,
) -> CatchUpReport:
    """Start a run of the newest missing cycle of each region and source, where none is at work on one.

    `only`: these regions, instead of all that are found. A run that was taken and not begun for `unbegun_minutes`, or
    silent for `silent_minutes`, is set to crashed first. A cycle that is missing after the last try is an alarm, once.
    """
    if not get_current_settings().api.url:
        raise OrchestratorUnavailable("catch-up asks Prefect's server what was tried; set PREFECT_API_URL")
    report, now, uri = CatchUpReport(), datetime.now(UTC), join(store or default_store())
    with get_client(sync_client=True) as client:
        report.lifeless = [
            run.name
            for run in end_lifeless(
                client, now, but=UUID(str(flow_run.id)), silent=timedelta(minutes=silent_minutes),
                unbegun=timedelta(minutes=unbegun_minutes), listen=listen_seconds,
            )
        ]  # fmt: skip
        report.cancelled = [run.name for run in end_orphans(client)]
        for name in only if only is not None else regions.names():
            try:
                _catch_up(client, regions.load(name), uri, datetime.now(UTC), report)
            except FinescaleError as error:  # one region's fault must not be the others'
                log.error("catch-up: %s: %s", name, error)
                report.failed[name] = str(error)
    log.info("catch-up: %s", report)
    return completed(report, str(report))


def _catch_up(client: SyncPrefectClient, region: Region, store: str, now: datetime, report: CatchUpReport) -> None:
    """One region's sources."""
    found = entries(store, region.name)
    for source in SCHEDULED:
        deployment = deployment_of(client, region.name, source)
        if deployment is None or deployment.paused:
            continue
        since = now - timedelta(days=region.catch_up.days(source))
        runs = cycle_runs(client, since, now)
        missing = missing_of(region, source, store, found, runs, since_when(deployment), now)
        for cycle in (m for m in missing if m.given_up):
            report.given_up.append(f"{region.name} {cycle.cycle}")
            _announce(client, region, cycle)
        chosen = None if any(m.at_work_again for m in missing) else next((m for m in missing if m.is_due(now)), None)
        for one in missing:
            if one is chosen:
                client.create_flow_run_from_deployment(
                    deployment.id,
                    parameters={"cycle": one.cycle.split("/")[1], "store": store},
                    tags=[names.CAUGHT_UP],
                    # two that look at the same time start one run
                    idempotency_key=f"{names.CATCH_UP} {store} {region.name} {one.cycle} {one.tries + 1}",
                )
                log.warning(
                    "catch-up: %s %s was due %s and is not there (%s): try %d of %d",
                    region.name, one.cycle, f"{one.due:%Y-%m-%d %H:%M}", one.why, one.tries + 1, one.allowed,
                )  # fmt: skip
                report.again.append(f"{region.name} {one.cycle}")
            elif not one.given_up:
                report.waiting.append(f"{region.name} {one.cycle}")


def _announce(client: SyncPrefectClient, region: Region, missing: Missing) -> None:
    """An event of a cycle that is given up, for the alarm; one a cycle, for as long as the server keeps events."""
    resource = f"{names.CYCLE_RESOURCE}{region.name}.{missing.cycle.replace('/', '.')}"
    known = EventFilter(event=EventNameFilter(name=[names.GIVEN_UP]), resource=EventResourceFilter(id=[resource]))
    if client.read_events(known, limit=1).events:
        return
    source, _, stamp = missing.cycle.partition("/")
    redo = f"finescale run {region.name} --source {source} --cycle {stamp}"
    emit_event(
        names.GIVEN_UP,
        resource={"prefect.resource.id": resource, "prefect.resource.name": f"{region.name} {missing.cycle}"},
        payload={"tries": missing.tries, "why": missing.why, "redo": redo},
    )
