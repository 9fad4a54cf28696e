"""Slabs to the workers of deployment super-resolve/gpu, each in a process of its own, or here where there are none."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings
from prefect.states import Cancelling, Crashed

from flows.server.names import LIVE_QUEUE, SLAB_DEPLOYMENT
from tasks.downscale import downscale
from tasks.errors import ModelMismatch, SlabFailed
from tasks.handover.slab import Slab, SlabReport
from tasks.region.settings import InferenceSettings
from tasks.storage import read_json
from tasks.web.failures import asking
from tasks.web.patience import Deadline, NotYet, Patience, PatienceEnded

T = TypeVar("T")

log = logging.getLogger(__name__)

POLL = 1.0  # seconds
PATIENCE = 300.0  # seconds without an answer from Prefect's server, or from the workspace
ASK_AGAIN = 5.0  # seconds, meanwhile
PAUSE = 5.0  # seconds before a slab is sent again, times the attempts so far: what failed at once may be better by then


def patiently(call: Callable[[], T], who: str) -> T:
    """A call's answer, asked for again while its server is away: a run should outlive a restart."""

    def question() -> T:
        with asking():
            return call()

    def tell(not_yet: NotYet, _pause: float) -> None:
        log.warning("downscale: %s does not answer (%s); asking again", who, not_yet.why)

    try:
        return Patience(first=ASK_AGAIN, longest=ASK_AGAIN).ask(question, Deadline(PATIENCE), tell=tell)
    except PatienceEnded as ended:
        raise SlabFailed(f"{who} is silent for {PATIENCE:.0f} s: {ended.last.why}") from None
    except httpx.HTTPStatusError as error:
        raise SlabFailed(f"{who} refuses: {error}") from None


def ask(call: Callable[[], T]) -> T:
    """An answer of Prefect's server."""
    return patiently(call, "Prefect's server")


def read(uri: str) -> Any | None:
    """A small file of the workspace; None if there is none. ValueError at once if it is no JSON: files come whole."""
    return patiently(partial(read_json, uri), f"workspace file {uri}")


def workers_are_deployed() -> bool:
    """Whether there is a server that knows the deployment."""
    if not get_current_settings().api.url:
        return False
    with get_client(sync_client=True) as client:
        try:
            ask(partial(client.read_deployment_by_name, SLAB_DEPLOYMENT))
        except ObjectNotFound:
            return False
    return True


def run_slabs(
    slabs: list[Slab],
    settings: InferenceSettings,
    told: Callable[[int], None] = lambda _: None,
    queue: str = LIVE_QUEUE,
) -> list[SlabReport]:
    """Every slab's report; SlabFailed says which could not be computed.

    `told` hears how many lead times are done; `queue` is that of the GPU pool which the slabs wait in.
    """
    if settings.where == "here" or (settings.where == "auto" and not workers_are_deployed()):
        reports = []
        for slab in slabs:
            reports.append(downscale(slab))
            told(_done(reports, slabs))
        return reports
    with get_client(sync_client=True) as client:
        return _Dispatch(client, settings, [_Sent(slab) for slab in slabs], told, queue).run()


def _done(reports: list[SlabReport], slabs: list[Slab]) -> int:
    """Lead times' worth of work that is done: slabs may share lead times."""
    work = sum(slab.stop - slab.start for slab in slabs)
    return round(sum(r.stop - r.start for r in reports) / work * max(slab.stop for slab in slabs))


@dataclass
class _Sent:
    """A slab on its way."""

    slab: Slab
    attempt: int = 0
    id: UUID | None = None
    news: Any = None
    heard: float = 0.0  # when its state or its news last changed
    began: bool = False
    ending: str = ""  # why it is being ended, while it is
    again: float = 0.0  # when it is sent again; 0 while it is out
    report: SlabReport | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.slab.part


