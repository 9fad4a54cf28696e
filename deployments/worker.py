"""Prefect's worker of processes, that ends after a number of runs for a new one to be started in its place.

    python -m deployments.worker --pool cpu --name worker-cpu --limit 2 --queue live --queue default

Each run leaves about a megabyte in the worker that started it: with a look of catch-up every five minutes 300 MB a day.
It ends only while it runs nothing, and takes all of its own places first, so that no run can begin meanwhile. A worker
that is never idle goes on: a run that waits matters more than memory.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from contextlib import suppress
from uuid import uuid4

import anyio
import typer
from prefect.utilities.processutils import setup_signal_handlers_worker
from prefect.workers.process import ProcessWorker

EVERY = 0.2  # seconds between two looks
LAST_WORDS = 10.0  # seconds for what is still to be told to the server of a run whose place is free already
RUNS = 100  # 100 MB as it starts, 200 MB then


class Places:
    """The places of a worker for runs: how many have had one, and whether all can be taken away."""

    def __init__(self, limiter: anyio.CapacityLimiter) -> None:
        self._limiter = limiter
        self._seen: set[object] = set()

    def runs(self) -> int:
        """How many runs have had a place so far."""
        self._seen |= set(self._limiter.statistics().borrowers)
        return len(self._seen)

    def take_all(self) -> bool:
        """Take every place, in one step of the event loop, if nobody has one; else none."""
        if self._limiter.borrowed_tokens:
            return False
        for _ in range(int(self._limiter.total_tokens)):
            self._limiter.acquire_on_behalf_of_nowait(uuid4())
        return True


async def _worn(worker: ProcessWorker, runs: int) -> None:
    """Until so many runs have been had, and none is; from then on none begins."""
    while not worker.is_setup:
        await asyncio.sleep(EVERY)
    places = Places(worker.limiter)
    while places.runs() < runs or not places.take_all():
        await asyncio.sleep(EVERY)
    typer.echo(f"Worker {worker.name!r} has had {places.runs()} runs and is idle: ends, for a new one to start")
    await asyncio.sleep(LAST_WORDS)


async def work(worker: ProcessWorker, runs: int) -> None:
    """Be the worker until it is worn, or told to stop."""
    started, worn = asyncio.create_task(worker.start(printer=typer.echo)), asyncio.create_task(_worn(worker, runs))
    try:
        await asyncio.wait([started, worn], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (worn, started):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def main() -> None:
    """Read the arguments, and work."""
    reader = argparse.ArgumentParser(prog="worker", description=__doc__)
    reader.add_argument("--pool", required=True)
    reader.add_argument("--name", required=True)
    reader.add_argument("--queue", action="append", default=[], help="of the pool; all, if none is given")
    reader.add_argument("--limit", type=int, required=True, help="runs at once")
    reader.add_argument("--runs", type=int, default=RUNS, help="ends after so many, when it runs none")
    given = reader.parse_args()
    setup_signal_handlers_worker(os.getpid(), "the worker", typer.echo)
    worker = ProcessWorker(
        work_pool_name=given.pool, work_queues=given.queue, name=given.name, limit=given.limit,
    )  # fmt: skip
    with suppress(KeyboardInterrupt):  # what SIGTERM becomes
        asyncio.run(work(worker, given.runs))


if __name__ == "__main__":
    main()
