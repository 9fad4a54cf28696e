"""Scores against a finer field of the same forecast, where one exists (the demo cycle).

Product and baselines live on the same grid and are averaged to the truth's cells in the same way.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import xarray as xr

from models.interpolation import bicubic, conservative_bicubic
from tasks.grid import Grid, canonical
from tasks.prepared import Prepared
from tasks.recoarsen import Recoarsen
from tasks.scorecard import TruthScore
from tasks.variables import VARIABLES


def score_against(truth_file: Path, product: xr.Dataset, target: Grid, prepared: Prepared) -> list[TruthScore]:
    """RMSE of product, bicubic and conservative bicubic against a truth file; the product has one lead time."""
    scores = []
    rows, cols = target.axes_in(prepared.grid)
    with xr.open_dataset(truth_file) as truth:
        to_canonical = canonical(truth.latitude.values, truth.longitude.values, truth_file.name)
        average = Recoarsen(target, to_canonical.grid)
        for name in (n for n in VARIABLES if n in product):
            wanted = to_canonical(truth[name].values)
            coarse = torch.from_numpy(prepared.fields[name].values[0])
            candidates = {
                "product": product[name].values[0],
                "bicubic": bicubic(coarse, rows, cols).numpy(),
                "conservative": conservative_bicubic(coarse, rows, cols).numpy(),
            }
            rmse, count = {}, 0
            for label, field in candidates.items():
                error = average(field) - average.select(wanted)
                rmse[label], count = float(np.sqrt((error**2).mean())), error.size
            scores.append(TruthScore(variable=name, units=VARIABLES[name].units, count=count, **rmse))
    return scores
