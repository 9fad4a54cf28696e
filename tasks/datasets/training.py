"""Packs real HRES and ERA5 files into the one array file that the shipped packages are trained on.

`python -m tasks.datasets.training FOLDER OUT.npz`, FOLDER holding `train/` and `static/`. Fields of your own:
`tasks.datasets.own`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import xarray as xr

from models.constants import GRAVITY, KELVIN
from models.operator import ERA5
from models.statistics import VARIABLES
from models.training.data import MISSING, STATIC_FIELDS, Box, Split
from tasks.prepare.assemble import assemble
from tasks.prepare.decode import scanned

# held out: the test box with its margin, East China and the British Isles of ERA5
SPLIT = Split(validation=Box(45, 25, 55, 80), held_out=(Box(42, 18, 98, 127), Box(59, 49, -11, 3)))
OPEN_DATA = {"ifs-july": "ifs_0p25_2t_20260630T00_0h.grib2", "ifs-tp": "ifs_0p25_tp_20260716T12_24h.grib2"}
# around the Andes and the Alps of `tasks.datasets.evaluation`; what SPLIT holds out is out anyway
PARTS: tuple[dict[str, slice], ...] = (
    {"latitude": slice(70, -60), "longitude": slice(30, 179.75)},
    {"latitude": slice(70, 8), "longitude": slice(-179.75, -20)},
    {"latitude": slice(35, -40), "longitude": slice(-30, 29)},
)
WIND = ("u10", "v10")
# km, the cell over which a field is a mean; of ICON-D2 what is left of 2 km after means over 0.1 degree
IFS_KM, OLD_IFS_KM, ICON_D2_KM, ICON_EU_KM = 9.0, 16.0, 11.0, 7.0
WEST_OF = 118.5  # of the Maritime Continent's wind, the half that is trained on
SOME = 0.5  # share of a row's or column's points with values, from which on it counts
MONTHS = (0, 6)  # of the ERA5 monthly means: a winter's and a summer's


def encode(field: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Float field -> (int16, scale, offset); NaN becomes MISSING."""
    low, high = float(np.nanmin(field)), float(np.nanmax(field))
    scale, offset = max((high - low) / 65000, 1e-12), (high + low) / 2
    known = np.isfinite(field)
    coded = np.where(known, np.round((np.where(known, field, offset) - offset) / scale), MISSING)
    return coded.astype(np.int16), scale, offset


def pack(datasets: dict[str, xr.Dataset], out: Path, split: Split | None = None) -> None:
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
                "footprint": float(ds.attrs["footprint"]),
                "scale": scale,
                "offset": offset,
            }
        )
    arrays["meta"], arrays["split"] = np.array(json.dumps(meta)), np.array((split or Split()).to_json())
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


def of_model(fields: xr.Dataset, footprint: float) -> xr.Dataset:
    """With the footprint of the model that the fields come from: the cell in km over which they are means."""
    return fields.assign_attrs(footprint=footprint)


def read_micaps(path: Path, name: str) -> xr.Dataset:
    """A field of MICAPS diamond 4 (text, degC, 2 m temperature) in K."""
    words = path.read_bytes().decode("gbk").split()
    head = words[3:]  # "diamond", "4", title
    dlon, dlat, west, _, north, _ = (float(v) for v in head[6:12])
    cols, rows = int(head[12]), int(head[13])
    values = np.array(head[19 : 19 + rows * cols], dtype=np.float32).reshape(rows, cols) + KELVIN
    coords = {"latitude": north + dlat * np.arange(rows), "longitude": west + dlon * np.arange(cols)}
    return xr.Dataset({name: (("latitude", "longitude"), values)}, coords)


