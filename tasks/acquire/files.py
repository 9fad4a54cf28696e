"""Files that a user hands in (`--input`): proved to be there, hashed, left where they are."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tasks.errors import UnreadableFile, short
from tasks.handover.cycle import RawFile


def _sha256(path: Path) -> tuple[str, int]:
    """Digest and size of a file, or of a Zarr store's files in order of name."""
    digest, size = hashlib.sha256(), 0
    for file in sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]:
        if path.is_dir():
            digest.update(str(file.relative_to(path)).encode())
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
                size += len(block)
    return digest.hexdigest(), size


def assert_present(names: list[str]) -> None:
    """UnreadableFile for the first that is not there."""
    for name in names:
        try:
            there = Path(name).expanduser().exists()
        except (OSError, ValueError, RuntimeError):  # a name that is too long, a NUL, a home that nobody has
            there = False
        if not there:
            raise UnreadableFile(f"{short(name)}: no such file")


def local_files(names: list[str]) -> list[RawFile]:
    """The files as inputs; UnreadableFile for one that is missing, empty or may not be read."""
    assert_present(names)
    out = []
    for name in names:
        path = Path(name).expanduser().absolute()
        try:
            digest, size = _sha256(path)
        except OSError as error:
            raise UnreadableFile(f"{name}: cannot be read ({error.strerror})") from None
        if size == 0:
            raise UnreadableFile(f"{name}: empty file; fetch it again")
        beside = path.with_name(path.name + ".sha256")
        stated = beside.is_file()
        if stated and beside.read_text(errors="replace").lower().split()[:1] != [digest]:
            raise UnreadableFile(f"{name}: is not the file that {beside.name} was made for; fetch it again")
        out.append(RawFile(uri=str(path), sha256=digest, size=size, confirmed=True if stated else None))
    return out
