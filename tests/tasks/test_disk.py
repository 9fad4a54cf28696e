"""What a disk refuses is one line that names the file; what is no disk's fault goes up as it is."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from tasks.disk import disk_in_a_line
from tasks.errors import FolderUnusable, StoreNotReadable, WorkspaceFull
from tasks.locations import assert_workspace_writable
from tasks.steps import step
from tasks.storage import assert_readable


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.ENOSPC, WorkspaceFull), (errno.EDQUOT, WorkspaceFull), (errno.EROFS, FolderUnusable),
     (errno.EACCES, FolderUnusable), (errno.ENOTDIR, FolderUnusable)],
)  # fmt: skip
def test_file_that_a_disk_refuses_is_named(number: int, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=r"^/data/raw/demo: .*FINESCALE_WORKSPACE"), disk_in_a_line("acquire"):
        raise OSError(number, "as the system says it", "/data/raw/demo")


def test_full_disk_without_a_name_is_that_of_what_was_being_done() -> None:
    with pytest.raises(WorkspaceFull, match=r"^acquire: no room"), disk_in_a_line("acquire"):
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    "error",
    [ConnectionError("refused"), PermissionError("403 Forbidden, by a store"), FileNotFoundError(2, "gone", "x"),
     PermissionError(errno.EACCES, "a port below 1024"), RuntimeError("a slip")],
    ids=repr,
)  # fmt: skip
def test_what_is_no_disks_fault_goes_up_as_it_is(error: Exception) -> None:
    with pytest.raises(type(error)) as found, disk_in_a_line("acquire"):
        raise error
    assert found.value is error


def test_step_is_not_tried_again_for_what_a_disk_refuses(tmp_path: Path) -> None:
    ran = []
    (tmp_path / "file").touch()

    @step("acquire", "acquire {name}", timeout_seconds=60)
    def acquire(name: str) -> None:
        ran.append(name)
        (tmp_path / "file" / name).mkdir(parents=True)

    with pytest.raises(FolderUnusable, match=r"file/raw: cannot be used \(Not a directory\)"):
        acquire("raw")
    assert ran == ["raw"]


@pytest.mark.parametrize("variable", ["FINESCALE_WORKSPACE", "FINESCALE_RAW"])
def test_workspace_is_tried_beforehand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv("FINESCALE_WORKSPACE", str(tmp_path / "workspace"))
    assert_workspace_writable()
    assert not list((tmp_path / "workspace").rglob("*probe*"))
    (tmp_path / "file").touch()
    monkeypatch.setenv(variable, str(tmp_path / "file"))
    with pytest.raises(FolderUnusable, match=f"cannot be written .*set {variable} to another folder"):
        assert_workspace_writable()


def test_store_that_is_a_file_is_none(tmp_path: Path) -> None:
    assert_readable(str(tmp_path / "not there yet"))
    (tmp_path / "file").touch()
    with pytest.raises(StoreNotReadable, match=r"it is a file.*choose another"):
        assert_readable(str(tmp_path / "file"))