class _Dispatch:
    """Sends slabs, watches them, sends those again that are lost, computes here what nobody takes."""

    def __init__(
        self,
        client: SyncPrefectClient,
        settings: InferenceSettings,
        sent: list[_Sent],
        told: Callable[[int], None],
        queue: str,
    ) -> None:
        self.client, self.settings, self.sent, self.told, self.queue = client, settings, sent, told, queue
        self.moved = time.monotonic()  # when a worker last took or ended a slab

    @property
    def open(self) -> list[_Sent]:
        """Slabs without a report."""
        return [item for item in self.sent if item.report is None]

    def run(self) -> list[SlabReport]:
        """Until all are there; whatever ends it, no slab is left to compute for nobody."""
        try:
            for item in self.sent:
                self._send(item)
            while self.open:
                for item in self.open:
                    self._look(item)
                waiting = [item for item in self.open if not item.began]
                if waiting and len(waiting) == len(self.open) and self._quiet(self.moved, self.settings.wait_minutes):
                    why = f"no worker of {SLAB_DEPLOYMENT} began within {self.settings.wait_minutes:g} min"
                    self._compute_here(waiting, why, "auto")
                time.sleep(POLL)
        except BaseException:
            try:
                self._cancel(self.open)
            except Exception as error:  # whatever it is: what ended the run is the error to show
                log.warning("downscale: slabs that are out were not cancelled (%s)", error)
            raise
        return [item.report for item in self.sent if item.report is not None]

    @staticmethod
    def _quiet(since: float, minutes: float) -> bool:
        return time.monotonic() - since > minutes * 60

    def _send(self, item: _Sent) -> None:
        item.attempt += 1
        key = f"{item.slab.report}#{item.attempt}"  # of this try of the run: one that is started again is another
        parameters = {"slab": item.slab.model_dump()}
        sent = ask(
            partial(
                run_deployment, SLAB_DEPLOYMENT, parameters=parameters, timeout=0, idempotency_key=key,
                work_queue_name=self.queue,
            )
        )  # fmt: skip
        assert isinstance(sent, FlowRun)  # called where there is no event loop
        item.id = sent.id
        item.began, item.ending, item.again, item.news, item.heard = False, "", 0.0, None, time.monotonic()

    def _look(self, item: _Sent) -> None:
        """Ask for a slab's state, and do what it asks for."""
        if item.again:
            if time.monotonic() > item.again:
                self._send(item)
            return
        assert item.id is not None
        state = ask(partial(self.client.read_flow_run, item.id)).state
        if state is None:
            return
        if state.type == StateType.COMPLETED:
            self._done(item)
        elif state.is_final():
            self._lost(item, item.ending or f"{state.name}: {state.message or 'no word why'}")
        elif item.ending:
            if self._quiet(item.heard, self.settings.silent_minutes):  # its worker has died with it
                self._set(item, Crashed(message=item.ending), force=True)
                self._lost(item, item.ending)
        elif state.type == StateType.RUNNING:
            self._listen(item)

    def _done(self, item: _Sent) -> None:
        found = read(item.slab.report)
        if found is None:
            self._lost(item, "ended without a report: does its worker see the same workspace?")
            return
        where = f"worker, attempt {item.attempt}" if item.attempt > 1 else "worker"
        self._take(item, SlabReport.model_validate(found | {"where": where, "note": "; ".join(item.notes)}))

    def _take(self, item: _Sent, report: SlabReport) -> None:
        item.report, self.moved = report, time.monotonic()
        done = [i.report for i in self.sent if i.report is not None]
        self.told(_done(done, [i.slab for i in self.sent]))
        log.info("downscale: %s done on %s, %d of %d slabs", item.name, report.device, len(done), len(self.sent))

    def _listen(self, item: _Sent) -> None:
        """A slab that runs says now and then how far it is; one that is silent for long is ended."""
        news = read(item.slab.news)
        if not item.began or news != item.news:
            item.began, item.news, item.heard, self.moved = True, news, time.monotonic(), time.monotonic()
        elif self._quiet(item.heard, self.settings.silent_minutes):
            item.ending, item.heard = f"no news for {self.settings.silent_minutes:g} min", time.monotonic()
            # its worker kills the process: only then may another write the same shards
            self._set(item, Cancelling(message=item.ending))

    def _lost(self, item: _Sent, why: str) -> None:
        """Send a slab again in a while; after the last attempt compute it here on the CPU, if that is allowed."""
        self.moved = time.monotonic()
        log.warning("downscale: %s, attempt %d: %s", item.name, item.attempt, why)
        item.notes.append(f"attempt {item.attempt}: {why}")
        hopeless = ModelMismatch.__name__ in why  # another attempt finds the same
        if item.attempt < self.settings.attempts and not hopeless:
            item.began, item.again = False, time.monotonic() + PAUSE * item.attempt
        elif self.settings.fall_back and not hopeless:
            self._compute_here([item], f"failed {item.attempt} times", "cpu")
        else:
            raise SlabFailed(
                f"{item.name} failed {item.attempt} times, at last: {why}; look at the runs of {SLAB_DEPLOYMENT}, "
                "and run again"
            )

    def _compute_here(self, items: list[_Sent], why: str, device: str) -> None:
        """In the run's own process, where the region allows that."""
        self._cancel(items)
        if not self.settings.fall_back:
            raise SlabFailed(f"{why}; start one (prefect worker start --pool gpu), or set inference: fall_back: true")
        log.warning("downscale: %s: computing %d slabs here", why, len(items))
        for item in items:
            report = downscale(item.slab.model_copy(update={"device": device}))
            self._take(item, report.model_copy(update={"where": "in process", "note": "; ".join([*item.notes, why])}))

    def _cancel(self, items: list[_Sent]) -> None:
        for item in items:
            if item.id is not None and not item.again:
                self._set(item, Cancelling())

    def _set(self, item: _Sent, state: State[Any], *, force: bool = False) -> None:
        """Propose a state; without force the server leaves a run as it is that has ended meanwhile."""
        assert item.id is not None
        ask(partial(self.client.set_flow_run_state, item.id, state, force=force))
