"""How sure: between which values the truth lies, by what corrections of past runs have left of their errors.

A *residual* is observation minus forecast, the latter corrected as each run would have been at a station that it knows
nothing of (`left_out`), or as it was where nothing is corrected; of wind speed both are square roots, since strong wind
is foretold worse. Its mean and size go by day of lead time and three hours of the day, drawn to the day's where pairs
are few; its shape is that of all of a variable's. So the ranges are as skewed as the errors, and hold at any place.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tasks.calibrate.learn import codes_of
from tasks.handover.calibrated import LEVELS, ROOTS

HOURS, PARTS = 3.0, 8  # of a day
PRIOR = 200.0  # pairs, that a day's mean and size count for beside those of its hours
FEWEST, FEWEST_RUNS = 100, 10  # pairs and runs, below which nothing is said
MOST = 4000  # pairs of a run and variable that are kept, drawn by chance
WITHIN, ALLOWED = (0.1, 0.9), (0.7, 0.9)  # the range that is checked, and how often the truth may lie in it


def apart(variable: str, values: np.ndarray) -> np.ndarray:
    """Values as residuals are taken of."""
    return np.sqrt(np.maximum(values, 0.0)) if variable in ROOTS else values


def together(variable: str, values: np.ndarray) -> np.ndarray:
    """What `apart` was made of."""
    return np.maximum(values, 0.0) ** 2 if variable in ROOTS else values


def cells_of(lead_hours: np.ndarray, hours: np.ndarray) -> np.ndarray:
    """A number for day of lead time and part of the day, (n,) each; `hours`: UTC, of the valid time."""
    day = np.maximum(np.ceil(lead_hours / 24.0), 1).astype(int) - 1
    part = (hours / HOURS).astype(int) % PARTS
    return np.asarray(day * PARTS + part)


@dataclass(frozen=True)
class Shape:
    """Of a variable's residuals: mean and size in each cell, and what all are in these, ascending."""

    mean: np.ndarray
    size: np.ndarray
    scaled: np.ndarray

    @classmethod
    def of(cls, residual: np.ndarray, cell: np.ndarray, cells: int) -> Shape:
        """Of residuals (n,) in cells (n,) of so many."""
        day = cell // PARTS
        known = np.bincount(day, minlength=-(-cells // PARTS))
        whole = np.bincount(day, residual, len(known)) / np.maximum(known, 1)
        whole = np.where(known > 0, whole, residual.mean())
        square = np.bincount(day, (residual - whole[day]) ** 2, len(known)) / np.maximum(known, 1)
        square = np.where(known > 0, square, residual.var())
        of_day = np.arange(cells) // PARTS
        count = np.bincount(cell, minlength=cells)
        mean = (np.bincount(cell, residual, cells) + PRIOR * whole[of_day]) / (count + PRIOR)
        squares = np.bincount(cell, (residual - mean[cell]) ** 2, cells)
        size = np.sqrt((squares + PRIOR * square[of_day]) / (count + PRIOR))
        return cls(mean, size, np.sort((residual - mean[cell]) / np.maximum(size[cell], 1e-12)))

    def quantiles(self, cell: np.ndarray, levels: tuple[float, ...] | np.ndarray = LEVELS) -> np.ndarray:
        """Residuals (n, levels) that are not exceeded so often."""
        inside = np.clip(cell, 0, len(self.mean) - 1)
        found: np.ndarray = self.mean[inside, None] + self.size[inside, None] * np.quantile(self.scaled, levels)
        return found


class Residuals:
    """Of the newest runs, by variable; added a run at a time."""

    def __init__(self, variables: list[str], runs: int) -> None:
        self.variables = variables
        self._runs: deque[dict[str, np.ndarray]] = deque(maxlen=runs)  # name -> (cell, raw, corrected)
        self._chance = np.random.default_rng(0)

    def add(self, pairs: pd.DataFrame) -> None:
        """A run's pairs as tasks/store/history.py has them; those without `left_out` say what is raw alone."""
        of = codes_of(pairs["variable"], pd.Index(self.variables))
        times = pd.DatetimeIndex(pairs["time"])
        cell = cells_of(pairs["lead_hours"].to_numpy(np.float64), times.hour.to_numpy() + times.minute.to_numpy() / 60)
        forecast, observed, left_out = (pairs[n].to_numpy(np.float64) for n in ("forecast", "observed", "left_out"))
        run = {}
        for i, name in enumerate(self.variables):
            mine = np.flatnonzero(of == i)
            if len(mine) > MOST:
                mine = self._chance.choice(mine, MOST, replace=False)
            truth = apart(name, observed[mine])
            raw, corrected = (truth - apart(name, forecast[mine] - error) for error in (0.0, left_out[mine]))
            run[name] = np.stack([cell[mine], raw, corrected])
        self._runs.append(run)

    def shape(self, name: str, corrected: bool, cells: int, runs: slice = slice(None)) -> Shape | None:
        """Of a variable, with corrections or as it was; None where too little is known."""
        of_runs = [r[name] for r in list(self._runs)[runs]]
        cell, residual = self._of(of_runs, corrected)
        if len(residual) < FEWEST or sum(np.isfinite(r[2 if corrected else 1]).any() for r in of_runs) < FEWEST_RUNS:
            return None
        return Shape.of(residual, cell, max(cells, int(cell.max()) + 1))

    @staticmethod
    def _of(runs: list[np.ndarray], corrected: bool) -> tuple[np.ndarray, np.ndarray]:
        every = np.concatenate(runs, axis=1) if runs else np.empty((3, 0))
        every = every[:, np.isfinite(every[2 if corrected else 1])]
        return every[0].astype(int), every[2 if corrected else 1]

    def coverage(self, name: str, corrected: bool, cells: int) -> float | None:
        """How often the newer half of the runs lay WITHIN what the older half had said; None where it says nothing."""
        half = len(self._runs) // 2
        before = self.shape(name, corrected, cells, slice(0, half))
        cell, residual = self._of([r[name] for r in list(self._runs)[half:]], corrected)
        if before is None or not len(residual):
            return None
        low, high = before.quantiles(cell, WITHIN).T
        return float(((residual >= low) & (residual <= high)).mean())

    def ranges(self, name: str, cell: np.ndarray, applied: np.ndarray) -> np.ndarray | None:
        """What to add to each lead time's value (n, LEVELS), as `apart`; None where it would not hold."""
        out = np.empty((len(cell), len(LEVELS)))
        for corrected in np.unique(applied):
            shape = self.shape(name, bool(corrected), int(cell.max()) + 1)
            held = self.coverage(name, bool(corrected), int(cell.max()) + 1)
            if shape is None or held is None or not ALLOWED[0] <= held <= ALLOWED[1]:
                return None
            out[applied == corrected] = shape.quantiles(cell[applied == corrected])
        return out
