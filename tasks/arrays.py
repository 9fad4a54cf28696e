"""Zarr in a store: which codecs write it, and what is damage and what a store that does not answer."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import obstore
import zarr
from zarr.abc.codec import BytesBytesCodec
from zarr.abc.store import ByteRequest
from zarr.codecs import Crc32cCodec, ZstdCodec
from zarr.core.buffer import Buffer, BufferPrototype, default_buffer_prototype
from zarr.storage import ObjectStore

from tasks import buckets, objects
from tasks.errors import ReadBackFailed, in_a_line
from tasks.storage import is_remote, join, read_bytes, remove, room_for, write_bytes

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr

# What zarr and its codecs raise for bytes that are wrong or gone. Not among them: a store that does not answer.
DAMAGE = (FileNotFoundError, KeyError, ValueError, TypeError, RuntimeError)

# A chunk of nothing but fill values is written too. Left out, as zarr does by itself, it is a file that is not there:
# of those a bucket says 403, and not 404, to readers who may not list it, an error where zeros should be.
zarr.config.set({"array.write_empty_chunks": True})

WRITERS = 4  # shards on their way at once

# Said at every write, of what xarray and zarrita both read; it would bury the steps on standard error.
warnings.filterwarnings("ignore", message="Consolidated metadata is currently not part", category=UserWarning)


class _Objects(ObjectStore[buckets.Store]):
    """Errors in one line, and each shard in one PUT.

    obstore sends what is larger than 5 MB in parts, which a writer that is killed leaves behind, unseen and paid for.
    """

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        with objects.answers():
            return await super().get(key, prototype, byte_range)

    async def set(self, key: str, value: Buffer) -> None:
        self._check_writable()
        with objects.answers():
            await obstore.put_async(self.store, key, value.as_buffer_like(), use_multipart=False)


def zarr_store(uri: str) -> Any:
    """What zarr and xarray take as a store."""
    return _Objects(buckets.below(uri)) if is_remote(uri) else uri


def fast(array: zarr.Array[Any], uri: str) -> zarr.Array[Any]:
    """The array of a store, coded by zarrs, three times as fast as by zarr's Python; in folders: `Shards` for buckets.

    Of this array alone: zarr's configuration is the whole process's, and another thread's arrays would be zarrs' too.
    """
    if not is_remote(uri):
        from zarrs import ZarrsCodecPipeline

        opened = array.async_array
        pipeline = ZarrsCodecPipeline.from_array_metadata_and_store(opened.metadata, opened.store_path.store)
        object.__setattr__(opened, "codec_pipeline", pipeline)  # as zarr does it for the pipeline that is configured
    return array


class Shards:
    """Writes whole shards of an array of a store, coded by zarrs wherever the store is.

    What zarrs sends to buckets itself would go by other credentials, other patience and other errors than all else
    here, and in parts. So a bucket's shard is coded in a folder of this machine, and sent from there.
    """

    def __init__(self, array: zarr.Array[Any], uri: str) -> None:
        self.array, self.uri = fast(array, uri), uri
        self.shape: tuple[int, ...] = array.shards or array.chunks

    def write(self, start: tuple[int, ...], values: np.ndarray) -> None:
        """Write the shard that begins at `start`, whole: its values (steps, rows, cols) up to the domain's edges."""
        at = tuple(n // side for n, side in zip(start, self.shape, strict=True))
        key = self.array.metadata.encode_chunk_key(at)
        selection = tuple(slice(n, n + size) for n, size in zip(start, values.shape, strict=True))
        if not is_remote(self.uri):
            remove(join(self.uri, key))  # of an earlier try, which zarr reads first where the domain does not fill it
            self.array[selection] = values
            return
        with TemporaryDirectory(prefix="finescale-") as folder:
            document = self.array.metadata.to_buffer_dict(default_buffer_prototype())["zarr.json"]
            write_bytes(join(folder, "zarr.json"), document.to_bytes())
            fast(zarr.open_array(folder, mode="r+"), folder)[selection] = values
            write_bytes(join(self.uri, key), read_bytes(join(folder, key)))


def write_shards(shards: Mapping[str, Shards], start: tuple[int, ...], fields: Mapping[str, np.ndarray]) -> None:
    """The shards of several variables that begin at `start`: while one is sent, others are coded."""

    def write(name: str) -> None:
        with room_for(f"{name}, lead times {start[0]} to {start[0] + len(fields[name]) - 1}"):
            shards[name].write(start, fields[name])

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, fields))


def checked(codec: BytesBytesCodec | None = None) -> tuple[BytesBytesCodec, ...]:
    """Compressors of an array: `codec` (default: zarr's own, zstd 0), then crc32c over what it leaves of each chunk.

    Whoever reads a chunk in which a byte is wrong gets an error and not other values: blosc and zstd notice few.
    """
    return (codec or ZstdCodec(level=0), Crc32cCodec())


@contextmanager
def undamaged(what: str) -> Iterator[None]:
    """ReadBackFailed where `what`, a part of a staged product, is damaged, which is read in this context."""
    try:
        yield
    except DAMAGE as error:
        raise not_read_back(what, in_a_line(error)) from error


def not_read_back(what: str, why: str) -> ReadBackFailed:
    """The error that says so."""
    return ReadBackFailed(f"{what} does not read back as it was written ({why}); check the disk, and run again")


def write_zarr(ds: xr.Dataset, uri: str, **options: Any) -> None:
    """Write a data set whole, replacing what is there."""
    with room_for(uri):
        ds.to_zarr(zarr_store(uri), mode="w", zarr_format=3, consolidated=True, **options)


def open_zarr(uri: str, group: str | None = None) -> xr.Dataset:
    """Open a store, or a group in it, lazily, without dask."""
    import xarray as xr  # half a second, for which who reads a few values does not wait

    return xr.open_zarr(zarr_store(uri), group=group, chunks=None, consolidated=True)
