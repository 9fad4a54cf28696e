"""How exact another version and this one are on every set that networks are scored on: `field`, both as shipped.

    python -m benchmarks.accuracy.versions 1786f65 FOLDER     # prints a table, writes benchmarks/results/versions.json

Of each set every second point is the input, at its first time; scored are the points between, two input cells from the
edge and more. FOLDER: real fields, as of `tasks.datasets.evaluation`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import xarray as xr

from benchmarks.runs.checkout import Checkout, other, this
from benchmarks.runs.whole import QUIET
from benchmarks.shared.rounds import keep, say
from benchmarks.stages.inference import RESULTS
from models.training.data import STATIC_FIELDS
from tasks.datasets.evaluation import evaluation_sets
from tasks.variables import VARIABLES

FILE = RESULTS / "versions.json"
EDGE = 4  # points
TIME = np.datetime64("2026-01-01T00", "ns")  # of no consequence, but files say one


def write_files(ds: xr.Dataset, folder: Path) -> xr.Dataset:
    """What `field` is given: every second point, the points wanted, the terrain; returns the truth."""
    names = [str(n) for n in ds.data_vars if n not in STATIC_FIELDS]
    fields = ds[names].isel(time=0, drop=True) if "time" in ds[names].dims else ds[names]
    odd = {d: slice(None, 2 * ((fields.sizes[d] - 1) // 2) + 1) for d in ("latitude", "longitude")}  # ends on a point
    truth, statics = fields.isel(odd).assign_coords(time=TIME), ds[list(STATIC_FIELDS)].isel(odd)
    for name in names:
        truth[name].attrs = {"units": VARIABLES[name].units}
    statics = statics.rename(land="lsm")
    statics["z"].attrs, statics["lsm"].attrs = {"units": "m"}, {"units": "1"}
    truth.isel(latitude=slice(None, None, 2), longitude=slice(None, None, 2)).to_netcdf(folder / "input.nc")
    truth.to_netcdf(folder / "like.nc")
    statics.to_netcdf(folder / "terrain.nc")
    return truth


def made_by(version: Checkout, folder: Path) -> xr.Dataset:
    """What a version makes of the files."""
    out = folder / f"{version.commit}.nc"
    command = [version.program, "field", "input.nc", out.name, "--like", "like.nc", "--terrain", "terrain.nc"]
    subprocess.run(command, cwd=folder, env=os.environ | QUIET, check=True, capture_output=True)  # noqa: S603
    return xr.open_dataset(out).squeeze()


def rmse(fine: xr.Dataset, truth: xr.Dataset, name: str) -> float:
    """Between the input's points."""
    error = (fine[name].sortby("latitude", ascending=False).values - truth[name].values).astype(np.float64)
    error[::2, ::2] = np.nan
    return float(np.sqrt(np.nanmean(error[EDGE:-EDGE, EDGE:-EDGE] ** 2)))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", help="a commit, or the folder of a checkout with its own .venv")
    parser.add_argument("folder", type=Path)
    args = parser.parse_args()
    both = {"before": other(args.other), "now": this()}
    found: dict[str, dict[str, float]] = {}
    print("| set | variable | bilinear | before | now | now over before | now over bilinear |\n|---|---|" + "---:|" * 5)
    for title, ds in evaluation_sets(args.folder).items():
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            truth = write_files(ds, folder)
            fine = {which: made_by(version, folder) for which, version in both.items()}
            coarse = truth.isel(latitude=slice(None, None, 2), longitude=slice(None, None, 2))
            fine["bilinear"] = coarse.interp(latitude=truth.latitude, longitude=truth.longitude)
            for name in map(str, truth.data_vars):
                row = {which: rmse(made, truth, name) for which, made in fine.items()}
                found[f"{title}, {name}"] = row
                ratios = row["now"] / row["before"], row["now"] / row["bilinear"]
                cells = [f"{row[k]:.4g}" for k in ("bilinear", "before", "now")] + [f"{r:.3f}" for r in ratios]
                print(f"| {title} | {name} | {' | '.join(cells)} |", flush=True)
        say(title)
    logs = [[np.log(r["now"] / r[k]) for r in found.values()] for k in ("before", "bilinear")]
    print(f"\n{len(found)} cases, geometric means: {np.exp(np.mean(logs[0])):.3f} of before, "
          f"{np.exp(np.mean(logs[1])):.3f} of bilinear")  # fmt: skip
    keep(FILE, {"commits": {k: v.commit for k, v in both.items()}, "rmse": found})


if __name__ == "__main__":
    main()
