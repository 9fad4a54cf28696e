"""The product: one CF-1.11 Zarr v3 store a cycle, sharded and consolidated, staged before it counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
import zarr
from zarr.codecs import BloscCodec

from models.constants import EARTH_RADIUS
from models.operator import CELL_MEANS, Operator, Sampling
from tasks.arrays import checked, open_zarr, write_zarr, zarr_store
from tasks.grids.grid import Grid
from tasks.grids.gridded import ALTITUDE, LAND, Gridded, gridded
from tasks.handover.digests import Digests, array_digest, digests_beside, path_of
from tasks.handover.prepared import INPUT, Filled, Series, StaticFields, create_fields, fill_fields
from tasks.handover.shards import DIMENSIONS, SHARD_SIDE, shapes
from tasks.storage import room_for
from tasks.store import packing
from tasks.store.metadata import write_attributes
from tasks.variables import VARIABLES

AREA = {Sampling.SAMPLES: "point", Sampling.MEANS: "mean"}  # in CF's cell_methods
LEAP_SECONDS = {"units_metadata": "leap_seconds: none"}  # CF-1.11, 4.4: UTC in days of 86400 s

COORDINATES: dict[str, dict[str, str]] = {
    "latitude": {"standard_name": "latitude", "long_name": "latitude", "units": "degrees_north", "axis": "Y"},
    "longitude": {"standard_name": "longitude", "long_name": "longitude", "units": "degrees_east", "axis": "X"},
    "step": {"standard_name": "forecast_period", "long_name": "lead time"},
    "time": {"standard_name": "forecast_reference_time", "long_name": "start of the forecast", **LEAP_SECONDS},
    "valid_time": {"standard_name": "time", "long_name": "valid time", "axis": "T", **LEAP_SECONDS},
}
# in the long names of amounts: which time they are of
SINCE, UNSTATED = "since the previous lead time", "of a time that its input does not state"
STATIC_COORDINATES: dict[str, dict[str, str]] = {
    ALTITUDE: {"standard_name": "surface_altitude", "long_name": "height of the terrain", "units": "m"},
    LAND: {"standard_name": "land_area_fraction", "long_name": "fraction of land", "units": "1"},
}


def describe(product: xr.Dataset, attributes: dict[str, Any], sampling: Sampling) -> xr.Dataset:
    """The product with CF metadata; `sampling`: what its values are."""
    ds = product.copy()
    ds.attrs = {"Conventions": "CF-1.11", **attributes}
    for name, attrs in COORDINATES.items():
        ds[name].attrs = dict(attrs)
    ds["crs"] = xr.DataArray(
        np.int32(0), attrs={"grid_mapping_name": "latitude_longitude", "earth_radius": EARTH_RADIUS}
    )
    for name in (str(n) for n in product.data_vars if n in VARIABLES):
        ds[name].attrs = variable_attributes(name, sampling, bounded="step_bounds" in ds)
    if "step_bounds" in ds:
        ds["step"].attrs["bounds"] = "step_bounds"
    return ds


def variable_attributes(name: str, sampling: Sampling, bounded: bool) -> dict[str, str]:
    """CF metadata of a variable of samples, or of means over cells; `bounded`: what amounts cover is known."""
    variable = VARIABLES[name]
    method = "sum" if variable.amount else variable.extreme or "point"
    of_time = f" step: {method}" if bounded or not variable.amount else ""
    return {
        "standard_name": variable.standard_name,
        "long_name": variable.long_name if of_time else variable.long_name.replace(SINCE, UNSTATED),
        "units": variable.units,
        "cell_methods": f"area: {AREA[sampling]}{of_time}",
        "grid_mapping": "crs",
    } | ({"units_metadata": "temperature: on_scale"} if variable.units == "K" else {})  # CF-1.11, 3.1.2


def operator_attributes(operator: Operator) -> dict[str, Any]:
    """What the input's values are, for whoever reads a product; of samples also the footprint in km."""
    out: dict[str, Any] = {"finescale_input_is": str(operator.sampling)}
    if operator.sampling is Sampling.SAMPLES:
        out["finescale_footprint_km"] = operator.footprint
    return out


def operator_in(attributes: Mapping[Any, Any]) -> Operator:
    """What `operator_attributes` wrote; products of before took their input for means over cells."""
    if attributes.get("finescale_input_is") != Sampling.SAMPLES:
        return CELL_MEANS
    return Operator(Sampling.SAMPLES, float(attributes["finescale_footprint_km"]))


def encoding(ds: xr.Dataset) -> dict[str, dict[str, Any]]:
    """Of the coordinates, times in hours as numbers; of all that xarray writes, checksums."""
    out: dict[str, dict[str, Any]] = {str(name): {"compressors": checked()} for name in ds.variables}
    for name in ("step", "step_bounds"):
        if name in ds.variables:
            out[name] |= {"units": "hours", "dtype": "float64"}
    for name in ("latitude", "longitude"):
        out[name] |= {"_FillValue": None}
    for name in ("time", "valid_time"):
        out[name] |= {"units": "hours since 1970-01-01", "calendar": "standard", "dtype": "float64"}
    return out


