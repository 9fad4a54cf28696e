"""Packs real HRES and ERA5 files into the one array file that `models.training.train` reads.

`python -m tasks.datasets.training FOLDER OUT.npz`, FOLDER holding `train/` and `static/`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import xarray as xr

from models.constants import GRAVITY
from models.statistics import VARIABLES
from models.training.data import MISSING, STATIC_FIELDS

MONTHS = (0, 3, 6, 9)  # of the ERA5 monthly means: one a season


def encode(field: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Float field -> (int16, scale, offset); NaN becomes MISSING."""
    low, high = float(np.nanmin(field)), float(np.nanmax(field))
    scale, offset = max((high - low) / 65000, 1e-12), (high + low) / 2
    known = np.isfinite(field)
    coded = np.where(known, np.round((np.where(known, field, offset) - offset) / scale), MISSING)
    return coded.astype(np.int16), scale, offset


def pack(datasets: dict[str, xr.Dataset], out: Path) -> None:
    """Write one .npz; fields (time, latitude falling, longitude rising), static `z` in m and `land` without time."""
    arrays: dict[str, np.ndarray] = {}
    meta = []
    for name, ds in datasets.items():
        scale: dict[str, float] = {}
        offset: dict[str, float] = {}
        for variable, field in ((str(v), f) for v, f in ds.data_vars.items()):
            values = field.transpose("time", "latitude", "longitude").values if "time" in field.dims else field.values
            coded, scale[variable], offset[variable] = encode(values.reshape(-1, *values.shape[-2:]))
            arrays[f"{name}/{variable}"] = coded
        meta.append(
            {
                "name": name,
                "north": float(ds.latitude[0]),
                "west": float(ds.longitude[0]),
                "spacing": round(float(ds.latitude[0] - ds.latitude[1]), 6),
                "scale": scale,
                "offset": offset,
            }
        )
    arrays["meta"] = np.array(json.dumps(meta))
    np.savez_compressed(out, allow_pickle=False, **arrays)


def east_of_dateline(ds: xr.Dataset) -> xr.Dataset:
    """Longitudes 0..360 -> -180..180, rising; to 0.001 degree, so that grids of different files meet."""
    longitude = (ds.longitude.values.astype(float) + 180) % 360 - 180
    return ds.assign_coords(longitude=longitude.round(3), latitude=ds.latitude.values.astype(float).round(3)).sortby(
        "longitude"
    )


def read_fields(path: Path, *variables: str) -> xr.Dataset:
    """Some fields of a file with one dimension `time`, whatever it is called there."""
    ds = xr.open_dataset(path)[list(variables)]
    ds = ds.rename({"valid_time": "time"}) if "valid_time" in ds.dims else ds
    return east_of_dateline(ds).reset_coords(drop=True)


def statics_0p1(folder: Path) -> xr.Dataset:
    """Height in m and land mask at 0.1 degree, global; the mask's file ends at 60S, beyond which all is land or ice."""
    z = east_of_dateline(xr.open_dataset(folder / "hres_0p1_orography.nc")[["z"]]) / GRAVITY
    land = east_of_dateline(xr.open_dataset(folder / "era5land_0p1_land_mask.nc")[["land"]]).fillna(1.0)
    return xr.merge([z, land], join="exact").reset_coords(drop=True)


def statics_0p25(folder: Path) -> xr.Dataset:
    """Height in m and land fraction of ERA5, global."""
    z = xr.open_dataset(folder / "era5_0p25_geopotential.nc").isel(time=0, drop=True)[["z"]] / GRAVITY
    land = xr.open_dataset(folder / "era5_0p25_land_sea_mask.nc").isel(time=0, drop=True)[["lsm"]]
    merged = xr.merge([east_of_dateline(z), east_of_dateline(land.rename(lsm="land"))], join="exact")
    return merged.reset_coords(drop=True)


def with_statics(fields: xr.Dataset, statics: xr.Dataset) -> xr.Dataset:
    """Fields and the static fields of their grid."""
    here = statics.sel(latitude=fields.latitude, longitude=fields.longitude)
    return fields.assign({name: (("latitude", "longitude"), here[name].values) for name in STATIC_FIELDS})


def training_sets(folder: Path) -> dict[str, xr.Dataset]:
    """What to train on.

    Left out: Italy (interpolated to a shifted grid, so smoother than ERA5), monthly rain (a mean rate, nothing like an
    hour's), monthly t2m (there are hours), gusts (no variable of ours).
    """
    train = folder / "train"
    fine, coarse = statics_0p1(folder / "static"), statics_0p25(folder / "static")
    wind = read_fields(train / "era5_0p25_maritime_u10v10_20251109T01.nc", "u10", "v10")
    return {
        "hres": with_statics(read_fields(train / "hres_0p1_nh_20211210T20.nc", *VARIABLES), fine),
        "era5-hour": with_statics(read_fields(train / "era5_0p25_t2m_20121201T14.nc", "t2m"), coarse),
        "era5-month": with_statics(
            read_fields(train / "era5_0p25_d2m_monthly_2000.nc", "d2m").isel(time=list(MONTHS)), coarse
        ),
        "era5-europe-africa": with_statics(
            read_fields(train / "era5_0p25_europe_africa_t2m_20160101T00.nc", "t2m"), coarse
        ),
        "era5-maritime": with_statics(wind, coarse),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    pack(training_sets(args.folder), args.out)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
