"""Files that users hand in."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from tasks.acquire.files import assert_present, local_files
from tasks.errors import UnreadableFile
from tests.conftest import DEMO_GRIB


def test_file_is_hashed_and_left_where_it_is(demo_grib: Path) -> None:
    (file,) = local_files([str(demo_grib)])
    assert file.uri == str(demo_grib)
    assert file.size == DEMO_GRIB.stat().st_size
    assert file.sha256 == hashlib.sha256(DEMO_GRIB.read_bytes()).hexdigest()


def test_order_is_kept_and_relative_names_become_absolute(demo_grib: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(demo_grib, demo_grib.with_name("a.grib2"))
    monkeypatch.chdir(demo_grib.parent)
    assert [f.uri for f in local_files(["demo.grib2", "a.grib2"])] == [
        str(demo_grib),
        str(demo_grib.with_name("a.grib2")),
    ]


def test_home_is_understood(demo_grib: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(demo_grib.parent))
    assert local_files(["~/demo.grib2"])[0].uri == str(demo_grib)


def test_first_missing_file_is_named(demo_grib: Path) -> None:
    names = [str(demo_grib), "gone.nc", "gone-too.nc"]
    for check in (assert_present, local_files):
        with pytest.raises(UnreadableFile, match=r"^gone\.nc: no such file"):
            check(names)


def test_empty_file_and_empty_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.nc").touch()
    (tmp_path / "empty.zarr").mkdir()
    for name in ("empty.nc", "empty.zarr"):
        with pytest.raises(UnreadableFile, match=f"{name}: empty"):
            local_files([str(tmp_path / name)])


def test_store_is_hashed_by_names_and_content(tmp_path: Path) -> None:
    first, same, renamed = (tmp_path / n for n in ("first.zarr", "same.zarr", "renamed.zarr"))
    for folder, name in ((first, "c0"), (same, "c0"), (renamed, "c1")):
        (folder / "t2m").mkdir(parents=True)
        (folder / "t2m" / name).write_bytes(b"chunk")
        (folder / "zarr.json").write_bytes(b"{}")
    a, b, c = local_files([str(first), str(same), str(renamed)])
    assert a.size == 7
    assert a.sha256 == b.sha256 != c.sha256


@pytest.mark.parametrize("line", ["{digest}", "{digest}  demo.grib2\n", "{digest} *demo.grib2\n"])
def test_checksum_beside_the_file_that_fits_is_accepted(line: str, demo_grib: Path) -> None:
    digest = hashlib.sha256(demo_grib.read_bytes()).hexdigest()
    demo_grib.with_name("demo.grib2.sha256").write_text(line.format(digest=digest))
    assert local_files([str(demo_grib)])[0].sha256 == digest


def test_checksum_in_capitals_is_the_same_checksum(demo_grib: Path) -> None:
    digest = hashlib.sha256(demo_grib.read_bytes()).hexdigest()
    demo_grib.with_name("demo.grib2.sha256").write_text(digest.upper())
    assert local_files([str(demo_grib)])[0].sha256 == digest


def test_one_changed_byte_does_not_fit_the_checksum_beside_the_file(demo_grib: Path) -> None:
    demo_grib.with_name("demo.grib2.sha256").write_text(hashlib.sha256(demo_grib.read_bytes()).hexdigest())
    data = bytearray(demo_grib.read_bytes())
    data[5000] ^= 1
    demo_grib.write_bytes(data)
    with pytest.raises(UnreadableFile, match=r"demo\.grib2: is not the file that demo\.grib2\.sha256 was made for"):
        local_files([str(demo_grib)])


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe\x00", b"not a digest"])
def test_checksum_file_without_a_checksum_is_refused(content: bytes, demo_grib: Path) -> None:
    demo_grib.with_name("demo.grib2.sha256").write_bytes(content)
    with pytest.raises(UnreadableFile, match=r"demo\.grib2"):
        local_files([str(demo_grib)])
