"""Prefect's worker of processes: runs start warm, and it ends after a number of them for a new one in its place.

    python -m deployments.worker --pool cpu --name worker-cpu --limit 2 --queue live --queue default

A run is a copy of a process that has imported all it needs (`deployments/forked.py`). Each run leaves a megabyte in
the worker: with a look of catch-up every five minutes 300 MB a day. It ends only while it runs nothing, and takes all
of its own places first, so that no run can begin meanwhile. A worker that is never idle goes on: a run that waits
matters more than memory.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import tempfile
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import anyio
import typer
from prefect.client.schemas.objects import FlowRun
from prefect.runner._control_channel import ControlChannel
from prefect.runner._flow_run_executor import FlowRunExecutionResult, FlowRunExecutorContext
from prefect.runner._process_manager import ProcessHandle
from prefect.runner._starter_engine import EngineCommandStarter
from prefect.utilities.processutils import setup_signal_handlers_worker
from prefect.workers.process import ProcessJobConfiguration, ProcessWorker, ProcessWorkerResult

from deployments.forked import Ahead, ForkStarter, NoHooks

EVERY = 0.2  # seconds between two looks
LAST_WORDS = 10.0  # seconds for what is still to be told to the server of a run whose place is free already
RUNS = 100  # 100 MB as it starts, 200 MB then


class Worker(ProcessWorker):
    """Prefect's, whose runs are copies of a process that is warm; new Pythons, where code has changed meanwhile."""

    ahead: Ahead
    is_outdated = False

    @classmethod
    def __dispatch_key__(cls) -> str:  # its type stays Prefect's own, which this does not replace
        return "warm process"

    async def run(
        self,
        flow_run: FlowRun,
        configuration: ProcessJobConfiguration,
        task_status: anyio.abc.TaskStatus[int] | None = None,
    ) -> ProcessWorkerResult:
        """Run it to its end."""
        with tempfile.TemporaryDirectory(suffix="prefect") as folder:
            async with FlowRunExecutorContext() as context:
                starter = self._starter(configuration, Path(folder), context.control_channel)
                executor = context.create_executor(flow_run, starter, propose_submitting=False, hook_runner=NoHooks())
                ended: FlowRunExecutionResult | None = None

                async def execute(*, task_status: anyio.abc.TaskStatus[ProcessHandle]) -> None:
                    nonlocal ended
                    ended = await executor.submit(task_status=task_status)

                async with anyio.create_task_group() as group:
                    handle = await group.start(execute)
                    if task_status is not None:
                        task_status.started(handle.pid)
        if ended is None or ended.status_code is None:
            raise RuntimeError("the run's process did not start")
        return ProcessWorkerResult(status_code=ended.status_code, identifier=str(ended.handle.pid))

    def _starter(
        self, configuration: ProcessJobConfiguration, folder: Path, channel: ControlChannel
    ) -> ForkStarter | EngineCommandStarter:
        if self.ahead.is_current():
            return ForkStarter(configuration.env, folder, channel)
        self.is_outdated = True
        return EngineCommandStarter(
            command=configuration.command, cwd=folder, env=configuration.env, control_channel=channel
        )


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


async def _worn(worker: Worker, runs: int) -> None:
    """Until so many runs have been had, and none is; from then on none begins."""
    while not worker.is_setup:
        await asyncio.sleep(EVERY)
    places = Places(worker.limiter)
    while (places.runs() < runs and not worker.is_outdated) or not places.take_all():
        await asyncio.sleep(EVERY)
    why = "runs other code than there is now" if worker.is_outdated else f"has had {places.runs()} runs"
    typer.echo(f"Worker {worker.name!r} {why} and is idle: ends, for a new one to start")
    await asyncio.sleep(LAST_WORDS)


async def work(worker: Worker, runs: int) -> None:
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
    reader.add_argument("--name", help="by default that of the pool and of this machine")
    reader.add_argument("--queue", action="append", default=[], help="of the pool; all, if none is given")
    reader.add_argument("--limit", type=int, required=True, help="runs at once")
    reader.add_argument("--runs", type=int, default=RUNS, help="ends after so many, when it runs none")
    given = reader.parse_args()
    setup_signal_handlers_worker(os.getpid(), "the worker", typer.echo)
    name = given.name or f"{given.pool}-{socket.gethostname()}"
    worker = Worker(work_pool_name=given.pool, work_queues=given.queue, name=name, limit=given.limit)
    worker.ahead = Ahead()
    with suppress(KeyboardInterrupt):  # what SIGTERM becomes
        asyncio.run(work(worker, given.runs))


if __name__ == "__main__":
    main()
