"""The soak's view of the stack's processes: which is which, what each holds, and how to kill one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

import psutil

from deployments.settings import MARK

# by command line, so that whatever keeps them is none of our business
PARTS = {
    "keeper": re.compile(r"supervisord\b"),
    "postgres": re.compile(r"postgres .*-D|bin/postgres\b"),
    "s3": re.compile(r"\bweed\b.* server"),
    "server": re.compile(r"prefect server start"),
    "worker": re.compile(r"worker start --pool cpu"),
    "slab worker": re.compile(r"worker start --pool gpu"),
    "run": re.compile(r"prefect\.(flow_engine|engine)|flow-run execute"),
}
KILLED = tuple(PARTS)


def of_stack(folder: str) -> Iterator[tuple[str, psutil.Process]]:
    """Its processes, each with the part that it is; those that parts start for themselves are left out."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(MARK) != folder:
                continue
            line = " ".join(process.cmdline())
            part = next((name for name, pattern in PARTS.items() if pattern.search(line)), None)
            if part is not None:
                yield part, process


def kill(part: str, folder: str) -> bool:
    """SIGKILL to a part; False if it does not run just now, as a run or what is being started again."""
    for name, process in of_stack(folder):
        if name == part:
            with suppress(psutil.Error):
                process.kill()
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
