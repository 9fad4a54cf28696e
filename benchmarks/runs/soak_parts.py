"""The soak's view of the stack's processes: which is which, what each holds, and how to kill one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

import psutil

from deployments.processes import MARK

# by command line, so that whatever keeps them is none of our business; SeaweedFS's parts are one process
STANDING = {
    "guard": re.compile(r"deployments\.guard keep"),
    "watch": re.compile(r"deployments\.guard watch"),
    "supervisord": re.compile(r"supervisord\b.* -c"),
    "postgres": re.compile(r"\bpostgres -D"),
    "s3": re.compile(r"\bweed server"),
    "server": re.compile(r"deployments\.prefect_server:app"),
    "worker-cpu": re.compile(r"--name worker-cpu\b"),
    "worker-backfill": re.compile(r"--name worker-backfill\b"),
    "worker-gpu": re.compile(r"--name worker-gpu-\d"),
}
# processes of runs, by the worker that started them
RUNS = {"worker-cpu": "run", "worker-gpu": "slab", "worker-backfill": "upkeep"}
FORK_SERVER = "fork-server"  # of a worker, which its runs are copies of, command line and all
FORKED = re.compile(r"multiprocessing\.forkserver")
KILLED = (*STANDING, FORK_SERVER, *RUNS.values())


def part_of(line: str) -> str | None:
    """Which part of the stack a command line is; None for what parts start for themselves."""
    return next((name for name, pattern in STANDING.items() if pattern.search(line)), None)


def of_stack(folder: str) -> Iterator[tuple[str, psutil.Process]]:
    """Its processes, each with the part that it is; those that parts start for themselves are left out."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == folder and (name := _name(process)) is not None:
                yield name, process


def _name(process: psutil.Process) -> str | None:
    line = _line(process)
    parent = process.parent() if FORKED.search(line) else None
    if parent is None:
        return part_of(line)
    if part_of(_line(parent)) is not None:
        return FORK_SERVER
    worker = parent.parent() if FORKED.search(_line(parent)) else None
    return RUNS.get(part_of(_line(worker)) or "") if worker is not None else None


def _line(process: psutil.Process) -> str:
    return " ".join(process.cmdline())


def missing(folder: str) -> set[str]:
    """Standing parts that do not run; all, where nothing does."""
    return set(STANDING) - {name for name, _ in of_stack(folder)}


def kill(part: str, folder: str, which: float) -> bool:
    """SIGKILL to one of a part's processes (`which`: 0 to 1, of their list); False if it does not run just now."""
    found = [process for name, process in of_stack(folder) if name == part]
    if not found:
        return False
    with suppress(psutil.Error):
        found[int(which * len(found))].kill()
        return True
    return False


def usage(folder: str) -> dict[str, dict[str, float]]:
    """Of each part: processes, memory in MB, descriptors."""
    found: dict[str, dict[str, float]] = {}
    for part, process in of_stack(folder):
        with suppress(psutil.Error):
            mine = found.setdefault(part, {"processes": 0, "MB": 0.0, "descriptors": 0})
            mine["processes"] += 1
            mine["MB"] = round(mine["MB"] + process.memory_info().rss / 1e6, 1)
            mine["descriptors"] += process.num_fds()
    return found
