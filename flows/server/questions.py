"""What `answers.py` asks of the Prefect server that is configured."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterTags,
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterExpectedStartTime,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, StateType, WorkerStatus, WorkPoolStatus
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound

from flows.server.health import DeploymentHealth, PoolHealth, PrefectHealth
from flows.server.names import CATCH_UP_DEPLOYMENT, CPU, GPU, TAG
from flows.server.orchestrator import REFUSAL, is_refused
from flows.server.waiting import WAITING, is_in_turn, waiting_runs
from tasks.region.document import Region

BAD = {StateType.FAILED, StateType.CRASHED}
LATE = timedelta(minutes=15)  # what waits for longer is not being taken


def answered(api: str, region: Region, now: datetime) -> PrefectHealth:
    """What the server at this address answers."""
    if is_refused():
        return PrefectHealth(api=api, problem=f"Prefect server {api} {REFUSAL}")
    with get_client(sync_client=True) as client:
        return PrefectHealth(
            api=api,
            deployments=_deployments(client, region, now),
            pools=[_pool(client, name, now) for name in _pools(region)],
            waiting=waiting_runs(client, region, now),
        )


def _pools(region: Region) -> list[str]:
    """Pools that the region's runs need."""
    return [CPU] if region.inference.where == "here" else [CPU, GPU]


def _before(now: datetime) -> FlowRunFilterExpectedStartTime:
    """Runs that were due by then: the schedule's later ones are there already."""
    return FlowRunFilterExpectedStartTime.model_validate({"before_": now})


def _deployments(client: SyncPrefectClient, region: Region, now: datetime) -> list[DeploymentHealth]:
    wanted = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG, region.name]))
    found = client.read_deployments(deployment_filter=wanted)
    with suppress(ObjectNotFound):  # it looks after all regions
        found.append(client.read_deployment_by_name(CATCH_UP_DEPLOYMENT))
    flows = {d.flow_id: client.read_flow(d.flow_id).name for d in found}
    rows = []
    for deployment in found:
        runs = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                deployment_id=FlowRunFilterDeploymentId(any_=[deployment.id]),
                expected_start_time=_before(now),
            ),
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
            limit=1,
        )
        run = runs[0] if runs else None
        name = f"{flows[deployment.flow_id]}/{deployment.name}"
        rows.append(_row(name, deployment.paused, run, stuck=run is not None and _is_stuck(client, run, now)))
    return sorted(rows, key=lambda row: row.name)


def _is_stuck(client: SyncPrefectClient, run: FlowRun, now: datetime) -> bool:
    """Whether a run is not being taken, or does not begin: one that waits for others' end is neither."""
    if run.state is None or run.state.type not in (StateType.SCHEDULED, StateType.PENDING):
        return False
    # of one that a worker has taken, since then: before that it may have waited for its turn
    since = run.state.timestamp if run.state.type == StateType.PENDING else run.expected_start_time
    return since is not None and now - since > LATE and not is_in_turn(client, run, now)


def _row(name: str, paused: bool, run: FlowRun | None, *, stuck: bool) -> DeploymentHealth:
    if run is None or run.state is None:
        return DeploymentHealth(name=name, state="", paused=paused, ok=not paused)
    when = datetime.fromtimestamp(run.state.timestamp.timestamp(), UTC)
    message = (run.state.message or "").splitlines()
    return DeploymentHealth(
        name=name,
        state=run.state.name or run.state.type.value,
        when=when,
        message=message[0] if message else "",
        paused=paused,
        ok=not paused and not stuck and run.state.type not in BAD,
    )


def _pool(client: SyncPrefectClient, name: str, now: datetime) -> PoolHealth:
    try:
        pool = client.read_work_pool(name)
    except ObjectNotFound:
        return PoolHealth(name=name, status="not there", ok=False)
    workers = client.read_workers_for_work_pool(name)
    queued = client.count_flow_runs(
        work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[name])),
        flow_run_filter=FlowRunFilter(state=WAITING, expected_start_time=_before(now)),
    )
    status = pool.status or WorkPoolStatus.NOT_READY
    return PoolHealth(
        name=name,
        status=status.display_name.lower(),
        workers=sum(w.status == WorkerStatus.ONLINE for w in workers),
        queued=queued,
        ok=status == WorkPoolStatus.READY,
    )
