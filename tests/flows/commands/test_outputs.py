"""What is read is not written over, whatever --force says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flows.conftest import CommandLine


@pytest.mark.parametrize("command", ["field", "regrid"])
def test_an_input_is_not_written_over(finescale: CommandLine, tmp_path: Path, command: str) -> None:
    file = tmp_path / "mine.nc"
    file.write_bytes(b"not to be lost")
    result = finescale(command, file, tmp_path / "." / "mine.nc", "--force")
    assert result.exit_code == 2
    assert "is a file that is read here, and would be lost; write to another" in result.stderr
    assert file.read_bytes() == b"not to be lost"
