"""Alarms: what is watched by the Prefect server, and whom it tells.

Where nobody is told (deployments/notify.py) they only show in the UI's event feed.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ActionTypes, ChangeFlowRunState, DoNothing, SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.server.schemas.schedules import CronSchedule

from flows.server import names
from tasks.region.document import Region

# super-resolve: its downscale run says it; downscale: what is due is made again, and said once that has failed
WATCHED = [names.BACKFILL, names.MAINTAIN, names.VERIFY, names.CATCH_UP]
LATE = [names.DOWNSCALE, *WATCHED]
Match = ResourceSpecification | dict[str, str | list[str]]
SILENT_RUN = timedelta(minutes=5)  # ten heartbeats; longer than the server takes to start again
EVENT = "prefect.flow-run."

# filled in by the server
JOB = "{{ flow.name }}{% if deployment %}/{{ deployment.name }}{% endif %}"  # a run that a person has typed has none
RUN = JOB + ", run {{ flow_run.name }}: {{ flow_run.state.name }}"
DETAIL = "{{ flow_run.state.message }}\n{{ flow_run | ui_url }}\n"
AGAIN = "start it again: Copy to new run, at that address"
# a queue's limit is no fault: who waits for his turn has nothing to do
WAITS = (
    "finescale status {{ flow_run.parameters.region or 'REGION' }} says it. For its turn: nothing is to be done; "
    "for a worker: make status"
)
MEND, WORKERS = f"Mend what it names, then {AGAIN}", "Look: make status"


def longest_pause(cron: str) -> timedelta:
    """Between two starts of a schedule."""
    dates = asyncio.run(CronSchedule(cron=cron, timezone="UTC").get_dates(n=100))
    return max(later - earlier for earlier, later in pairwise(dates))


def _related(role: str, *called: str) -> ResourceSpecification:
    return ResourceSpecification({"prefect.resource.role": role, "prefect.resource.name": list(called)})


RUNS = ResourceSpecification({"prefect.resource.id": f"{EVENT}*"})


def _run_trigger(*states: str, flows: list[str] = WATCHED) -> EventTrigger:
    expect = {EVENT + state for state in states}
    each = {"prefect.resource.id"}
    return EventTrigger(match=RUNS, match_related=_related("flow", *flows), expect=expect, for_each=each)


@dataclass(frozen=True)
class Alarm:
    """What is watched, and what is said or done then."""

    name: str
    trigger: EventTrigger
    message: str
    action: ActionTypes | None = None  # instead of telling somebody


def _absence(within: timedelta, *, match_related: list[Match], each_run: bool, after: set[str]) -> EventTrigger:
    return EventTrigger(
        match=RUNS,
        match_related=match_related,
        for_each={"prefect.resource.id"} if each_run else set(),
        after=after,
        expect={f"{EVENT}Completed"},
        posture=Posture.Proactive,
        within=within,
    )


def of_region(region: Region) -> list[Alarm]:
    """A product that is late, and none at all for too long."""
    cron = region.schedule.ifs
    if cron is None:
        return []
    mine: list[Match] = [_related("flow", names.DOWNSCALE), _related("deployment", region.name)]
    deadline = timedelta(minutes=region.schedule.deadline_minutes)
    silence = longest_pause(cron) + deadline
    due = {f"{EVENT}Late", f"{EVENT}Pending"}  # whether or not a worker takes it
    job, look = names.deployment(names.DOWNSCALE, region.name), f"Look: finescale status {region.name}"
    mine_only = [] if region.catch_up.ifs_days else [_not_made_again(region, mine)]
    return [
        *mine_only,
        Alarm(
            f"{region.name}: no product in time",
            _absence(deadline, match_related=mine, each_run=True, after=due),
            f"A run of {job} was due {deadline} ago and has not succeeded. {look}",
        ),
        Alarm(
            f"{region.name}: no product at all",
            _absence(silence, match_related=mine, each_run=False, after=set()),
            f"No run of {job} has succeeded for {silence}. Is its schedule on? prefect deployment schedule ls {job}; "
            f"workers there? make status. {look}",
        ),
    ]


def drifted() -> Alarm:
    """A region's scores that are above their own range; the flow `verify` sends the event."""
    any_region = ResourceSpecification({"prefect.resource.id": f"{names.REGION_RESOURCE}*"})
    trigger = EventTrigger(match=any_region, expect={names.DRIFT})
    return Alarm(
        "drift",
        trigger,
        "{{ event.resource.name }}: {{ event.payload.drift | join('; ') }}. Look: finescale status, and the picture in "
        "the store's scores/",
    )


