"""Object stores by obstore: S3 and what speaks it, Google's and Azure's; and a plain HTTP server, to read known files.

Everything is named by URI. What goes wrong is an OSError of one line: FileNotFoundError, PermissionError, or OSError
itself where a store does not answer. Local folders are not here.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, NamedTuple

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import HTTPStore

from tasks.buckets import opened

PIECE = 256 * 1024  # bytes of a file that is handed on as it comes
AT_ONCE = 16  # requests; a store on a WAN answers each in 20 to 100 ms
GONE = ("NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist")


class About(NamedTuple):
    """What a store says of a file."""

    size: int
    tag: str
    """The ETag, in its quotes."""
    modified: datetime


def about(uri: str) -> About | None:
    """Size, ETag and time of a file; None if there is none."""
    store, key = opened(uri)
    try:
        with answers():
            found = obstore.head(store, key)
    except FileNotFoundError:
        return None
    return About(found["size"], found["e_tag"] or "", found["last_modified"])


def read(uri: str, start: int = 0, stop: int | None = None) -> bytes:
    """A file, or its bytes from start up to stop."""
    store, key = opened(uri)
    with answers():
        if stop is not None:
            return bytes(obstore.get_range(store, key, start=start, end=stop))
        return bytes(obstore.get(store, key, options={"range": {"offset": start}} if start else None).bytes())


async def stream(uri: str, start: int, stop: int, tag: str) -> AsyncIterator[bytes]:
    """Bytes of a file from start up to stop as they come, some at a time in memory; OSError if it is another by now.

    `tag`: of the file that is meant. What goes wrong before the first bytes is raised here, not by who iterates.
    """
    store, key = opened(uri)
    with answers():
        found = await obstore.get_async(store, key, options={"range": (start, stop), "if_match": tag or None})
    return _pieces(found)


async def _pieces(found: Any) -> AsyncIterator[bytes]:
    with answers():
        async for piece in found.stream(min_chunk_size=PIECE):
            yield bytes(piece)


def read_tagged(uri: str) -> tuple[bytes, str]:
    """A file and its ETag, of one answer."""
    store, key = opened(uri)
    with answers():
        found = obstore.get(store, key)
        return bytes(found.bytes()), found.meta["e_tag"] or ""


def write(uri: str, data: bytes) -> None:
    """One PUT: a reader sees the old file or the new one."""
    with answers():
        _put(uri, data, "overwrite")


def create(uri: str, data: bytes) -> bool:
    """PUT unless there is such a file (If-None-Match); False: there is."""
    with answers():
        try:
            _put(uri, data, "create")
        except AlreadyExistsError:
            return False
    return True


def replace(uri: str, data: bytes, tag: str) -> bool:
    """PUT in the place of the file of this ETag (If-Match); False: it is another one now, or none."""
    with answers():
        try:
            _put(uri, data, {"e_tag": tag})
        except (PreconditionError, AlreadyExistsError):  # 412 or 404; 409 for as long as it was tried again
            return False
    return True


def heeds_conditions(uri: str) -> bool:
    """Whether a file that is there stays, asked to be created and to be replaced where it has another ETag."""
    return not create(uri, b"created\n") and not replace(uri, b"replaced\n", f'"{"0" * 32}"')


def exists(uri: str) -> bool:
    """Whether there is a file, or one below."""
    store, key = opened(uri)
    if key and about(uri) is not None:
        return True
    if isinstance(store, HTTPStore):
        return False
    with suppress(FileNotFoundError), answers():  # some stores show folders that nothing is in any more: not `names`
        return any(file["path"] != key for batch in obstore.list(store, key) for file in batch)
    return False


def names(uri: str) -> list[str]:
    """Of files and folders right below, in order; none if there is nothing. Plain HTTP servers list nothing."""
    store, key = opened(uri)
    if isinstance(store, HTTPStore):
        return []
    try:
        with answers():
            found = obstore.list_with_delimiter(store, key)
    except FileNotFoundError:
        return []
    paths = [*found["common_prefixes"], *(file["path"] for file in found["objects"])]
    return sorted({path.rsplit("/", 1)[-1] for path in paths if path != key})


def below(uri: str) -> dict[str, datetime]:
    """Files at any depth below, by their path from there, and when each was written."""
    store, key = opened(uri)
    found: dict[str, datetime] = {}
    with suppress(FileNotFoundError), answers():
        for batch in obstore.list(store, key):
            # a key that ends with a slash is how consoles mark a folder: obstore gives it without
            found |= {f["path"].removeprefix(key).lstrip("/"): f["last_modified"] for f in batch if f["path"] != key}
    return found


def read_all(uris: list[str]) -> list[bytes]:
    """Several files at once, in order."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(read, uris))


def copy(source: str, target: str, paths: list[str]) -> None:
    """Copy files below one URI to below another of the same bucket, at the server, in any order."""
    store, old = opened(source)
    _, new = opened(target)
    with answers(), ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda path: obstore.copy(store, f"{old}/{path}", f"{new}/{path}"), paths))


def remove(uri: str) -> None:
    """Remove a file, and whatever is below."""
    store, key = opened(uri)
    inside = [f"{key}/{path}".lstrip("/") for path in below(uri)]
    with suppress(FileNotFoundError), answers():
        if inside:
            obstore.delete(store, inside)
        if key:
            obstore.delete(store, key)


@contextmanager
def answers() -> Iterator[None]:
    """Turn obstore's errors, of a dozen lines each, into OSErrors of one."""
    try:
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(_line(error)) from None
    except ValueError as error:
        if "Could not parse path" not in str(error):
            raise
        raise FileNotFoundError(_line(error)) from None  # a control character or //: it can have no such file
    except BaseError as error:
        line = _line(error)
        if any(sign in line for sign in GONE):
            raise FileNotFoundError(line) from None
        if isinstance(error, PermissionDeniedError | UnauthenticatedError) or "403 Forbidden" in line:
            raise PermissionError(line) from None
        raise OSError(line) from None


def _line(error: Exception) -> str:
    """Without the dump of its source, and of the server's XML the text."""
    text = str(error).split("\n\nDebug source", 1)[0]
    return " ".join(re.sub(r"<\?xml[^>]*\?>|</?[A-Za-z]+>", " ", text).split())


def _put(uri: str, data: bytes, mode: Any) -> None:
    store, key = opened(uri)
    # S3 would call it octet-stream, which browsers save instead of showing it
    kind, _ = mimetypes.guess_type(key)
    if kind and kind.startswith("text/"):
        kind += "; charset=utf-8"
    obstore.put(store, key, data, mode=mode, attributes={"Content-Type": kind} if kind else None, use_multipart=False)
