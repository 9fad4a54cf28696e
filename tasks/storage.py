"""Files of a store, in local folders and in object stores, through one door: a URI opened, conditional writes, folders.

Arrays are in tasks/arrays.py.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from filelock import FileLock

from tasks import objects
from tasks.buckets import BUCKETS
from tasks.errors import BadInput, StoreNotReadable, StoreNotWritable, WorkspaceFull, short

if TYPE_CHECKING:
    import pandas as pd

SCHEMES = (*BUCKETS, "http", "https", "file")
LONGEST_URI = 4096  # characters, as of a path on Linux
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def is_remote(uri: str) -> bool:
    """True for s3:// and the like, False for a local path."""
    return "://" in uri and not uri.startswith("file://")


def has_userinfo(uri: str) -> bool:
    """Whether a URI holds a user or password, as in ftp://user:password@host/."""
    return "@" in uri.partition("://")[2].partition("/")[0]


def assert_known(uri: str) -> None:
    """BadInput for a URI of a kind that nothing here reads, or with a password in it; which is not repeated."""
    scheme, found, rest = uri.partition("://")
    if has_userinfo(uri):
        raise BadInput(
            f"{scheme}://...@{rest.partition('/')[0].rpartition('@')[2][:80]}: a URI with a user or password in it "
            "would be stored and shown; take it out, and give keys in the environment (docs/operate.md)"
        )
    if found and scheme not in SCHEMES:
        raise BadInput(f"{short(uri)}: nothing here reads {short(scheme)}://; give a folder, s3://, gs:// or az://")
    if len(uri) > LONGEST_URI or not uri.isprintable():
        raise BadInput(f"{short(uri)}: is no path or URI: {len(uri)} characters, or some that cannot be seen")


def join(base: str, *parts: str) -> str:
    """URI of something under a base; local bases become absolute. BadInput for a base that `assert_known` refuses."""
    assert_known(base)
    if not is_remote(base):
        return str(_local(base).joinpath(*parts))
    return "/".join([base.rstrip("/"), *parts])


def _local(uri: str) -> Path:
    return Path(uri.removeprefix("file://")).expanduser().absolute()


def is_full(error: BaseException) -> bool:
    """Whether a disk is full; zarrs says so in words alone."""
    if isinstance(error, OSError):
        return error.errno in NO_ROOM
    return any(f"(os error {number})" in str(error) for number in NO_ROOM)


@contextmanager
def room_for(what: str) -> Iterator[None]:
    """A disk that is full while something is written becomes WorkspaceFull."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        if not is_full(error):
            raise
        why = getattr(error, "strerror", None) or "the disk is full"
        raise WorkspaceFull(
            f"{what}: no room ({why}); free some, or set FINESCALE_WORKSPACE or FINESCALE_STORE to a larger "
            "disk, and run again: nothing was published"
        ) from None


def exists(uri: str) -> bool:
    """True if there is a file or folder; BadInput for a URI of no kind that is read here."""
    assert_known(uri)
    return objects.exists(uri) if is_remote(uri) else _local(uri).exists()


def names_in(uri: str) -> list[str]:
    """Names of the files and folders in a folder, in order; none if there is no such folder."""
    if is_remote(uri):
        return objects.names(uri)
    with suppress(FileNotFoundError, NotADirectoryError):
        return sorted(os.listdir(_local(uri)))
    return []


def matching(uri: str, pattern: str) -> list[str]:
    """URIs of the files and folders below a folder that match, in order: `*/[0-9][0-9]/*.json`, a part a level."""
    found = [join(uri)]
    for part in pattern.split("/"):
        found = [join(folder, name) for folder in found for name in names_in(folder) if fnmatchcase(name, part)]
    return sorted(found)


def _written(uri: str) -> dict[str, datetime]:
    """Files at any depth below a folder, by their path from there, and when each was written."""
    if is_remote(uri):
        return objects.below(uri)
    root = _local(uri)
    found = {}
    for folder, _, names in os.walk(root):
        for file in (Path(folder, name) for name in names):
            with suppress(FileNotFoundError):  # others remove, too
                found[file.relative_to(root).as_posix()] = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    return found


def files_in(uri: str) -> list[str]:
    """Paths below a folder of all files in it, in order."""
    return sorted(_written(uri))


def last_written(uri: str) -> datetime | None:
    """When a file, or the latest one in a folder, was written, UTC; None if there is no file."""
    if found := _written(uri):
        return max(found.values())
    if is_remote(uri):
        about = objects.about(uri)
        return about.modified if about else None
    path = _local(uri)
    return datetime.fromtimestamp(path.stat().st_mtime, UTC) if path.is_file() else None


def read_json(uri: str) -> Any | None:
    """Parsed content of a JSON file, None if there is none."""
    try:
        return json.loads(read_bytes(uri))
    except FileNotFoundError:
        return None


def read_bytes(uri: str, start: int = 0, stop: int | None = None) -> bytes:
    """Content of a small file, or its bytes from start up to stop."""
    if is_remote(uri):
        return objects.read(uri, start, stop)
    with _local(uri).open("rb") as file:
        file.seek(start)
        return file.read(-1 if stop is None else stop - start)


def read_all(uris: Iterable[str]) -> list[bytes]:
    """Content of many small files, in their order; from an object store several at a time."""
    uris = list(uris)
    return objects.read_all(uris) if uris and is_remote(uris[0]) else [read_bytes(uri) for uri in uris]


@contextmanager
def _partial(target: Path, data: bytes) -> Iterator[Path]:
    """The data under another name beside its target, gone at the end whatever happened."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{uuid4().hex[:8]}.partial")
    try:
        partial.write_bytes(data)
        yield partial
    finally:
        partial.unlink(missing_ok=True)


