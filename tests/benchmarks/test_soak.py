"""The soak sees what it is to see: faults of reading, time that goes back, and every part by its command line."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from benchmarks.runs.soak_office import schedule_until
from benchmarks.runs.soak_parts import STANDING, part_of
from benchmarks.runs.soak_reader import Watch, is_away
from deployments import guard
from deployments.credentials import Secrets
from deployments.parts import parts
from deployments.settings import Settings
from flows.products.gaps import fire_times


def answered(status: int) -> ClientError:
    return ClientError({"ResponseMetadata": {"HTTPStatusCode": status}, "Error": {}}, "GetObject")  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (answered(503), True),
        (ConnectionRefusedError(), True),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:9"), True),
        (answered(404), False),
        (FileNotFoundError(), False),
        (PermissionError(), False),
        (KeyError("product"), False),
    ],
)
def test_what_is_not_there_or_not_allowed_is_a_fault_that_a_reader_sees(error: Exception, away: bool) -> None:
    assert is_away(error) is away


def test_every_part_of_the_stack_is_known_by_its_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINESCALE_STACK", str(tmp_path))
    monkeypatch.setenv("FINESCALE_GPU_WORKERS", "2")
    commands = [part.command for part in parts(Settings.read(), Secrets.of(tmp_path))]
    commands += [guard.command("keep", tmp_path), ["supervisord", "--nodaemon", "--silent", "-c", "supervisord.conf"]]
    found = [part_of(" ".join(command)) for command in commands]
    assert None not in found, commands[found.index(None)]
    assert set(found) == set(STANDING)


@pytest.mark.parametrize(
    ("before", "now", "wrong"),
    [
        (None, None, None),
        (None, "ifs/2026-01-01T00 revision 001", None),
        ("ifs/2026-01-01T00 revision 001", "ifs/2026-01-01T12 revision 001", None),
        ("ifs/2026-01-01T00 revision 001", "ifs/2026-01-01T00 revision 002", None),
        ("ifs/2026-01-01T12 revision 001", "ifs/2026-01-01T00 revision 001", "went back"),
        ("ifs/2026-01-01T00 revision 002", "ifs/2026-01-01T00 revision 001", "went back"),
        ("ifs/2026-01-01T00 revision 001", None, "is gone"),
    ],
)
def test_to_a_reader_time_goes_forward(before: str | None, now: str | None, wrong: str | None) -> None:
    newest = {"small": before} if before else {}
    found = Watch(newest).wrong("small", now)
    assert (found is None) if wrong is None else (found is not None and wrong in found)
    assert newest.get("small") == (now if wrong is None else before)


def test_by_the_soaks_schedule_a_month_is_due_up_to_its_day() -> None:
    day, now = date(2026, 3, 9), datetime(2026, 11, 27, tzinfo=UTC)
    fires = fire_times(schedule_until(day), now - timedelta(days=329), now)
    assert len(fires) == 2 * day.day
    assert (fires[0].date(), fires[-1].date()) == (date(2026, 3, 1), day)
