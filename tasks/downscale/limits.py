"""What physics asks of a product: cell means as in the input, rain not negative, dew point not above temperature."""

from __future__ import annotations

import numpy as np
import torch

from models.geometry import Axis
from models.interpolation import INTERPOLATION_HALO, conservative_bicubic, covered, overlap_weights
from tasks.downscale.predict import Plan
from tasks.grid import pad
from tasks.variables import VARIABLES

ROUNDS = 3  # clipping moves cell means, restoring them can cross a limit again: three rounds settle it


Fields = dict[str, np.ndarray]  # variable -> (lead times, rows, cols)


def crop(fine: Fields, plan: Plan) -> Fields:
    """Fields on `plan.work` -> on `plan.target`."""
    e = plan.edge
    return {n: np.ascontiguousarray(f[..., e : f.shape[-2] - e, e : f.shape[-1] - e]) for n, f in fine.items()}


class Recoarsen:
    """Averages a fine field over the input cells that it covers whole."""

    def __init__(self, rows: Axis, cols: Axis, height: int, width: int) -> None:
        self.inside_rows, self.inside_cols = covered(rows, height), covered(cols, width)
        self._rows = overlap_weights(rows, height)[self.inside_rows]
        self._cols = overlap_weights(cols, width)[self.inside_cols].T

    def __call__(self, fine: np.ndarray) -> np.ndarray:
        """(..., Qy, Qx) -> (..., covered rows, covered cols), float64."""
        return np.asarray(self._rows @ fine.astype(np.float64) @ self._cols)

    def select(self, coarse: np.ndarray) -> np.ndarray:
        """The covered cells of a field on the input grid."""
        return coarse[..., self.inside_rows, :][..., self.inside_cols]


class Limits:
    """Holds the limits on the fields of one plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        top, _, left, _ = plan.padding
        self.rows, self.cols = plan.rows.shifted(top), plan.cols.shifted(left)
        self.recoarsen = Recoarsen(self.rows, self.cols, plan.coarse.rows, plan.coarse.cols)

    def _interpolate(self, name: str, coarse: np.ndarray) -> np.ndarray:
        """Conservative bicubic of a correction known on covered cells, its edges repeated outwards."""
        inside_rows = np.flatnonzero(self.recoarsen.inside_rows)
        inside_cols = np.flatnonzero(self.recoarsen.inside_cols)
        grid, h = self.plan.coarse, INTERPOLATION_HALO
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

    def _restore_means(self, fine: Fields, coarse: Fields) -> None:
        for name, field in fine.items():
            gap = self.recoarsen.select(coarse[name]).astype(np.float64) - self.recoarsen(field)
            field += self._interpolate(name, gap.astype(np.float32))

    @staticmethod
    def _owner(axis: Axis, inside: np.ndarray, *, wraps: bool) -> np.ndarray:
        """Which covered input cell each query belongs to; those outside belong to the nearest."""
        first, count = int(np.flatnonzero(inside)[0]), int(inside.sum())
        index = np.floor(axis.centres + 0.5 + 1e-9).astype(int) - first
        return index % count if wraps else np.clip(index, 0, count - 1)

    def _scale_amounts(self, field: np.ndarray, coarse: np.ndarray) -> None:
        """Multiply each input cell's queries so that their mean is the cell's: exact where they tile it, never < 0."""
        wanted, found = self.recoarsen.select(coarse).astype(np.float64), self.recoarsen(field)
        factor = np.divide(wanted, found, out=np.ones_like(found), where=found > 1e-9)
        row = self._owner(self.rows, self.recoarsen.inside_rows, wraps=False)
        col = self._owner(self.cols, self.recoarsen.inside_cols, wraps=self.plan.coarse.wraps)
        field *= factor[..., row, :][..., col].astype(np.float32)

    def _clip(self, fine: Fields) -> None:
        for name, field in fine.items():
            if VARIABLES[name].amount:
                np.maximum(field, 0.0, out=field)
        if "t2m" in fine and "d2m" in fine:
            np.minimum(fine["d2m"], fine["t2m"], out=fine["d2m"])

    def hold(self, fine: Fields, coarse: Fields) -> dict[str, np.ndarray]:
        """Fields on `plan.work` -> fields on `plan.target` within the limits; `coarse` are the input fields."""
        for _ in range(ROUNDS):
            self._restore_means(fine, coarse)
            self._clip(fine)
        for name, field in fine.items():
            if VARIABLES[name].amount:
                self._scale_amounts(field, coarse[name])
        return crop(fine, self.plan)
