"""What Prefect's server and the workspace answer: silence is waited for; a slip and odd JSON are errors at once."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from flows import dispatch
from flows.dispatch import ask, read
from tasks.errors import SlabFailed


def test_a_slip_of_ours_is_an_error_at_once() -> None:
    asked = []

    def slip() -> None:
        asked.append(1)
        raise TypeError("a slip")

    with pytest.raises(TypeError, match="a slip"):
        ask(slip)
    assert len(asked) == 1


@pytest.mark.parametrize("content", [b'{"device": "cp', b"<html>", b"\xff"])
def test_a_report_that_is_no_json_is_an_error_at_once(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "0-8.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"Expecting value|Unterminated string|codec can't decode"):
        read(str(path))


def test_a_report_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert read(str(tmp_path / "0-8.json")) is None


def test_a_workspace_that_cannot_be_read_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder in the file's place stands for a disk that gives no file, until it is mended."""
    path = tmp_path / "0-8.json"
    path.mkdir()
    monkeypatch.setattr(dispatch, "ASK_AGAIN", 0.01)
    monkeypatch.setattr(dispatch, "PATIENCE", 0.1)
    with pytest.raises(SlabFailed, match=r"workspace file .*0-8.json is silent for 0 s: IsADirectoryError"):
        read(str(path))

    class Mend(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            path.rmdir()
            path.write_text("{}")

    monkeypatch.setattr(dispatch, "PATIENCE", 30.0)
    monkeypatch.setattr(dispatch.log, "handlers", [Mend()])  # of the first word that it is waited for
    assert read(str(path)) == {}
