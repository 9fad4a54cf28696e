"""What can go wrong with the stack; shown as one line, or with the end of a log."""

from __future__ import annotations

from pathlib import Path

from tasks.errors import FinescaleError

TAIL_LINES = 15


class StackFault(FinescaleError):
    """The stack could not be brought up, or is not well."""


class PartFault(StackFault):
    """A part that did not start or has died: its name, what is wrong, its log and the log's end."""

    def __init__(self, part: str, what: str, log: Path) -> None:
        super().__init__(f"{part}: {what}; its log is {log}\n{tail(log)}")


def tail(log: Path) -> str:
    """The last lines of a log, indented."""
    if not log.is_file():
        return "    (nothing was logged)"
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:]
    return "\n".join(f"    {line}" for line in lines)
