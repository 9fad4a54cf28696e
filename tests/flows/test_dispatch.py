"""Slabs on their way: what is sent, watched, ended, sent again and computed here. No second passes but on the clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx
import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import State, StateType
from prefect.deployments import run_deployment
from prefect.states import Cancelling, Completed, Crashed, Pending, Running
from tenacity import nap

from flows import dispatch
from flows.dispatch import PAUSE, Dispatch, ask, run_slabs
from flows.server.names import LIVE_QUEUE, SLAB_DEPLOYMENT
from models.operator import IFS
from tasks.errors import ModelMismatch, SlabFailed
from tasks.grids.grid import Grid
from tasks.handover.slab import Slab, SlabReport
from tasks.region.settings import InferenceSettings
from tasks.web import patience as patience_of_the_web
from tests.flows.pool import Play, Pool, Run, computes, nobody, report_of

WAIT = SILENT = 60.0  # seconds: see `settings`
MANY = 10  # slabs' lead times, two slabs of which the second is the smaller


def answer(code: int) -> None:
    request = httpx.Request("POST", "http://127.0.0.1/api")
    httpx.Response(code, request=request).raise_for_status()


@pytest.mark.parametrize("code", [401, 403, 422])
def test_a_refusal_is_an_error_at_once(code: int) -> None:
    with pytest.raises(SlabFailed, match=rf"Prefect's server refuses: Client error '{code}"):
        ask(lambda: answer(code))


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_busy_server_is_asked_again_until_patience_ends(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "PATIENCE", 0.0)
    with pytest.raises(SlabFailed, match="Prefect's server is silent for 0 s"):
        ask(lambda: answer(code))


def settings(**changes: Any) -> InferenceSettings:
    return InferenceSettings.model_validate({"wait_minutes": WAIT / 60, "silent_minutes": SILENT / 60} | changes)


@pytest.fixture
def slab(tmp_path: Path) -> Callable[[int, int], Slab]:
    """A slab of some lead times, whose workspace is a folder."""

    def make(start: int, stop: int) -> Slab:
        return Slab(
            product="hubei-ifs-2026-11-20T00-abcd", terrain=None, coarse=Grid(33.0, 110.0, 0.5, 0.5, 4, 4),
            operator=IFS, report=str(tmp_path / f"slabs/{start}.json"), start=start, stop=stop, deviations={},
            model="inr-hres",
            model_sha256="0" * 64, target=Grid(33.0, 110.0, 0.25, 0.25, 8, 8),
        )  # fmt: skip

    return make


class Dispatched:
    """Two slabs on a pool, and what came of them."""

    def __init__(self, pool: Pool, slabs: list[Slab]) -> None:
        self.pool, self.slabs = pool, slabs
        self.lead_times: list[int] = []
        self.here: list[tuple[float, Slab]] = []  # what was computed in the run's own process, and when

    def __call__(self, **changes: Any) -> list[SlabReport]:
        client: Any = self.pool
        return Dispatch(
            client, self.slabs, settings(**changes), self.lead_times.append, "backfill",
            submit=self.pool.run_deployment, compute=self._compute, clock=self.pool,
        ).run()  # fmt: skip

    def _compute(self, slab: Slab) -> SlabReport:
        self.here.append((self.pool.now, slab))
        return report_of(slab, slab.device)


@pytest.fixture
def dispatched(slab: Callable[[int, int], Slab]) -> Callable[..., Dispatched]:
    """Two slabs, of eight lead times and of two, for workers that play as given."""
    return lambda *plays: Dispatched(Pool(*plays), [slab(0, 8), slab(8, MANY)])


def states(pool: Pool) -> list[StateType]:
    return [run.state.type for run in pool.runs]


def test_workers_compute_all_and_reports_come_in_order(dispatched: Callable[..., Dispatched]) -> None:
    job = dispatched(computes(seconds=30), computes(seconds=5))
    reports = job()
    assert [(r.start, r.stop, r.where, r.note) for r in reports] == [(0, 8, "worker", ""), (8, 10, "worker", "")]
    assert job.lead_times == [2, 10], "the smaller one was ready first"
    assert [run.queue for run in job.pool.runs] == ["backfill"] * 2
    assert job.here == []


@pytest.mark.parametrize("end", [Run.crash, partial(Run.fail, why="CUDA error: out of memory")])
def test_what_fails_or_dies_is_sent_again_in_a_while(
    end: Callable[[Run], None], dispatched: Callable[..., Dispatched]
) -> None:
    def dies(pool: Pool, run: Run) -> None:
        pool.after(1, run.begin)
        pool.after(3, lambda: end(run))

    job = dispatched(dies, computes(), dies, computes())
    first, second = job()
    assert (first.where, second.where) == ("worker, attempt 3", "worker")
    assert first.note.count("attempt 1: ") == first.note.count("attempt 2: ") == 1
    one, _, two, three = job.pool.runs
    assert two.submitted - one.submitted >= 3 + PAUSE
    assert three.submitted - two.submitted >= 3 + 2 * PAUSE
    assert job.here == []


def fails(why: str) -> Play:
    return lambda pool, run: pool.after(2, lambda: run.fail(why))


def test_what_fails_too_often_is_computed_here_on_the_cpu(dispatched: Callable[..., Dispatched]) -> None:
    job = dispatched(fails("no kernel image"), computes(), fails("no kernel image"))
    first, second = job()
    assert (first.where, first.device, second.where) == ("in process", "cpu", "worker")
    assert first.note.count("no kernel image") == 3
    assert first.note.endswith("failed 3 times")
    assert job.lead_times[-1] == MANY


def test_where_nothing_may_be_computed_here_it_is_an_error_and_the_rest_is_cancelled(
    dispatched: Callable[..., Dispatched],
) -> None:
    job = dispatched(fails("no kernel image"), computes(seconds=3600), fails("no kernel image"))
    with pytest.raises(SlabFailed, match=r"^lead times 0 to 7 failed 3 times, at last: Failed: no kernel image; look"):
        job(fall_back=False)
    assert job.here == []
    assert states(job.pool)[1] == StateType.CANCELLING


@pytest.mark.parametrize("fall_back", [True, False])
def test_a_model_that_is_another_there_is_not_tried_again(
    fall_back: bool, dispatched: Callable[..., Dispatched]
) -> None:
    job = dispatched(fails(f"Flow run encountered an exception: {ModelMismatch.__name__}: other"), computes(3600))
    with pytest.raises(SlabFailed, match=r"failed 1 times, at last: .*ModelMismatch"):
        job(fall_back=fall_back)
    assert (len(job.pool.runs), job.here) == (2, [])
    assert states(job.pool)[1] == StateType.CANCELLING


def falls_silent(*, worker_lives: bool) -> Play:
    def play(pool: Pool, run: Run) -> None:
        pool.after(1, run.begin)
        pool.after(2, lambda: run.tell(0.5))
        if worker_lives:
            pool.after(2 + SILENT + 10, run.end_if_told)

    return play


def test_a_silent_slab_is_ended_by_its_worker_before_another_writes_its_shards(
    dispatched: Callable[..., Dispatched],
) -> None:
    def watches(pool: Pool, run: Run) -> None:
        assert pool.runs[0].state.is_final()
        computes()(pool, run)

    job = dispatched(falls_silent(worker_lives=True), computes(), watches)
    first, _ = job()
    assert first.where == "worker, attempt 2"
    assert first.note == "attempt 1: no progress for 1 min"
    assert states(job.pool)[0] == StateType.CANCELLED
    sent, again = job.pool.runs[0].submitted, job.pool.runs[2].submitted
    assert 2 + SILENT + 10 + PAUSE <= again - sent <= 2 + SILENT + 10 + PAUSE + 5


def test_a_slab_whose_worker_has_died_with_it_is_marked_crashed_and_sent_again(
    dispatched: Callable[..., Dispatched],
) -> None:
    job = dispatched(falls_silent(worker_lives=False), computes(), computes())
    first, _ = job()
    assert (first.where, first.note) == ("worker, attempt 2", "attempt 1: no progress for 1 min")
    assert states(job.pool)[0] == StateType.CRASHED
    assert job.pool.runs[2].submitted - job.pool.runs[0].submitted >= 2 * SILENT


def never_begins(*, worker_lives: bool) -> Play:
    """Taken by a worker whose process for it is killed before its first step."""

    def play(pool: Pool, run: Run) -> None:
        pool.after(1, lambda: run.become(Pending(name="Submitting")))
        if worker_lives:
            pool.after(2 + SILENT + 10, run.end_if_told)

    return play


@pytest.mark.parametrize(("worker_lives", "becomes"), [(True, StateType.CANCELLED), (False, StateType.CRASHED)])
def test_a_slab_that_is_taken_and_never_begins_is_ended_and_sent_again(
    dispatched: Callable[..., Dispatched], worker_lives: bool, becomes: StateType
) -> None:
    job = dispatched(never_begins(worker_lives=worker_lives), computes(), computes())
    first, second = job(silent_minutes=SILENT / 60, wait_minutes=10 * WAIT / 60)
    assert (first.where, second.where) == ("worker, attempt 2", "worker")
    assert first.note == "attempt 1: taken by a worker and not begun within 1 min"
    assert states(job.pool)[0] == becomes
    assert job.here == []


def test_a_slab_that_ends_while_it_is_being_ended_counts(dispatched: Callable[..., Dispatched]) -> None:
    def slow(pool: Pool, run: Run) -> None:
        pool.after(1, run.begin)
        pool.after(SILENT + 5, run.complete)

    job = dispatched(slow, computes())
    assert [r.where for r in job()] == ["worker", "worker"]
    assert len(job.pool.runs) == 2


def test_a_slow_slab_that_tells_how_far_it_is_is_left_alone(dispatched: Callable[..., Dispatched]) -> None:
    def slow(pool: Pool, run: Run) -> None:
        pool.after(1, run.begin)
        for i in range(20):
            pool.after(1 + i * 0.9 * SILENT, partial(run.tell, i / 20))
        pool.after(20 * 0.9 * SILENT, run.complete)

    job = dispatched(slow)
    assert [r.where for r in job()] == ["worker", "worker"]
    assert len(job.pool.runs) == 2


def test_what_no_worker_begins_is_cancelled_and_computed_here(dispatched: Callable[..., Dispatched]) -> None:
    job = dispatched(nobody)
    reports = job(device="cpu")
    assert [r.where for r in reports] == ["in process"] * 2
    assert {r.note for r in reports} == {f"no worker of {SLAB_DEPLOYMENT} began within 1 min"}
    assert states(job.pool) == [StateType.CANCELLED] * 2
    assert [slab.device for _, slab in job.here] == ["auto"] * 2
    assert all(WAIT < at - job.pool.runs[0].submitted <= WAIT + 2 for at, _ in job.here)
    assert job.lead_times == [8, MANY]


def test_without_a_worker_where_nothing_may_be_computed_here_the_error_says_what_to_start(
    dispatched: Callable[..., Dispatched],
) -> None:
    job = dispatched(nobody)
    with pytest.raises(SlabFailed, match=r"began within 1 min; start one \(docs/operate.md\)"):
        job(fall_back=False)
    assert states(job.pool) == [StateType.CANCELLED] * 2
    assert job.here == []


def test_a_worker_that_begins_late_gets_its_time_and_a_busy_one_is_waited_for(
    dispatched: Callable[..., Dispatched],
) -> None:
    def long(pool: Pool, run: Run) -> None:
        pool.after(WAIT - 2, run.begin)
        for i in range(10):
            pool.after(WAIT + i * SILENT / 2, partial(run.tell, i / 10))
        pool.after(WAIT + 5 * SILENT, run.complete)

    # the second waits for the one worker, much longer than a slab waits where there is none
    job = dispatched(long, computes(after=6 * SILENT))
    assert [r.where for r in job()] == ["worker", "worker"]
    assert job.here == []


def test_a_pool_that_is_empty_after_its_worker_has_died_is_not_waited_for(
    dispatched: Callable[..., Dispatched],
) -> None:
    job = dispatched(computes(), nobody)
    first, second = job()
    assert (first.where, second.where) == ("worker", "in process")
    ended = job.pool.runs[0].submitted + 6
    assert WAIT < job.here[0][0] - ended <= WAIT + 3, "counted from when a worker was seen last"


def test_a_run_that_leaves_no_report_is_sent_again_and_named_at_last(dispatched: Callable[..., Dispatched]) -> None:
    def elsewhere(pool: Pool, run: Run) -> None:
        pool.after(1, run.begin)
        pool.after(2, lambda: run.complete(report=False))

    job = dispatched(elsewhere, computes(), computes())
    assert job()[0].where == "worker, attempt 2"
    job = dispatched(elsewhere)
    job.slabs = [s.model_copy(update={"report": f"{s.report}.other"}) for s in job.slabs]
    with pytest.raises(SlabFailed, match="ended without a report: does its worker see the same workspace"):
        job(fall_back=False, attempts=2)


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> Callable[[Pool], None]:
    """Whoever waits for a server that is away waits by the pool's clock."""

    def wait_by(pool: Pool) -> None:
        for module in (nap, patience_of_the_web):  # what sleeps, and what looks at the clock
            monkeypatch.setattr(module, "time", pool)

    return wait_by


