"""How Prefect retries a task: which errors are worth it, and the one row of pauses."""

from __future__ import annotations

from typing import Any

from prefect.client.schemas.objects import State

from tasks.errors import FinescaleError, StoreNotReadable
from tasks.web.failures import is_transient

PAUSES = (5, 15, 30, 60, 120)  # seconds, 4 min in all: a store's server that is started anew is back by then


def worth_retrying(_task: Any, _run: Any, state: State[Any]) -> bool:
    """For what a server or a disk can cause. Bad input stays bad, and a slip of ours too.

    Sources and services of observations try by themselves for as long as they may, and then raise an error of ours.
    """
    try:
        state.result()
    except FinescaleError as error:
        return isinstance(error, StoreNotReadable)
    except Exception as error:
        return is_transient(error)
    return False


def retried(times: int = len(PAUSES)) -> dict[str, Any]:
    """Options of a task that is tried again, up to so many times."""
    return {
        "retries": times,
        "retry_delay_seconds": list(PAUSES[:times]),
        "retry_condition_fn": worth_retrying,
    }