def create(
    uri: str,
    source: xr.Dataset,
    target: Grid,
    names: list[str],
    statics: StaticFields | None,
    operator: Operator,
    block: int = SHARD_SIDE,
) -> Digests:
    """A product without values yet: coordinates, terrain, and arrays that slabs of whole shards are written into.

    Its group `input` holds the fields that it is made from, which `fill_input` writes: what it is held against whenever
    observations arrive. `source`: coordinates of the input. `block`: points a side of a shard at most. Returns digests
    of what is written here.
    """
    on_target, on_input = (statics.on_target, statics.on_input) if statics is not None else ({}, {})
    keep = {k: v for k, v in source.coords.items() if not {"latitude", "longitude"} & set(v.dims)}
    ds = xr.Dataset(coords=keep | {"latitude": target.latitude, "longitude": target.longitude})
    if "step_bounds" in source:
        ds["step_bounds"] = source["step_bounds"]
    ds = _with_statics(describe(ds, {}, operator.sampling), on_target)
    write_zarr(ds, uri, encoding=encoding(ds))
    described = _with_statics(source, on_input)
    if statics is not None and statics.heights and ALTITUDE in on_input:
        described[ALTITUDE].attrs = described[ALTITUDE].attrs | {"source": statics.heights}
    beside = digests_beside(ds) | _create_input(described, names, operator, uri)
    group = zarr.open_group(zarr_store(uri), mode="r+", use_consolidated=False)
    shape = (ds.sizes["step"], target.rows, target.cols)
    chunks, shards = shapes(*shape, block)
    about = packing.container_attributes()
    group.create_array(packing.CONTAINER, data=np.zeros((), np.int32), compressors=checked(), attributes=about)
    for name in names:
        group.create_array(
            name,
            shape=shape,
            chunks=chunks,
            shards=shards,
            dtype="float32",
            fill_value=np.nan,
            compressors=packing.compressors(),
            dimension_names=DIMENSIONS,
            attributes={
                **variable_attributes(name, operator.sampling, "step_bounds" in source),
                **packing.attributes(name),
                "coordinates": " ".join(["time", "valid_time", *on_target]),
            },
        )
    zarr.consolidate_metadata(zarr_store(uri))
    return beside | {packing.CONTAINER: [array_digest(np.zeros((), np.int32))]}


def _with_statics(ds: xr.Dataset, statics: dict[str, np.ndarray]) -> xr.Dataset:
    """Terrain and land as coordinates (latitude, longitude)."""
    here = {n: (("latitude", "longitude"), field, STATIC_COORDINATES[n]) for n, field in statics.items()}
    return ds.assign_coords(here)


def _create_input(source: xr.Dataset, names: list[str], operator: Operator, uri: str) -> Digests:
    """The group of the input, without values yet."""
    ds = describe(source, {"title": "input of the product", **operator_attributes(operator)}, operator.sampling)
    beside = " ".join(sorted(str(n) for n in ds.coords if n not in ds.dims))
    with room_for(uri):
        ds.to_zarr(zarr_store(uri), group=INPUT, mode="w", zarr_format=3, consolidated=False, encoding=encoding(ds))
        small = checked(BloscCodec(cname="zstd", clevel=5, shuffle="shuffle"))
        bounded = "step_bounds" in source
        written = {n: variable_attributes(n, operator.sampling, bounded) for n in names}
        attributes = {n: {**a, "coordinates": beside} for n, a in written.items()}
        shape = ds.sizes["step"], ds.sizes["latitude"], ds.sizes["longitude"]
        create_fields(_input(uri), shape, attributes, small)
    return digests_beside(ds, INPUT)


def _input(uri: str) -> zarr.Group:
    return zarr.open_group(zarr_store(uri), path=INPUT, mode="r+", use_consolidated=False)


def fill_input(uri: str, series: Series) -> Filled:
    """Write the fields that the product is made from, each once; digests are by their path in the product."""
    with room_for(uri):
        found = fill_fields(_input(uri), series)
    return Filled(found.deviations, {path_of(INPUT, name): digests for name, digests in found.digests.items()})


def seal(uri: str, attributes: dict[str, Any]) -> None:
    """Give a product its global attributes, the last thing that is written to it."""
    zarr.consolidate_metadata(zarr_store(uri))
    write_attributes(uri, attributes)


def open_product(uri: str) -> Gridded:
    """A product, read when asked for."""
    return gridded(open_zarr(uri), uri)


def open_input(uri: str) -> Gridded | None:
    """What a product was made from; None for products of versions that did not keep it."""
    try:
        return gridded(open_zarr(uri, INPUT), f"{uri}/{INPUT}")
    except (FileNotFoundError, KeyError, ValueError):
        return None
