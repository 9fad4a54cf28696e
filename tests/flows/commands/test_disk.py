"""A workspace or a store that cannot be used, or has no room: one line of every command, and no traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flows.conftest import CommandLine
from tests.tasks.test_arrays import no_file_above

COMMANDS = {
    "run": ("run", "hubei", "--source", "demo"),
    "maintain": ("maintain", "hubei"),
    "maintain --dry-run": ("maintain", "hubei", "--dry-run"),
    "verify": ("verify", "hubei"),
    "status": ("status", "hubei"),
    "point": ("point", "hubei", "Wuhan"),
    "export": ("export", "hubei", "--format", "netcdf"),
    "withdraw": ("withdraw", "hubei", "2026-11-22T00", "--why", "wrong"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_store_that_is_a_file_is_one_line(tmp_path: Path, finescale: CommandLine, command: str) -> None:
    store = tmp_path / "file"
    store.touch()
    done = finescale(*COMMANDS[command], "--store", store)
    assert isinstance(done.exception, SystemExit), done.output
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"finescale: store {store}: cannot be ")
    assert "choose another with --store" in line


@pytest.mark.parametrize("command", ["run", "verify"])
def test_workspace_that_is_a_file_is_one_line(
    tmp_path: Path, finescale: CommandLine, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FINESCALE_WORKSPACE", str(tmp_path / "file"))
    done = finescale(*COMMANDS[command], "--store", tmp_path / "store")
    assert isinstance(done.exception, SystemExit), done.output
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"finescale: workspace {tmp_path / 'file'}: cannot be written")
    assert "set FINESCALE_WORKSPACE" in line


@pytest.mark.parametrize("size", [20, 2_000, 20_000])
def test_disk_that_becomes_full_is_one_line(tmp_path: Path, finescale: CommandLine, size: int) -> None:
    with no_file_above(size):
        done = finescale(*COMMANDS["run"], "--store", tmp_path / "store")
    assert isinstance(done.exception, SystemExit), done.output
    assert done.stderr.splitlines()[-1].startswith("finescale: ")
    assert "no room (File too large); free some" in done.stderr.splitlines()[-1]
    assert not list((tmp_path / "store").glob("hubei/*/latest.json"))
