"""Hard checks of a product by value: finite, physical, not constant, true to its input, without seams."""

from __future__ import annotations

import numpy as np
import xarray as xr

from tasks.grid import Grid
from tasks.recoarsen import Recoarsen
from tasks.region import GateLimits
from tasks.scorecard import Check
from tasks.variables import VARIABLES


def seam_ratio(field: np.ndarray, rows: list[int], cols: list[int]) -> float:
    """Mean jump across the given tile borders over the mean jump elsewhere; 1 without borders or without jumps."""
    worst = 1.0
    for axis, borders in ((-2, rows), (-1, cols)):
        if not borders:
            continue
        jumps = np.abs(np.diff(field, axis=axis)).mean(axis=-1 if axis == -2 else -2)
        at = np.zeros(jumps.shape[-1], dtype=bool)
        at[np.asarray(borders) - 1] = True
        elsewhere = float(jumps[..., ~at].mean())
        if elsewhere > 0:
            worst = max(worst, float(jumps[..., at].mean()) / elsewhere)
    return worst


def check(
    product: xr.Dataset,
    target: Grid,
    fields: xr.Dataset,
    grid: Grid,
    limits: GateLimits,
    borders: tuple[list[int], list[int]] = ([], []),
) -> list[Check]:
    """Every hard check of every variable, over all lead times; reads one lead time at a time."""
    checks = []
    recoarsen = Recoarsen(target, grid)
    for name in (str(n) for n in product.data_vars if n in VARIABLES):
        variable = VARIABLES[name]
        finite, low, high, constant, recoarsening, seam = 1.0, np.inf, -np.inf, 0, 0.0, 1.0
        for i in range(product.sizes["step"]):
            fine, coarse = product[name][i].values, fields[name][i].values
            finite = min(finite, float(np.isfinite(fine).mean()))
            low, high = min(low, float(np.nanmin(fine))), max(high, float(np.nanmax(fine)))
            constant += bool(fine.std() == 0 and coarse.std() > 0)
            recoarsening = max(recoarsening, recoarsen.error(fine, coarse))
            seam = max(seam, seam_ratio(fine, *borders))

        def add(what: str, value: float, limit: float, passed: bool, name: str = name) -> None:
            checks.append(Check(name=what, variable=name, value=round(value, 8), limit=limit, passed=passed))

        add("finite share", finite, 1.0, finite == 1.0)
        add("lowest value", low, variable.low, low >= variable.low)
        add("highest value", high, variable.high, high <= variable.high)
        add("constant lead times", constant, 0, constant == 0)
        add("re-coarsening error", recoarsening, limits.recoarsening, recoarsening <= limits.recoarsening)
        add("seam", seam, limits.seam, seam <= limits.seam)
    return checks