def test_a_server_that_is_away_for_a_while_costs_nothing_but_time(
    dispatched: Callable[..., Dispatched], patience: Callable[[Pool], None]
) -> None:
    job = dispatched(computes(seconds=20))
    patience(job.pool)
    job.pool.after(10, lambda: job.pool.go_away(200))
    assert [(r.where, r.note) for r in job()] == [("worker", "")] * 2
    assert job.pool.now > 1000 + 200


def test_a_server_that_is_away_for_good_ends_the_run(
    dispatched: Callable[..., Dispatched], patience: Callable[[Pool], None]
) -> None:
    job = dispatched(computes(seconds=20))
    patience(job.pool)
    job.pool.after(10, lambda: job.pool.go_away(1e6))
    with pytest.raises(SlabFailed, match="Prefect's server is silent for 300 s"):
        job()
    assert job.here == []


def interrupt() -> None:
    raise KeyboardInterrupt


def test_an_interrupted_run_leaves_no_slab_to_compute_for_nobody(dispatched: Callable[..., Dispatched]) -> None:
    job = dispatched(computes(seconds=3600), nobody)
    job.pool.after(5, interrupt)
    with pytest.raises(KeyboardInterrupt):
        job()
    assert states(job.pool) == [StateType.CANCELLING, StateType.CANCELLED]


