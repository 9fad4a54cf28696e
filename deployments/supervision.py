"""Talks to the stack's supervisord: starts it, asks it, ends it, and ends what it may have left behind."""

from __future__ import annotations

import os
import subprocess
import time
import xmlrpc.client
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from supervisor.xmlrpc import SupervisorTransport

from deployments.errors import PartFault, StackFault
from deployments.parts import control_socket, program
from deployments.settings import MARK

FATAL, RUNNING = "FATAL", "RUNNING"
TRIES = 3  # starts that end at once, before `up` gives up; supervisor goes on


class Supervisor:
    """The supervisord of one stack folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def _rpc(self) -> Any:
        """A new connection a call: one that was refused cannot be used again."""
        transport = SupervisorTransport(None, None, serverurl=f"unix://{control_socket(self.folder)}")
        return xmlrpc.client.ServerProxy("http://localhost", transport=transport).supervisor

    def answers(self) -> bool:
        """True if it runs."""
        try:
            self._rpc.getState()
        except (OSError, xmlrpc.client.ProtocolError):
            return False
        return True

    def start(self, config: Path, environment: Mapping[str, str]) -> None:
        """Start it in the background; its parts do not start by themselves."""
        done = subprocess.run(
            [program("supervisord"), "-c", str(config)],
            env=dict(environment), capture_output=True, text=True, check=False,
        )  # fmt: skip
        deadline = time.monotonic() + 15
        while not self.answers():
            if done.returncode != 0 or time.monotonic() > deadline:
                output = (done.stdout + done.stderr).strip().replace("\n", " ")
                raise PartFault("supervisord", output or "does not answer", self.folder / "logs" / "supervisord.log")
            time.sleep(0.1)

    def states(self) -> dict[str, dict[str, Any]]:
        """What it says of each part: `statename`, `pid`, `start`, `logfile` and more."""
        return {info["name"]: info for info in self._rpc.getAllProcessInfo()}

    def start_part(self, name: str) -> None:
        """Start a part unless it runs; does not wait."""
        if self.states()[name]["statename"] not in (RUNNING, "STARTING", "BACKOFF"):
            self._rpc.startProcess(name, False)

    def wait(self, name: str, ready: Callable[[], bool], seconds: float) -> None:
        """Until `ready`; PartFault if the part dies again and again, or the time is over."""
        deadline, starts = time.monotonic() + seconds, set()
        while not ready():
            info = self.states()[name]
            log = Path(info["stdout_logfile"])
            starts.add(info["start"])
            if len(starts) > TRIES or info["statename"] == FATAL:
                raise PartFault(name, f"does not start ({info['spawnerr'] or info['description']})", log)
            if time.monotonic() > deadline:
                raise PartFault(name, f"not ready after {seconds:.0f} s ({info['description']})", log)
            time.sleep(0.2)

    def shutdown(self) -> None:
        """End all parts, last started first, then supervisord itself."""
        pid = self._rpc.getPID()
        for name, info in self.states().items():  # these need not wait for each other
            if name.startswith("worker") and info["statename"] in (RUNNING, "STARTING"):
                self._rpc.stopProcess(name, False)
        self._rpc.shutdown()
        try:
            psutil.Process(pid).wait(timeout=60)
        except psutil.NoSuchProcess:
            pass
        except psutil.TimeoutExpired:
            raise StackFault(f"supervisord (process {pid}) has not ended after 60 s") from None


def strays(folder: Path) -> list[psutil.Process]:
    """Processes that a stack of this folder started and that still run."""
    return [p for p in psutil.process_iter() if p.pid != os.getpid() and _mark(p) == str(folder)]


def _mark(process: psutil.Process) -> str | None:
    with suppress(psutil.Error, OSError):
        found: str | None = process.environ().get(MARK)
        return found
    return None


def end(processes: list[psutil.Process]) -> None:
    """TERM, and KILL to those that are still there three seconds later."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(processes, timeout=3)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=10)


def listeners(port: int) -> Iterator[str]:
    """Who listens on a port, as far as this user may know: `nginx (process 4711)`."""
    with suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:2] == (port,) and connection.pid:
                yield f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
                return
