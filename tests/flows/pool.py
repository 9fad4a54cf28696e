"""A stand-in for Prefect's server and the GPU pool as dispatch sees them: tests play workers and move the clock."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import httpx
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.states import Cancelled, Completed, Crashed, Failed, Running, Scheduled

from tasks.handover.slab import Slab, SlabReport
from tasks.storage import write_json

DAY = 24 * 3600.0


def report_of(slab: Slab, device: str = "cuda:0") -> SlabReport:
    """What a process leaves behind that has computed a slab."""
    return SlabReport(
        start=slab.start, stop=slab.stop, first=slab.first, device=device, seconds=1.0, tile=1024, tile_rows=[],
        tile_cols=[], digests={},
    )  # fmt: skip


class Run:
    """A run of a slab, with what its worker does to it."""

    def __init__(self, slab: Slab, queue: str, submitted: float) -> None:
        self.slab, self.queue, self.submitted = slab, queue, submitted
        self.seen = FlowRun(id=uuid4(), flow_id=uuid4(), state=Scheduled())

    @property
    def state(self) -> State[Any]:
        assert self.seen.state is not None
        return self.seen.state

    def become(self, state: State[Any]) -> None:
        self.seen = self.seen.model_copy(update={"state": state})

    def begin(self) -> None:
        self.become(Running())

    def tell(self, done: float) -> None:
        write_json(self.slab.progress, {"done": done})

    def complete(self, *, report: bool = True) -> None:
        if report:
            write_json(self.slab.report, report_of(self.slab).model_dump())
        self.become(Completed())

    def fail(self, why: str) -> None:
        self.become(Failed(message=why))

    def crash(self) -> None:
        self.become(Crashed(message="the process ended with status 137"))

    def end_if_told(self) -> None:
        """What a worker does that lives: it kills what is to be cancelled."""
        if self.state.type == StateType.CANCELLING:
            self.become(Cancelled(message=self.state.message))


Play = Callable[["Pool", Run], None]


def computes(seconds: float = 5.0, after: float = 1.0) -> Play:
    """A worker that begins `after` some seconds and is done some seconds later."""

    def play(pool: Pool, run: Run) -> None:
        pool.after(after, run.begin)
        pool.after(after + seconds, run.complete)

    return play


def nobody(_pool: Pool, _run: Run) -> None:
    """There is no worker."""


class Pool:
    """Keeps runs, answers as Prefect's client does, and is the clock: time passes for those who sleep only.

    `plays`: what the workers do to the first, second, ... run that is sent; the last one is played from then on.
    """

    def __init__(self, *plays: Play) -> None:
        self.plays = plays or (computes(),)
        self.runs: list[Run] = []
        self.now, self.away_until = 1000.0, 0.0
        self._began = self.now
        self._keys: dict[str, Run] = {}
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Something that will happen."""
        heapq.heappush(self._due, (self.now + seconds, next(self._order), act))

    def go_away(self, seconds: float) -> None:
        """The server does not answer for some time; workers go on."""
        self.away_until = self.now + seconds

    # the clock

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        until = self.now + seconds
        while self._due and self._due[0][0] <= until:
            self.now, _, act = heapq.heappop(self._due)
            act()
        self.now = until
        assert self.now < self._began + DAY, "waits for ever"

    # Prefect's client

    def _assert_here(self) -> None:
        if self.now < self.away_until:
            raise httpx.ConnectError("All connection attempts failed")

    def run_deployment(
        self, name: str, *, parameters: dict[str, Any], timeout: float, idempotency_key: str, work_queue_name: str
    ) -> FlowRun:
        """A new run; the one that is there already, for a key that was used before."""
        self._assert_here()
        if idempotency_key not in self._keys:
            run = self._keys[idempotency_key] = Run(Slab.model_validate(parameters["slab"]), work_queue_name, self.now)
            self.plays[min(len(self.runs), len(self.plays) - 1)](self, run)
            self.runs.append(run)
        return self._keys[idempotency_key].seen

    def read_flow_run(self, flow_run_id: UUID) -> FlowRun:
        self._assert_here()
        return self._of(flow_run_id).seen

    def set_flow_run_state(self, flow_run_id: UUID, state: State[Any], force: bool = False) -> None:
        """As the server's rules have it: what has ended stays, what nobody has begun is cancelled at once."""
        self._assert_here()
        run = self._of(flow_run_id)
        if run.state.is_final() and not force:
            return
        unbegun = run.state.type == StateType.SCHEDULED and state.type == StateType.CANCELLING
        run.become(Cancelled(message=state.message) if unbegun else state)

    def _of(self, flow_run_id: UUID) -> Run:
        return next(run for run in self.runs if run.seen.id == flow_run_id)
