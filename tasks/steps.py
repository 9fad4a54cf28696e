"""A step of the pipeline: a task of Prefect's inside of a flow's run; where there is no server, a call with retries."""

from __future__ import annotations

import functools
import logging
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

from tasks.disk import disk_in_a_line
from tasks.errors import FinescaleError, StoreNotReadable, in_a_line
from tasks.web.failures import is_transient

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

PAUSES = (5, 15, 30, 60, 120)  # seconds, 4 min in all: a store's server that is started anew is back by then

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger(__name__)


def is_worth_retrying(error: BaseException) -> bool:
    """Whether a server or a disk can have caused it. Bad input stays bad, and a slip of ours too.

    Sources and services of observations try by themselves for as long as they may, and then raise an error of ours.
    """
    if isinstance(error, FinescaleError):
        return isinstance(error, StoreNotReadable)
    return isinstance(error, Exception) and is_transient(error)


def _asked(_task: Any, _run: Any, state: State[Any]) -> bool:
    """The same, as Prefect asks."""
    try:
        state.result()
    except Exception as error:
        return is_worth_retrying(error)
    return False


class Step(Generic[P, R]):
    """A function as a step; `fn` is the function itself."""

    def __init__(self, fn: Callable[P, R], pauses: tuple[float, ...], options: dict[str, Any]) -> None:
        functools.update_wrapper(self, fn)
        self.fn, self._pauses, self._options = fn, pauses, options

    @functools.cached_property
    def _task(self) -> Any:
        """Prefect's, whose import takes a second: whoever is no flow's run does without."""
        from prefect import task

        pauses = self._pauses
        retries = {"retries": len(pauses), "retry_delay_seconds": list(pauses), "retry_condition_fn": _asked}
        return task(**self._options, **(retries if pauses else {"retries": 0}))(self.fn)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """By Prefect inside of a flow's run, with its limit of time and its record; else in this very call."""
        if _in_a_flow():
            found: R = self._task(*args, **kwargs)
            return found
        for pause in self._pauses:
            try:
                return self.fn(*args, **kwargs)
            except Exception as error:
                if not is_worth_retrying(error):
                    raise
                log.warning("%s: %s; again in %g s", self._options["name"], in_a_line(error), pause)
                time.sleep(pause)
        return self.fn(*args, **kwargs)


def _in_a_flow() -> bool:
    """Whether this is called inside of a flow's run: then Prefect is there."""
    context = sys.modules.get("prefect.context")
    return context is not None and context.FlowRunContext.get() is not None


def step(
    name: str, run_name: str, *, retries: int = len(PAUSES), timeout_seconds: float
) -> Callable[[Callable[P, R]], Step[P, R]]:
    """Make a function a step that is tried again, so many times, for what may pass.

    run_name: what Prefect shows of a run, with the function's arguments in braces. timeout_seconds: Prefect's; who runs
    a command without a server ends it himself.
    """
    options = {"name": name, "task_run_name": run_name, "timeout_seconds": timeout_seconds}
    # what a disk refuses is one line at once: neither a room nor a right comes by asking again
    return lambda fn: Step(disk_in_a_line(name)(fn), PAUSES[:retries], options)
