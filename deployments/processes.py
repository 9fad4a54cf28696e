"""Processes of a stack, found by the mark in their environment: which live, how they end, who listens on a port."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
# In the environment of every process that a stack started, and of theirs: none of them is forgotten, whoever killed
# its parent.
MARK = "FINESCALE_STACK_PROCESS"


def program(name: str) -> str:
    """Path of a program of this environment."""
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.is_file() else shutil.which(name) or name


def socket_path(folder: Path, name: str) -> Path:
    """A Unix socket of the stack; elsewhere if the folder's path is longer than a socket's may be."""
    here = folder / f"{name}.sock"
    if len(str(here)) < 100:
        return here
    return (
        Path(tempfile.gettempdir()) / f"finescale-{hashlib.sha256(str(folder).encode()).hexdigest()[:12]}-{name}.sock"
    )


def strays(folder: Path) -> list[psutil.Process]:
    """Processes that a stack of this folder started and that still run, but for the one that asks."""
    return [p for p in psutil.process_iter() if p.pid != os.getpid() and _mark(p) == str(folder)]


def _mark(process: psutil.Process) -> str | None:
    with suppress(psutil.Error, OSError):
        found: str | None = process.environ().get(MARK)
        return found
    return None


def alive(process: psutil.Process) -> bool:
    """True while it runs: one that has ended and that nobody has waited for (a container's first process) does not."""
    with suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def ended(processes: Iterable[psutil.Process], seconds: float) -> bool:
    """Wait for them to end by themselves; false if one has not."""
    deadline = time.monotonic() + seconds
    while any(alive(p) for p in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def end(processes: list[psutil.Process]) -> None:
    """TERM, and KILL to those that are still there three seconds later."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    if ended(processes, 3):
        return
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    ended(processes, 10)


def names_of(processes: list[psutil.Process]) -> str:
    """The first few, for a message: `postgres 411, weed 412`."""
    found = []
    for process in processes[:6]:
        with suppress(psutil.Error):
            found.append(f"{process.name()} {process.pid}")
    more = len(processes) - len(found)
    return ", ".join(found) + (f" and {more} more" if more > 0 else "")


def listeners(port: int) -> Iterator[str]:
    """Who listens on a port, as far as this user may know: `nginx (process 4711)`."""
    with suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:2] == (port,) and connection.pid:
                yield f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
                return
