"""A task is tried again for what a server or a disk can cause, and for nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from prefect import flow, task
from prefect.states import Completed, Failed

from tasks.errors import BadInput, CycleNotReady, FinescaleError, IncompleteDownload, StoreNotReadable
from tasks.web.task_retries import PAUSES, retried, worth_retrying


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
    ],
    ids=repr,
)
def test_what_is_worth_a_retry(error: Exception, again: bool) -> None:
    assert worth_retrying(None, None, Failed(data=error)) == again


def test_what_went_well_is_not_tried_again() -> None:
    assert not worth_retrying(None, None, Completed())


def test_pauses_are_as_many_as_retries() -> None:
    assert retried()["retries"] == len(PAUSES) == len(retried()["retry_delay_seconds"])
    assert retried(2) == {"retries": 2, "retry_delay_seconds": [5, 15], "retry_condition_fn": worth_retrying}


@pytest.mark.usefixtures("prefect_server")
@pytest.mark.parametrize(("error", "runs"), [(OSError(5, "Input/output error"), 3), (TypeError("a slip"), 1)])
def test_prefect_asks_before_it_runs_a_task_again(error: Exception, runs: int) -> None:
    ran: list[int] = []
    options: dict[str, Any] = retried(2) | {"retry_delay_seconds": 0}

    @task(**options)
    def step() -> None:
        ran.append(1)
        raise error

    @flow
    def steps() -> None:
        step()

    with pytest.raises(type(error)):
        steps()
    assert len(ran) == runs
