"""When a task is worth trying again."""

from __future__ import annotations

from typing import Any

from prefect.client.schemas.objects import State

from tasks.errors import FinescaleError


def worth_retrying(_task: Any, _run: Any, state: State[Any]) -> bool:
    """Not for errors of ours: bad input stays bad, and a source tries by itself for as long as it may."""
    try:
        state.result()
    except FinescaleError:
        return False
    except Exception:
        return True
    return False
