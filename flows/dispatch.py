"""Slabs to the workers of deployment super-resolve/gpu, each in a process of its own, or here where there are none.

A slab is sent, waits for a worker, begins, says now and then how far it is, and ends with a report in the workspace.
One that fails, dies or falls silent is sent again in a while; what nobody begins, and what fails too often, is
computed here.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings
from prefect.states import Cancelling, Crashed

from flows.errands import Attempt, Clock, Errand
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
NO_PROGRESS = "no progress"  # what a slab's notes and the ledger say
NOT_BEGUN = "taken by a worker and not begun"
NO_WORKER = f"no worker of {SLAB_DEPLOYMENT} began"


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
    on_lead_times: Callable[[int], None] = lambda _: None,
    queue: str = LIVE_QUEUE,
) -> list[SlabReport]:
    """Every slab's report; SlabFailed says which could not be computed.

    `on_lead_times` hears how many lead times are computed; `queue` is that of the GPU pool which the slabs wait in.
    """
    if settings.where == "here" or (settings.where == "auto" and not workers_are_deployed()):
        reports = []
        for slab in slabs:
            reports.append(downscale(slab))
            on_lead_times(_lead_times(reports, slabs))
        return reports
    with get_client(sync_client=True) as client:
        return Dispatch(client, slabs, settings, on_lead_times, queue).run()


def _lead_times(reports: list[SlabReport], slabs: list[Slab]) -> int:
    """Lead times' worth of work that is done: slabs may share lead times."""
    work = sum(slab.stop - slab.start for slab in slabs)
    return round(sum(r.stop - r.start for r in reports) / work * max(slab.stop for slab in slabs))


