"""Packs real HRES and ERA5 files into the one array file that `models.train` reads.

`python -m tasks.prepare.training_data FOLDER OUT.npz`, FOLDER holding `train/` and `static/`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import xarray as xr

from models.data import MISSING
from models.train import VARIABLES
from tasks.prepare.terrain import GRAVITY


def encode(field: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Float field -> (int16, scale, offset); NaN becomes MISSING."""
    low, high = float(np.nanmin(field)), float(np.nanmax(field))
    scale, offset = max((high - low) / 65000, 1e-12), (high + low) / 2
    known = np.isfinite(field)
    coded = np.where(known, np.round((np.where(known, field, offset) - offset) / scale), MISSING)
    return coded.astype(np.int16), scale, offset


def pack(datasets: dict[str, xr.Dataset], out: Path) -> None:
    """Write one .npz; every data set needs `latitude` (falling), `longitude` (rising) and `z` in m."""
    arrays: dict[str, np.ndarray] = {}
    meta = []
    for name, ds in datasets.items():
        scale: dict[str, float] = {}
        offset: dict[str, float] = {}
        for variable, field in ((str(v), f) for v, f in ds.data_vars.items()):
            arrays[f"{name}/{variable}"], scale[variable], offset[variable] = encode(field.values)
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
    np.savez(out, allow_pickle=False, **arrays)


def east_of_dateline(ds: xr.Dataset) -> xr.Dataset:
    """Longitudes 0..360 -> -180..180, rising."""
    return ds.assign_coords(longitude=(ds.longitude + 180) % 360 - 180).sortby("longitude")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    train, static = args.folder / "train", args.folder / "static"
    hres = xr.open_dataset(train / "hres_0p1_nh_20211210T20.nc")[list(VARIABLES)]
    orography = xr.open_dataset(static / "hres_0p1_orography.nc")
    hres["z"] = orography.z.isel(latitude=slice(0, 901)).reset_coords(drop=True) / GRAVITY
    era5 = xr.open_dataset(train / "era5_0p25_t2m_20121201T14.nc").isel(valid_time=0, drop=True)[["t2m"]]
    geopotential = xr.open_dataset(static / "era5_0p25_geopotential.nc").isel(time=0, drop=True)
    era5["z"] = (("latitude", "longitude"), geopotential.z.values / GRAVITY)
    pack({"hres": hres, "era5": east_of_dateline(era5)}, args.out)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
