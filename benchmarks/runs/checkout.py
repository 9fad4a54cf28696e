"""Versions of finescale that can be run beside one another."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.shared.rounds import say

HERE = Path(__file__).parents[2]
BROUGHT = HERE / "build" / "releases"  # ignored by git
JOBS = ("benchmarks.runs.whole", "benchmarks.whole")  # the module that runs a job, newest first


@dataclass(frozen=True)
class Checkout:
    """A version of finescale, and the Python that has what it needs."""

    folder: Path
    python: str

    @property
    def job(self) -> str:
        """Its module that runs one job."""
        return next(m for m in JOBS if (self.folder / Path(*m.split("."))).with_suffix(".py").is_file())

    @property
    def program(self) -> str:
        """Its command line."""
        return str(Path(self.python).parent / "finescale")

    @property
    def commit(self) -> str:
        """Of its files."""
        return _git(self.folder, "describe", "--always", "--dirty")


def this() -> Checkout:
    """The version that asks."""
    return Checkout(HERE, sys.executable)


def other(name: str) -> Checkout:
    """A folder with a checkout and its .venv; or a commit, which is brought here with an environment of its own."""
    folder = Path(name).resolve()
    if not folder.is_dir():
        folder = BROUGHT / name
        if not folder.is_dir():
            say(f"{name}: a checkout in {folder}")
            folder.parent.mkdir(parents=True, exist_ok=True)
            _git(HERE, "clone", "--quiet", str(HERE), str(folder))
            _git(folder, "checkout", "--quiet", name)
        # whether it is whole make knows: a try that was broken off is gone on with
        say(f"{name}: an environment with what it pins")
        subprocess.run(["make", "--silent", "-C", str(folder), ".venv/.installed"], check=True)  # noqa: S603, S607
    return Checkout(folder, str(folder / ".venv/bin/python"))


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603
