"""The product: one CF-1.11 Zarr v3 store a cycle, sharded and consolidated, staged and read back before it counts."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xarray as xr
from zarr.codecs import BloscCodec

from tasks.errors import FinescaleError
from tasks.storage import open_zarr, write_zarr
from tasks.variables import VARIABLES

CHUNK = 256  # points a side: a map tile in one read, 256 kB before compression
SHARD_STEPS = 24  # lead times in one object: the unit of parallel writing, and of a point's series
EARTH_RADIUS = 6371229.0  # m, of the IFS and of ERA5's grids

COORDINATES: dict[str, dict[str, str]] = {
    "latitude": {"standard_name": "latitude", "long_name": "latitude", "units": "degrees_north", "axis": "Y"},
    "longitude": {"standard_name": "longitude", "long_name": "longitude", "units": "degrees_east", "axis": "X"},
    "step": {"standard_name": "forecast_period", "long_name": "lead time"},
    "time": {"standard_name": "forecast_reference_time", "long_name": "start of the forecast"},
    "valid_time": {"standard_name": "time", "long_name": "valid time", "axis": "T"},
}


class ReadBackFailed(FinescaleError):
    """A staged product does not read back as it was written."""


def describe(product: xr.Dataset, attributes: dict[str, Any]) -> xr.Dataset:
    """The product with CF metadata."""
    ds = product.copy()
    ds.attrs = {"Conventions": "CF-1.11", **attributes}
    for name, attrs in COORDINATES.items():
        ds[name].attrs = dict(attrs)
    ds["crs"] = xr.DataArray(
        np.int32(0), attrs={"grid_mapping_name": "latitude_longitude", "earth_radius": EARTH_RADIUS}
    )
    for name in (str(n) for n in product.data_vars if n in VARIABLES):
        variable = VARIABLES[name]
        methods = "area: mean step: sum" if variable.amount else "area: mean step: point"
        ds[name].attrs = {
            "standard_name": variable.standard_name,
            "long_name": variable.long_name,
            "units": variable.units,
            "cell_methods": methods,
            "grid_mapping": "crs",
        }
    if "step_bounds" in ds:
        ds["step"].attrs["bounds"] = "step_bounds"
    return ds


def _whole_chunks(size: int) -> int:
    """Smallest multiple of the chunk that holds `size`, or the size itself if one chunk does."""
    return size if size <= CHUNK else -(-size // CHUNK) * CHUNK


def encoding(ds: xr.Dataset) -> dict[str, dict[str, Any]]:
    """Chunks of one lead time and at most CHUNK x CHUNK points, shards of SHARD_STEPS lead times of the whole map."""
    steps, rows, cols = ds.sizes["step"], ds.sizes["latitude"], ds.sizes["longitude"]
    chunks = (1, min(rows, CHUNK), min(cols, CHUNK))
    shards = (min(steps, SHARD_STEPS), _whole_chunks(rows), _whole_chunks(cols))
    compressor = BloscCodec(cname="zstd", clevel=5, shuffle="shuffle")
    out: dict[str, dict[str, Any]] = {
        n: {"chunks": chunks, "shards": shards, "compressors": (compressor,), "dtype": "float32"}
        for n in map(str, ds.data_vars)
        if n in VARIABLES
    }
    for name in ("step", "step_bounds"):
        if name in ds.variables:
            out[name] = {"units": "hours", "dtype": "float64"}
    for name in ("latitude", "longitude"):
        out[name] = {"_FillValue": None}
    for name in ("time", "valid_time"):
        out[name] = {"units": "hours since 1970-01-01", "calendar": "standard", "dtype": "float64"}
    return out


def stage(product_uri: str, staged_uri: str, attributes: dict[str, Any]) -> None:
    """Write the described product to a staging place and prove that it reads back by value."""
    plain = open_zarr(product_uri)
    plain = plain.drop_encoding()
    ds = describe(plain, {k: v if isinstance(v, str) else json.dumps(v) for k, v in attributes.items()})
    write_zarr(ds, staged_uri, encoding=encoding(ds))
    read = open_zarr(staged_uri)
    for name in (str(n) for n in plain.data_vars if n in VARIABLES):
        for i in range(plain.sizes["step"]):
            if not np.array_equal(read[name][i].values, plain[name][i].values):
                raise ReadBackFailed(
                    f"{staged_uri}: {name} at lead time {i} does not read back; check the store's disk"
                )
