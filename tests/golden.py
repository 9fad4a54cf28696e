"""Texts kept beside the tests, so that a change of what is written shows in review.

`pytest --write-golden tests/tasks/store/test_metadata.py` writes them; then look at the difference that git shows.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

WIDTH = 110


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-golden", action="store_true", help="write the texts in tests/**/golden anew")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, Any], None]:
    """Holds JSON against a file of folder golden beside the test."""

    def hold(name: str, found: Any) -> None:
        file = request.path.parent / "golden" / name
        if request.config.getoption("--write-golden"):
            file.parent.mkdir(exist_ok=True)
            file.write_text(readable(found) + "\n")
        assert file.is_file(), f"there is no {file.name} yet: pytest --write-golden"
        kept = json.loads(file.read_text())
        assert found == kept, "if that is meant: pytest --write-golden, and look at the difference in git"

    return hold


def readable(value: Any, depth: int = 0) -> str:
    """JSON of which a line holds what fits on it."""
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or len(line) + 2 * depth <= WIDTH:
        return line
    inner, outer = "  " * (depth + 1), "  " * depth
    if isinstance(value, dict):
        parts = [f"{json.dumps(key)}: {readable(value[key], depth + 1)}" for key in value]
    else:
        parts = [readable(item, depth + 1) for item in value]
    begin, end = "{}" if isinstance(value, dict) else "[]"
    return f"{begin}\n{inner}" + f",\n{inner}".join(parts) + f"\n{outer}{end}"


def documents(folder: Path, name: str) -> dict[str, Any]:
    """All JSON files of a name below a folder, by the folder that they are in."""
    return {str(f.parent.relative_to(folder)): json.loads(f.read_text()) for f in sorted(folder.rglob(name))}
