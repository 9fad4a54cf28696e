"""Accuracy on the test box: the demo cycle at 0.25 degree against the 0.1 degree forecast that it was sampled from.

`python -m benchmarks.accuracy.test_box` runs every method of `finescale field` over 20-40N 100-125E at scale 2.5, all
points counted alike, and prints RMSE.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import xarray as xr

from flows.products.field import super_resolve_file
from models.statistics import VARIABLES as TRAINED
from tasks.acquire.demo import FOLDER, STEP, TIME
from tasks.acquire.layout import file_uri
from tasks.downscale.methods import METHODS
from tasks.prepare.axes import layout
from tasks.region.search import SHIPPED
from tasks.variables import known

LABELS = {
    "inr": "finescale",
    "bilinear": "bilinear",
    "bicubic": "bicubic",
    "bicubic-conservative": "back-projected bicubic",
}


def scores(model: str) -> dict[str, dict[str, float]]:
    """RMSE by method and variable over the whole test box."""
    truth_file, terrain = FOLDER / "truth_0p1.nc", SHIPPED / "hubei" / "terrain.nc"
    source = file_uri(str(FOLDER), TIME, STEP) + ".grib2"
    out: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder, xr.open_dataset(truth_file) as truth:
        _, _, to_canonical = layout(truth, truth_file.name)
        for method in METHODS:
            result = str(Path(folder) / f"{method}.nc")
            relief = str(terrain) if method == "inr" else None
            super_resolve_file(source, result, like=str(truth_file), terrain=relief, method=method, model=model)
            with xr.open_dataset(result) as fine:
                error = {n: fine[n].values[0].astype(float) - to_canonical(truth[n].values) for n in TRAINED}
            out[method] = {n: float(np.sqrt((e**2).mean())) for n, e in error.items()}
    return out


def table(found: dict[str, dict[str, float]]) -> str:
    """Markdown table; the last column is ours over the better of the others."""
    head = "| variable | unit | " + " | ".join(LABELS[m] for m in METHODS) + " | ratio |\n"
    lines = [head, "|---|---|" + "---:|" * (len(METHODS) + 1) + "\n"]
    for variable in known(list(TRAINED)):
        name = variable.name
        row = [found[m][name] for m in METHODS]
        figures = " | ".join(f"{v:.4g}" for v in row)
        lines.append(f"| {name} | {variable.units} | {figures} | {row[0] / min(row[1:]):.3f} |\n")
    return "".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="inr-hres")
    print(table(scores(parser.parse_args().model)))


if __name__ == "__main__":
    main()
