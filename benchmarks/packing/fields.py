"""Fields for the packing benchmarks: real HRES made coarse and downscaled again with its terrain, as products are.

720 rows as those of China at 0.05 degree, 1,940 columns (5-77N, 98W-96E), one lead time. A cube of lead times is a
window of 1,240 columns that moves 10 columns a lead time, and is scaled by up to 2 % so that no value occurs twice:
real fields that change about as weather does, whose terrain moves too.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import xarray as xr

from flows.products.field import super_resolve_file
from models.statistics import VARIABLES

DATA = Path(__file__).parents[3] / "shared" / "data"
ROWS, COLS, DRIFT = 720, 1240, 10
FIRST_ROW, FIRST_COL, WIDE = 130, 820, 1940  # of the HRES file: where it has no holes
ERA5 = DATA / "fixtures/era5_east_china_2t_2d_sp_tp_hourly_20260530.grib"

Fields = dict[str, np.ndarray]  # variable -> (..., rows, cols) float32


def _made(source: Path, **options: str) -> Fields:
    """A file through `finescale field`."""
    with tempfile.TemporaryDirectory() as folder:
        output = str(Path(folder) / "fine.nc")
        super_resolve_file(str(source), output, **options)
        with xr.open_dataset(output) as fine:
            return {n: fine[n].values.squeeze() for n in VARIABLES if n in fine}


def hres_product() -> tuple[Fields, Fields]:
    """(720 x 1940 product, its 360 x 970 input) at scale 2."""
    with xr.open_dataset(DATA / "train/hres_0p1_nh_20211210T20.nc") as ds:
        rows, cols = slice(FIRST_ROW, FIRST_ROW + ROWS), slice(FIRST_COL, FIRST_COL + WIDE)
        truth = ds[list(VARIABLES)].isel(latitude=rows, longitude=cols).load()
    coarse = truth.coarsen(latitude=2, longitude=2).mean().astype(np.float32)
    for name in VARIABLES:
        coarse[name].attrs = truth[name].attrs
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "coarse.nc"
        coarse.to_netcdf(file)
        fine = _made(file, scale="2", terrain=str(DATA / "static/hres_0p1_orography.nc"))
    return fine, {n: coarse[n].values for n in VARIABLES}


def era5_product() -> Fields:
    """48 hours of eastern China at scale 5, variables t2m d2m sp tp: what really follows upon what."""
    return _made(ERA5, scale="5")


def cube(fine: Fields, steps: int) -> Fields:
    """(steps, 720, 1240) of each variable."""
    factors = 1 + 0.02 * np.modf(0.618 * np.arange(steps))[0]  # without them a codec finds the last lead time again
    windows = [slice(i * DRIFT, i * DRIFT + COLS) for i in range(steps)]
    return {
        n: np.stack([f[:, w] * np.float32(x) for w, x in zip(windows, factors, strict=True)]) for n, f in fine.items()
    }
