"""Packs what methods are scored on into one array file, as training data, for `models.training.evaluate`.

`python -m tasks.datasets.evaluation FOLDER OUT.npz`, FOLDER holding `test/`, `fixtures/` and `static/`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import xarray as xr

from models.operator import ERA5
from models.statistics import VARIABLES
from tasks.datasets.training import (
    IFS_KM,
    east_of_dateline,
    of_model,
    pack,
    read_fields,
    read_messages,
    statics_0p1,
    statics_0p25,
    with_statics,
)

EVERY_UK = 31  # hours between the British cases: 24 of them, at every hour of the day
EVERY_CHINA = 5  # 10 of 48 hours
TRAINED, TRAINED_WITHOUT = ("ifs-july", "ifs-tp"), ("andes", "alps", "china")  # elsewhere these two were trained on
EVERY_ARPEGE = 6  # hours
REGIONS = {  # of the global forecasts
    "east-asia": {"latitude": slice(55, 15), "longitude": slice(75, 135)},
    "china": {"latitude": slice(42, 18), "longitude": slice(98, 127)},
    "andes": {"latitude": slice(5, -45), "longitude": slice(-82, -50)},
    "alps": {"latitude": slice(52, 38), "longitude": slice(-5, 22)},
    "rockies": {"latitude": slice(55, 30), "longitude": slice(-128, -98)},
    "africa": {"latitude": slice(15, -35), "longitude": slice(8, 52)},
}
ARPEGE_KM = 7.5
EAST_FROM = 119.0  # of the Maritime Continent's wind, the half that is not trained on


def arpege(folder: Path) -> xr.Dataset:
    """ARPEGE over north-west France, every EVERY_ARPEGE hours, with AROME's terrain as means over 0.1 degree."""
    fields = [read_messages(folder / f"arpege_{n}_NW.grib") for n in ("2m", "10m", "P_sea_level", "PRECIP")]
    hours = min(f.sizes["time"] for f in fields)  # amounts have no hour 0
    merged = xr.merge([f.isel(time=slice(f.sizes["time"] - hours, None)) for f in fields], join="exact")
    masks = xr.open_dataset(folder / "NW_masks.grib", engine="cfgrib", backend_kwargs={"indexpath": ""})
    masks = east_of_dateline(masks[["h", "lsm"]].reset_coords(drop=True)).rename(h="z", lsm="land")
    masks = masks.rolling(latitude=4, longitude=4, center=True, min_periods=1).mean()
    half = 0.0125  # the middle of four is half a point before the index
    masks = masks.assign_coords(latitude=masks.latitude + half, longitude=masks.longitude - half)
    here = masks.interp(latitude=merged.latitude, longitude=merged.longitude)
    here = here.ffill("latitude").ffill("longitude")  # they end half a cell before the fields
    some = merged.isel(time=np.arange(0, merged.sizes["time"], EVERY_ARPEGE))
    return some.assign({n: (("latitude", "longitude"), here[n].values) for n in ("z", "land")})


def evaluation_sets(folder: Path) -> dict[str, xr.Dataset]:
    """What to score on: places and times that training has not seen."""
    fixtures, train = folder / "fixtures", folder / "train"
    fine, coarse = statics_0p1(folder / "static"), statics_0p25(folder / "static")
    box = read_fields(folder / "test" / "hres_0p1_china_20211210T20.nc", *VARIABLES)
    china = read_messages(fixtures / "era5_east_china_2t_2d_sp_tp_hourly_20260530.grib")
    uk = read_messages(fixtures / "era5_uk_2t_hourly_201903.grib")
    hour = read_fields(train / "era5_0p25_t2m_20121201T14.nc", "t2m")
    wind = read_fields(train / "era5_0p25_maritime_u10v10_20251109T01.nc", "u10", "v10")
    # IFS's own terrain is 9 km fine, as HRES's; ERA5's at 0.25 degree is another model's
    forecast = fine.interp(latitude=coarse.latitude, longitude=coarse.longitude).fillna(0.0)
    ifs = {
        "ifs-t2m": fixtures / "ifs_0p25_2t_20250115T00_24h.grib2",
        "ifs-scda": fixtures / "ifs_0p25_scda_msl_2t_20250115T18_24h.grib2",
        "ifs-july": fixtures / "ifs_0p25_2t_20260630T00_0h.grib2",
        "ifs-tp": fixtures / "ifs_0p25_tp_20260716T12_24h.grib2",
    }
    forecasts = {
        f"{name}-{region}": of_model(with_statics(read_messages(path).sel(place), forecast), IFS_KM)
        for name, path in ifs.items()
        for region, place in REGIONS.items()
        if name not in TRAINED or region in TRAINED_WITHOUT
    }
    return {
        "hres-test": of_model(with_statics(box, fine), IFS_KM),
        "arpege-nw": of_model(arpege(folder / "test" / "arpege_nw"), ARPEGE_KM),
        **forecasts,
        "era5-china": of_model(
            with_statics(china.isel(time=np.arange(0, china.sizes["time"], EVERY_CHINA)), coarse), ERA5.footprint
        ),
        "era5-uk": of_model(
            with_statics(uk.isel(time=np.arange(0, uk.sizes["time"], EVERY_UK)), coarse), ERA5.footprint
        ),
        # boxes that training leaves out of the same hour
        "era5-hour-asia": of_model(
            with_statics(hour.sel(latitude=slice(45, 25), longitude=slice(55, 80)), coarse), ERA5.footprint
        ),
        "era5-hour-china": of_model(
            with_statics(hour.sel(latitude=slice(42, 18), longitude=slice(98, 127)), coarse), ERA5.footprint
        ),
        "era5-maritime-east": of_model(
            with_statics(wind.sel(longitude=slice(EAST_FROM, None)), coarse), ERA5.footprint
        ),
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