def test_a_server_that_is_away_does_not_hide_why_a_run_ended(
    dispatched: Callable[..., Dispatched], patience: Callable[[Pool], None]
) -> None:
    job = dispatched(computes(seconds=3600))
    patience(job.pool)

    def both() -> None:
        job.pool.go_away(1e6)
        interrupt()

    job.pool.after(5, both)
    with pytest.raises(KeyboardInterrupt):
        job()


@pytest.mark.parametrize("where", ["here", "auto"])
def test_without_a_server_slabs_are_computed_one_after_the_other_in_this_process(
    where: str, slab: Callable[[int, int], Slab], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "get_current_settings", lambda: SimpleNamespace(api=SimpleNamespace(url=None)))
    monkeypatch.setattr(dispatch, "downscale", report_of)
    lead_times: list[int] = []
    reports = run_slabs([slab(0, 8), slab(8, MANY)], settings(where=where), lead_times.append)
    assert [r.where for r in reports] == ["in process"] * 2
    assert lead_times == [8, MANY]


class Server:
    """A real server with the deployment, as `Pool` is one; its runs become what a worker would make them."""

    def __init__(self, client: SyncPrefectClient) -> None:
        self.client = client
        self.run_deployment, self.read_flow_run = run_deployment, client.read_flow_run
        self.set_flow_run_state = client.set_flow_run_state

    def become(self, run: UUID, state: State[Any]) -> None:
        self.client.set_flow_run_state(run, state)