def on_tenths(fields: xr.Dataset, block: int = 1) -> xr.Dataset:
    """Winds of a finer regional model, as means over `block` points a side, read at the points of the 0.1 degree grid.

    Only the part that has values everywhere; latitudes fall.
    """
    fields = fields.sortby("latitude")
    if block > 1:
        fields = fields.rolling(latitude=block, longitude=block, center=True).mean()
    known = np.isfinite(fields[next(iter(fields.data_vars))].values)
    rows, cols = (np.flatnonzero(known.mean(axis=axis) > SOME) for axis in (1, 0))
    lat, lon = fields.latitude.values[rows[[0, -1]]], fields.longitude.values[cols[[0, -1]]]
    tenths = lambda low, high: np.arange(np.ceil(low * 10), np.floor(high * 10) + 1) / 10  # noqa: E731
    return fields.interp(latitude=tenths(*lat)[::-1], longitude=tenths(*lon)).reset_coords(drop=True)


def training_sets(folder: Path) -> dict[str, xr.Dataset]:
    """What to train on.

    Left out: Italy (interpolated to a shifted grid, so smoother than ERA5), monthly rain (a mean rate, nothing like an
    hour's), monthly t2m (there are hours), gusts (no variable of ours), ERA5-Land over Kerala (too small for windows),
    wind over the Maritime Continent's east (scored on).
    """
    train = folder / "train"
    fine, coarse = statics_0p1(folder / "static"), statics_0p25(folder / "static")
    wind = read_fields(train / "era5_0p25_maritime_u10v10_20251109T01.nc", "u10", "v10")
    asia = east_of_dateline(read_micaps(train / "hres_0p125_2t_east_asia_20150702T12.micaps4", "t2m"))
    eighths = fine.interp(latitude=asia.latitude, longitude=asia.longitude)
    forecast = fine.interp(latitude=coarse.latitude, longitude=coarse.longitude).fillna(0.0)
    icon = {
        name: on_tenths(
            east_of_dateline(xr.merge([read_wind(train / "icon" / f"{name}_{c}.grib2", c) for c in WIND])), block
        )
        for name, block in (("icond2", 5), ("iconeu", 1))
    }
    return {
        "hres": of_model(with_statics(read_fields(train / "hres_0p1_nh_20211210T20.nc", *VARIABLES), fine), IFS_KM),
        "hres-july": of_model(with_statics(asia, eighths), OLD_IFS_KM),
        "icon-d2": of_model(with_statics(icon["icond2"], fine), ICON_D2_KM),
        "icon-eu": of_model(with_statics(icon["iconeu"], fine), ICON_EU_KM),
        # of the open data one hour's temperature and one day's rain, less the regions that are scored on
        **{
            f"{name}-{i}": of_model(
                with_statics(read_messages(folder / "fixtures" / file).sel(place), forecast), IFS_KM
            )
            for name, file in OPEN_DATA.items()
            for i, place in enumerate(PARTS)
        },
        "era5-hour": of_model(
            with_statics(read_fields(train / "era5_0p25_t2m_20121201T14.nc", "t2m"), coarse), ERA5.footprint
        ),
        "era5-month": of_model(
            with_statics(read_fields(train / "era5_0p25_d2m_monthly_2000.nc", "d2m").isel(time=list(MONTHS)), coarse),
            ERA5.footprint,
        ),
        "era5-europe-africa": of_model(
            with_statics(read_fields(train / "era5_0p25_europe_africa_t2m_20160101T00.nc", "t2m"), coarse),
            ERA5.footprint,
        ),
        "era5-maritime": of_model(with_statics(wind.sel(longitude=slice(None, WEST_OF)), coarse), ERA5.footprint),
    }


def read_messages(path: Path) -> xr.Dataset:
    """Our variables of a GRIB file by valid time, in the units and names of the pipeline."""
    with scanned([path], set(VARIABLES)) as scan:
        loaded = assemble(scan, lambda grid: grid, list(VARIABLES), []).load()
    fields = loaded[[n for n in VARIABLES if n in loaded]].reset_coords(drop=True)
    return east_of_dateline(fields.rename(step="time").drop_vars("time"))


def read_wind(path: Path, name: str) -> xr.Dataset:
    """One component of a GRIB file."""
    ds = xr.open_dataset(path, engine="cfgrib", backend_kwargs={"indexpath": ""})
    return ds[[name]].reset_coords(drop=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    pack(training_sets(args.folder), args.out, SPLIT)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