class Dispatch:
    """Sends slabs, watches them, sends those again that are lost, computes here what nobody takes."""

    def __init__(
        self,
        client: SyncPrefectClient,
        slabs: list[Slab],
        settings: InferenceSettings,
        on_lead_times: Callable[[int], None],
        queue: str,
        *,
        submit: Callable[..., Any] = run_deployment,
        compute: Callable[[Slab], SlabReport] = downscale,
        clock: Clock = time,
    ) -> None:
        self.client, self.settings, self.on_lead_times, self.queue = client, settings, on_lead_times, queue
        self.submit, self.compute, self.clock = submit, compute, clock
        self.errands = [Errand(slab) for slab in slabs]
        self.idle_since = clock.monotonic()  # when a slab last came to an end: while one is computed, none is missed

    @property
    def open(self) -> list[Errand]:
        """Slabs without a report."""
        return [errand for errand in self.errands if errand.report is None]

    def run(self) -> list[SlabReport]:
        """Until all are there; whatever ends it, no slab is left to compute for nobody."""
        try:
            for errand in self.errands:
                self._send(errand)
            while self.open:
                for errand in self.open:
                    self._look_after(errand)
                nobody = self.open and not any(errand.began for errand in self.open)
                if nobody and self._quiet(self.idle_since, self.settings.wait_minutes):
                    why = f"{NO_WORKER} within {self.settings.wait_minutes:g} min"
                    self._compute_here(self.open, why, "auto")
                self.clock.sleep(POLL)
        except BaseException:
            try:
                self._cancel(self.open)
            except Exception as error:  # whatever it is: what ended the run is the error to show
                log.warning("downscale: slabs that are out were not cancelled (%s)", error)
            raise
        return [errand.report for errand in self.errands if errand.report is not None]

    def _quiet(self, since: float, minutes: float) -> bool:
        return self.clock.monotonic() - since > minutes * 60

    def _send(self, errand: Errand) -> None:
        errand.attempts += 1
        # of this try of the run: one that is started again is another
        key = f"{errand.slab.report}#{errand.attempts}"
        run = ask(
            partial(
                self.submit, SLAB_DEPLOYMENT, parameters={"slab": errand.slab.model_dump()}, timeout=0,
                idempotency_key=key,
                work_queue_name=self.queue,
            )
        )  # fmt: skip
        assert isinstance(run, FlowRun)  # called where there is no event loop
        errand.out = Attempt(run.id, sign_of_life=self.clock.monotonic())

    def _look_after(self, errand: Errand) -> None:
        """Send it if that is due; else ask for its state, and do what that asks for."""
        attempt = errand.out
        if attempt is None:
            if self.clock.monotonic() > errand.send_at:
                self._send(errand)
            return
        state = ask(partial(self.client.read_flow_run, attempt.run)).state
        if state is None:
            return
        if state.type == StateType.COMPLETED:
            self._collect(errand)
        elif state.is_final():
            self._lost(errand, attempt.ending or f"{state.name}: {state.message or 'no word why'}")
        elif attempt.ending:
            if self._quiet(attempt.sign_of_life, self.settings.silent_minutes):  # its worker has died with it
                self._set_state(attempt, Crashed(message=attempt.ending), force=True)
                self._lost(errand, attempt.ending)
        elif state.type == StateType.PENDING:
            self._await_start(attempt)
        elif state.type == StateType.RUNNING:
            self._watch(errand.slab, attempt)

    def _await_start(self, attempt: Attempt) -> None:
        """One that was taken and does not begin is ended: its process is gone, or will find that it is not wanted."""
        now = self.clock.monotonic()
        if not attempt.taken:
            attempt.taken, attempt.sign_of_life = True, now
        elif self._quiet(attempt.sign_of_life, self.settings.silent_minutes):
            self._end(attempt, f"{NOT_BEGUN} within {self.settings.silent_minutes:g} min")

    def _watch(self, slab: Slab, attempt: Attempt) -> None:
        """A slab that is computed says now and then how far it is; one that is silent for long is ended."""
        progress, now = read(slab.progress), self.clock.monotonic()
        if not attempt.began or progress != attempt.progress:
            attempt.began, attempt.progress, attempt.sign_of_life = True, progress, now
        elif self._quiet(attempt.sign_of_life, self.settings.silent_minutes):
            self._end(attempt, f"{NO_PROGRESS} for {self.settings.silent_minutes:g} min")

    def _end(self, attempt: Attempt, why: str) -> None:
        """Have its worker kill the process: only then may another write the same shards."""
        attempt.ending, attempt.sign_of_life = why, self.clock.monotonic()
        self._set_state(attempt, Cancelling(message=why))

    def _collect(self, errand: Errand) -> None:
        """The report of a run that has completed."""
        report = read(errand.slab.report)
        if report is None:
            self._lost(errand, "ended without a report: does its worker see the same workspace?")
            return
        where = f"worker, attempt {errand.attempts}" if errand.attempts > 1 else "worker"
        self._close(errand, SlabReport.model_validate(report | {"where": where, "note": "; ".join(errand.notes)}))

    def _close(self, errand: Errand, report: SlabReport) -> None:
        errand.report, errand.out, self.idle_since = report, None, self.clock.monotonic()
        reports = [e.report for e in self.errands if e.report is not None]
        self.on_lead_times(_lead_times(reports, [e.slab for e in self.errands]))
        log.info(
            "downscale: %s done on %s, %d of %d slabs", errand.slab.part, report.device, len(reports), len(self.errands)
        )

    def _lost(self, errand: Errand, why: str) -> None:
        """Send a slab again in a while; after the last attempt compute it here on the CPU, if that is allowed."""
        errand.out, self.idle_since = None, self.clock.monotonic()
        log.warning("downscale: %s, attempt %d: %s", errand.slab.part, errand.attempts, why)
        errand.notes.append(f"attempt {errand.attempts}: {why}")
        hopeless = ModelMismatch.__name__ in why  # another attempt finds the same
        if errand.attempts < self.settings.attempts and not hopeless:
            errand.send_at = self.clock.monotonic() + PAUSE * errand.attempts
        elif self.settings.fall_back and not hopeless:
            self._compute_here([errand], f"failed {errand.attempts} times", "cpu")
        else:
            raise SlabFailed(
                f"{errand.slab.part} failed {errand.attempts} times, at last: {why}; look at the runs of "
                f"{SLAB_DEPLOYMENT}, "
                "and run again"
            )

    def _compute_here(self, errands: list[Errand], why: str, device: str) -> None:
        """In the run's own process, where the region allows that."""
        self._cancel(errands)
        if not self.settings.fall_back:
            raise SlabFailed(f"{why}; start one (docs/operate.md), or set inference: fall_back: true")
        log.warning("downscale: %s: computing %d slabs here", why, len(errands))
        for errand in errands:
            report = self.compute(errand.slab.model_copy(update={"device": device}))
            note = "; ".join([*errand.notes, why])
            self._close(errand, report.model_copy(update={"where": "in process", "note": note}))

    def _cancel(self, errands: list[Errand]) -> None:
        for errand in errands:
            if errand.out is not None:
                self._set_state(errand.out, Cancelling())

    def _set_state(self, attempt: Attempt, state: State[Any], *, force: bool = False) -> None:
        """Propose a state; without force the server leaves a run as it is that has ended meanwhile."""
        ask(partial(self.client.set_flow_run_state, attempt.run, state, force=force))
