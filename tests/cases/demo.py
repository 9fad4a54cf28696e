"""Files made from the demo cycle, as users have them: by ecCodes and xarray alone, not through what is tested."""

from __future__ import annotations

from pathlib import Path

import cfgrib
import numpy as np
import xarray as xr

from tests.conftest import DEMO_GRIB, TRUTH

ERA5 = {"GRIB_centre": "ecmf", "Conventions": "CF-1.7"}  # as the Climate Data Store's files say


def demo() -> xr.Dataset:
    """The demo's fields at one valid time, names as cfgrib has them; amounts too."""
    parts = cfgrib.open_datasets(str(DEMO_GRIB), backend_kwargs={"indexpath": ""})
    levels = ["heightAboveGround", "surface", "meanSea"]
    return xr.merge([p.drop_vars(levels, errors="ignore").load() for p in parts], compat="override")


def series(names: list[str], hours: int = 3) -> xr.Dataset:
    """Some fields as the CDS gives a reanalysis: (valid_time, latitude, longitude), every hour a little warmer."""
    ds = demo()[names].drop_vars(["time", "step", "valid_time"])
    start = np.datetime64("2026-05-30T00", "ns")
    pieces = [ds + np.float32(0.5 * hour if "t2m" in names else 0.0) for hour in range(hours)]
    times = start + np.arange(hours) * np.timedelta64(1, "h")
    out = xr.concat(pieces, xr.DataArray(times, dims="valid_time", name="valid_time"))
    for name in names:
        out[name].attrs = dict(ds[name].attrs)
    return out.assign_coords(expver=("valid_time", ["0005"] * hours)).assign_attrs(ERA5)


def write(ds: xr.Dataset, path: Path) -> Path:
    """As NetCDF."""
    ds.to_netcdf(path)
    return path


def finer(
    rows: int = 1, cols: int = 1, first: tuple[int, int] = (0, 0), names: tuple[str, ...] = ("t2m",)
) -> xr.Dataset:
    """The 0.1 degree forecast of the demo's time at every so many points, from the `first` on: any coarser grid."""
    with xr.open_dataset(TRUTH) as whole:
        ds = whole[list(names)].isel(latitude=slice(first[0], None, rows), longitude=slice(first[1], None, cols)).load()
    when = demo()
    out = ds.assign_coords(time=when["time"], step=when["step"], valid_time=when["valid_time"]).astype("float32")
    out.attrs = {"source": "ECMWF IFS"}
    return out
