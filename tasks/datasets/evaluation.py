"""Packs what methods are scored on into one array file, as training data, for `models.training.evaluate`.

`python -m tasks.datasets.evaluation FOLDER OUT.npz`, FOLDER holding `test/`, `fixtures/` and `static/`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import xarray as xr

from models.statistics import VARIABLES
from tasks.datasets.training import (
    east_of_dateline,
    pack,
    read_fields,
    statics_0p1,
    statics_0p25,
    with_statics,
)
from tasks.prepare.assemble import assemble
from tasks.prepare.decode import scanned

EVERY_UK = 31  # hours between the British cases: 24 of them, at every hour of the day
EVERY_CHINA = 5  # 10 of 48 hours
EAST_ASIA = {"latitude": slice(55, 15), "longitude": slice(75, 135)}  # of the global forecasts


def read_grib(path: Path) -> xr.Dataset:
    """Our variables of a GRIB file by valid time, in the units and names of the pipeline."""
    with scanned([path], set(VARIABLES)) as headers:
        loaded = assemble(headers, lambda grid: grid, list(VARIABLES), []).load()
    fields = loaded[[n for n in VARIABLES if n in loaded]].reset_coords(drop=True)
    return east_of_dateline(fields.rename(step="time").drop_vars("time"))


def evaluation_sets(folder: Path) -> dict[str, xr.Dataset]:
    """What to score on: places and times that training has not seen."""
    fixtures = folder / "fixtures"
    fine, coarse = statics_0p1(folder / "static"), statics_0p25(folder / "static")
    box = read_fields(folder / "test" / "hres_0p1_china_20211210T20.nc", *VARIABLES)
    china = read_grib(fixtures / "era5_east_china_2t_2d_sp_tp_hourly_20260530.grib")
    uk = read_grib(fixtures / "era5_uk_2t_hourly_201903.grib")
    # IFS's own terrain is 9 km fine, as HRES's; ERA5's at 0.25 degree is another model's
    forecast = fine.interp(latitude=coarse.latitude, longitude=coarse.longitude).fillna(0.0)
    ifs = {
        "ifs-t2m": fixtures / "ifs_0p25_2t_20250115T00_24h.grib2",
        "ifs-scda": fixtures / "ifs_0p25_scda_msl_2t_20250115T18_24h.grib2",
        "ifs-tp": fixtures / "ifs_0p25_tp_20260716T12_24h.grib2",
    }
    return {
        "hres-test": with_statics(box, fine),
        "era5-china": with_statics(china.isel(time=np.arange(0, china.sizes["time"], EVERY_CHINA)), coarse),
        "era5-uk": with_statics(uk.isel(time=np.arange(0, uk.sizes["time"], EVERY_UK)), coarse),
        **{name: with_statics(read_grib(path).sel(EAST_ASIA), forecast) for name, path in ifs.items()},
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    pack(evaluation_sets(args.folder), args.out)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
