"""What a program takes: seconds, and the peak of memory over all of its processes."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

HERTZ = 20
NEWS = 1 << 20  # bytes more than before, from which a new peak is looked at
ORCHESTRATION = "prefect.server"  # in the command line of Prefect's own processes


@dataclass
class Usage:
    """Seconds from start to end, and bytes at the peak over all processes.

    `pss`: proportional set size, memory that processes share counted once. `uss`: what they share with none.
    `job`: PSS without the processes of Prefect's server. The three are read HERTZ times a second at most, whenever
    resident memory is higher than before: reading them walks all pages, and would slow down what is measured.
    `largest_rss`: highest resident size of any one process, as the kernel kept it; shared libraries included. Not
    `ru_maxrss`, which begins with that of whoever started the program.
    """

    seconds: float = 0.0
    pss: int = 0
    uss: int = 0
    job: int = 0
    largest_rss: int = 0
    processes: int = 0

    def to_dict(self) -> dict[str, float]:
        """As plain numbers."""
        return asdict(self)


def high_water(pid: int) -> int:
    """Largest resident size of a process so far, bytes; Linux."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 if "VmHWM:" in status else 0  # none: it has ended


class _Sampler(threading.Thread):
    """Watches a process and its children, until told to stop."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.root, self.usage, self.ended = psutil.Process(pid), Usage(), threading.Event()
        self._servers: dict[int, bool] = {}
        self._highest = 0

    def run(self) -> None:
        while not self.ended.wait(1 / HERTZ):
            self._sample()

    def _sample(self) -> None:
        pss = uss = job = count = 0
        try:
            tree = [self.root, *self.root.children(recursive=True)]
            resident = sum(p.memory_info().rss for p in tree)
            self.usage.largest_rss = max(self.usage.largest_rss, *(high_water(p.pid) for p in tree))
        except (psutil.Error, OSError):  # one has ended meanwhile
            return
        if resident < self._highest + NEWS:
            return
        self._highest = resident
        for process in tree:
            try:
                memory = process.memory_full_info()
                server = self._is_server(process)
            except psutil.Error:  # ended meanwhile
                continue
            pss, uss, count = pss + memory.pss, uss + memory.uss, count + 1
            job += 0 if server else memory.pss
        u = self.usage
        u.pss, u.uss, u.job = max(u.pss, pss), max(u.uss, uss), max(u.job, job)
        u.processes = max(u.processes, count)

    def _is_server(self, process: psutil.Process) -> bool:
        if process.pid not in self._servers:
            self._servers[process.pid] = process.pid != self.root.pid and ORCHESTRATION in " ".join(process.cmdline())
        return self._servers[process.pid]


def run_measured(
    command: list[str], log: Path, environment: dict[str, str] | None = None, cwd: Path | None = None
) -> Usage:
    """Run a program to its end; Linux. RuntimeError with the end of its log if it fails."""
    began = time.monotonic()
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603
            command, stdout=out, stderr=out, cwd=cwd, env=os.environ | (environment or {}), start_new_session=True
        )
        sampler = _Sampler(process.pid)
        sampler.start()
        process.wait()
    seconds = time.monotonic() - began
    sampler.ended.set()
    sampler.join()
    if process.returncode:
        said = log.read_text(errors="replace").strip().splitlines() or ["no word"]
        name = " ".join(Path(part).name for part in command[:5])
        raise RuntimeError(f"{name} ... ended with {process.returncode}: {said[-1]}")
    sampler.usage.seconds = round(seconds, 3)
    return sampler.usage
