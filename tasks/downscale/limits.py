"""A plan's fields held to the physical limits: `models.limits`; here is what needs grids, cutting and padding."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import numpy as np

from models.interpolation import INTERPOLATION_HALO
from models.limits import Fields, Limits, hold_signs
from models.operator import Operator, Sampling
from tasks.downscale.predict import Plan
from tasks.grids.cell_means import cell_means
from tasks.grids.grid import Grid, pad
from tasks.variables import VARIABLES

AMOUNTS = frozenset(name for name, variable in VARIABLES.items() if variable.amount)
BOUNDS = {name: variable.bounds for name, variable in VARIABLES.items() if variable.bounds is not None}


def crop(fine: Fields, plan: Plan) -> Fields:
    """Fields on `plan.work` -> on `plan.target`."""
    if not any(plan.edges):
        return fine
    top, bottom, left, right = plan.edges
    rows, cols = slice(top, plan.work.rows - bottom), slice(left, plan.work.cols - right)
    return {n: np.ascontiguousarray(f[..., rows, cols]) for n, f in fine.items()}


def _pad(grid: Grid, name: str, gap: np.ndarray) -> np.ndarray:
    """A gap known on a grid's cells -> what it is around them: over poles and 180 degrees, else its edges again."""
    h = INTERPOLATION_HALO
    return pad(gap, grid, top=h, bottom=h, left=h, right=h, component=bool(VARIABLES[name].component))


class PlanLimits:
    """Holds the limits on the fields of one plan, by the operator of its input."""

    def __init__(self, plan: Plan, operator: Operator) -> None:
        self.plan = plan
        self._limits: Limits | None = None
        if operator.sampling is not Sampling.MEANS:
            return
        # the part of the input around the work: across 180 degrees one grid, where the whole would be cut open
        self._near_rows, self._near_cols, part = plan.coarse.around(plan.work)
        self.means = cell_means(plan.work, part)
        rows, cols = np.flatnonzero(self.means.inside_rows), np.flatnonzero(self.means.inside_cols)
        known = part.part(slice(int(rows[0]), int(rows[-1]) + 1), slice(int(cols[0]), int(cols[-1]) + 1))
        self._limits = Limits(self.means, AMOUNTS, partial(_pad, known), BOUNDS)

    def near(self, coarse: np.ndarray) -> np.ndarray:
        """Field on the input grid -> on the part of it around the work, which `means` sees."""
        return coarse[..., self._near_rows, :][..., self._near_cols]

    def hold(self, fine: Fields, coarse: Fields, deviations: Iterable[dict[str, float]]) -> Fields:
        """Fields (steps, ...) on `plan.work`, changed in place, -> on `plan.target` within the limits.

        coarse: the input's fields on `plan.coarse`. `deviations`: of the whole input's, lead time by lead time; only
        means ask for them.
        """
        if self._limits is None:
            hold_signs(fine, AMOUNTS, BOUNDS)
        else:
            for i, known in enumerate(deviations):
                step = slice(i, i + 1)
                self._limits.hold(
                    {n: f[step] for n, f in fine.items()}, {n: self.near(coarse[n][step]) for n in fine}, known
                )
        return crop(fine, self.plan)
