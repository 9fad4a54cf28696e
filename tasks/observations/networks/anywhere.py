"""Files of observations wherever they are, to read: in buckets as stores are, in folders, on HTTP servers."""

from __future__ import annotations

from typing import Any

import fsspec

from tasks import objects, storage
from tasks.buckets import in_bucket
from tasks.errors import BadInput


def is_folder(uri: str) -> bool:
    """Whether it is a folder; BadInput for a scheme that nothing installed opens."""
    if in_bucket(uri):
        return bool(storage.names_in(uri))
    fs, path = _elsewhere(uri)
    return bool(fs.isdir(path))


def files_in(uri: str) -> list[str]:
    """URIs of what is right in a folder."""
    if in_bucket(uri):
        return [storage.join(uri, name) for name in storage.names_in(uri)]
    fs, path = _elsewhere(uri)
    return [str(fs.unstrip_protocol(file)) for file in fs.ls(path, detail=False)]


def exists(uri: str) -> bool:
    """Whether there is a file."""
    if in_bucket(uri):
        return storage.exists(uri)
    fs, path = _elsewhere(uri)
    return bool(fs.exists(path))


def read(uri: str) -> bytes:
    """Content of a file; OSError if it is not there or cannot be read."""
    if in_bucket(uri):
        return storage.read_bytes(uri)
    fs, path = _elsewhere(uri)
    return bytes(fs.cat_file(path))


def size(uri: str) -> int | None:
    """Bytes of a file; None where nobody says, or nothing is there."""
    if in_bucket(uri):
        about = objects.about(uri)
        return about.size if about else None
    fs, path = _elsewhere(uri)
    try:
        found: int | None = fs.size(path)
    except FileNotFoundError:
        return None
    return found


def beginning(uri: str, count: int) -> bytes:
    """The first bytes of a file; OSError as of `read`."""
    if in_bucket(uri):
        return storage.read_bytes(uri, 0, min(count, size(uri) or count))
    fs, path = _elsewhere(uri)
    with fs.open(path, "rb") as file:
        return bytes(file.read(count))


def _elsewhere(uri: str) -> tuple[Any, str]:
    storage.assert_known(uri)
    try:
        fs, path = fsspec.core.url_to_fs(uri)
    except (ValueError, ImportError) as error:
        raise BadInput(
            f"{uri}: no such kind of place ({error}); give a path, or a URI such as s3://bucket/file"
        ) from None
    return fs, path
