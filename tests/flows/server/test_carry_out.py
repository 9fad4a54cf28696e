"""A flow without a server is a call; what it hands out, or ended with, is the same."""

from __future__ import annotations

from typing import Any

import pytest
from prefect import flow
from prefect.context import FlowRunContext
from prefect.settings import PREFECT_API_URL, temporary_settings
from pydantic import BaseModel

from flows.server.carry_out import carry_out
from flows.server.endings import EndedBadly, completed, ended, failed


class Report(BaseModel):
    """Of nothing."""

    days: int
    recorded: bool


class Incomplete(EndedBadly[Report]):
    """Something was missing."""


@flow(validate_parameters=True)
def look(days: int = 3, well: bool = True) -> Report:
    """Ends well or badly, as it is told to; days that come as text are numbers here."""
    report = Report(days=days + 1, recorded=FlowRunContext.get() is not None)
    ending: Any = completed(report, "looked") if well else failed(Incomplete("a day is missing", report))
    return ending


@pytest.fixture
def no_server() -> Any:
    with temporary_settings({PREFECT_API_URL: ""}):
        yield


@pytest.mark.usefixtures("no_server")
def test_without_a_server_it_is_a_call() -> None:
    assert carry_out(look) == Report(days=4, recorded=False)
    days: Any = "7"
    assert carry_out(look, days) == Report(days=8, recorded=False), "parameters are validated as ever"
    with pytest.raises(Incomplete, match="a day is missing") as raised:
        carry_out(look, well=False)
    assert raised.value.report.days == 4
    report, ending = ended(look, well=False)
    assert (report.days, str(ending)) == (4, "a day is missing")


@pytest.mark.usefixtures("prefect_server")
def test_with_a_server_it_is_a_run() -> None:
    assert carry_out(look, 7) == Report(days=8, recorded=True)
    with pytest.raises(Incomplete, match="a day is missing"):
        carry_out(look, well=False)
