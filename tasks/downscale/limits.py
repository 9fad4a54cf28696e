"""What physics asks of a product: cell means as in the input, rain not negative, dew point not above temperature."""

from __future__ import annotations

import numpy as np
import torch

from models.interpolation import INTERPOLATION_HALO, conservative_bicubic
from tasks.downscale.predict import Plan
from tasks.grids.cell_means import Recoarsen
from tasks.grids.grid import pad
from tasks.variables import VARIABLES

TOLERANCE = 1e-4  # of the input's standard deviation: what cell means may be off
SPARK = 0.01  # of the input cell's rain in each of its queries: from zero, nothing can be multiplied
ROUNDS = 40  # at most; one is enough where cells tile the input's, about ten where they straddle its edges


Fields = dict[str, np.ndarray]  # variable -> (lead times, rows, cols)


def crop(fine: Fields, plan: Plan) -> Fields:
    """Fields on `plan.work` -> on `plan.target`."""
    top, bottom, left, right = plan.edges
    rows, cols = slice(top, plan.work.rows - bottom), slice(left, plan.work.cols - right)
    return {n: np.ascontiguousarray(f[..., rows, cols]) for n, f in fine.items()}


class Limits:
    """Holds the limits on the fields of one plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        # the part of the input around the work: across 180 degrees one grid, where the whole would be cut open
        self._near_rows, self._near_cols, self.coarse = plan.coarse.around(plan.work)
        self.rows, self.cols = plan.work.axes_in(self.coarse)
        self.recoarsen = Recoarsen(plan.work, self.coarse)

    def near(self, coarse: np.ndarray) -> np.ndarray:
        """Field on the input grid -> on the part of it around the work, which is `recoarsen`'s."""
        return coarse[..., self._near_rows, :][..., self._near_cols]

    def _interpolate(self, name: str, coarse: np.ndarray) -> np.ndarray:
        """Conservative bicubic of a correction known on covered cells, its edges repeated outwards."""
        inside_rows = np.flatnonzero(self.recoarsen.inside_rows)
        inside_cols = np.flatnonzero(self.recoarsen.inside_cols)
        grid, h = self.coarse, INTERPOLATION_HALO
        covered_grid = grid.extended(
            -int(inside_rows[0]),
            -int(grid.rows - 1 - inside_rows[-1]),
            -int(inside_cols[0]),
            -int(grid.cols - 1 - inside_cols[-1]),
        )
        component = bool(VARIABLES[name].component)
        around = pad(coarse, covered_grid, top=h, bottom=h, left=h, right=h, component=component)
        rows, cols = self.rows.shifted(inside_rows[0] - h), self.cols.shifted(inside_cols[0] - h)
        return conservative_bicubic(torch.from_numpy(around), rows, cols).numpy()

    def _restore_means(self, name: str, field: np.ndarray, coarse: np.ndarray, limit: float) -> None:
        """Add a smooth correction until cell means are the input's: at once where cells tile, else in some rounds."""
        for _ in range(ROUNDS):
            gap = self.recoarsen.gap(field, coarse)
            if np.sqrt((gap**2).mean()) <= limit:
                break
            field += self._interpolate(name, gap.astype(np.float32))

    def _scale_amounts(self, field: np.ndarray, coarse: np.ndarray, limit: float) -> None:
        """Multiply until cell means are the input's: never below zero, and dry input cells stay dry.

        The iteration of Richardson (1972) and Lucy (1974), doi:10.1086/111605: it keeps the sign and converges.
        """
        wanted = self.recoarsen.select(coarse)
        np.maximum(field, SPARK * self.recoarsen.spread(wanted).astype(np.float32), out=field)
        outside = 1.0 - self.recoarsen.spread(np.ones(wanted.shape[-2:]))
        for _ in range(ROUNDS):
            found = self.recoarsen(field)
            if np.sqrt(((found - wanted) ** 2).mean()) <= limit:
                break
            factor = np.divide(wanted, found, out=np.ones_like(found), where=found > 1e-9)
            field *= (self.recoarsen.spread(np.clip(factor, 0, 5)) + outside).astype(np.float32)

    def hold(self, fine: Fields, coarse: Fields) -> Fields:
        """Fields on `plan.work` -> fields on `plan.target` within the limits; `coarse` are the input fields."""
        limit = {n: TOLERANCE * float(coarse[n].std()) for n in fine}
        near = {n: self.near(coarse[n]) for n in fine}
        for name, field in fine.items():
            self._restore_means(name, field, near[name], limit[name])
            if VARIABLES[name].amount:
                self._scale_amounts(field, near[name], limit[name])
        if "t2m" in fine and "d2m" in fine:
            for _ in range(3):  # clipping moves means, restoring them can cross the limit again
                np.minimum(fine["d2m"], fine["t2m"], out=fine["d2m"])
                self._restore_means("d2m", fine["d2m"], near["d2m"], limit["d2m"])
            np.minimum(fine["d2m"], fine["t2m"], out=fine["d2m"])
        return crop(fine, self.plan)
