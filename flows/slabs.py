"""Slabs to the workers of deployment super-resolve/gpu, each in a process of its own, or here where there are none."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State, StateType
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings
from prefect.states import Cancelling, Crashed

from tasks.downscale import downscale
from tasks.errors import SlabFailed
from tasks.region import InferenceSettings
from tasks.slab import Slab, SlabReport
from tasks.storage import read_json

log = logging.getLogger(__name__)

DEPLOYMENT = "super-resolve/gpu"
POLL = 1.0  # seconds
SERVER_PATIENCE = 300.0  # seconds without an answer from Prefect's server
NO_ANSWER = (httpx.TransportError, httpx.HTTPStatusError)


def workers_are_deployed() -> bool:
    """Whether there is a server that knows the deployment."""
    if not get_current_settings().api.url:
        return False
    with get_client(sync_client=True) as client:
        try:
            client.read_deployment_by_name(DEPLOYMENT)
        except ObjectNotFound:
            return False
    return True


def run_slabs(
    slabs: list[Slab], settings: InferenceSettings, told: Callable[[int], None] = lambda _: None
) -> list[SlabReport]:
    """Every slab's report; `told` hears how many lead times are done. SlabFailed says which could not be computed."""
    if settings.where == "here" or (settings.where == "auto" and not workers_are_deployed()):
        reports = []
        for slab in slabs:
            reports.append(downscale(slab))
            told(slab.stop)
        return reports
    with get_client(sync_client=True) as client:
        return _Dispatch(client, settings, [_Sent(slab) for slab in slabs], told).run()


@dataclass
class _Sent:
    """A slab on its way."""

    slab: Slab
    attempt: int = 0
    id: UUID | None = None
    news: Any = None
    heard: float = field(default_factory=time.monotonic)
    began: bool = False
    report: SlabReport | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"lead times {self.slab.start} to {self.slab.stop - 1}"


class _Dispatch:
    """Sends slabs, watches them, sends those again that are lost, computes here what nobody takes."""

    def __init__(
        self, client: SyncPrefectClient, settings: InferenceSettings, sent: list[_Sent], told: Callable[[int], None]
    ) -> None:
        self.client, self.settings, self.sent, self.told = client, settings, sent, told
        self.moved = time.monotonic()  # when a worker last took or ended a slab

    def run(self) -> list[SlabReport]:
        for item in self.sent:
            self._send(item)
        while open_ := [item for item in self.sent if item.report is None]:
            for item in open_:
                self._look(item)
            waiting = [item for item in self.sent if item.report is None and not item.began]
            running = any(item.began and item.report is None for item in self.sent)
            if waiting and not running and time.monotonic() - self.moved > self.settings.wait_minutes * 60:
                self._nobody_takes(waiting)
            time.sleep(POLL)
        return [item.report for item in self.sent if item.report is not None]

    def _patiently(self, call: Any) -> Any:
        """A call of the server, again while it is away: a run should outlive its restart."""
        until = time.monotonic() + SERVER_PATIENCE
        while True:
            try:
                return call()
            except NO_ANSWER as error:
                if time.monotonic() > until:
                    raise SlabFailed(
                        f"Prefect's server has not answered for {SERVER_PATIENCE:.0f} s: {error}"
                    ) from None
                log.warning("downscale: Prefect's server does not answer (%s); asking again", type(error).__name__)
                time.sleep(5)

    def _send(self, item: _Sent) -> None:
        item.attempt += 1
        key = f"{item.slab.report}#{item.attempt}"  # of this try of the run: one that is started again is another
        sent = self._patiently(
            partial(
                run_deployment, DEPLOYMENT, parameters={"slab": item.slab.model_dump()}, timeout=0, idempotency_key=key
            )
        )
        item.id, item.began, item.heard = sent.id, False, time.monotonic()

    def _look(self, item: _Sent) -> None:
        """Ask for a slab's state, and do what it asks for."""
        assert item.id is not None
        state = self._patiently(partial(self.client.read_flow_run, item.id)).state
        if state is None:
            return
        if state.type == StateType.COMPLETED:
            found = read_json(item.slab.report)
            if found is None:
                self._lost(item, "ended without a report: does its worker see the same workspace?")
                return
            where = f"worker, attempt {item.attempt}" if item.attempt > 1 else "worker"
            item.report = SlabReport.model_validate(found | {"where": where, "note": "; ".join(item.notes)})
            self.moved = time.monotonic()
            done = sum(1 for i in self.sent if i.report is not None)
            self.told(sum(i.slab.stop - i.slab.start for i in self.sent if i.report is not None))
            log.info("downscale: %s done on %s, %d of %d slabs", item.name, item.report.device, done, len(self.sent))
        elif state.is_final():
            self._lost(item, f"{state.name}: {state.message or 'no word why'}")
        elif state.type == StateType.RUNNING:
            self._listen(item)

    def _listen(self, item: _Sent) -> None:
        """A slab that runs says now and then how far it is; one that is silent for long counts as dead."""
        news = read_json(item.slab.news)
        if not item.began or news != item.news:
            item.began, item.news, item.heard, self.moved = True, news, time.monotonic(), time.monotonic()
        elif time.monotonic() - item.heard > self.settings.silent_minutes * 60:
            why = f"no news for {self.settings.silent_minutes:g} min"
            self._set(item, Crashed(message=why))
            self._lost(item, why)

    def _lost(self, item: _Sent, why: str) -> None:
        """Send a slab again, or give up."""
        self.moved = time.monotonic()
        log.warning("downscale: %s, attempt %d: %s", item.name, item.attempt, why)
        item.notes.append(f"attempt {item.attempt}: {why}")
        if item.attempt >= self.settings.attempts:
            self._cancel([i for i in self.sent if i.report is None and i is not item])
            raise SlabFailed(
                f"{item.name} failed {item.attempt} times, at last: {why}; look at the runs of {DEPLOYMENT}, "
                "and run again"
            )
        self._send(item)

    def _nobody_takes(self, waiting: list[_Sent]) -> None:
        """No worker began for too long: compute here, if that is allowed."""
        why = f"no worker of {DEPLOYMENT} began within {self.settings.wait_minutes:g} min"
        self._cancel(waiting)
        if not self.settings.fall_back:
            raise SlabFailed(f"{why}; start one (prefect worker start --pool gpu), or set inference: fall_back: true")
        log.warning("downscale: %s: computing %d slabs here", why, len(waiting))
        for item in waiting:
            report = downscale(item.slab.model_copy(update={"device": "auto"}))
            item.report = report.model_copy(update={"where": "in process", "note": "; ".join([*item.notes, why])})

    def _cancel(self, items: list[_Sent]) -> None:
        for item in items:
            if item.id is not None:
                self._set(item, Cancelling())

    def _set(self, item: _Sent, state: State[Any]) -> None:
        assert item.id is not None
        self._patiently(partial(self.client.set_flow_run_state, item.id, state, force=True))
