"""Keeps who keeps the stack: starts supervisord, and starts it again whenever and however it ends.

    python -m deployments.guard keep FOLDER [--standby]      started by `make up`, or by systemd (with --standby)
    python -m deployments.guard watch FOLDER                 a part of supervisord's: starts a guard if there is none

So either of the two brings the other back. One guard at a time: it holds a lock that the system frees when it dies.
What a dead supervisord has left is ended before the next one starts: its parts hold ports and data folders, and a
supervisord can take none over. Who watches is ended last, when the next one is there: a guard that dies in between
is replaced as well. `FOLDER/wanted` is there while the stack is to run; `make down` removes it first.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from deployments import logs
from deployments.processes import ROOT, alive, end, ended, names_of, program, strays

EVERY = 0.5  # seconds between two looks
LOGS_EVERY = 30.0
LONGEST_PAUSE = 30.0  # seconds between two starts that end at once
STEADY = 10.0  # seconds that a start is to last, to be followed by one without a pause


def wanted(folder: Path) -> Path:
    """The file that is there while the stack is to run."""
    return folder / "wanted"


def _lock(folder: Path) -> FileLock:
    return FileLock(folder / "guard.lock")


def is_guarded(folder: Path) -> bool:
    """True if a guard keeps this stack."""
    if not folder.is_dir():
        return False
    try:
        with _lock(folder).acquire(timeout=0):
            return False
    except Timeout:
        return True


def command(role: str, folder: Path) -> list[str]:
    """How a guard is started, from the project's root."""
    return [sys.executable, "-m", "deployments.guard", role, str(folder)]


def start(folder: Path) -> None:
    """A guard that outlives its starter and the terminal; its words are in logs/guard.log."""
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    with (folder / "logs" / "guard.log").open("ab") as log:
        subprocess.Popen(
            command("keep", folder),
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip


def supervisord(folder: Path) -> psutil.Process | None:
    """The one that runs, whoever started it."""
    config = str(folder / "supervisord.conf")
    for process in strays(folder):
        with suppress(psutil.Error):
            words = process.cmdline()
            if config in words and any(Path(w).name == "supervisord" for w in words):
                return process
    return None


def _write(what: str) -> None:
    with suppress(OSError):  # a full disk must not end who keeps the stack
        line = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} guard {os.getpid()}: {what}\n"
        os.write(1, line.encode())


def _forget_dead_postgres(folder: Path) -> None:
    """PostgreSQL refuses to start while its pid file names a living process, and ids are given out again."""
    file = folder / "postgres" / "postmaster.pid"
    try:
        found = psutil.Process(int(file.read_text().split()[0]))
        if "postgres" in found.name():
            return  # somebody's who is not of this stack: it is right to refuse
    except (psutil.NoSuchProcess, ValueError, IndexError):
        pass
    except (OSError, psutil.Error):
        return
    file.unlink(missing_ok=True)


def _begin(folder: Path) -> psutil.Popen:
    found = [p for p in strays(folder) if not _is(p, "keep")]  # a guard on standby holds nothing
    watches = [p for p in found if _is(p, "watch")]
    if orphans := [p for p in found if p not in watches]:
        _write(f"ends what an earlier supervisord has left: {names_of(orphans)}")
        end(orphans)
    _forget_dead_postgres(folder)
    process = psutil.Popen(
        [program("supervisord"), "--nodaemon", "--silent", "-c", str(folder / "supervisord.conf")],
        cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    end(watches)
    return process


def _follow(process: psutil.Process, folder: Path) -> None:
    """Until it ends; logs are kept small meanwhile."""
    looked = time.monotonic()
    while _lives(process):
        time.sleep(EVERY)
        if time.monotonic() - looked > LOGS_EVERY:
            logs.rotate(folder / "logs")
            looked = time.monotonic()


def _lives(process: psutil.Process) -> bool:
    if isinstance(process, psutil.Popen):  # a child of this one, to be waited for
        return process.poll() is None
    return alive(process)


def keep(folder: Path, standby: bool) -> None:
    """Keep supervisord while the stack is wanted; on standby, wait for one's turn where another keeps it."""
    lock = _lock(folder)
    while True:
        try:
            lock.acquire(timeout=3, poll_interval=EVERY)
            break
        except Timeout:
            if not standby or not wanted(folder).exists():
                return
    pause = 1.0
    while wanted(folder).exists():
        found = supervisord(folder)
        began = time.monotonic()
        try:
            process = found or _begin(folder)
        except (OSError, psutil.Error) as error:  # no memory, no process to be had: a moment later there may be
            _write(f"supervisord could not be started: {error}")
            time.sleep(LONGEST_PAUSE)
            continue
        _write(f"{'goes on with' if found else 'has started'} supervisord {process.pid}")
        _follow(process, folder)
        if not wanted(folder).exists():
            break
        _write(f"supervisord {process.pid} has ended")
        if time.monotonic() - began < STEADY:
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        else:
            pause = 1.0
    _write("not wanted any more")


def watch(folder: Path) -> None:
    """Start a guard whenever there is none."""
    while True:
        with _lock(folder).acquire(poll_interval=EVERY):
            pass  # whoever held it is gone
        if wanted(folder).exists():
            _write("there is no guard: starts one")
            start(folder)
        deadline = time.monotonic() + 10
        while not is_guarded(folder) and time.monotonic() < deadline:
            time.sleep(EVERY)


def leave(folder: Path, seconds: float = 10) -> None:
    """Wait until the guards of a stack not wanted have ended by themselves: systemd revives one that is killed."""
    guards = [p for p in strays(folder) if _is(p, "keep")]
    ended(guards, seconds)


def _is(process: psutil.Process, role: str) -> bool:
    with suppress(psutil.Error):
        return "deployments.guard" in process.cmdline() and role in process.cmdline()
    return False


def main() -> None:
    """Of the two roles, the one that is named."""
    os.umask(0o077)
    role, folder = sys.argv[1], Path(sys.argv[2])
    if role == "watch":
        watch(folder)
    else:
        keep(folder, standby="--standby" in sys.argv[3:])


if __name__ == "__main__":
    main()
