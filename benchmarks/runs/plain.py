"""The script that a user would write instead: cfgrib, `.interp`, `to_zarr`. No terrain, no checks, no network.

`python -m benchmarks.runs.plain OUT REGION_FOLDER FILE...` downscales the files to the region's grid bilinearly.
The area is cut out with a margin before it is interpolated; what does not fit into memory at once is made one lead
time after another and appended.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import xarray as xr
import yaml

KEYS = (
    {"typeOfLevel": "heightAboveGround", "level": 2},
    {"typeOfLevel": "heightAboveGround", "level": 10},
    {"typeOfLevel": "surface"},
    {"typeOfLevel": "meanSea"},
)
MARGIN = 0.5  # degrees
VARIABLES = 7
AT_ONCE = 50e6  # values of the result that are made at once: what .interp needs beside them fits into a few GB


def target(box: dict[str, float], spacing: float) -> dict[str, np.ndarray]:
    """Coordinates of the result."""
    n, s, w, e = (round(box[k] / spacing) for k in ("north", "south", "west", "east"))
    return {"latitude": np.arange(n, s - 1, -1) * spacing, "longitude": np.arange(w, e + 1) * spacing}


def read(file: str, box: dict[str, float]) -> xr.Dataset:
    """One lead time's fields around the box."""
    around = {
        "latitude": slice(box["north"] + MARGIN, box["south"] - MARGIN),
        "longitude": slice(box["west"] - MARGIN, box["east"] + MARGIN),
    }
    parts = []
    for keys in KEYS:
        options = {"indexpath": "", "filter_by_keys": keys}  # no index files: each file is read once
        part = xr.open_dataset(file, engine="cfgrib", backend_kwargs=options, decode_timedelta=True)
        parts.append(part.sel(around).drop_vars(["heightAboveGround", "surface", "meanSea"], errors="ignore"))
    ds = xr.merge(parts, compat="override", join="override")
    if "tp" not in ds:  # the forecast's start
        ds["tp"] = xr.zeros_like(ds["sp"])
    ds = ds.load()
    if box["east"] - box["west"] > 359:  # around the Earth: the first column again after the last
        first = ds.isel(longitude=[0]).assign_coords(longitude=ds["longitude"][:1] + 360.0)
        ds = xr.concat([ds, first], "longitude", data_vars="minimal", coords="minimal", compat="override")
    return ds


def at_once(files: list[str], box: dict[str, float], grid: dict[str, np.ndarray], out: str) -> None:
    """All lead times in memory."""
    ds = xr.concat([read(f, box) for f in files], "step", coords="minimal", compat="override", data_vars="all")
    ds["tp"] = ds["tp"].diff("step").reindex(step=ds["step"], fill_value=0.0)
    ds.interp(grid).astype("float32").to_zarr(out, mode="w")


def one_by_one(files: list[str], box: dict[str, float], grid: dict[str, np.ndarray], out: str) -> None:
    """One lead time after another, appended."""
    before: xr.DataArray | None = None
    for file in files:
        ds = read(file, box)
        total = ds["tp"]
        ds["tp"] = total - before if before is not None else xr.zeros_like(total)
        fine = ds.expand_dims("step").interp(grid).astype("float32")
        if before is None:
            fine.to_zarr(out, mode="w")
        else:
            fine.to_zarr(out, append_dim="step")
        before = total


def main() -> None:
    """Command line; the last line says what was done."""
    out, folder, *files = sys.argv[1:]
    region = yaml.safe_load((Path(folder) / "region.yaml").read_text())
    began = time.monotonic()
    grid = target(region["box"], region["spacing"])
    values = len(files) * VARIABLES * grid["latitude"].size * grid["longitude"].size
    way = at_once if values < AT_ONCE else one_by_one
    way(files, region["box"], grid, out)
    print(json.dumps({"seconds": round(time.monotonic() - began, 3), "way": way.__name__}))


if __name__ == "__main__":
    main()
