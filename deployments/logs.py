"""Logs of the stack: kept small while their writers have them open."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

LARGEST = 10_000_000  # bytes
KEPT = 5


def rotate(folder: Path, largest: int = LARGEST, kept: int = KEPT) -> None:
    """Copy each log that has grown to `largest` bytes to NAME.log.1, NAME.log.1 to .2, and empty it.

    Emptied and not renamed: its writers append, and would go on in the file that has another name. What is written in
    the microseconds between the last look at its size and the emptying is lost.
    """
    for log in folder.glob("*.log"):
        with suppress(OSError):  # a full disk must not end who keeps the stack; the next look tries again
            if log.stat().st_size >= largest:
                _shift(log, kept)


def _shift(log: Path, kept: int) -> None:
    older = [log.with_name(f"{log.name}.{n}") for n in range(1, kept + 1)]
    older[-1].unlink(missing_ok=True)  # first: where the disk is full this makes room
    for younger, elder in reversed(list(pairwise(older))):
        if younger.is_file():
            younger.replace(elder)
    with log.open("r+b") as source, older[0].open("wb") as target:
        older[0].chmod(log.stat().st_mode & 0o777)
        while target.tell() < os.fstat(source.fileno()).st_size:  # until nothing has come while it was copied
            shutil.copyfileobj(source, target)
        source.truncate(0)
