"""Codecs that zarrita.js reads as it is, by both of zarr's pipelines: MB a second and what is left of the size."""

from __future__ import annotations

import shutil
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec, ZstdCodec
from zarr.codecs.numcodecs import Shuffle

from benchmarks.packing.fields import Fields
from tasks.store.packing import compressors

PIPELINES = {"zarr": "zarr.core.codec_pipeline.BatchedCodecPipeline", "zarrs": "zarrs.ZarrsCodecPipeline"}
CHUNKS, SHARDS = (1, 256, 256), (8, 768, 1280)
ROUNDS = 3
MULTIPLE = 2.0**-5  # m/s: wind rounded to multiples of it loses as little as at 8 bits

Seconds = tuple[float, float]  # by the clock, and of all cores together: the second says the same on a busy machine


def _now() -> Seconds:
    return time.perf_counter(), time.process_time()


def _since(began: Seconds) -> Seconds:
    return time.perf_counter() - began[0], time.process_time() - began[1]


def candidates() -> dict[str, Any]:
    """Title -> compressors."""
    out: dict[str, Any] = {"zstd 0 (zarr's default)": [ZstdCodec(level=0)]}
    for level in (1, 3, 5, 7):
        out[f"blosc zstd {level}, shuffle"] = [BloscCodec(cname="zstd", clevel=level, shuffle="shuffle")]
    for level in (1, 3, 5, 7):
        out[f"blosc zstd {level}, bitshuffle"] = [BloscCodec(cname="zstd", clevel=level, shuffle="bitshuffle")]
    out["blosc zstd 3, no shuffle"] = [BloscCodec(cname="zstd", clevel=3, shuffle="noshuffle")]
    out["blosc lz4 5, shuffle"] = [BloscCodec(cname="lz4", clevel=5, shuffle="shuffle")]
    out["blosc lz4 5, bitshuffle"] = [BloscCodec(cname="lz4", clevel=5, shuffle="bitshuffle")]
    out["numcodecs.shuffle, zstd 3"] = [Shuffle(elementsize=4), ZstdCodec(level=3)]
    out["blosc zstd 1, bitshuffle, crc32c"] = [*out["blosc zstd 1, bitshuffle"], Crc32cCodec()]
    return out


def size(folder: Path) -> int:
    """Bytes of all files."""
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())


def written(
    folder: Path, fields: Fields, compressors: Any, chunks: tuple[int, ...], shards: tuple[int, ...]
) -> Seconds:
    """Seconds to write all variables, one after another."""
    began = _now()
    group = zarr.open_group(folder, mode="w")
    for name, field in fields.items():
        array = group.create_array(
            name, shape=field.shape, chunks=chunks, shards=shards, dtype="float32", compressors=compressors,
            fill_value=np.nan,
        )  # fmt: skip
        array[:] = field
    return _since(began)


def read(folder: Path, fields: Fields) -> Seconds:
    """Seconds to read all variables; the values have to be those written."""
    began = _now()
    group = zarr.open_group(folder, mode="r")
    got = {name: np.asarray(group[name][:]) for name in fields}
    seconds = _since(began)
    assert all(np.array_equal(got[n], f) for n, f in fields.items())
    return seconds


def to_zarr_defaults(fields: Fields) -> int:
    """Bytes of the same values by xarray's `to_zarr` as it is."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "defaults.zarr"
        ds = xr.Dataset({n: (("step", "latitude", "longitude"), f) for n, f in fields.items()})
        ds.to_zarr(folder, zarr_format=3, consolidated=False)
        return size(folder)


def measure(exact: Fields, rounded: Fields) -> dict[str, Any]:
    """One record a codec and pipeline, of rounded values; and sizes of exact ones."""
    warnings.filterwarnings("ignore", message="Numcodecs codecs are not in the Zarr version 3 specification")
    raw = sum(f.nbytes for f in exact.values())
    best: dict[tuple[str, str], dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "a.zarr"
        for _ in range(ROUNDS):
            for title, compressors in candidates().items():
                for pipeline, path in PIPELINES.items():
                    with zarr.config.set({"codec_pipeline.path": path}):
                        write = written(folder, rounded, compressors, CHUNKS, SHARDS)
                        held = size(folder)
                        seconds = read(folder, rounded)
                    shutil.rmtree(folder)
                    times = [*write, *seconds]
                    old = best.setdefault((title, pipeline), {"bytes": held, "seconds": times})
                    old["seconds"] = [min(pair) for pair in zip(old["seconds"], times, strict=True)]
        exactly = {}
        for title in ("zstd 0 (zarr's default)", "blosc zstd 5, shuffle", "blosc zstd 1, bitshuffle"):
            written(folder, exact, candidates()[title], CHUNKS, SHARDS)
            exactly[title] = size(folder)
    records = [{"codec": codec, "pipeline": pipeline, **found} for (codec, pipeline), found in best.items()]
    return {
        "raw": raw, "records": records, "exact": exactly, "by_variable": _by_variable(rounded),
        "wind_in_multiples": in_multiples(exact),
        "to_zarr_exact": to_zarr_defaults(exact), "to_zarr_rounded": to_zarr_defaults(rounded),
    }  # fmt: skip


def _by_variable(fields: Fields) -> dict[str, float]:
    """Raw size over packed size of each variable, as shipped."""
    out = {}
    with tempfile.TemporaryDirectory() as name:
        for variable, field in fields.items():
            folder = Path(name) / variable
            written(folder, {variable: field}, compressors(), CHUNKS, SHARDS)
            out[variable] = field.nbytes / size(folder)
    return out


def in_multiples(exact: Fields) -> dict[str, float]:
    """Raw size over packed size of wind that is rounded to multiples instead of bits."""
    return _by_variable({n: np.rint(exact[n] / MULTIPLE) * np.float32(MULTIPLE) + 0 for n in ("u10", "v10")})
