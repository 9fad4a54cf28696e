"""`finescale serve` where it cannot: one line each, with the remedy. What it serves: tests/tasks/page."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.page.serve import listen
from tests.flows.conftest import CommandLine


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the bundle is looked for; there is none yet."""
    folder = tmp_path / "dist"
    monkeypatch.setattr("tasks.page.BUNDLE", folder)
    return folder


def test_page_that_is_not_built_says_how_to_build_it(tmp_path: Path, page: Path, finescale: CommandLine) -> None:
    answer = finescale("serve", "--store", tmp_path)
    assert (answer.exit_code, answer.output.count("\n")) == (1, 1)
    assert "make page" in answer.output
    assert "Node.js 20" in answer.output


def test_wrong_store_and_taken_port_are_one_line_each(tmp_path: Path, page: Path, finescale: CommandLine) -> None:
    page.mkdir()
    (page / "index.html").write_text("<!doctype html>")
    answer = finescale("serve", "--store", tmp_path / "nowhere")
    assert (answer.exit_code, answer.output.count("\n")) == (2, 1)
    assert "no such folder" in answer.output
    with listen("127.0.0.1", 0) as taken:
        answer = finescale("serve", "--store", tmp_path, "--port", str(taken.getsockname()[1]))
    assert (answer.exit_code, answer.output.count("\n")) == (2, 1)
    assert "choose another --port" in answer.output
