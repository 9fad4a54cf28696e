"""Every run that is due and has not begun says what holds it, asked of a real server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.states import Completed, Pending, Running, Scheduled

from flows.server.questions import _deployments, _is_stuck
from flows.server.waiting import waiting_runs
from tasks.region import search as regions
from tests.conftest import RegionMaker

pytestmark = pytest.mark.usefixtures("prefect_server")

POOL = "waits"


@flow(name="backfill")
def nothing() -> None: ...


def test_what_a_run_waits_for_is_named(make_region: RegionMaker) -> None:
    region = regions.load(str(make_region(name="waiting")))
    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
        queue = client.create_work_queue("later", work_pool_name=POOL)
        deployment = client.create_deployment(
            client.create_flow(nothing), name="waiting", tags=["finescale", "waiting"], work_pool_name=POOL,
            work_queue_name="later", entrypoint="x.py:nothing", path=".",
        )  # fmt: skip
        waits = start(client, deployment, Scheduled(scheduled_time=datetime.now(UTC) - timedelta(minutes=5)))

        def held() -> str:
            (found,) = waiting_runs(client, region, datetime.now(UTC))
            assert found.flow == "backfill"
            return found.waits_for

        assert held() == f"a worker of pool {POOL}: none answers"
        client.send_worker_heartbeat(POOL, "a", 30.0)
        assert held() == f"a worker of pool {POOL} to ask for it"
        other = start(client, deployment, Running(), "the other")
        assert held() == "a free place at a worker of queue later; now: the other (Running)"
        client.update_work_queue(queue.id, concurrency_limit=1)
        assert held() == "queue later, which runs 1 at a time; now: the other (Running)"
        client.set_flow_run_state(other, Completed(), force=True)
        client.update_work_queue(queue.id, is_paused=True)
        assert held() == "queue later, which is paused"
        client.update_work_pool(POOL, WorkPoolUpdate(is_paused=True))
        assert held() == f"pool {POOL}, which is paused"
        turn = Scheduled(name="AwaitingConcurrencySlot", scheduled_time=datetime.now(UTC))
        client.set_flow_run_state(waits, turn, force=True)
        assert held() == "its turn, one at a time"
        client.set_flow_run_state(waits, Pending(name="Submitting"), force=True)
        assert held() == "its process to begin, 0 min after a worker took it"
        client.set_flow_run_state(waits, Running(), force=True)
        assert waiting_runs(client, region, datetime.now(UTC)) == []


def test_who_waits_for_its_turn_is_not_late(make_region: RegionMaker) -> None:
    region = regions.load(str(make_region(name="turns")))
    pool, later = "turns", timedelta(minutes=20)
    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name=pool, type="process"))
        queue = client.create_work_queue("later", work_pool_name=pool)
        deployment = client.create_deployment(
            client.create_flow(nothing), name="turns", tags=["finescale", "turns"], work_pool_name=pool,
            work_queue_name="later", entrypoint="x.py:nothing", path=".",
        )  # fmt: skip
        waits = start(client, deployment, Scheduled(scheduled_time=datetime.now(UTC)))

        def ok(after: timedelta = later) -> bool:
            found = _deployments(client, region, datetime.now(UTC) + after)
            return next(d.ok for d in found if d.name == "backfill/turns")

        assert ok(timedelta(minutes=10)), "not for long yet"
        assert not ok(), "no worker"
        client.send_worker_heartbeat(pool, "a", 30.0)
        assert not ok(), "nobody asks for it"
        other = start(client, deployment, Running(), "the other")
        client.set_flow_run_state(waits, Scheduled(scheduled_time=datetime.now(UTC)), force=True)
        late = FlowRunFilter(id=FlowRunFilterId(any_=[waits]))
        (run,) = client.read_flow_runs(flow_run_filter=late)
        assert not _is_stuck(client, run, datetime.now(UTC) + later), "a free place at a worker"
        client.update_work_queue(queue.id, concurrency_limit=1)
        assert not _is_stuck(client, run, datetime.now(UTC) + later), "the queue's limit"
        client.set_flow_run_state(other, Completed(), force=True)
        assert _is_stuck(client, run, datetime.now(UTC) + later), "a place is free, and nobody takes it"
        turn = Scheduled(name="AwaitingConcurrencySlot", scheduled_time=datetime.now(UTC))
        client.set_flow_run_state(waits, turn, force=True)
        (run,) = client.read_flow_runs(flow_run_filter=late)
        assert _is_stuck(client, run, datetime.now(UTC) + later), "nobody is at work, and the slot is not free"
        client.set_flow_run_state(other, Running(), force=True)
        assert not _is_stuck(client, run, datetime.now(UTC) + later), "one at a time"
        client.set_flow_run_state(other, Completed(), force=True)
        client.set_flow_run_state(waits, Pending(), force=True)
        (run,) = client.read_flow_runs(flow_run_filter=late)
        assert not _is_stuck(client, run, datetime.now(UTC) + timedelta(minutes=10)), "taken a moment ago"
        assert _is_stuck(client, run, datetime.now(UTC) + later), "taken, and not begun"
        client.set_flow_run_state(waits, Running(), force=True)


def start(client: SyncPrefectClient, deployment: UUID, state: Any, name: str | None = None) -> UUID:
    """A run in that state."""
    run = client.create_flow_run_from_deployment(deployment, name=name, state=Scheduled())
    client.set_flow_run_state(run.id, state, force=True)
    return run.id
