"""Raw files to a staged product, and what is left when that fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.prepare import prepare
from tasks.region.search import load
from tasks.storage import files_in, write_bytes


def no_room(uri: str, _: object) -> None:
    """In the place of `fill_input`."""
    write_bytes(f"{uri}/input/t2m/c/0", b"half of it")
    raise OSError("no room")


@pytest.mark.parametrize("broken", ["workspace", "input"])
def test_a_failure_leaves_nothing_in_the_store(
    broken: str, demo_grib: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, store = tmp_path / "workspace", tmp_path / "store"
    if broken == "workspace":
        workspace.write_text("a file, so nothing can be written below")
    else:
        monkeypatch.setattr("tasks.prepare.fill_input", no_room)
    with pytest.raises(OSError, match=r"no room|Not a directory|exists"):
        prepare([str(demo_grib)], load("hubei"), None, str(store), str(workspace), halo=0)
    assert files_in(str(store)) == []