def _not_made_again(region: Region, mine: list[Match]) -> Alarm:
    """A run that went wrong, of a region that has nothing made again by itself."""
    expect = {EVENT + state for state in ("Crashed", "Failed", "TimedOut")}
    trigger = EventTrigger(match=RUNS, match_related=mine, expect=expect, for_each={"prefect.resource.id"})
    return Alarm(f"{region.name}: run crashed or failed", trigger, f"{RUN}. {DETAIL}{MEND}")


def given_up() -> Alarm:
    """A cycle that is missing after the last try; the flow `catch-up` sends the event."""
    any_cycle = ResourceSpecification({"prefect.resource.id": f"{names.CYCLE_RESOURCE}*"})
    return Alarm(
        "cycle given up",
        EventTrigger(match=any_cycle, expect={names.GIVEN_UP}, for_each={"prefect.resource.id"}),
        "{{ event.resource.name }} was due and is not there after {{ event.payload.tries }} more tries: "
        "{{ event.payload.why }}. Mend that, then: {{ event.payload.redo }}",
    )


def tested() -> Alarm:
    """What `python -m deployments.stack alarm --test` sends."""
    trigger = EventTrigger(
        match=ResourceSpecification({"prefect.resource.id": names.ALARM_RESOURCE}), expect={names.ALARM_TESTED}
    )
    return Alarm(names.TEST_ALARM, trigger, "This is a test: alarms arrive. Nothing is to be done")


def vanished() -> Alarm:
    """A run whose worker was killed with it: nobody else would say so, and those behind it would wait for ever."""
    beat = f"{EVENT}heartbeat"
    ends = {EVENT + state for state in ("Completed", "Failed", "TimedOut", "Crashed", "Cancelled", "Cancelling")}
    trigger = EventTrigger(
        match=RUNS,
        for_each={"prefect.resource.id"},
        after={beat},
        expect={beat, *ends},
        posture=Posture.Proactive,
        within=SILENT_RUN,
    )
    message = f"no sign of life for {SILENT_RUN}: its process or machine is gone"
    crash = ChangeFlowRunState(name=None, state=StateType.CRASHED, message=message, force=False)
    return Alarm("run vanished", trigger, message, crash)


def wanted(found: list[Region]) -> list[Alarm]:
    """Every alarm."""
    pool = ResourceSpecification({"prefect.resource.name": names.GPU})
    no_gpu = EventTrigger(match=pool, expect={"prefect.work-pool.not-ready"})
    return [
        Alarm("run crashed", _run_trigger("Crashed"), f"{RUN}. {DETAIL}Look: dmesg | grep -i kill; then {AGAIN}"),
        Alarm("run failed", _run_trigger("Failed", "TimedOut"), f"{RUN}. {DETAIL}{MEND}"),
        Alarm("run late", _run_trigger("Late", flows=LATE), f"{RUN}: it is due and waits. {DETAIL}For what: {WAITS}"),
        Alarm("gpu pool not ready", no_gpu, f"No worker of the gpu pool answers. {WORKERS}"),
        vanished(),
        given_up(),
        drifted(),
        tested(),
        *(alarm for region in found for alarm in of_region(region)),
    ]


def _content(automation: AutomationCore) -> dict[str, Any]:
    return automation.model_dump(include={"description", "trigger", "actions"})


def create(client: SyncPrefectClient, found: list[Region], block: UUID | None, sender: str) -> int:
    """Make the automations as they should be; one that a person switched off stays off. Returns how many.

    `sender`: machine and address of the stack, with which each message ends.
    """
    existing = {a.name: a for a in client.read_automations() if a.name.startswith(names.ALARM_PREFIX)}
    alarms = wanted(found)
    for alarm in alarms:
        name = names.ALARM_PREFIX + alarm.name
        tell: ActionTypes = DoNothing()
        if block is not None:
            tell = SendNotification(block_document_id=block, subject=name, body=f"{alarm.message}\n{sender}")
        old = existing.pop(name, None)
        automation = AutomationCore(
            name=name,
            description=alarm.message,
            enabled=old is None or old.enabled,
            trigger=alarm.trigger,
            actions=[alarm.action or tell],
        )
        if old is None:
            client.create_automation(automation)
        elif _content(old) != _content(automation):  # an update forgets what has been seen so far
            # it sends what was set only, and the server takes nothing but the whole
            client.update_automation(
                old.id, AutomationCore.model_validate(automation.model_dump(exclude={"owner_resource"}))
            )
    for forgotten in existing.values():
        client.delete_automation(forgotten.id)
    return len(alarms)
