"""Chunk and shard shapes by how products are read: requests, bytes and time of a map and of a point's series."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import s3fs
import zarr
from zarr.abc.store import ByteRequest, Store
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import FsspecStore, LocalStore, WrapperStore

from tasks.store.packing import compressors
from tests.servers.s3 import BUCKET, KEY, SECRET, s3_server

STEPS = 49
CHINA = (720, 1240)
HUBEI = (88, 166)
LAYOUTS: dict[tuple[int, int], tuple[tuple[tuple[int, int, int], tuple[int, int, int]], ...]] = {  # chunks, shards
    CHINA: (
        ((1, 256, 256), (8, 768, 1280)),
        ((1, 128, 128), (8, 768, 640)),
        ((2, 128, 128), (8, 768, 640)),
        ((2, 256, 256), (8, 768, 768)),
        ((4, 128, 128), (8, 768, 640)),
        ((4, 128, 128), (8, 1024, 1024)),
        ((4, 128, 128), (52, 512, 512)),
        ((4, 64, 64), (8, 768, 640)),
        ((8, 64, 64), (8, 768, 640)),
        ((8, 128, 128), (8, 768, 640)),
        ((8, 128, 128), (56, 512, 512)),
        ((49, 32, 32), (49, 512, 512)),
        ((49, 64, 64), (49, 512, 512)),
    ),
    HUBEI: (
        ((1, 88, 166), (8, 88, 166)),
        ((2, 88, 128), (8, 88, 256)),
        ((8, 88, 128), (8, 88, 256)),
        ((49, 32, 32), (49, 96, 192)),
    ),
}
READS = ("map", "quarter", "point")
ROUNDS = 3
WAIT, MB_S, AT_ONCE = (
    0.05,
    5.0,
    6,
)  # of an office's line to an object store: s an answer, MB/s, connections of a browser


class Counting(WrapperStore[Store]):
    """A store that counts what is asked of it."""

    def __init__(self, store: Store, sizes: list[int]) -> None:
        super().__init__(store)
        self.sizes = sizes  # bytes of each answer

    def _with_store(self, store: Store) -> Counting:
        """The read-only copy that zarr makes counts into the same list."""
        return Counting(store, self.sizes)

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        """As the store does."""
        found = await self._store.get(key, prototype, byte_range)
        self.sizes.append(len(found) if found is not None else 0)
        return found


def selection(read: str, rows: int, cols: int) -> tuple[Any, Any, Any]:
    """What is read: a whole lead time, the middle of one, or all lead times of a point."""
    if read == "point":
        return slice(None), rows * 4 // 9, cols * 5 // 8
    if read == "map":
        return 20, slice(None), slice(None)
    return 20, slice(rows // 4, rows * 3 // 4), slice(cols // 4, cols * 3 // 4)


def far(requests: int, size: float) -> float:
    """Seconds over an office's line: first the index, then as many requests at a time as a browser makes."""
    return float(WAIT + np.ceil(requests / AT_ONCE) * WAIT + size / 1e6 / MB_S)


def by_zarrita(chunks: tuple[int, ...], shards: tuple[int, ...], read: str, shape: tuple[int, ...]) -> int:
    """Requests of zarrita.js, which asks for each chunk, and once for the index of each shard."""
    index = selection(read, *shape[1:])
    total = 0
    for part in (chunks, shards):
        count = 1
        for n, where, size in zip(part, index, shape, strict=True):
            first, last = (where, where) if isinstance(where, int) else (where.start or 0, (where.stop or size) - 1)
            count *= last // n - first // n + 1
        total += count
    return total


def _read(store: Store, rows: int, cols: int) -> dict[str, dict[str, float]]:
    """Each read with its requests, bytes and fastest time."""
    out = {}
    for read in READS:
        index, times = selection(read, rows, cols), []
        for _ in range(ROUNDS):
            sizes: list[int] = []
            array = zarr.open_array(Counting(store, sizes), mode="r")
            sizes.clear()
            began = time.perf_counter()
            values = np.asarray(array[index])
            times.append(time.perf_counter() - began)
            assert np.isfinite(values).all()
        out[read] = {"requests": len(sizes), "bytes": sum(sizes), "seconds": min(times)}
    return out


def measure(whole: np.ndarray) -> list[dict[str, Any]]:
    """One record a layout for a variable (49, 720, 1240), from the local disk and from an S3 server on loopback."""
    records = []
    with tempfile.TemporaryDirectory() as name, s3_server(Path(name)) as server:
        options = {"key": KEY, "secret": SECRET, "endpoint_url": server.endpoint}
        s3fs.S3FileSystem(**options).makedirs(BUCKET)
        for (rows, cols), layouts in LAYOUTS.items():
            field = whole[:, :rows, :cols]
            for chunks, shards in layouts:
                place = f"layout{len(records)}"
                local = LocalStore(Path(name) / place)
                remote = FsspecStore.from_url(f"s3://{BUCKET}/{place}", storage_options=options)
                for store in (local, remote):
                    array = zarr.create_array(
                        store, shape=field.shape, chunks=chunks, shards=shards, dtype="float32",
                        compressors=compressors(), fill_value=np.nan,
                    )  # fmt: skip
                    array[:] = field
                files = [f.stat().st_size for f in local.root.rglob("*") if f.is_file()]
                record = {"shape": field.shape, "chunks": chunks, "shards": shards, "bytes": sum(files)}
                record |= {
                    "objects": len(files) - 1,
                    "local": _read(local, rows, cols),
                    "s3": _read(remote, rows, cols),
                }
                record["zarrita"] = {read: by_zarrita(chunks, shards, read, field.shape) for read in READS}
                records.append(record)
    return records
