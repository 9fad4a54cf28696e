"""Numbers of things in sentences for people."""

from __future__ import annotations


def counted(number: int, thing: str) -> str:
    """`1 cycle`, `2 cycles`, `0 cycles`; of words whose plural is with an s."""
    return f"{number} {thing}{'' if number == 1 else 's'}"
