"""A ZIP archive as input: what is in it, unpacked into a folder that goes away again.

The Climate Data Store sends instantaneous and accumulated variables together as one, in a file named .nc.
"""

from __future__ import annotations

import errno
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from tasks.errors import UnreadableFile, WorkspaceFull

ALWAYS = 1 << 30  # bytes that any archive may unpack to
TIMES = 100  # its own size, what a larger one may unpack to: fields packed in it shrink to a tenth at best
BLOCK = 1 << 20
ENCRYPTED = 0x1  # of a member's flags
STORE_FILES = ("zarr.json", ".zgroup", ".zmetadata")  # in the root of a Zarr store


@contextmanager
def unpacked(path: Path) -> Iterator[list[Path]]:
    """The files in a ZIP archive in order of name, or the Zarr store that it is; they are there while it is open.

    UnreadableFile for one that is broken, encrypted or empty, that names places outside of itself, or unpacks to more
    than `TIMES` its size; WorkspaceFull where $TMPDIR has no room for it.
    """
    with TemporaryDirectory(prefix="finescale-") as folder:
        try:
            with zipfile.ZipFile(path) as archive:
                members = [m for m in archive.infolist() if not m.is_dir() and not _of_macos(m)]
                _check(members, path, Path(folder))
                for member in members:
                    _unpack(archive, member, _inside(member, path, Path(folder)))
        except (zipfile.BadZipFile, NotImplementedError, EOFError, zlib.error) as error:
            raise UnreadableFile(f"{path}: is a ZIP archive that does not unpack ({error}); fetch it again") from None
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise _no_room(sum(m.file_size for m in members), path, folder) from None
        try:
            yield _inputs(Path(folder))
        except UnreadableFile as error:  # a place that nobody has heard of, and that is gone when it is read
            raise UnreadableFile(str(error).replace(f"{folder}/", f"{path}/")) from None


def _of_macos(member: zipfile.ZipInfo) -> bool:
    """What macOS puts beside each file: no data."""
    return member.filename.startswith("__MACOSX/") or PurePosixPath(member.filename).name == ".DS_Store"


def _check(members: list[zipfile.ZipInfo], path: Path, folder: Path) -> None:
    """By the archive's directory, before anything is written."""
    if not members:
        raise UnreadableFile(f"{path}: is a ZIP archive with no file in it; fetch it again")
    for member in members:
        _inside(member, path, folder)
        if member.flag_bits & ENCRYPTED:
            raise UnreadableFile(f"{path}: is a ZIP archive with a password; unpack it and hand in the files in it")
    size, most = sum(m.file_size for m in members), max(ALWAYS, TIMES * path.stat().st_size)
    if size > most:
        raise UnreadableFile(
            f"{path}: is a ZIP archive that unpacks to {size / 1e9:.3g} GB, more than {TIMES} times its size; if you "
            "trust it, unpack it and hand in the files in it"
        )
    if size > shutil.disk_usage(folder).free:
        raise _no_room(size, path, str(folder))


def _no_room(size: int, path: Path, folder: str) -> WorkspaceFull:
    return WorkspaceFull(
        f"{path}: no room to unpack {size / 1e6:.3g} MB in {Path(folder).parent}; free some, or set TMPDIR to a folder "
        "that has it"
    )


def _inside(member: zipfile.ZipInfo, path: Path, folder: Path) -> Path:
    """Where a member goes; UnreadableFile for a name that leads out of the folder, on any system."""
    name = member.filename.replace("\\", "/")
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or ":" in parts[0]:
        raise UnreadableFile(
            f"{path}: is a ZIP archive that names a place outside of it ({member.filename[:80]!r}); do not trust it: "
            "fetch it again from where it comes from"
        )
    return folder.joinpath(*parts)


def _unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    """One member, as a plain file whatever it was, never longer than the directory says."""
    target.parent.mkdir(parents=True, exist_ok=True)
    left = member.file_size
    with archive.open(member) as packed, target.open("xb") as out:
        while block := packed.read(BLOCK):
            left -= len(block)
            if left < 0:
                raise zipfile.BadZipFile(f"{member.filename} is longer than its directory says")
            out.write(block)


def _inputs(folder: Path) -> list[Path]:
    """The files to read: a store counts as one."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    roots = {p.parent for p in files if p.name in STORE_FILES}
    stores = {root for root in roots if not any(other in root.parents for other in roots)}
    rest = [f for f in files if not any(store in f.parents for store in stores)]
    return sorted([*stores, *rest])
