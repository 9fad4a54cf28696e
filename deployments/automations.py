"""Alarms: what is watched by the Prefect server, and whom it tells.

Without FINESCALE_NOTIFY_URL they only show in the UI's event feed.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import pairwise
from uuid import UUID

from apprise import Apprise
from prefect.blocks.notifications import AppriseNotificationBlock
from prefect.client.orchestration import SyncPrefectClient
from prefect.events.actions import ActionTypes, DoNothing, SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.server.schemas.schedules import CronSchedule
from pydantic import SecretStr

from deployments.generate import GPU
from tasks.errors import BadInput
from tasks.region import Region

BLOCK = "finescale"
PREFIX = "finescale: "  # of the automations that are ours to change and remove
WATCHED = ["downscale", "backfill", "maintain", "verify"]  # super-resolve: its downscale run says it
EVENT = "prefect.flow-run."

# filled in by the server
RUN = "{{ flow.name }}/{{ deployment.name }}, run {{ flow_run.name }}: {{ flow_run.state.name }}"
DETAIL = "{{ flow_run.state.message }}\n{{ flow_run | ui_url }}"


def notification_url(given: str) -> str:
    """An apprise URL as it is, a plain web hook as apprise writes it; BadInput if it is neither."""
    if Apprise.instantiate(given) is not None:
        return given
    if given.startswith(("http://", "https://")):
        return given.replace("http", "json", 1)  # posts title and message as JSON
    raise BadInput("FINESCALE_NOTIFY_URL is neither an apprise URL (slack://, mailto://, ...) nor http(s)://")


def save_block(url: str) -> UUID:
    """The notification block; returns its id."""
    block = AppriseNotificationBlock(url=SecretStr(notification_url(url)))
    return UUID(str(block.save(BLOCK, overwrite=True, _sync=True)))  # type: ignore[call-arg]


def longest_pause(cron: str) -> timedelta:
    """Between two starts of a schedule."""
    dates = asyncio.run(CronSchedule(cron=cron, timezone="UTC").get_dates(n=100))
    return max(later - earlier for earlier, later in pairwise(dates))


def _related(role: str, *names: str) -> ResourceSpecification:
    return ResourceSpecification({"prefect.resource.role": role, "prefect.resource.name": list(names)})


RUNS = ResourceSpecification({"prefect.resource.id": f"{EVENT}*"})


def _run_trigger(*states: str) -> EventTrigger:
    expect = {EVENT + state for state in states}
    each = {"prefect.resource.id"}
    return EventTrigger(match=RUNS, match_related=_related("flow", *WATCHED), expect=expect, for_each=each)


def of_region(region: Region) -> list[tuple[str, EventTrigger, str]]:
    """Name, trigger and message of a region's alarms: a product that is late, and none at all for too long."""
    cron = region.schedule.ifs
    if cron is None:
        return []
    deadline = timedelta(minutes=region.schedule.deadline_minutes)
    silence = longest_pause(cron) + deadline
    mine = [_related("flow", "downscale"), _related("deployment", region.name)]
    late = EventTrigger(
        match=RUNS,
        match_related=mine,
        for_each={"prefect.resource.id"},
        after={f"{EVENT}Late", f"{EVENT}Pending"},  # a run is due, whether or not a worker takes it
        expect={f"{EVENT}Completed"},
        posture=Posture.Proactive,
        within=deadline,
    )
    silent = EventTrigger(
        match=RUNS,
        match_related=mine,
        expect={f"{EVENT}Completed"},
        posture=Posture.Proactive,
        within=silence,
    )
    minutes, hours = deadline.total_seconds() / 60, silence.total_seconds() / 3600
    look = f"finescale status {region.name}"
    return [
        (
            f"{region.name}: no product in time",
            late,
            f"A run of downscale/{region.name} was due {minutes:g} minutes ago and has made no product. Look: {look}",
        ),
        (
            f"{region.name}: no product at all",
            silent,
            f"No run of downscale/{region.name} has succeeded for {hours:g} hours: is its schedule on? Look: {look}",
        ),
    ]


def wanted(found: list[Region]) -> list[tuple[str, EventTrigger, str]]:
    """Name, trigger and message of every alarm."""
    pool = ResourceSpecification({"prefect.resource.name": GPU})
    return [
        ("run crashed", _run_trigger("Crashed"), f"{RUN}. It starts again by itself only if its schedule does. {DETAIL}"),
        ("run failed", _run_trigger("Failed", "TimedOut"), f"{RUN}. {DETAIL}"),
        ("run late", _run_trigger("Late"), f"{RUN}: no worker has taken it. {DETAIL}"),
        (
            "gpu pool not ready",
            EventTrigger(match=pool, expect={"prefect.work-pool.not-ready"}),
            "No worker of the gpu pool answers. Look: python -m deployments.stack status",
        ),
        *(alarm for region in found for alarm in of_region(region)),
    ]


def create(client: SyncPrefectClient, found: list[Region], block: UUID | None) -> int:
    """Make the automations as they should be; one that a person switched off stays off. Returns how many."""
    existing = {a.name: a for a in client.read_automations() if a.name.startswith(PREFIX)}
    alarms = wanted(found)
    for short, trigger, message in alarms:
        name = PREFIX + short
        tell: ActionTypes = DoNothing()
        if block is not None:
            tell = SendNotification(block_document_id=block, subject=name, body=message)
        old = existing.pop(name, None)
        automation = AutomationCore(
            name=name, description=message, enabled=old is None or old.enabled, trigger=trigger, actions=[tell]
        )
        if old is None:
            client.create_automation(automation)
        else:
            client.update_automation(old.id, automation)
    for left in existing.values():
        client.delete_automation(left.id)
    return len(alarms)
