"""Talks to the stack's supervisord: asks it, starts parts, ends it."""

from __future__ import annotations

import http.client
import time
import xmlrpc.client
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from supervisor.xmlrpc import SupervisorTransport

from deployments.errors import PartFault, StackFault
from deployments.processes import ended, socket_path

FATAL, RUNNING = "FATAL", "RUNNING"
TRIES = 3  # starts that end at once, before `up` gives up; supervisor goes on


@contextmanager
def _one_line() -> Iterator[None]:
    try:
        yield
    except xmlrpc.client.Fault as fault:
        if "ALREADY_STARTED" not in fault.faultString:
            raise StackFault(f"supervisord refuses: {fault.faultString}") from None
    except (OSError, xmlrpc.client.ProtocolError, http.client.HTTPException) as error:
        raise StackFault(f"supervisord has ended meanwhile ({error}); its guard starts it, try again") from None


class Supervisor:
    """The supervisord of one stack folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def _rpc(self) -> Any:
        """A new connection a call: one that was refused cannot be used again."""
        transport = SupervisorTransport(None, None, serverurl=f"unix://{socket_path(self.folder, 'supervisor')}")
        return xmlrpc.client.ServerProxy("http://localhost", transport=transport).supervisor

    def answers(self) -> bool:
        """True if it runs."""
        try:
            self._rpc.getState()
        except (OSError, xmlrpc.client.ProtocolError, http.client.HTTPException):
            return False
        return True

    def answers_within(self, seconds: float) -> bool:
        """True as soon as it answers."""
        deadline = time.monotonic() + seconds
        while not self.answers():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True

    def states(self) -> dict[str, dict[str, Any]]:
        """What it says of each part: `statename`, `pid`, `start`, `logfile` and more; StackFault if it has gone."""
        with _one_line():
            return {info["name"]: info for info in self._rpc.getAllProcessInfo()}

    def start_part(self, name: str) -> None:
        """Start a part unless it runs; does not wait."""
        if self.states()[name]["statename"] not in (RUNNING, "STARTING", "BACKOFF"):
            with _one_line():
                self._rpc.startProcess(name, False)

    def stop_part(self, name: str) -> None:
        """End a part, and wait until it has ended."""
        with _one_line():
            if self.states()[name]["statename"] in (RUNNING, "STARTING", "BACKOFF"):
                self._rpc.stopProcess(name, True)

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
        with _one_line():
            process = psutil.Process(self._rpc.getPID())
            for name, info in self.states().items():  # these need not wait for each other
                if name.startswith("worker") and info["statename"] in (RUNNING, "STARTING"):
                    self._rpc.stopProcess(name, False)
            self._rpc.shutdown()
        if not ended([process], 60):
            raise StackFault(f"supervisord (process {process.pid}) has not ended after 60 s")
