"""Fields along their valid time, as CF's readers, CDO, NCO, Panoply and QGIS expect them in a file."""

from __future__ import annotations

from typing import Any

import xarray as xr

from tasks.store.product import COORDINATES

UNITS = "hours since 1970-01-01"  # of times and of their bounds, which CF reads in the times' unit


def along_valid_time(product: xr.Dataset) -> xr.Dataset:
    """`step` becomes `forecast_period` along `time`, the valid time; the start becomes `forecast_reference_time`."""
    ds = product
    if "step_bounds" in ds:
        ds = ds.assign(time_bounds=ds["time"] + ds["step_bounds"]).drop_vars("step_bounds")
    ds = ds.rename(time="forecast_reference_time").swap_dims(step="valid_time")
    ds = ds.rename(valid_time="time", step="forecast_period").drop_encoding()
    ds["time"].attrs = dict(COORDINATES["valid_time"])
    ds["forecast_period"].attrs = dict(COORDINATES["step"])
    if "time_bounds" in ds:
        ds["time_bounds"].attrs = {}
        ds["time"].attrs["bounds"] = "time_bounds"
    for field in ds.data_vars.values():
        if "cell_methods" in field.attrs:
            field.attrs["cell_methods"] = field.attrs["cell_methods"].replace("step:", "time:")
    return ds.transpose("time", ...)


def time_encoding(ds: xr.Dataset) -> dict[str, dict[str, Any]]:
    """How its times are written; nothing of them is missing."""
    encoding: dict[str, dict[str, Any]] = {}
    for name in ("time", "time_bounds", "forecast_reference_time"):
        if name in ds.variables:
            encoding[name] = {"units": UNITS, "calendar": "standard", "dtype": "float64", "_FillValue": None}
    if "forecast_period" in ds.variables:
        encoding["forecast_period"] = {"units": "hours", "dtype": "float64", "_FillValue": None}
    return encoding
