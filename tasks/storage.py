"""Local folders and object stores through one door: fsspec URIs, Zarr in and out, atomic small files."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import mimetypes
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import fsspec
import pandas as pd
import xarray as xr
import zarr
from filelock import FileLock

from tasks.errors import StoreNotReadable, StoreNotWritable, WorkspaceFull

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

# What zarr and its codecs raise for bytes that are wrong or gone. Not among them: a store that does not answer.
DAMAGE = (FileNotFoundError, KeyError, ValueError, TypeError, RuntimeError)

# Said at every write, of what xarray and zarrita both read; it would bury the steps on standard error.
warnings.filterwarnings("ignore", message="Consolidated metadata is currently not part", category=UserWarning)


def is_remote(uri: str) -> bool:
    """True for s3:// and the like, False for a local path."""
    return "://" in uri and not uri.startswith("file://")


def join(base: str, *parts: str) -> str:
    """URI of something under a base; local bases become absolute."""
    if not is_remote(base):
        return str(Path(base.removeprefix("file://")).expanduser().absolute().joinpath(*parts))
    return "/".join([base.rstrip("/"), *parts])


def filesystem(uri: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """(file system, path in it) of a URI."""
    fs, path = fsspec.core.url_to_fs(uri)
    return fs, path


def zarr_store(uri: str) -> Any:
    """What zarr and xarray take as a store."""
    if not is_remote(uri):
        return uri
    return zarr.storage.FsspecStore.from_url(uri)


def fast_codecs(uri: str) -> Any:
    """Arrays of a store that are opened in this context are coded by zarrs, three times as fast as by zarr's Python.

    In folders; it knows no S3.
    """
    return zarr.config.set({} if is_remote(uri) else {"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"})


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


def write_zarr(ds: xr.Dataset, uri: str, **options: Any) -> None:
    """Write a data set whole, replacing what is there."""
    with room_for(uri):
        ds.to_zarr(zarr_store(uri), mode="w", zarr_format=3, consolidated=True, **options)


def open_zarr(uri: str, group: str | None = None) -> xr.Dataset:
    """Open a store, or a group in it, lazily, without dask."""
    return xr.open_zarr(zarr_store(uri), group=group, chunks=None, consolidated=True)


def exists(uri: str) -> bool:
    """True if there is a file or folder."""
    fs, path = filesystem(uri)
    return bool(fs.exists(path))


def names_in(uri: str) -> list[str]:
    """Names of the files and folders in a folder, in order; none if there is no such folder."""
    fs, path = filesystem(uri)
    fs.invalidate_cache()  # s3fs remembers listings, and others write too
    try:
        found = fs.ls(path, detail=False)
    except (FileNotFoundError, NotADirectoryError):
        return []
    names = (str(f).rstrip("/").removeprefix(path.rstrip("/")).strip("/") for f in found)
    return sorted(n for n in names if n)


def files_in(uri: str) -> list[str]:
    """Paths below a folder of all files in it, in order."""
    fs, path = filesystem(uri)
    fs.invalidate_cache()
    return sorted(str(f).removeprefix(path.rstrip("/")).lstrip("/") for f in fs.find(path))


def read_json(uri: str) -> Any | None:
    """Parsed content of a JSON file, None if there is none."""
    fs, path = filesystem(uri)
    try:
        return json.loads(fs.cat_file(path))
    except FileNotFoundError:
        return None


def read_bytes(uri: str) -> bytes:
    """Content of a small file."""
    fs, path = filesystem(uri)
    return bytes(fs.cat_file(path))


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


def _put(fs: fsspec.AbstractFileSystem, path: str, data: bytes, **condition: str) -> None:
    """One PUT: atomic at object stores.

    With the type that its name says: S3 would call it octet-stream, which browsers save instead of showing it.
    """
    kind, _ = mimetypes.guess_type(path)
    if kind and "s3" in fs.protocol:
        condition["ContentType"] = f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
    fs.pipe_file(path, data, **condition)


def write_bytes(uri: str, data: bytes) -> None:
    """Write a small file so that a reader sees the old one or the new one, never a part."""
    fs, path = filesystem(uri)
    if is_remote(uri):
        _put(fs, path, data)
        return
    with _partial(Path(path), data) as partial:
        os.replace(partial, path)


def _conditionally(fs: fsspec.AbstractFileSystem, path: str, data: bytes, **condition: str) -> bool:
    """PUT that the server makes only if the condition holds; False if it does not (412), or another came between (409).

    s3fs turns both into an OSError with the server's words.
    """
    try:
        _put(fs, path, data, **condition)
    except OSError as error:
        if any(sign in str(error) for sign in ("pre-condition", "PreconditionFailed", "ConditionalRequestConflict")):
            return False
        raise
    return True


def create_bytes(uri: str, data: bytes) -> bool:
    """Write a small file unless there is one already: of two writers one wins. False: there was one."""
    fs, path = filesystem(uri)
    if is_remote(uri):
        return _conditionally(fs, path, data, mode="create")
    with _partial(Path(path), data) as partial:
        try:
            os.link(partial, path)
        except FileExistsError:
            return False
    return True


def read_tagged(uri: str) -> tuple[bytes, str] | None:
    """A small file and the tag of this content; None if there is none."""
    fs, path = filesystem(uri)
    try:
        if not is_remote(uri):
            data = Path(path).read_bytes()
            return data, hashlib.sha256(data).hexdigest()
        while True:
            before = fs.info(path, refresh=True)["ETag"]
            data = fs.cat_file(path)
            if fs.info(path, refresh=True)["ETag"] == before:
                return data, before
    except FileNotFoundError:
        return None


def replace_bytes(uri: str, data: bytes, tag: str) -> bool:
    """Write a small file in the place of the content that the tag was of; False if that has changed meanwhile."""
    fs, path = filesystem(uri)
    if is_remote(uri):
        try:
            return _conditionally(fs, path, data, IfMatch=tag)
        except FileNotFoundError:  # removed meanwhile
            return False
    with FileLock(Path(path).with_name(f".{Path(path).name}.lock")):
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
    table.to_parquet(buffer, index=False, compression="zstd")
    write_bytes(uri, buffer.getvalue())


def read_parquet(uri: str) -> pd.DataFrame:
    """A table that `write_parquet` wrote."""
    return pd.read_parquet(io.BytesIO(read_bytes(uri)))


def put_in_place(source: str, target: str) -> None:
    """Bring a folder into place: a rename locally, a copy at object stores, where the source stays."""
    fs, source_path = filesystem(source)
    _, target_path = filesystem(target)
    if not is_remote(target):
        Path(target_path).parent.mkdir(parents=True, exist_ok=True)
        os.rename(source_path, target_path)
        return
    files = sorted(fs.find(source_path), key=lambda f: (f.endswith("/zarr.json"), -f.count("/")))
    for file in files:  # metadata last, and the root's last of all: without it, no reader opens it
        fs.copy(file, target_path + file[len(source_path) :])


def remove(uri: str) -> None:
    """Remove a file or folder if it is there."""
    fs, path = filesystem(uri)
    if fs.exists(path):
        fs.rm(path, recursive=True)


def assert_readable(store: str) -> None:
    """StoreNotReadable if the store does not answer, or refuses; one that is not there yet is an empty one."""
    fs, path = filesystem(store)
    fs.invalidate_cache()
    try:
        fs.exists(path)
    except Exception as error:
        raise StoreNotReadable(
            f"store {store}: cannot be read ({type(error).__name__}: {error}); is its server up, and are the "
            "credentials right?"
        ) from None


def assert_writable(store: str) -> None:
    """StoreNotWritable, before any work, if products cannot be put there."""
    probe = join(store, "_staging", f"probe-{uuid4().hex[:8]}")
    try:
        write_bytes(probe, b"finescale\n")
        remove(probe)
    except Exception as error:
        raise StoreNotWritable(
            f"store {store}: cannot be written ({type(error).__name__}: {error}); "
            "choose another with --store, or mend its permissions"
        ) from None
