"""Asking again what gets no answer yet: pauses that grow, an end in time, a server's Retry-After. tenacity turns it.

Which failures are worth that is said where the question is asked: by raising NotYet. All else goes up at once.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_exponential

T = TypeVar("T")

LINE_EVERY = 120.0  # seconds


class NotYet(Exception):
    """There is no answer, or not the one that is waited for: why, and how many seconds to leave who was asked alone."""

    def __init__(self, why: str, wait: float | None = None) -> None:
        super().__init__(why)
        self.why, self.wait = why, wait


class PatienceEnded(Exception):
    """What was asked for did not come in time, or not in so many tries; `last` says why the last one gave nothing."""

    def __init__(self, last: NotYet, tries: int, seconds: float) -> None:
        super().__init__(f"{last.why}, {tries} times in {seconds:.0f} s")
        self.last, self.tries, self.seconds = last, tries, seconds


class Deadline:
    """An end in time, by a clock that nobody sets."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds, never below zero."""
        return max(0.0, self._end - time.monotonic())

    def within(self, seconds: float) -> Deadline:
        """The end of so many seconds from now, or this one if it is sooner."""
        return Deadline(min(seconds, self.left))


def spread(seconds: float, share: float = 0.2) -> float:
    """A pause made longer by chance, up to that share, so that many who wait do not come back at one moment."""
    return seconds * random.uniform(1.0, 1.0 + share)  # noqa: S311


@dataclass(frozen=True)
class Patience:
    """Pauses between two tries, seconds: from `first`, times `growth` each, up to `longest`.

    What NotYet asks for counts where it is longer; with `first` of 0 nothing else does.
    """

    first: float = 0.0
    longest: float = 0.0
    growth: float = 2.0
    jitter: float = 0.0  # the share that `spread` may add

    def ask(
        self,
        question: Callable[[], T],
        deadline: Deadline,
        *,
        tries: int | None = None,
        tell: Callable[[NotYet, float], None] | None = None,
    ) -> T:
        """The answer to a question that raises NotYet while there is none.

        A pause that would reach the deadline is not begun: then, and after so many tries, PatienceEnded. What else the
        question raises goes up as it is. `tell` hears why, and for how long, before each pause; in one that is longer
        than LINE_EVERY again and again: who waits is not to look as one that hangs.
        """
        reason: list[NotYet] = []
        began = time.monotonic()

        def last(state: RetryCallState) -> NotYet:
            assert state.outcome is not None
            error = state.outcome.exception()
            assert isinstance(error, NotYet)
            return error

        def pause(state: RetryCallState) -> float:
            own = wait_exponential(multiplier=self.first, exp_base=self.growth, max=self.longest)(state)
            return spread(max(own, last(state).wait or 0.0), self.jitter)

        def ended(state: RetryCallState) -> bool:
            return state.attempt_number == tries or state.upcoming_sleep >= deadline.left

        def before_pause(state: RetryCallState) -> None:
            reason[:] = [last(state)]
            if tell is not None:
                tell(reason[0], state.upcoming_sleep)

        def sleep(seconds: float) -> None:
            end = time.monotonic() + seconds
            while (rest := end - time.monotonic()) > LINE_EVERY:
                time.sleep(LINE_EVERY)
                if tell is not None:
                    tell(reason[0], max(0.0, end - time.monotonic()))
            time.sleep(max(0.0, rest))

        def give_up(state: RetryCallState) -> T:
            raise PatienceEnded(last(state), state.attempt_number, time.monotonic() - began) from last(state)

        return Retrying(
            retry=retry_if_exception_type(NotYet),
            wait=pause,
            stop=ended,
            before_sleep=before_pause,
            sleep=sleep,
            retry_error_callback=give_up,
        )(question)
