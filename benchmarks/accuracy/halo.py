"""How the product converges with the halo: Hubei from the demo cycle, against the halo of the receptive field.

python -m benchmarks.accuracy.halo: RMSE of the difference over the RMSE of the model's own error (product against
truth), by halo. A model package's `halo` is the smallest whose worst ratio is below 0.002.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from tasks.acquire.demo import FOLDER, STEP, TIME
from tasks.acquire.layout import file_uri
from tasks.downscale.fields import downscale_fields
from tasks.downscale.predict import make_plan
from tasks.packages import open_package
from tasks.prepare import prepare_files
from tasks.region import search as regions
from tasks.validate.truth import beside_truth, score_against


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="inr-hres")
    args = parser.parse_args()
    package, hubei = open_package(args.model), regions.load("hubei")
    method = package.load()
    source = file_uri(str(FOLDER), TIME, STEP) + ".grib2"

    def product(halo: int):
        _, prepared = prepare_files([source], hubei, halo)
        plan = make_plan(prepared.grid, hubei.target, prepared.operator, halo=halo, reach=method.reach)
        return downscale_fields(prepared, plan, method, package.variables), prepared

    whole, prepared = product(method.reach)
    truth = Path(FOLDER / "truth_0p1.nc")
    own = {s.variable: s.product for s in score_against(beside_truth(truth, whole, hubei.target, prepared)[0])}
    names = list(own)
    print("halo  " + "  ".join(f"{n:>7}" for n in names) + "   (difference to the receptive field's halo / own error)")
    for halo in (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, method.reach):
        fine, _ = product(halo)
        ratios = [float(np.sqrt(((fine[n] - whole[n]) ** 2).mean())) / own[n] for n in names]
        print(f"{halo:4d}  " + "  ".join(f"{r:7.4f}" for r in ratios))


if __name__ == "__main__":
    main()
