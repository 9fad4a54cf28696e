"""Prefect's engine for one run, in a copy of a process that has imported already what runs need.

As Prefect's worker does it, a run is a new Python that imports Prefect twice over, one after the other, then torch and
the rest: seconds of a run that computes for one. `multiprocessing`'s fork server makes the copies; each is a process of
its own, that can be killed as any other, and in a session of its own, so that a signal to the worker's group is not for
it. Of a worker that was killed runs go on to their end, as they do without this.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import runpy
import signal
import sys
from collections.abc import Mapping
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import anyio.to_thread
import prefect
from prefect.client.schemas.objects import FlowRun, State
from prefect.context import refresh_global_settings_context
from prefect.runner._control_channel import ControlChannel
from prefect.runner._process_manager import ProcessHandle

from deployments.processes import ROOT

AHEAD = "deployments.ahead"
PACKAGES = Path(prefect.__file__).parents[1]
CONTEXT = multiprocessing.get_context("forkserver")


def code() -> tuple[int, int]:
    """How many source files there are, and the newest change, of this checkout and among installed packages."""
    files = [f for room in ("deployments", "flows", "models", "tasks") for f in (ROOT / room).rglob("*.py")]
    return len(files), max(f.stat().st_mtime_ns for f in [*files, PACKAGES])


class Ahead:
    """The process that is copied; it is ready in seconds, and a run that comes earlier waits for it."""

    def __init__(self) -> None:
        self._code = code()
        CONTEXT.set_forkserver_preload([AHEAD])
        forkserver.ensure_running()

    def is_current(self) -> bool:
        """Whether it has imported what a new process would."""
        return code() == self._code


def engine(environment: dict[str, str], folder: str) -> None:
    """Be `python -m prefect.engine`, with this environment, in this folder."""
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    refresh_global_settings_context()
    sys.argv = ["prefect.engine"]
    sys.modules.pop("prefect.engine", None)  # it is run, as a new Python would
    try:
        runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()  # which a copy does not: Prefect's logs are sent there


class ForkStarter:
    """Starts one run; Prefect's `ProcessStarter`."""

    def __init__(self, environment: Mapping[str, str | None], folder: Path, channel: ControlChannel) -> None:
        self._environment, self._folder, self._channel = environment, folder, channel

    async def start(
        self,
        flow_run: FlowRun,
        task_status: anyio.abc.TaskStatus[ProcessHandle] = anyio.TASK_STATUS_IGNORED,
    ) -> None:
        """Start it, say so, and wait for its end."""
        run = {
            "PREFECT__FLOW_RUN_ID": str(flow_run.id),
            "PREFECT__ENABLE_CANCELLATION_AND_CRASHED_HOOKS": "false",
        }
        try:
            port, token = self._channel.register(flow_run.id)
        except RuntimeError:  # no channel: a cancelled run is killed without having been told why
            pass
        else:
            run |= {"PREFECT__CONTROL_PORT": str(port), "PREFECT__CONTROL_TOKEN": token}
        environment = {name: value for name, value in {**self._environment, **run}.items() if value is not None}
        process = CONTEXT.Process(target=engine, args=(environment, str(self._folder)), name=flow_run.name)
        try:
            await anyio.to_thread.run_sync(process.start)
            task_status.started(ProcessHandle(process))  # type: ignore[arg-type]  # of another start method than it names
            await anyio.wait_readable(process.sentinel)
            process.join()
        except BaseException:
            self._channel.unregister(flow_run.id)
            if process.pid is not None:
                process.terminate()
            raise


class NoHooks:
    """Prefect's `FlowRunHookRunner`, of flows that have no hooks: none is imported into the worker to ask it."""

    async def run_cancellation_hooks(self, flow_run: FlowRun, state: State[Any]) -> None:
        """None."""

    async def run_crashed_hooks(self, flow_run: FlowRun, state: State[Any]) -> None:
        """None."""
