"""Group `calibration` of a product: what stations have changed in it, so that what it was before can be had.

t2m, d2m, u10, v10, sp, msl (step, latitude, longitude)   what was added; product less that is what it was, to rounding
{variable}_left_out, {variable}_own (step, station)       expected error at each station that took part, SI
{variable}_applied (step)                                 whether it was taken off
{variable}_range (step, quantile)                         how far the truth is from it; wind: of square roots
{variable}_spread (step, station)                         of an ensemble: standard deviation of its members as they were

Of an ensemble, wind is corrected as the speed of its members: wind_speed in the place of u10 and v10.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
import zarr

from tasks.arrays import open_zarr, zarr_store
from tasks.grids.gridded import gridded
from tasks.handover.calibrated import GROUP, LEVELS, RANGE, ROOTS, Calibration
from tasks.handover.digests import Digests, digests_beside
from tasks.handover.prepared import create_fields
from tasks.storage import join, remove, room_for
from tasks.store import packing
from tasks.store.product import encoding
from tasks.variables import VARIABLES, WINDS

FIELDS = {"left_out": "left_out", "own": "own", "applied": "applied", "ranges": "range", "spread": "spread"}
KEPT_BITS = 8  # of increments: an error of a five-hundredth
PARTS = ("left_out", "own", "spread")


def create_calibration(uri: str, product: xr.Dataset, names: list[str], stations: Calibration) -> Digests:
    """The group without increments yet; `names`: variables that get some. What stands there is replaced.

    Returns digests of what is written here.
    """
    coords = {c: product[c] for c in product.coords if c in ("latitude", "longitude", "step", "time", "valid_time")}
    ds = xr.Dataset(coords=coords | {"station": np.array(stations.stations, dtype=np.dtypes.StringDType())})
    for part in PARTS:
        for name, errors in getattr(stations, part).items():
            ds[f"{name}_{part}"] = ("step", "station"), errors.astype(np.float32), {"units": units(name)}
    for name, steps in stations.applied.items():
        ds[f"{name}_applied"] = ("step",), steps
    if stations.ranges:
        ds = ds.assign_coords(quantile=("quantile", np.array(LEVELS), {"standard_name": "quantile", "units": "1"}))
    for name, bounds in stations.ranges.items():
        unit = units(name) if name not in ROOTS else "m0.5 s-0.5"
        about = {"long_name": f"quantiles of the truth's departure from {name}", "units": unit}
        ds[f"{name}{RANGE}"] = ("step", "quantile"), bounds.astype(np.float32), about
    ds.attrs = {"title": "what stations have changed in the product"}
    if stations.widened:
        ds.attrs["ensemble"] = " ".join(stations.widened)
    with room_for(uri):
        ds.to_zarr(zarr_store(uri), group=GROUP, mode="w", zarr_format=3, consolidated=False, encoding=encoding(ds))
        shape = product.sizes["step"], product.sizes["latitude"], product.sizes["longitude"]
        attributes = {
            n: {
                "long_name": f"increment of {VARIABLES[n].long_name if n in VARIABLES else n} by calibration",
                "units": units(n),
                "coordinates": "time valid_time",
            }
            | ({"units_metadata": "temperature: difference"} if units(n) == "K" else {})
            for n in names
        }
        group = zarr.open_group(zarr_store(uri), path=GROUP, mode="r+", use_consolidated=False)
        create_fields(group, shape, attributes, packing.compressors())
        zarr.consolidate_metadata(zarr_store(uri))
    return digests_beside(ds, GROUP)


def remove_calibration(uri: str) -> None:
    """What there is of the group."""
    remove(join(uri, GROUP))


def increment(values: np.ndarray) -> np.ndarray:
    """Values as the group keeps them, which is what is added to a product."""
    return packing.round_to(np.asarray(values, np.float32).copy(), KEPT_BITS)


def open_calibration(uri: str) -> Calibration | None:
    """Of a product; None where no station took part."""
    try:
        ds = open_zarr(uri, GROUP)
    except (FileNotFoundError, KeyError, ValueError):
        return None
    names = [n for n in (*VARIABLES, *WINDS) if n in ds]
    increments = gridded(ds[names], f"{uri}/{GROUP}") if names else None
    return Calibration(
        increments,
        [str(s) for s in ds["station"].values],
        **{of: _ending(ds, part) for of, part in FIELDS.items()},
        widened=str(ds.attrs.get("ensemble", "")).split(),
    )


def _ending(ds: xr.Dataset, part: str) -> dict[str, np.ndarray]:
    return {str(n).removesuffix(f"_{part}"): ds[n].values for n in ds.data_vars if str(n).endswith(f"_{part}")}


def units(name: str) -> str:
    """Of an error of a variable that stations report."""
    return VARIABLES[name].units if name in VARIABLES else "m s-1"
