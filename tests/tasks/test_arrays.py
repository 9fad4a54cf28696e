"""Arrays in folders and on S3: which codecs write them, and what becomes of a disk that is full."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import zarr

from tasks.arrays import Shards, fast, write_shards, zarr_store
from tasks.errors import WorkspaceFull
from tasks.storage import files_in, join, room_for, write_bytes

VALUES = np.random.default_rng(0).random((4, 256, 256), dtype=np.float32)


def array_in(uri: str) -> zarr.Array:
    """An array of which each shard takes some hundred kB."""
    store = zarr_store(uri)
    zarr.create_array(store, shape=VALUES.shape, chunks=(2, 128, 128), shards=(4, 256, 256), dtype="f4")
    return fast(zarr.open_array(store, mode="r+"), uri)


@contextmanager
def no_file_above(size: int) -> Iterator[None]:
    """The system refuses to write more into one file, as it does where the disk is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_zarrs_writes_any_reader_reads(store: str) -> None:
    """In a folder and on S3, where zarr's own codecs do it."""
    uri = join(store, "a.zarr")
    array_in(uri)[:] = VALUES
    np.testing.assert_array_equal(zarr.open_array(zarr_store(uri), mode="r")[:], VALUES)


def test_shards_are_written_whole_wherever_they_are(store: str) -> None:
    """One at the domain's edge over what a killed writer began; the files are those that zarr's Python writes."""
    names, values = ("t2m", "sp"), np.round(VALUES[:, :200, :250] * 10)
    options = {"chunks": (2, 64, 64), "shards": (4, 128, 128), "dtype": "f4", "fill_value": np.nan}
    for name in (*names, "plain"):
        zarr.create_array(zarr_store(join(store, name)), shape=values.shape, **options)
    write_bytes(join(store, "sp", "c/0/1/1"), b"half a shard")
    arrays = {n: zarr.open_array(zarr_store(join(store, n)), mode="r+") for n in (*names, "plain")}
    shards = {n: Shards(arrays[n], join(store, n)) for n in names}
    assert shards["t2m"].shape == (4, 128, 128)
    for top in (0, 128):
        for side in (0, 128):
            part = values[:, top : top + 128, side : side + 128]
            write_shards(shards, (0, top, side), {"t2m": part, "sp": -part})
    arrays["plain"][:] = values
    np.testing.assert_array_equal(arrays["t2m"][:], values)
    np.testing.assert_array_equal(arrays["sp"][:], -values)
    assert files_in(join(store, "t2m")) == files_in(join(store, "plain"))


def test_a_full_disk_names_the_shard_that_it_has_no_room_for(tmp_path: Path) -> None:
    shards = {"t2m": Shards(array_in(str(tmp_path / "a.zarr")), str(tmp_path / "a.zarr"))}
    with pytest.raises(WorkspaceFull, match="t2m, lead times 0 to 3: no room"), no_file_above(100_000):
        write_shards(shards, (0, 0, 0), {"t2m": VALUES})
    write_shards(shards, (0, 0, 0), {"t2m": VALUES})
    np.testing.assert_array_equal(shards["t2m"].array[:], VALUES)


def test_other_arrays_of_the_process_are_zarrs_own(tmp_path: Path) -> None:
    """Two cycles at once in one process: what one opens is not coded by what the other asked for."""
    fast_one = array_in(str(tmp_path / "a.zarr"))
    plain = zarr.create_array(str(tmp_path / "b.zarr"), shape=(), dtype="i4")
    pipelines = [type(array.async_array.codec_pipeline).__name__ for array in (fast_one, plain)]
    assert pipelines == ["ZarrsCodecPipeline", "BatchedCodecPipeline"]
    plain[...] = 0
    assert (tmp_path / "b.zarr/c").is_file(), "a chunk of nothing but fill values is written too"


@pytest.mark.parametrize("by_zarrs", [True, False])
def test_a_full_disk_is_one_line_whoever_writes(tmp_path: Path, by_zarrs: bool) -> None:
    array = array_in(str(tmp_path / "a.zarr"))
    if not by_zarrs:
        array = zarr.open_array(str(tmp_path / "a.zarr"), mode="r+")
    with pytest.raises(WorkspaceFull, match="t2m: no room"), no_file_above(100_000), room_for("t2m"):
        array[:] = VALUES
    array[:] = VALUES
    np.testing.assert_array_equal(array[:], VALUES)
