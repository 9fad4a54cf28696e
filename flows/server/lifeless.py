"""Runs that Prefect's server takes for living and that are gone: worker, process or machine died with them.

They would hold their places for ever, and what they were to make would count as being made.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.events.filters import EventFilter, EventNameFilter, EventOccurredFilter, EventResourceFilter
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings
from prefect.states import Cancelling, Crashed

from flows.server.names import ALL, SUPER_RESOLVE
from flows.server.runs import OPEN, PAGE, pages, plain

log = logging.getLogger(__name__)

SILENT = timedelta(minutes=5)  # ten heartbeats
UNBEGUN = timedelta(minutes=10)  # a process is there in seconds; a container whose image is fetched first in minutes
LISTEN = 90.0  # seconds, three heartbeats: a server that was away a moment ago has not heard the living yet
HEARTBEAT = "prefect.flow-run.heartbeat"
AT_WORK = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]


def end_lifeless(
    client: SyncPrefectClient,
    now: datetime,
    *,
    but: UUID | None = None,
    silent: timedelta = SILENT,
    unbegun: timedelta = UNBEGUN,
    listen: float = LISTEN,
) -> list[FlowRun]:
    """Set every run to crashed that was taken and never began, or gives no sign of life; returns them.

    `but`: a run that is not looked at, the caller's own. Before one that had begun is given up it is listened for once
    more, for `listen` seconds. Runs that send no heartbeat are not judged.
    """
    found = [run for run in _runs(client, AT_WORK) if run.id != but]
    beating = _heard(client, found, now - silent)
    unbegun_ones = [r for r in found if r.state_type == StateType.PENDING and _older(r, now, unbegun)]
    beats = {r.id for r in found if _should_beat(r)} | _heard(client, found, now - timedelta(days=1))
    mute = [
        r for r in found
        if r.state_type != StateType.PENDING and _older(r, now, silent) and r.id in beats - beating
    ]  # fmt: skip
    if mute:
        log.info("catch-up: no sign of life of %d runs, listening for %.0f s", len(mute), listen)
        time.sleep(listen)
        heard = _heard(client, mute, now)
        mute = [r for r in mute if r.id not in heard]
    ended = []
    for run, message in [
        *(
            (r, f"taken by a worker and not begun within {_minutes(unbegun)}: its process is gone")
            for r in unbegun_ones
        ),
        *((r, f"no sign of life for {_minutes(silent)}: its process or machine is gone") for r in mute),
    ]:
        current = client.read_flow_run(run.id)
        if current.state_id == run.state_id:  # or it has come to an end, or to life, meanwhile
            client.set_flow_run_state(run.id, Crashed(message=message), force=True)
            log.warning("catch-up: %s: %s", run.name, message)
            ended.append(run)
    return ended


def end_orphans(client: SyncPrefectClient) -> list[FlowRun]:
    """Cancel slabs whose run has ended, which nobody waits for; returns them."""
    ended = []
    for slab in _runs(client, OPEN, [SUPER_RESOLVE]):
        if slab.parent_task_run_id is None:
            continue
        try:
            parent = client.read_task_run(slab.parent_task_run_id).flow_run_id
            over = parent is not None and _is_over(client.read_flow_run(parent))
        except ObjectNotFound:
            over = True
        if over and slab.state_type != StateType.CANCELLING:
            client.set_flow_run_state(slab.id, Cancelling(message="the run that it was for has ended"))
            ended.append(slab)
    return ended


def _is_over(run: FlowRun) -> bool:
    return run.state is not None and run.state.is_final()


def _should_beat(run: FlowRun) -> bool:
    """Whether whatever runs it shares this process's settings, by which it sends heartbeats: a worker does."""
    beats = get_current_settings().flows.heartbeat_frequency is not None
    return beats and (run.deployment_id is not None or run.parent_task_run_id is not None)


def _older(run: FlowRun, now: datetime, than: timedelta) -> bool:
    return run.state is not None and now - plain(run.state.timestamp) > than


def _minutes(span: timedelta) -> str:
    return f"{span.total_seconds() / 60:g} min"


def _runs(client: SyncPrefectClient, types: list[StateType], flows: Iterable[str] = ALL) -> list[FlowRun]:
    return pages(
        lambda offset: client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=list(flows))),
            flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=types))),
            limit=PAGE,
            offset=offset,
        )
    )


def _heard(client: SyncPrefectClient, runs: list[FlowRun], since: datetime) -> set[UUID]:
    """Of which of these runs a heartbeat has come since then."""
    heard = set()
    for run in runs:
        page = client.read_events(
            EventFilter(
                occurred=EventOccurredFilter.model_validate({"since": since}),
                event=EventNameFilter(name=[HEARTBEAT]),
                resource=EventResourceFilter(id=[f"prefect.flow-run.{run.id}"]),
            ),
            limit=1,
        )
        if page.events:
            heard.add(run.id)
    return heard
