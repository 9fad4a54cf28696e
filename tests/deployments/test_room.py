"""The disk of the stack's data is looked at before it is full."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from deployments.errors import StackFault
from deployments.room import room_line

GB = 10**9


@pytest.mark.parametrize(("free", "total"), [(0, 100 * GB), (1.9 * GB, 100 * GB), (0.9 * GB, 4 * GB)])
def test_a_disk_that_is_nearly_full_is_not_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: float, total: float
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=int(free), total=int(total))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(StackFault, match=rf"{free / GB:.1f} GB free.*make room"):
        room_line(tmp_path)


def test_what_is_free_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=30 * GB, total=100 * GB)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert room_line(tmp_path) == f"disk    30.0 GB free, 30 %, for data and logs in {tmp_path}"
