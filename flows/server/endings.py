"""Flows that did their work and found something wrong: failed on the server, and their report is still handed out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar

from prefect.states import Completed, Failed
from pydantic import BaseModel

from flows.server.carry_out import carry_out
from tasks.errors import FinescaleError

Report = TypeVar("Report", bound=BaseModel)
P = ParamSpec("P")


class EndedBadly(FinescaleError, Generic[Report]):
    """What was wrong in the end, in one line, and the report of all that was done; `exit_code` as of any error."""

    def __init__(self, message: str, report: Report) -> None:
        super().__init__(message, report)  # both are `args`: what Prefect pickles
        self.report = report

    def __str__(self) -> str:
        return str(self.args[0])


def completed(report: BaseModel, message: str) -> Any:
    """The last state of a run that went well: callers get the report, the server shows the message."""
    return Completed(data=report, message=message)


def failed(ending: EndedBadly[Any]) -> Any:
    """The last state of a run that did not: the server shows its message, callers get it raised, the report in it.

    It is returned and not raised by the flow: the run did all it had to, there is no traceback to show for it. The
    report alone cannot be the state's data: Prefect raises what is there, and must have an error to raise.
    """
    return Failed(data=ending, message=str(ending))


def ended(flow: Callable[P, Report], *args: P.args, **kwargs: P.kwargs) -> tuple[Report, EndedBadly[Report] | None]:
    """Run a flow to its end: its report, and how it ended badly if it did. Any other error is raised."""
    try:
        return carry_out(flow, *args, **kwargs), None
    except EndedBadly as ending:
        return ending.report, ending
