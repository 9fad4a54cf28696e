"""What people take out is never written over what they gave."""

from __future__ import annotations

from pathlib import Path

from tasks.errors import BadInput


def assert_not_given(output: str | Path, *given: str | Path | None) -> None:
    """BadInput where `output` is one of the files that are read: --force replaces results, not their input."""
    target = Path(output).expanduser().resolve()
    if any(g is not None and Path(g).expanduser().resolve() == target for g in given):
        raise BadInput(f"{output} is a file that is read here, and would be lost; write to another")
