"""When schedules start runs: as the server, which starts them, has it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from prefect.client.schemas.schedules import CronSchedule as Client
from prefect.server.schemas.schedules import CronSchedule

from tasks.region.cron import checked, fire_times

START = datetime(2026, 2, 26, 7, 45, tzinfo=UTC)
CRONS = [
    "45 7,19 * * *", "30 6 * * *", "*/20 * * * *", "0 0 29 2 *", "15 3 1,15 * 1", "0 */6 * * 1-5", "5-9/2 12 * 3 *",
    "0 12 * * 0", "0 12 * * 7", "45  7 * * *", "0 6 31 * *", "0 12 * * mon", "@daily", "0 12 * * 1#2", "0 6 L * *",
    "5-1 * * * *",
]  # fmt: skip


@pytest.mark.parametrize("cron", CRONS)
def test_runs_start_when_the_server_starts_them(cron: str) -> None:
    assert checked(cron) == cron
    end = START + timedelta(days=40)
    dates = asyncio.run(CronSchedule(cron=cron, timezone="UTC").get_dates(n=1000, start=START, end=end))
    want = [datetime.fromtimestamp(d.timestamp(), UTC) for d in dates]
    found = fire_times(cron, START, end)
    assert found[: len(want)] == want
    assert len(want) == 1000 or found == want


@pytest.mark.parametrize("second", [0, 30])
def test_start_and_end_count(second: int) -> None:
    start = START.replace(second=second)
    assert fire_times("45 * * * *", start, START + timedelta(hours=1)) == [
        START + timedelta(hours=h) for h in (0, 1) if second == 0 or h
    ]


@pytest.mark.parametrize("cron", ["", "daily", "61 * * * *", "* * * *", "* * * * * * * *", "0 24 * * *", "0 0 0 * *"])
def test_what_the_server_refuses_is_refused(cron: str) -> None:
    with pytest.raises(ValueError, match=r"Invalid cron|Input should"):
        Client(cron=cron, timezone="UTC")
    with pytest.raises(ValueError, match="write minute hour day month weekday in UTC"):
        checked(cron)


def test_a_schedule_of_every_minute_is_followed_to_its_end() -> None:
    found = fire_times("* * * * *", START - timedelta(days=3), START)
    assert (len(found), len(set(found)), found[-1]) == (3 * 24 * 60 + 1, 3 * 24 * 60 + 1, START)
