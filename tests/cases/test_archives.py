"""A ZIP archive is read as the files in it; whatever else is named .nc or .grib is one line, and its remedy works."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import eccodeslib
import numpy as np
import pytest
import xarray as xr

from flows.products.field import super_resolve_file
from tasks.errors import UnreadableFile, WorkspaceFull
from tasks.prepare import archive, prepare_files
from tasks.prepare.archive import unpacked
from tasks.prepare.decode import decode, grid_of
from tasks.region import search
from tests.cases.demo import demo, series, write
from tests.conftest import DEMO_GRIB, RegionMaker

NAMES = {"t2m", "tp"}
HALO = 2


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where archives are unpacked: a folder that has to be empty at the end."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def zipped(path: Path, files: dict[str, bytes | Path], how: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", how) as out:
        for name, content in files.items():
            out.writestr(name, content.read_bytes() if isinstance(content, Path) else content)
    return path


@pytest.fixture
def members(tmp_path: Path) -> list[Path]:
    """What the CDS sends of instantaneous and accumulated variables, unpacked."""
    return [
        write(series(["t2m", "d2m"]), tmp_path / "data_stream-oper_stepType-instant.nc"),
        write(series(["tp"]), tmp_path / "data_stream-oper_stepType-accum.nc"),
    ]


# -- ZIP


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_a_zip_of_the_cds_is_its_files_handed_in_together(
    members: list[Path], tmp_path: Path, scratch: Path, make_region: RegionMaker, how: int
) -> None:
    region = search.load(str(make_region(variables=["t2m", "tp"], spacing=0.125)))
    download = zipped(tmp_path / "download.nc", {m.name: m for m in members}, how)
    apart, wanted = prepare_files([str(m) for m in members], region, HALO)
    together, found = prepare_files([str(download)], region, HALO)
    assert (together.variables, together.lead_hours) == (apart.variables, apart.lead_hours)
    assert together.variables == ["t2m", "tp"]
    xr.testing.assert_identical(found.fields, wanted.fields)
    # and those are the fields of the demo, the second hour half a degree warmer
    here = found.fields["t2m"].sel(latitude=30.0, longitude=114.0).values
    there = float(demo()["t2m"].sel(latitude=30.0, longitude=114.0))
    np.testing.assert_allclose(here, [there, there + 0.5, there + 1.0], atol=1e-4)
    assert list(scratch.iterdir()) == []


def test_field_takes_a_zip(members: list[Path], tmp_path: Path, scratch: Path) -> None:
    download = zipped(tmp_path / "download.nc", {m.name: m for m in members})
    super_resolve_file(str(download), str(tmp_path / "fine.nc"), like=str(download), method="bilinear")
    with xr.open_dataset(tmp_path / "fine.nc") as fine, xr.open_dataset(members[0]) as coarse:
        assert {"t2m", "d2m", "tp"} <= set(fine.data_vars)
        np.testing.assert_allclose(fine["t2m"].values, coarse["t2m"].values, atol=1e-3)
    assert list(scratch.iterdir()) == []


def test_grib_in_a_zip_and_what_holds_no_fields_beside_it(tmp_path: Path, scratch: Path) -> None:
    files: dict[str, bytes | Path] = {
        "a/readme.txt": b"hello",
        "a/b/demo.grib": DEMO_GRIB,
        "__MACOSX/a/b/._demo.grib": b"\0\5\26\7",
        ".DS_Store": b"x",
    }
    download = zipped(tmp_path / "download.grib", files)
    plain = {f.header.variable.name: f.values for f in decode(DEMO_GRIB, NAMES)}
    found = {f.header.variable.name: f.values for f in decode(download, NAMES)}
    assert plain.keys() == found.keys() == NAMES
    for name, values in plain.items():
        np.testing.assert_array_equal(found[name], values)
    assert grid_of(download) == grid_of(DEMO_GRIB)
    assert list(scratch.iterdir()) == []


def test_a_zarr_store_in_a_zip(tmp_path: Path, scratch: Path) -> None:
    demo()[["t2m"]].drop_encoding().to_zarr(tmp_path / "s.zarr", zarr_format=3, consolidated=False)
    for root in ("", "inside/"):
        files = {
            f"{root}{p.relative_to(tmp_path / 's.zarr')}": p for p in (tmp_path / "s.zarr").rglob("*") if p.is_file()
        }
        download = zipped(tmp_path / f"s{len(root)}.zarr.zip", dict(files))
        (field,) = decode(download, NAMES)
        np.testing.assert_allclose(field.values, demo()["t2m"].values, atol=1e-3)
    assert list(scratch.iterdir()) == []


def spoilt(content: bytes) -> bytes:
    at = 200  # in the first member's data
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


def traversing(name: str) -> Callable[[Path, Path], Path]:
    return lambda path, member: zipped(path, {"good.nc": member, name: b"evil"})


def encrypted(path: Path, member: Path) -> Path:
    zipped(path, {"a.nc": member})
    data = bytearray(path.read_bytes())
    data[6] |= 1  # of the local header, and of the directory's
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    return path


def emptied(path: Path, member: Path) -> Path:
    return zipped(path, {"folder/": b""})


def cut(path: Path, member: Path) -> Path:
    data = zipped(path, {"a.nc": member}).read_bytes()
    path.write_bytes(data[: len(data) // 2])
    return path


def flipped(path: Path, member: Path) -> Path:
    path.write_bytes(spoilt(zipped(path, {"a.nc": member}).read_bytes()))
    return path


def lying(path: Path, member: Path) -> Path:
    """A directory that says ten bytes of what is more."""
    zipped(path, {"a.nc": bytes(5000)}, zipfile.ZIP_STORED)
    data = path.read_bytes()
    path.write_bytes(data.replace((5000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    return path


def page(path: Path, member: Path) -> Path:
    return zipped(path, {"a.nc": b"<html><title>Busy</title></html>"})


BROKEN = {
    "a path upwards": (traversing("../../evil.nc"), "names a place outside of it ('../../evil.nc')"),
    "a path from the root": (traversing("/tmp/evil.nc"), "names a place outside of it"),
    "a path upwards of Windows": (traversing("..\\evil.nc"), "names a place outside of it"),
    "a drive of Windows": (traversing("C:/evil.nc"), "names a place outside of it"),
    "a password": (encrypted, "a ZIP archive with a password; unpack it"),
    "nothing in it": (emptied, "with no file in it; fetch it again"),
    "cut": (cut, "does not unpack"),
    "a byte flipped": (flipped, "does not unpack"),
    "a directory that lies": (lying, "does not unpack"),
    "a web page in it": (page, "download.nc/a.nc: is a web page (Busy), not data"),
}


@pytest.mark.parametrize(("make", "says"), BROKEN.values(), ids=BROKEN)
def test_an_archive_that_is_not_to_be_trusted_is_one_line_and_leaves_nothing(
    members: list[Path], tmp_path: Path, scratch: Path, make: Callable[[Path, Path], Path], says: str
) -> None:
    download = make(tmp_path / "download.nc", members[1])
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UnreadableFile) as caught:
        list(decode(download, NAMES))
    assert says in str(caught.value)
    assert str(download) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_bomb_is_not_unpacked(tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "ALWAYS", 1 << 20)
    bomb = zipped(tmp_path / "bomb.nc", {"a.nc": b"CDF\x01" + bytes(1 << 24)})
    with pytest.raises(UnreadableFile, match=r"unpacks to 0\.0168 GB, more than 100 times its size"):
        list(decode(bomb, NAMES))
    assert list(scratch.iterdir()) == []


def test_a_full_disk_names_the_folder_and_the_remedy(
    members: list[Path], tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    download = zipped(tmp_path / "download.nc", {m.name: m for m in members})
    full = shutil.disk_usage(scratch)._replace(free=10)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    with pytest.raises(WorkspaceFull, match=rf"no room to unpack .* MB in {scratch}; free some, or set TMPDIR"):
        list(decode(download, NAMES))


def test_a_link_in_an_archive_is_a_plain_file(tmp_path: Path, scratch: Path) -> None:
    link = zipfile.ZipInfo("link.nc")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "download.nc", "w") as out:
        out.writestr(link, "/etc/passwd")
    with unpacked(tmp_path / "download.nc") as (file,):
        assert not file.is_symlink()
        assert file.read_text() == "/etc/passwd"


# -- what is neither


def in_tar(data: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo("inner.grib2")
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


ECCODES = Path(eccodeslib.__file__).parent / "bin"  # its tools, as its wheel has them
GRIB = DEMO_GRIB.read_bytes()
PACKED = {
    "gzip": (gzip.compress(GRIB), "is packed with gzip"),
    "bzip2": (bz2.compress(GRIB), "is packed with bzip2"),
    "xz": (lzma.compress(GRIB), "is packed with xz"),
    "tar": (in_tar(GRIB), "is a tar archive"),
    "headers of an answer": (b"Content-Type: application/grib\r\n\r\n" + GRIB, "holds GRIB from byte 34 on"),
}


@pytest.mark.parametrize(("content", "what"), PACKED.values(), ids=PACKED)
@pytest.mark.parametrize("name", ["forecast.nc", "my forecast.grib"])
def test_what_is_packed_says_how_to_unpack_it_and_that_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, what: str, name: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableFile) as caught:
        list(decode(tmp_path / name, NAMES))
    text = str(caught.value)
    assert text.startswith(f"{tmp_path / name}: {what}")
    assert "\n" not in text
    command = text.rsplit(": ", 1)[1]
    monkeypatch.setenv("PATH", str(ECCODES), prepend=os.pathsep)
    if shutil.which(command.split()[0]) is None:
        pytest.skip(f"{command.split()[0]} is not on this machine")
    subprocess.run(command, shell=True, cwd=tmp_path, check=True)
    (made,) = [p for p in tmp_path.iterdir() if p.name != name]
    assert made.read_bytes() == GRIB
    assert {f.header.variable.name for f in decode(made, NAMES)} == NAMES


ANSWERS = {
    "page": (b"<!DOCTYPE html>\n<html><head><title>Sign in &\n here</title>",
             "is a web page (Sign in & here), not data"),
    "page without a title": (b"\xef\xbb\xbf <html><body>403 Forbidden</body></html>", "is a web page (403 Forbidden)"),
    "S3": (b'<?xml version="1.0"?>\n<Error><Code>NoSuchKey</Code><Message>No such key</Message></Error>',
           "is XML that a service answered (NoSuchKey), not data"),
    "CDS": (json.dumps({"type": "x", "title": "permission denied", "status": 403, "detail": "licences"}).encode(),
            "is JSON that a service answered (permission denied: licences), not data"),
    "JSON of another kind": (b'[{"error": "quota"}]', 'is JSON that a service answered ([{"error": "quota"}])'),
    "bufr": (b"BUFR\0\0\0\4", "is BUFR, which holds observations"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0",
            "is what git keeps in place of a large file; fetch that with: git lfs pull"),
    "hdf4": (b"\x0e\x03\x13\x01....", "is HDF4; convert it to NetCDF"),
    "zip without end": (b"PK\x05\x06" + bytes(18), "is a ZIP file with nothing in it"),
    "text": (b"time,lat,lon\n", "is neither GRIB nor NetCDF nor a Zarr store (it starts with b'time')"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "says"), ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("name", ["forecast.nc", "forecast.grib"])
def test_what_a_service_sent_instead_is_one_line(tmp_path: Path, content: bytes, says: str, name: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableFile) as caught:
        list(decode(tmp_path / name, NAMES))
    assert str(caught.value).startswith(f"{tmp_path / name}: {says}")
    assert re.search(r"[\n\r\0]", str(caught.value)) is None
