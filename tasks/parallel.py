"""Work in several threads, a few items ahead of whoever takes the results: for C code that lets other threads run."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_order(calls: Iterable[Callable[[], T]], threads: int | None = None) -> Iterator[T]:
    """Results in the calls' order; never more than twice as many calls as threads are in memory.

    What was begun is done to its end, also after an error: a call may hold what it has to give back.
    """
    count = threads or cores()
    if count == 1:
        yield from (call() for call in calls)
        return
    ahead: deque[Future[T]] = deque()
    with ThreadPoolExecutor(count) as pool:
        for call in calls:
            ahead.append(pool.submit(call))
            if len(ahead) >= 2 * count:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
