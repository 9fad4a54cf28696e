"""Sends one message the way that alarms go, and says whether it was taken: an event, an automation, the server."""

from __future__ import annotations

import time

from prefect.client.orchestration import SyncPrefectClient
from prefect.events import Event, emit_event
from prefect.events.filters import EventFilter, EventNameFilter, EventRelatedFilter

from deployments import notify
from deployments.errors import StackFault
from flows.server import names

PATIENCE = 60.0  # seconds: the server tries no second time
EVERY = 0.5
DONE, FAILED = "prefect.automation.action.executed", "prefect.automation.action.failed"


def try_alarm(api: SyncPrefectClient) -> str:
    """Who has taken the message; StackFault if nobody is told, or it was not taken."""
    who = notify.recipient_kept(api)
    if who is None:
        raise StackFault("nobody is told of alarms: set FINESCALE_NOTIFY_URL, and `make up`")
    if not api.read_automations_by_name(names.ALARM_PREFIX + names.TEST_ALARM):
        raise StackFault("this server has no alarm for tests; `python -m deployments.stack deploy` makes it")
    sent = emit_event(names.ALARM_TESTED, resource={"prefect.resource.id": names.ALARM_RESOURCE})
    assert sent is not None
    answer = _answer(api, sent)
    if answer is None:
        raise StackFault(
            f"no answer of {who} within {PATIENCE:.0f} s; is the alarm switched on in the UI, Automations? "
            "Else look at stack/logs/server.log"
        )
    if answer.event == FAILED:
        raise StackFault(f"{who} has not taken it: {_why(answer)}; mend FINESCALE_NOTIFY_URL, then `make up`")
    return who


def _answer(api: SyncPrefectClient, sent: Event) -> Event | None:
    """What became of the message; None if nothing did."""
    kinds, of_this = EventNameFilter(name=[DONE, FAILED]), EventRelatedFilter(id=[f"prefect.event.{sent.id}"])
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        # a new one each time: a filter ends when it was made
        found = api.read_events(EventFilter(event=kinds, related=of_this), limit=1).events
        if found:
            return found[0]
        time.sleep(EVERY)
    return None


def _why(answer: Event) -> str:
    """What the server says of it, without lines that hold the URL."""
    logged = str(answer.payload.get("notification_log") or "").splitlines()
    lines = [line.strip() for line in logged if line.strip() and "://" not in line]
    return " ".join([str(answer.payload.get("reason", "")), *(f"({line})" for line in lines[-1:])]).strip()
