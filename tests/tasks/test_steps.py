"""A step is tried again for what a server or a disk can cause, and for nothing else; with Prefect and without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from prefect import flow

from tasks import steps
from tasks.errors import BadInput, CycleNotReady, FinescaleError, IncompleteDownload, StoreNotReadable
from tasks.steps import PAUSES, is_worth_retrying, step


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (OSError(5, "Input/output error"), True),
        (ConnectionError("refused"), True),
        (StoreNotReadable("store: no answer"), True),
        (FinescaleError("of ours"), False),
        (BadInput("of ours"), False),
        (CycleNotReady("of ours: its source has waited already"), False),
        (IncompleteDownload("of ours: its source has tried already"), False),
        (TypeError("a slip"), False),
        (KeyError("a slip"), False),
        (AssertionError("a slip"), False),
        (ValueError("JSON that is cut"), False),
        (KeyboardInterrupt(), False),
    ],
    ids=repr,
)
def test_what_is_worth_a_retry(error: BaseException, again: bool) -> None:
    assert is_worth_retrying(error) == again


DISK, SLIP = OSError(5, "Input/output error"), TypeError("a slip")


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Any, list[str]]]:
    """A step that fails some times and then says what it was given; and what it was called with."""
    monkeypatch.setattr(steps, "PAUSES", (0.0,) * len(PAUSES))

    def make(error: Exception, times: int, retries: int = 2) -> tuple[Any, list[str]]:
        ran: list[str] = []

        @step("acquire", "acquire {what}", retries=retries, timeout_seconds=60)
        def acquire(what: str) -> str:
            """Fetch it."""
            ran.append(what)
            if len(ran) <= times:
                raise error
            return what

        return acquire, ran

    return make


@pytest.mark.parametrize(("error", "runs"), [(DISK, 3), (SLIP, 1)])
def test_without_prefect_it_is_tried_as_often(error: Exception, runs: int, failing: Any) -> None:
    made, ran = failing(error, 9)
    with pytest.raises(type(error)):
        made("wind")
    assert ran == ["wind"] * runs
    again, ran = failing(DISK, 2)
    assert again(what="wind") == "wind"
    assert len(ran) == 3


def test_it_is_still_the_function(failing: Any) -> None:
    made, ran = failing(DISK, 0)
    assert (made.__name__, made.__doc__, made.fn("rain"), ran) == ("acquire", "Fetch it.", "rain", ["rain"])


@pytest.mark.usefixtures("prefect_server")
@pytest.mark.parametrize(("error", "runs"), [(DISK, 3), (SLIP, 1)])
def test_inside_of_a_flow_prefect_asks_before_it_runs_a_step_again(error: Exception, runs: int, failing: Any) -> None:
    made, ran = failing(error, 9)

    @flow
    def both() -> None:
        made("wind")

    with pytest.raises(type(error)):
        both()
    assert len(ran) == runs
