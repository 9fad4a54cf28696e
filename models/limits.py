"""What physics asks of a field: rain not negative, dew point not above temperature, cell means as in an input of means.

Both what is shipped (`tasks.downscale.limits`) and what is scored (`models.training.evaluate`) goes through this code.
Knows axes; what lies beyond the cells that are known, across 180 degrees or over a pole, is handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Set
from types import MappingProxyType

import numpy as np
import torch

from models.cell_means import CellMeans
from models.interpolation import INTERPOLATION_HALO, conservative_bicubic

TEMPERATURE, DEW_POINT = "t2m", "d2m"
TOLERANCE = 1e-4  # of the input's standard deviation: what cell means may be off
SPARK = 0.01  # of the input cell's rain in each of its queries: from zero, nothing can be multiplied
LARGEST_FACTOR = 5.0  # by which rain is multiplied in one round: more would overshoot where cells straddle
ROUNDS = 40  # at most; one is enough where cells tile the input's, about ten where they straddle its edges
CROSSINGS = 3  # rounds of clipping dew points and restoring their means, which can cross the limit again
# what was in force, for whoever keeps scores
SETTINGS = {"tolerance": TOLERANCE, "spark": SPARK, "factor": LARGEST_FACTOR, "rounds": ROUNDS, "crossings": CROSSINGS}

Fields = dict[str, np.ndarray]  # variable -> (lead times, rows, cols)
Pad = Callable[[str, np.ndarray], np.ndarray]
Bounds = Mapping[str, tuple[float, float]]
NO_BOUNDS: Bounds = MappingProxyType({})


def repeat_edges(name: str, gap: np.ndarray) -> np.ndarray:  # noqa: ARG001  as every Pad
    """A gap (..., covered rows, covered cols) with INTERPOLATION_HALO more cells on each side: its edges again."""
    around = [(0, 0)] * (gap.ndim - 2) + [(INTERPOLATION_HALO,) * 2] * 2
    return np.pad(gap, around, mode="edge")


def deviations(inputs: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Standard deviation of each variable's input over all of it, in its unit; what tolerances are a share of."""
    return {name: float(field.std()) for name, field in inputs.items()}


def hold_signs(fine: Fields, amounts: Set[str], bounds: Bounds = NO_BOUNDS) -> None:
    """Change fine fields (lead times, rows, cols) in place: no amount below zero, no dew point above the temperature.

    `bounds`: lowest and highest value of what has both. All that is asked of what is made from samples: how much rain
    falls between points they do not say.
    """
    for name in amounts & fine.keys():
        np.maximum(fine[name], 0, out=fine[name])
    for name in bounds.keys() & fine.keys():
        np.clip(fine[name], *bounds[name], out=fine[name])
    if TEMPERATURE in fine and DEW_POINT in fine:
        np.minimum(fine[DEW_POINT], fine[TEMPERATURE], out=fine[DEW_POINT])


class Limits:
    """Holds the limits on fine fields, whose means over the input's cells `means` takes.

    `amounts`: variables that are sums over time, never negative. `bounds`: of what has a lowest and a highest value,
    both. `pad`: called with a variable and a gap (..., covered
    rows, covered cols), says what it is in INTERPOLATION_HALO more cells on each side.
    """

    def __init__(
        self, means: CellMeans, amounts: Collection[str], pad: Pad = repeat_edges, bounds: Bounds = NO_BOUNDS
    ) -> None:
        self.means, self.amounts, self._pad, self._bounds = means, amounts, pad, bounds
        top, left = (int(np.flatnonzero(inside)[0]) for inside in (means.inside_rows, means.inside_cols))
        self._rows = means.rows.shifted(top - INTERPOLATION_HALO)
        self._cols = means.cols.shifted(left - INTERPOLATION_HALO)

    def hold(self, fine: Fields, coarse: Fields, deviations: Mapping[str, float]) -> None:
        """Change fine fields (lead times, rows, cols), float32, in place, so that they are within the limits.

        coarse: the same on the input's cells, (lead times, height, width). `deviations`: of the whole input, of which a
        block sees a part: in a dry or calm one its own would ask for digits that float32 does not have.

        1. Each field gets the smooth correction that gives its cells the input's means, again until they are.
        2. An amount is then multiplied instead, which keeps it from falling below zero and dry cells dry.
        3. What has bounds is cut to them and its means restored, some times. Dew points above the temperature too; a
           last cut stands, so that where the input itself is saturated a mean may stay a little low.
        """
        tolerance = {name: TOLERANCE * deviations[name] for name in fine}
        for name, field in fine.items():
            self._restore_means(name, field, coarse[name], tolerance[name])
            if name in self.amounts:
                self._scale_amounts(field, coarse[name], tolerance[name])
            if name in self._bounds:
                for _ in range(CROSSINGS):
                    np.clip(field, *self._bounds[name], out=field)
                    self._restore_means(name, field, coarse[name], tolerance[name])
                np.clip(field, *self._bounds[name], out=field)
        if TEMPERATURE in fine and DEW_POINT in fine:
            dew_point, temperature = fine[DEW_POINT], fine[TEMPERATURE]
            for _ in range(CROSSINGS):
                np.minimum(dew_point, temperature, out=dew_point)
                self._restore_means(DEW_POINT, dew_point, coarse[DEW_POINT], tolerance[DEW_POINT])
            np.minimum(dew_point, temperature, out=dew_point)

    def _restore_means(self, name: str, field: np.ndarray, coarse: np.ndarray, tolerance: float) -> None:
        """Add a smooth correction until cell means are the input's: at once where cells tile, else in some rounds."""
        for _ in range(ROUNDS):
            gap = self.means.gap(field, coarse)
            if np.sqrt((gap**2).mean()) <= tolerance:
                break
            around = torch.from_numpy(self._pad(name, gap.astype(np.float32)))
            field += conservative_bicubic(around, self._rows, self._cols).numpy()

    def _scale_amounts(self, field: np.ndarray, coarse: np.ndarray, tolerance: float) -> None:
        """Multiply until cell means are the input's: never below zero, and dry input cells stay dry.

        The iteration of Richardson (1972) and Lucy (1974), doi:10.1086/111605: it keeps the sign and converges.
        """
        wanted = self.means.select(coarse)
        np.maximum(field, SPARK * self.means.spread(wanted).astype(np.float32), out=field)
        outside = 1.0 - self.means.spread(np.ones(wanted.shape[-2:]))
        for _ in range(ROUNDS):
            found = self.means(field)
            if np.sqrt(((found - wanted) ** 2).mean()) <= tolerance:
                break
            factor = np.divide(wanted, found, out=np.ones_like(found), where=found > 1e-9)
            field *= (self.means.spread(np.clip(factor, 0, LARGEST_FACTOR)) + outside).astype(np.float32)
