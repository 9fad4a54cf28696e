"""Runs of downscale on Prefect's server, by the cycle that each makes or made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterTags,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.sorting import FlowRunSort

from flows.server.names import CAUGHT_UP, DOWNSCALE, TAG
from tasks.acquire import SOURCES, open_source
from tasks.errors import FinescaleError
from tasks.handover.cycle import ALIASES, Cycle
from tasks.locations import default_store
from tasks.region import search as regions
from tasks.region.document import Region
from tasks.storage import join

PAGE = 200  # runs, the most that Prefect's server gives at once
OPEN = [StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.CANCELLING, StateType.PAUSED]
ENDED = [StateType.COMPLETED, StateType.FAILED, StateType.CRASHED, StateType.CANCELLED]


@dataclass(frozen=True)
class CycleRun:
    """A run of downscale, and the product that it is for."""

    run: FlowRun
    region: str
    cycle: Cycle
    store: str

    @property
    def state(self) -> str:
        """Name of its state."""
        return self.run.state_name or ""

    @property
    def message(self) -> str:
        """First line of what its state says."""
        lines = ((self.run.state.message if self.run.state else None) or "").splitlines()
        return lines[0] if lines else self.state

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self.run.state_type in OPEN

    @property
    def again(self) -> bool:
        """Whether it was started because the cycle was missing."""
        return CAUGHT_UP in self.run.tags

    @property
    def changed(self) -> datetime:
        """Since when it is in its state."""
        assert self.run.state is not None
        return plain(self.run.state.timestamp)


def plain(time: datetime) -> datetime:
    """The same moment in UTC, as the standard library has it: pendulum's loses its zone."""
    return datetime.fromtimestamp(time.timestamp(), UTC)


def pages(read: Callable[[int], list[FlowRun]]) -> list[FlowRun]:
    """All runs of a question that is asked page by page, by offset."""
    found = read(0)
    while len(found) % PAGE == 0 and (more := read(len(found))):
        found += more
    return found


def cycle_runs(client: SyncPrefectClient, since: datetime, now: datetime) -> list[CycleRun]:
    """Every run of downscale that is due and has not ended, and those that ended of what was due since `since`.

    Runs by hand and a backfill's are among them; runs of files, and of regions or sources that are no more, are not.
    """
    flow = FlowFilter(name=FlowFilterName(any_=[DOWNSCALE]))
    wanted = [
        FlowRunFilter(state=_in(OPEN), expected_start_time=_between(None, now)),
        FlowRunFilter(
            state=_in(ENDED), tags=FlowRunFilterTags(all_=[CAUGHT_UP]), expected_start_time=_between(since, now)
        ),
        FlowRunFilter(
            state=_in([StateType.FAILED, StateType.CRASHED]), expected_start_time=_between(since, now)
        ),
    ]  # fmt: skip
    found: dict[UUID, FlowRun] = {}
    for chosen in wanted:
        for run in pages(
            lambda offset, chosen=chosen: client.read_flow_runs(  # type: ignore[misc]
                flow_filter=flow, flow_run_filter=chosen, sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=PAGE,
                offset=offset,
            )
        ):  # fmt: skip
            found[run.id] = run
    return [made for run in found.values() if (made := _of_cycle(run)) is not None]


def deployment_of(client: SyncPrefectClient, region: str, source: str) -> DeploymentResponse | None:
    """The deployment that makes a source's cycles of a region."""
    tags = DeploymentFilterTags(all_=[TAG, region, source])
    found = client.read_deployments(
        flow_filter=FlowFilter(name=FlowFilterName(any_=[DOWNSCALE])), deployment_filter=DeploymentFilter(tags=tags)
    )
    return found[0] if found else None


def since_when(deployment: DeploymentResponse | None) -> datetime | None:
    """When a deployment was made; None if there is none."""
    return plain(deployment.created) if deployment is not None and deployment.created is not None else None


def _in(types: list[StateType]) -> FlowRunFilterState:
    return FlowRunFilterState(type=FlowRunFilterStateType(any_=types))


def _between(since: datetime | None, now: datetime) -> FlowRunFilterExpectedStartTime:
    return FlowRunFilterExpectedStartTime.model_validate({"after_": since, "before_": now})


def _of_cycle(run: FlowRun) -> CycleRun | None:
    """The cycle as `downscale` itself finds it from its parameters and when it was due."""
    given: dict[str, Any] = run.parameters
    source = ALIASES.get(str(given.get("source", "ifs")), str(given.get("source", "ifs")))
    region = _region(str(given.get("region", "")))
    if region is None or source not in SOURCES or given.get("inputs"):
        return None
    try:
        if given.get("cycle"):
            cycle = Cycle.parse(str(given["cycle"]), source)
        elif run.deployment_id is not None and run.expected_start_time is not None:
            cycle = open_source(source).due(region, plain(run.expected_start_time))
        else:  # by hand, of the latest: not known yet
            return None
    except FinescaleError:
        return None
    return CycleRun(run, region.name, cycle, join(str(given.get("store") or default_store())))


@cache
def _region(name: str) -> Region | None:
    """The region that goes by this name or folder."""
    try:
        return regions.load(name)
    except FinescaleError:
        return None
