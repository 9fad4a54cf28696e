"""When a schedule starts runs: cron in UTC, as Prefect reads it.

What is written with digits, which is nearly all, goes by cronsim, since Prefect takes a second to import, and who asks
for a region's name should not wait for it; names of days, seconds and the like are Prefect's own matter.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from cronsim import CronSim, CronSimError

DIGITS = re.compile(r"[\d*,/-]+(?: +[\d*,/-]+){4}")  # minute hour day month weekday
CHUNK = timedelta(hours=12)  # Prefect gives a thousand dates of a schedule, which may have one a minute
WRONG = "not a cron string; write minute hour day month weekday in UTC, like 45 7,19 * * *, or null"


def checked(cron: str) -> str:
    """The text as it is; ValueError if Prefect would not take it."""
    if _is_plain(cron):
        return cron
    from prefect.client.schemas.schedules import CronSchedule
    from pydantic import ValidationError

    try:
        return CronSchedule(cron=cron, timezone="UTC").cron
    except ValidationError:
        raise ValueError(WRONG) from None


def fire_times(cron: str, start: datetime, end: datetime) -> list[datetime]:
    """When a schedule starts runs, from `start` to `end`; UTC."""
    if not _is_plain(cron):
        return _prefects(cron, start, end)
    found = list[datetime]()
    for time in CronSim(cron, start.astimezone(UTC) - timedelta(minutes=1)):
        if time > end:
            break
        if time >= start:
            found.append(time)
    return found


def _is_plain(cron: str) -> bool:
    if not DIGITS.fullmatch(cron):
        return False
    try:
        CronSim(cron, datetime.now(UTC))
    except CronSimError:
        return False
    return True


def _prefects(cron: str, start: datetime, end: datetime) -> list[datetime]:
    import asyncio

    from prefect.server.schemas.schedules import CronSchedule

    schedule, found = CronSchedule(cron=cron, timezone="UTC"), list[datetime]()
    while start <= end:
        stop = min(start + CHUNK, end)
        dates = asyncio.run(schedule.get_dates(start=start, end=stop))
        found += [datetime.fromtimestamp(d.timestamp(), UTC) for d in dates]
        start = stop + timedelta(seconds=1)
    return found
