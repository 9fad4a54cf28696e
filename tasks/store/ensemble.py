"""Writing group `ensemble` of a product; what is in it: tasks/handover/members.py."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
import zarr

from tasks.arrays import open_zarr, zarr_store
from tasks.grids.gridded import Gridded
from tasks.handover.calibrated import LEVELS
from tasks.handover.digests import Digests, digests_beside
from tasks.handover.members import GROUP, MEMBERS, QUANTILES, SPREAD, chance_name
from tasks.handover.shards import DIMENSIONS, SHARD_SIDE, shapes
from tasks.passing import Passing
from tasks.storage import room_for
from tasks.store import packing
from tasks.store.product import encoding
from tasks.variables import VARIABLES, WINDS

KEPT_BITS = 8  # of spreads and chances: an error of a five-hundredth


def kept_bits(name: str) -> int:
    """Of the quantiles of a variable, or of a wind's speed."""
    return packing.KEPT_BITS[WINDS[name][0] if name in WINDS else name]


def create_ensemble(
    uri: str,
    product: xr.Dataset,
    names: list[str],
    passings: list[Passing],
    numbers: list[int],
    kept: list[str],
    block: int = SHARD_SIDE,
) -> Digests:
    """The group without values yet; what stands there is replaced.

    names: variables, and speeds of wind. numbers: of the members. kept: variables whose members' fields it is to have.
    block: points a side of a shard at most, as the product's own. Returns digests of what is written here.
    """
    coords = {c: product[c] for c in product.coords if c in ("latitude", "longitude", "step", "time", "valid_time")}
    ds = xr.Dataset(coords=coords)
    ds = ds.assign_coords(quantile=("quantile", np.array(LEVELS), {"standard_name": "quantile", "units": "1"}))
    if kept:
        about = {"standard_name": "realization", "units": "1"}
        ds = ds.assign_coords(realization=("realization", np.array(numbers, np.int32), about))
    ds.attrs = {"title": "how sure the ensemble is", "members": len(numbers)}
    with room_for(uri):
        ds.to_zarr(zarr_store(uri), group=GROUP, mode="w", zarr_format=3, consolidated=False, encoding=encoding(ds))
        group = zarr.open_group(zarr_store(uri), path=GROUP, mode="r+", use_consolidated=False)
        sizes = product.sizes["step"], product.sizes["latitude"], product.sizes["longitude"]
        chunks, shards = shapes(*sizes, block)
        for name in names:
            about = _about(name)
            ranges = {"long_name": f"quantiles of {about.pop('long_name')}", **about}
            _create(group, f"{name}{QUANTILES}", (len(LEVELS), *sizes), (1, *chunks), (len(LEVELS), *shards), ranges)
            spread = {"long_name": f"standard deviation of what {name} may be", "units": about["units"]}
            if about["units"] == "K":
                spread["units_metadata"] = "temperature: difference"
            _create(group, f"{name}{SPREAD}", sizes, chunks, shards, spread)
        for name in kept:
            fields = {"long_name": f"members' {VARIABLES[name].long_name}", **_of_field(name)}
            _create(
                group, f"{name}{MEMBERS}", (len(numbers), *sizes), (1, *chunks), (1, *shards), fields, "realization"
            )
        for passing in passings:
            about = {"long_name": f"chance of {passing}", "units": "%", "threshold": str(passing)}
            _create(group, chance_name(passing), sizes, chunks, shards, about)
        zarr.consolidate_metadata(zarr_store(uri))
    return digests_beside(ds, GROUP)


def _about(name: str) -> dict[str, str]:
    if name in WINDS:
        height = VARIABLES[WINDS[name][0]].long_name.split(" metre")[0]
        return {"long_name": f"{height} metre wind speed", "units": "m s-1", "standard_name": "wind_speed"}
    return {"long_name": VARIABLES[name].long_name, **_of_field(name)}


def _of_field(name: str) -> dict[str, str]:
    variable = VARIABLES[name]
    about = {"units": variable.units, "standard_name": variable.standard_name}
    return about | ({"units_metadata": "temperature: on_scale"} if variable.units == "K" else {})


def _create(
    group: zarr.Group,
    name: str,
    shape: tuple[int, ...],
    chunks: tuple[int, ...],
    shards: tuple[int, ...],
    about: dict[str, Any],
    along: str = "quantile",
) -> None:
    dimensions = DIMENSIONS if len(shape) == len(DIMENSIONS) else (along, *DIMENSIONS)
    group.create_array(
        name, shape=shape, chunks=chunks, shards=shards, dtype="float32", fill_value=np.nan,
        compressors=packing.compressors(), dimension_names=dimensions,
        attributes={**about, "coordinates": "time valid_time"},
    )  # fmt: skip


def with_members(product: Gridded, uri: str) -> Gridded:
    """A product with what its ensemble says beside its fields; any other as it is.

    `wind_speed`, `wind_speed_100`: the members' median, which is what people are shown; `{variable}_spread`.
    """
    try:
        ensemble = open_zarr(uri, GROUP)
    except (FileNotFoundError, KeyError, ValueError):
        return product
    middle = {n: ensemble[f"{n}{QUANTILES}"][LEVELS.index(0.5)] for n in WINDS if f"{n}{QUANTILES}" in ensemble}
    spreads = {str(n): ensemble[n] for n in ensemble.data_vars if str(n).endswith(SPREAD)}
    return replace(product, fields=product.fields.assign(middle | spreads).drop_vars("quantile", errors="ignore"))


def open_ensemble(uri: str) -> dict[str, zarr.Array[Any]]:
    """The group's fields by name, to be written or read; none where there is no such group."""
    product = zarr.open_group(zarr_store(uri), mode="r+", use_consolidated=False)
    group = product.get(GROUP)
    if not isinstance(group, zarr.Group):
        return {}
    return {name: a for name, a in group.arrays() if a.ndim >= len(DIMENSIONS)}