def write_bytes(uri: str, data: bytes) -> None:
    """Write a small file so that a reader sees the old one or the new one, never a part."""
    if is_remote(uri):
        objects.write(uri, data)
        return
    path = _local(uri)
    with _partial(path, data) as partial:
        os.replace(partial, path)


def create_bytes(uri: str, data: bytes) -> bool:
    """Write a small file unless there is one already: of two writers one wins. False: there was one."""
    if is_remote(uri):
        return objects.create(uri, data)
    path = _local(uri)
    with _partial(path, data) as partial:
        try:
            os.link(partial, path)
        except FileExistsError:
            return False
    return True


def read_tagged(uri: str) -> tuple[bytes, str] | None:
    """A small file and the tag of this content; None if there is none."""
    try:
        if is_remote(uri):
            return objects.read_tagged(uri)
        data = read_bytes(uri)
    except FileNotFoundError:
        return None
    return data, hashlib.sha256(data).hexdigest()


def replace_bytes(uri: str, data: bytes, tag: str) -> bool:
    """Write a small file in the place of the content that the tag was of; False if that has changed meanwhile."""
    if is_remote(uri):
        return objects.replace(uri, data, tag)
    path = _local(uri)
    with FileLock(path.with_name(f".{path.name}.lock")):
        now = read_tagged(uri)
        if now is None or now[1] != tag:
            return False
        write_bytes(uri, data)
        return True


def write_json(uri: str, data: Any) -> None:
    """Write JSON as `write_bytes` does."""
    write_bytes(uri, (json.dumps(data, indent=2, ensure_ascii=False) + "\n").encode())


def write_parquet(table: pd.DataFrame, uri: str) -> None:
    """Write a table as `write_bytes` does."""
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False, compression="zstd", write_page_checksum=True)
    write_bytes(uri, buffer.getvalue())


def read_parquet(uri: str) -> pd.DataFrame:
    """A table that `write_parquet` wrote."""
    import pandas as pd  # 0.3 s, for which who reads no table does not wait

    return pd.read_parquet(io.BytesIO(read_bytes(uri)))


def put_in_place(source: str, target: str) -> None:
    """Bring a folder into place in its store: a rename locally, a copy at object stores, where the source stays."""
    if not is_remote(target):
        _local(target).parent.mkdir(parents=True, exist_ok=True)
        os.rename(_local(source), _local(target))
        return
    metadata: list[str] = []
    values: list[str] = []
    for path in files_in(source):
        (metadata if path.rsplit("/", 1)[-1] == "zarr.json" else values).append(path)
    objects.copy(source, target, values)
    for path in sorted(metadata, key=lambda p: -p.count("/")):  # the root's last of all: without it, no reader opens it
        objects.copy(source, target, [path])


def remove(uri: str) -> None:
    """Remove a file or folder if it is there."""
    if is_remote(uri):
        objects.remove(uri)
        return
    path = _local(uri)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def assert_readable(store: str) -> None:
    """StoreNotReadable if the store does not answer, refuses, or is a file; one that is not there yet is empty."""
    try:
        if exists(store) and not is_remote(store) and not _local(store).is_dir():
            raise NotADirectoryError("it is a file")
    except Exception as error:
        remedy = (
            "is its server up, and are the credentials right?" if is_remote(store) else "choose another with --store"
        )
        raise StoreNotReadable(f"store {store}: cannot be read ({type(error).__name__}: {error}); {remedy}") from None


def assert_writable(store: str) -> None:
    """StoreNotWritable, before any work, if products cannot be put there, or two writers would not see each other."""
    probe = join(store, "_staging", f"probe-{uuid4().hex[:8]}")
    try:
        write_bytes(probe, b"finescale\n")
        heeded = not is_remote(probe) or objects.heeds_conditions(probe)
        remove(probe)
        if not heeded:
            raise OSError("runs would overwrite each other, its server does not heed If-None-Match or If-Match")
    except Exception as error:
        raise StoreNotWritable(
            f"store {store}: cannot be written ({type(error).__name__}: {error}); "
            "choose another with --store, or mend its permissions"
        ) from None