class StandIn(Pool):
    """`Pool`, of which runs are made what a test says."""

    def become(self, run: UUID, state: State[Any]) -> None:
        self._of(run).become(state)


@pytest.fixture(params=["stand-in", "server"])
def server(request: pytest.FixtureRequest) -> Iterator[StandIn | Server]:
    """The stand-in, and what it stands in for."""
    if request.param == "stand-in":
        yield StandIn(nobody)
        return
    request.getfixturevalue("prefect_server")

    @flow(name="super-resolve")
    def super_resolve(slab: Slab) -> None: ...

    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name="gpu", type="process"))
        flow_id = client.create_flow(super_resolve)
        deployment = client.create_deployment(flow_id, "gpu", work_pool_name="gpu", work_queue_name=LIVE_QUEUE)
        yield Server(client)
        # the server is the session's: a deployment without its pool would be sent the slabs of the next file's runs
        client.delete_deployment(deployment)
        client.delete_work_pool("gpu")


def test_the_stand_in_answers_as_the_server_does(server: StandIn | Server, slab: Callable[[int, int], Slab]) -> None:
    def send(key: str) -> UUID:
        parameters = {"slab": slab(0, 8).model_dump()}
        sent = server.run_deployment(
            SLAB_DEPLOYMENT, parameters=parameters, timeout=0, idempotency_key=key, work_queue_name=LIVE_QUEUE
        )
        found: UUID = sent.id
        return found

    def state(run: UUID) -> StateType:
        found = server.read_flow_run(run).state
        assert found is not None
        return found.type

    waits, runs, ended = send("a"), send("b"), send("c")
    assert len({waits, runs, ended}) == 3
    assert send("b") == runs
    assert {state(run) for run in (waits, runs, ended)} == {StateType.SCHEDULED}
    server.set_flow_run_state(waits, Cancelling(), force=False)
    assert state(waits) == StateType.CANCELLED, "nobody has begun it"

    for run in (runs, ended):
        server.become(run, Pending())
        server.become(run, Running())
    server.become(ended, Completed())
    for run in (runs, ended):
        server.set_flow_run_state(run, Cancelling(message="no progress"), force=False)
    assert (state(runs), state(ended)) == (StateType.CANCELLING, StateType.COMPLETED)
    server.set_flow_run_state(runs, Crashed(message="no progress"), force=True)
    assert state(runs) == StateType.CRASHED
