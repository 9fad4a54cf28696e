"""An ensemble of 2 km, made a 0.25 degree one, downscaled and dressed, against what came true at 2 km.

    python -m benchmarks.accuracy.members DATA PACKAGE

Temperature of MOGREPS-UK, twelve members 12 h ahead, two days over England, and the UKV model's analysis of these
hours. Members are averaged over 10 km and read linearly every 0.25 degree, as IFS is; downscaled to 0.05 degree with
the terrain of HRES; dressed as `tasks.combine` does it; and read at the 2 km points. Wind is a speed in these files,
without components, and so is no input.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import pyproj
import xarray as xr
from scipy.interpolate import RegularGridInterpolator
from scipy.ndimage import uniform_filter

from benchmarks.accuracy.operators import ROOT
from flows.products.field import super_resolve_file
from models.constants import GRAVITY
from models.dressing import Dressing
from models.operator import IFS
from models.package import ModelPackage
from tasks.combine.dressed import Dresser, Wide
from tasks.grids.grid import Grid, canonical
from tasks.grids.gridded import gridded
from tasks.handover.prepared import StaticFields
from tasks.handover.shards import Block

RESULTS = ROOT / "benchmarks" / "results" / "members.json"
DAYS = ("20170602", "20170603")
FINE = 0.05


def read_at(field: xr.DataArray, latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    """A field (..., latitude, longitude) read linearly at places of any shape."""
    axes = field["latitude"].values, field["longitude"].values
    order = slice(None, None, 1 if axes[0][0] < axes[0][-1] else -1)
    values = np.moveaxis(field.values[..., order, :].reshape(-1, *field.shape[-2:]), 0, -1)
    at = RegularGridInterpolator((axes[0][order], axes[1]), values, bounds_error=False)
    found = np.moveaxis(at(np.stack([latitude, longitude], axis=-1)), -1, 0)
    return found.reshape(*field.shape[:-2], *latitude.shape)


def crps(members: np.ndarray, truth: np.ndarray) -> float:
    """Mean over points of members (members, n), equally likely; of sorted ones the pairs' mean is a weighted sum."""
    count = len(members)
    weights = 2 * np.arange(1, count + 1) - count - 1
    pairs = (np.sort(members, axis=0) * weights[:, None]).sum(axis=0) / count**2
    return float((np.abs(members - truth).mean(axis=0) - pairs).mean())


def one_day(data: Path, day: str, package: ModelPackage, folder: Path) -> dict[str, float]:
    """Scores of a day's members at the truth's points."""
    name = f"{day}T0300Z-PT0012H-temperature_at_screen_level.nc"
    history = xr.open_dataset(data / "test/mogreps_uk" / f"history_{name}")
    truth = xr.open_dataset(data / "test/mogreps_uk" / f"truth_{day}T1500Z-PT0000H-temperature_at_screen_level.nc")
    about = history["lambert_azimuthal_equal_area"].attrs
    to_plane = pyproj.Transformer.from_crs("EPSG:4326", pyproj.CRS.from_cf(about), always_xy=True)
    y, x = (history[f"projection_{axis}_coordinate"].values.astype(float) for axis in "yx")
    longitude, latitude = to_plane.transform(*np.meshgrid(x, y), direction="INVERSE")
    members = history["air_temperature"].values.astype(np.float64)
    smooth = np.stack([uniform_filter(m, 5) for m in members])
    lats = np.arange(np.ceil(latitude[0].max() * 4) / 4, latitude[-1].min(), 0.25)  # those in the middle of them
    lons = np.arange(np.ceil(longitude[:, 0].max() * 4) / 4, longitude[:, -1].min(), 0.25)
    px, py = to_plane.transform(*np.meshgrid(lons, lats))
    plane = RegularGridInterpolator((y, x), np.moveaxis(smooth, 0, -1))
    coarse = np.moveaxis(plane(np.stack([py, px], axis=-1)), -1, 0).astype(np.float32)
    times = np.datetime64("2017-06-01T00", "ns") + np.arange(len(members)) * np.timedelta64(1, "h")
    ds = xr.Dataset(
        {"t2m": (("time", "latitude", "longitude"), coarse[:, ::-1], {"units": "K"})},
        {"time": times, "latitude": lats[::-1], "longitude": lons},
    )
    ds.to_netcdf(folder / "coarse.nc")
    orography = data / "static/hres_0p1_orography.nc"
    found = {}
    for way in ("bilinear", "inr"):
        super_resolve_file(
            str(folder / "coarse.nc"), str(folder / f"{way}.nc"), spacing=FINE, terrain=str(orography), method=way,
            model=str(package.folder),
        )  # fmt: skip
        found[way] = xr.open_dataset(folder / f"{way}.nc").load()
    grid = canonical(lats[::-1], lons, "members").grid
    target = gridded(found["inr"], "members").grid
    dressed = _dressed(found["inr"]["t2m"], package, grid, target, orography, day)
    inside = (latitude < lats[-1]) & (latitude > lats[0]) & (longitude > lons[0]) & (longitude < lons[-1])
    at, real = (latitude[inside], longitude[inside]), truth["air_temperature"].values[inside].astype(np.float64)
    ways = {
        "members of 2 km": members[:, inside],
        "bilinear": read_at(found["bilinear"]["t2m"], *at),
        "downscaled": read_at(found["inr"]["t2m"], *at),
        "downscaled and dressed": read_at(dressed, *at),
    }
    known = np.isfinite(ways["bilinear"]).all(axis=0)
    return {k: crps(v[:, known], real[known]) for k, v in ways.items()} | {
        f"MAE of the mean, {k}": float(np.abs(v[:, known].mean(axis=0) - real[known]).mean()) for k, v in ways.items()
    }


def _dressed(
    fine: xr.DataArray, package: ModelPackage, coarse: Grid, target: Grid, orography: Path, day: str
) -> xr.DataArray:
    """Members, each drawn several times."""
    assert isinstance(package.dressing, Dressing)
    heights = xr.open_dataset(orography)["z"].interp(latitude=target.latitude, longitude=target.longitude) / GRAVITY
    statics = StaticFields({}, {"height": heights.values.astype(np.float32)}, 0)
    numbers = list(range(len(fine)))
    dresser = Dresser(package.dressing, package.statistics, coarse, IFS, target, statics, day, numbers)
    whole = Block(slice(0, target.rows), slice(0, target.cols))
    drawn = dresser.drawn("t2m", whole)
    found = dresser.samples("t2m", fine.values, Wide(whole, whole), drawn)
    return xr.DataArray(found, dims=("member", "latitude", "longitude"), coords={n: fine[n] for n in fine.dims[1:]})


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("package", type=Path)
    parser.add_argument("--results", type=Path, default=RESULTS)
    args = parser.parse_args()
    package, out = ModelPackage.open(args.package), {}
    for day in DAYS:
        with tempfile.TemporaryDirectory() as folder:
            out[day] = one_day(args.data, day, package, Path(folder))
        print(day, ", ".join(f"{k} {v:.3f}" for k, v in out[day].items()), flush=True)
    args.results.write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
