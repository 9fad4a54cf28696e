"""Zarr in a store: which codecs write it, and what is damage and what a store that does not answer."""

from __future__ import annotations

import warnings
from typing import Any

import obstore
import xarray as xr
import zarr
from zarr.abc.store import ByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import ObjectStore

from tasks import buckets, objects
from tasks.storage import is_remote, room_for

# What zarr and its codecs raise for bytes that are wrong or gone. Not among them: a store that does not answer.
DAMAGE = (FileNotFoundError, KeyError, ValueError, TypeError, RuntimeError)

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


def fast_codecs(uri: str) -> Any:
    """Arrays of a store that are opened in this context are coded by zarrs, three times as fast as by zarr's Python.

    In folders; it knows no S3.
    """
    return zarr.config.set({} if is_remote(uri) else {"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"})


def write_zarr(ds: xr.Dataset, uri: str, **options: Any) -> None:
    """Write a data set whole, replacing what is there."""
    with room_for(uri):
        ds.to_zarr(zarr_store(uri), mode="w", zarr_format=3, consolidated=True, **options)


def open_zarr(uri: str, group: str | None = None) -> xr.Dataset:
    """Open a store, or a group in it, lazily, without dask."""
    return xr.open_zarr(zarr_store(uri), group=group, chunks=None, consolidated=True)
