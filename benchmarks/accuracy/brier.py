"""How likely heavy rain is, against gauges: Brier scores of HRES, of its 0.25 degree samples downscaled, and dressed.

    python -m benchmarks.accuracy.brier DATA

Rain of 24 h over China, 27 and 29 June 2018, 2,519 gauges; HRES at +24, +36 and +48 h on 0.1 degree. Fields are read
every 0.25 degree, downscaled to 0.1 and dressed; a forecast without dressing says 0 or 1. Dressing knows of the
downscaling's error alone, not of the forecast's, which at gauges is by far the larger.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from benchmarks.accuracy.operators import ROOT
from benchmarks.accuracy.rain_mapping import THRESHOLDS
from flows.products.field import super_resolve_file
from models.constants import GRAVITY
from models.operator import IFS
from models.package import ModelPackage
from tasks.combine.dressed import Dresser, Wide
from tasks.grids.grid import canonical
from tasks.grids.gridded import gridded
from tasks.handover.prepared import StaticFields
from tasks.handover.shards import Block
from tasks.observations.networks.files import read_observations

RESULTS = ROOT / "benchmarks" / "results" / "brier.json"
BOX = {"south": 18.0, "north": 54.0, "west": 73.0, "east": 135.0}


def chances(file: Path, data: Path, package: ModelPackage, gauges: pd.DataFrame) -> dict[str, np.ndarray]:
    """Way -> (gauges, thresholds) how likely each is reached, of one forecast."""
    rain = xr.open_dataset(file)["APCP_24"].rename({"lat": "latitude", "lon": "longitude"}) / 1000.0
    rain = rain.sortby("latitude", ascending=False).fillna(0.0).clip(min=0.0)  # resampling has left less than none
    lats, lons = np.arange(BOX["north"], BOX["south"] - 0.1, -0.25), np.arange(BOX["west"], BOX["east"], 0.25)
    coarse = rain.interp(latitude=lats, longitude=lons).astype(np.float32)
    orography = data / "static/hres_0p1_orography.nc"
    with tempfile.TemporaryDirectory() as folder:
        time = np.datetime64("2018-06-27T00", "ns")
        ds = coarse.rename("tp").assign_attrs(units="m").expand_dims(time=[time]).to_dataset()
        ds.to_netcdf(f"{folder}/in.nc")
        super_resolve_file(
            f"{folder}/in.nc", f"{folder}/out.nc", spacing=0.1, terrain=str(orography), rain_interval="24h",
            model=str(package.folder),
        )  # fmt: skip
        fine = xr.open_dataset(f"{folder}/out.nc")["tp"].squeeze().load()
    target = gridded(fine.to_dataset(name="tp"), "rain").grid
    heights = xr.open_dataset(orography)["z"].interp(latitude=target.latitude, longitude=target.longitude) / GRAVITY
    assert package.dressing is not None
    dresser = Dresser(
        package.dressing, package.statistics, canonical(lats, lons, "rain").grid, IFS, target,
        StaticFields({}, {"height": heights.values.astype(np.float32)}, 0), file.stem, [1],
    )  # fmt: skip
    whole = Block(slice(0, target.rows), slice(0, target.cols))
    drawn = dresser.samples("tp", fine.values[None], Wide(whole, whole), dresser.drawn("tp", whole))
    at = {n: xr.DataArray(gauges[n].to_numpy(), dims="gauge") for n in ("latitude", "longitude")}
    many = xr.DataArray(drawn, dims=("draw", *fine.dims), coords={n: fine[n] for n in fine.dims}).interp(at)
    single = {"HRES at 0.1 degree": rain, "bilinear": coarse, "downscaled": fine}
    marks = np.array(THRESHOLDS) / 1000.0
    out = {k: (v.interp(at).values[:, None] >= marks).astype(float) for k, v in single.items()}
    reached = (many.transpose("gauge", "draw").values[:, :, None] >= marks).mean(axis=1)
    return out | {"downscaled and dressed": reached}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--package", type=Path, default=ROOT / "models/pretrained/inr-hres")
    parser.add_argument("--results", type=Path, default=RESULTS)
    args = parser.parse_args()
    package, squares = ModelPackage.open(args.package), {}
    seen = pd.concat([read_observations(str(f)) for f in sorted((args.data / "stations/gauges_2018").glob("*.ascii"))])
    events = []
    for file in sorted((args.data / "test/hres_rain_2018").glob("*.nc")):
        valid = pd.to_datetime(xr.open_dataset(file)["APCP_24"].attrs["valid_time"], format="%Y%m%d_%H%M%S")
        gauges = seen[seen["time"] == valid].drop_duplicates("station").reset_index(drop=True)
        if gauges.empty:
            continue
        happened = gauges["value"].to_numpy()[:, None] >= np.array(THRESHOLDS) / 1000.0
        events.append(happened)
        for way, found in chances(file, args.data, package, gauges).items():
            squares.setdefault(way, []).append((found - happened) ** 2)
    out = {way: np.concatenate(parts).mean(axis=0).tolist() for way, parts in squares.items()}
    frequency = np.concatenate(events).mean(axis=0)
    out["climate of these days"] = (frequency * (1 - frequency)).tolist()
    for way, found in out.items():
        print(way, ", ".join(f">= {t:g} mm {b:.4f}" for t, b in zip(THRESHOLDS, found, strict=True)))
    args.results.write_text(json.dumps({"thresholds": THRESHOLDS, "brier": out}, indent=1) + "\n")


if __name__ == "__main__":
    main()
