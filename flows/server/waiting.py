"""What runs that are due and have not begun wait for, in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
    WorkQueueFilter,
    WorkQueueFilterId,
)
from prefect.client.schemas.objects import FlowRun, StateType, WorkerStatus
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound

from flows.server.health import WaitingRun
from flows.server.names import ALL, SUPER_RESOLVE
from flows.server.runs import plain
from tasks.region.document import Region

SHOWN = 20  # runs
AT_WORK = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.PENDING, StateType.RUNNING]))
WAITING = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED, StateType.PENDING]))


def waiting_runs(client: SyncPrefectClient, region: Region, now: datetime) -> list[WaitingRun]:
    """The region's, and slabs of any region, the longest waiting first; twenty at most."""
    due = FlowRunFilterExpectedStartTime.model_validate({"before_": now})
    flows = {f.id: f.name for f in client.read_flows(flow_filter=FlowFilter(name=FlowFilterName(any_=list(ALL))))}
    found = client.read_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=list(ALL))),
        flow_run_filter=FlowRunFilter(state=WAITING, expected_start_time=due),
        sort=FlowRunSort.EXPECTED_START_TIME_ASC,
    )
    mine = [r for r in found if region.name in r.tags or flows.get(r.flow_id) == SUPER_RESOLVE]
    return [
        WaitingRun(
            name=run.name, flow=flows.get(run.flow_id, ""), since=plain(run.expected_start_time or now),
            waits_for=_hold(client, run, now).words,
        )
        for run in mine[:SHOWN]
    ]  # fmt: skip


def is_in_turn(client: SyncPrefectClient, run: FlowRun, now: datetime) -> bool:
    """Whether nothing is wrong with a run that has not begun: others are at work, whose end it waits for."""
    return _hold(client, run, now).in_turn


@dataclass(frozen=True)
class Hold:
    """What a run waits for, in words; `in_turn`: that others end, and nothing that somebody has to look after."""

    words: str
    in_turn: bool = False


def _hold(client: SyncPrefectClient, run: FlowRun, now: datetime) -> Hold:
    """The first of what holds it: its deployment's turn, a worker, a pause, its queue's limit, a free place."""
    if run.state_type == StateType.PENDING and run.state is not None:
        minutes = (now - plain(run.state.timestamp)).total_seconds() / 60
        return Hold(f"its process to begin, {minutes:.0f} min after a worker took it")
    if run.state_name == "AwaitingConcurrencySlot" and run.deployment_id is not None:
        others = _at_work(client, FlowRunFilter(state=AT_WORK, deployment_id=_of(run)))
        return Hold(f"its turn, one at a time{_now(others)}", in_turn=bool(others))  # a slot may outlive who had it
    if run.work_pool_name is None or run.work_queue_id is None:
        return Hold("the process that it was made by")
    try:
        pool = client.read_work_pool(run.work_pool_name)
        queue = client.read_work_queue(run.work_queue_id)
    except ObjectNotFound:
        return Hold(f"work pool {run.work_pool_name}, which is not there")
    workers = client.read_workers_for_work_pool(pool.name)
    if not any(w.status == WorkerStatus.ONLINE for w in workers):
        return Hold(f"a worker of pool {pool.name}: none answers")
    for what, thing in (("pool", pool), ("queue", queue)):
        if thing.is_paused:
            return Hold(f"{what} {thing.name}, which is paused")
    wanted = WorkQueueFilter(id=WorkQueueFilterId(any_=[queue.id]))
    same_queue = _at_work(client, FlowRunFilter(state=AT_WORK), queue=wanted)
    if queue.concurrency_limit is not None and len(same_queue) >= queue.concurrency_limit:
        words = f"queue {queue.name}, which runs {queue.concurrency_limit} at a time{_now(same_queue)}"
        return Hold(words, in_turn=True)
    if same_queue:
        return Hold(f"a free place at a worker of queue {queue.name}{_now(same_queue)}", in_turn=True)
    same_pool = _at_work(client, FlowRunFilter(state=AT_WORK), pool=pool.name)
    if same_pool:
        return Hold(f"a worker of pool {pool.name} that serves queue {queue.name}{_now(same_pool)}")
    return Hold(f"a worker of pool {pool.name} to ask for it")


def _of(run: FlowRun) -> FlowRunFilterDeploymentId:
    assert run.deployment_id is not None
    return FlowRunFilterDeploymentId(any_=[run.deployment_id])


def _at_work(
    client: SyncPrefectClient, chosen: FlowRunFilter, *, queue: WorkQueueFilter | None = None, pool: str | None = None
) -> list[FlowRun]:
    return client.read_flow_runs(
        flow_run_filter=chosen,
        work_queue_filter=queue,
        work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[pool])) if pool is not None else None,
    )


def _now(runs: list[FlowRun]) -> str:
    """Who is there, with their states: `; now: hubei ifs 2026-11-22T00 (Running)`."""
    shown = [f"{r.name} ({r.state_name})" for r in runs[:3]]
    more = f" and {len(runs) - 3} more" if len(runs) > 3 else ""
    return f"; now: {', '.join(shown)}{more}" if shown else ""
