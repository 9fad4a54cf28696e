"""Hours between lead times: what `--hourly` makes of every third hour of real hourly fields, beside straight lines.

    python -m benchmarks.accuracy.hourly DATA    # prints Markdown, writes benchmarks/results/hourly.json

DATA holds `test/` and `fixtures/`. RMSE at the hours between; of sums beside a third of the three hours' each.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import xarray as xr

from benchmarks.stages.inference import RESULTS
from flows.products.hourly import hourly
from flows.products.sun import sun_over
from tasks.datasets.training import read_messages
from tasks.variables import VARIABLES

FILE = RESULTS / "hourly.json"
EVERY = 3  # hours between lead times, as IFS has them up to 144 h
PARTS = ("2m", "10m", "P_sea_level", "PRECIP")
MOST = 4000  # points of a field, evenly drawn


def measure(fields: xr.Dataset) -> dict[str, dict[str, float]]:
    """By variable RMSE of both ways, fields (time, latitude, longitude) of whole hours one after the other."""
    out = {}
    count = (fields.sizes["time"] - 1) // EVERY * EVERY + 1
    hours = np.arange(count, dtype=np.float64)
    at = np.meshgrid(fields["latitude"].values, fields["longitude"].values, indexing="ij")
    begin = fields["time"].values[0].astype("datetime64[s]").item()
    for name in (str(n) for n in fields.data_vars if n in VARIABLES):
        truth = fields[name].values[:count].reshape(count, -1)
        some = np.arange(0, truth.shape[1], max(truth.shape[1] // MOST, 1))
        some = some[np.isfinite(truth[:, some]).all(axis=0)]
        truth = truth[:, some].astype(np.float64)
        given = hours[::EVERY]
        if VARIABLES[name].amount:
            sums = np.add.reduceat(truth[1:], np.arange(0, count - 1, EVERY), axis=0)
            values = np.concatenate([np.zeros_like(sums[:1]), sums])
            starts = np.maximum(given - EVERY, 0.0)
            plain = np.concatenate([np.zeros_like(sums[:1]), np.repeat(sums / EVERY, EVERY, axis=0)])
            where = hours > 0
        else:
            values, starts = truth[::EVERY], None
            plain = np.stack([np.interp(hours, given, column) for column in values.T], axis=1)
            where = hours % EVERY != 0
        _, made = hourly(given.tolist(), {name: values}, starts, sun_over(begin, *(axis.ravel()[some] for axis in at)))
        rmse = [float(np.sqrt(((f - truth)[where] ** 2).mean())) for f in (plain, made[name])]
        out[name] = {"plain": rmse[0], "ours": rmse[1]}
    return out


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    sets = {
        "ERA5, east China, 2 days in May": read_messages(
            data / "fixtures/era5_east_china_2t_2d_sp_tp_hourly_20260530.grib"
        ),
        "ERA5, Britain, March": read_messages(data / "fixtures/era5_uk_2t_hourly_201903.grib"),
    }
    sets |= {
        f"ARPEGE, France, a day in May: {p}": read_messages(data / f"test/arpege_nw/arpege_{p}_NW.grib") for p in PARTS
    }
    found = {title: measure(fields) for title, fields in sets.items()}
    FILE.write_text(json.dumps(found, indent=2) + "\n")
    print("| fields | variable | unit | straight lines | `--hourly` | ratio |\n|---|---|---|---:|---:|---:|")
    for title, by_name in found.items():
        for name, row in by_name.items():
            ratio = row["ours"] / row["plain"]
            print(
                f"| {title} | {name} | {VARIABLES[name].units} | {row['plain']:.4g} | {row['ours']:.4g} | {ratio:.3f} |"
            )


if __name__ == "__main__":
    main()
