"""How sure: between which values the truth lies, by what corrections of past runs have left of their errors.

A *residual* is observation minus forecast, the latter corrected as each run would have been at a station that it knows
nothing of (`left_out`), or as it was where nothing is corrected; of wind speed both are square roots, since strong wind
is foretold worse. Its mean and size go by day of lead time and three hours of the day, drawn to the day's where pairs
are few; its shape is that of all of a variable's. So the ranges are as skewed as the errors, and hold at any place.

Of an ensemble the square of a residual's size is a part of that square and a part of the members' variance there, both
fitted by least CRPS: members say which day and place is less sure than others, past runs by how much they say too
little (Gneiting et al. 2005, doi:10.1175/MWR2904.1). Where no correction is used its middle stays where it is, and
residuals are as likely to either side.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import ndtr

from tasks.calibrate.learn import codes_of
from tasks.handover.calibrated import LEVELS, ROOTS

HOURS, PARTS = 3.0, 8  # of a day
PRIOR = 200.0  # pairs, that a day's mean and size count for beside those of its hours
FEWEST, FEWEST_RUNS = 100, 10  # pairs and runs, below which nothing is said
MOST = 4000  # pairs of a run and variable that are kept, drawn by chance
FITTED = 4000  # pairs that the parts of an ensemble's spread are fitted to
CALM = 0.5  # m/s: below, a root's spread is that of this speed
WITHIN, ALLOWED = (0.1, 0.9), (0.7, 0.9)  # the range that is checked, and how often the truth may lie in it


def apart(variable: str, values: np.ndarray) -> np.ndarray:
    """Values as residuals are taken of."""
    return np.sqrt(np.maximum(values, 0.0)) if variable in ROOTS else values


def spread_apart(variable: str, spread: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Standard deviations of values as those of what `apart` makes of them."""
    return spread / (2.0 * np.sqrt(np.maximum(values, CALM))) if variable in ROOTS else spread


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
    parts: tuple[float, float] = (1.0, 0.0)  # of the cell's size, and of the members' spread

    @classmethod
    def of(
        cls, residual: np.ndarray, cell: np.ndarray, cells: int, spread: np.ndarray | None = None, even: bool = False
    ) -> Shape:
        """Of residuals (n,) in cells (n,) of so many; spread (n,): of an ensemble's members.

        even: of no mean, and as likely to either side.
        """
        if even:
            residual, cell = np.concatenate([residual, -residual]), np.tile(cell, 2)
            spread = np.tile(spread, 2) if spread is not None else None
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
        parts = (1.0, 0.0) if spread is None else _parts(residual - mean[cell], size[cell], spread)
        wide = _wide(parts, size[cell], spread)
        return cls(mean, size, np.sort((residual - mean[cell]) / np.maximum(wide, 1e-12)), parts)

    def quantiles(
        self, cell: np.ndarray, levels: tuple[float, ...] | np.ndarray = LEVELS, spread: np.ndarray | None = None
    ) -> np.ndarray:
        """Residuals (n, levels) that are not exceeded so often; spread (n,): of an ensemble's members."""
        middle, wide = self.at(cell, spread)
        found: np.ndarray = middle[:, None] + wide[:, None] * np.quantile(self.scaled, levels)
        return found

    def at(self, cell: np.ndarray, spread: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Mean and size of residuals in cells (n,), whose spread (n, ...) is that of an ensemble's members."""
        inside = np.clip(cell, 0, len(self.mean) - 1)
        more = (slice(None), *(None,) * (np.ndim(spread) - 1)) if spread is not None else slice(None)
        return self.mean[inside][more], _wide(self.parts, self.size[inside][more], spread)


def _wide(parts: tuple[float, float], size: np.ndarray, spread: np.ndarray | None) -> np.ndarray:
    if spread is None:
        return size
    return np.sqrt((parts[0] * size) ** 2 + (parts[1] * spread) ** 2)


def _parts(residual: np.ndarray, size: np.ndarray, spread: np.ndarray) -> tuple[float, float]:
    """Those whose normal distributions have the least CRPS."""
    some = np.random.default_rng(0).permutation(len(residual))[:FITTED]  # in their order, places and hours take turns
    error, own, theirs = residual[some], size[some], spread[some]
    loss = lambda p: float(normal_crps(error, _wide((p[0], p[1]), own, theirs)).mean() / own.mean())  # noqa: E731
    found = np.abs(minimize(loss, np.array([0.8, 0.8]), method="Nelder-Mead", options={"maxiter": 200}).x)
    return float(found[0]), float(found[1])


def normal_crps(error: np.ndarray, size: np.ndarray) -> np.ndarray:
    """CRPS (n,) of normal distributions about 0, of standard deviations `size`, for truths at `error`.

    Gneiting et al. 2005, doi:10.1175/MWR2904.1, equation 5.
    """
    size = np.maximum(size, 1e-12)
    z = error / size
    density = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    return np.asarray(size * (z * (2 * ndtr(z) - 1) + 2 * density - 1 / np.sqrt(np.pi)))


class Residuals:
    """Of the newest runs, by variable; added a run at a time. Of an ensemble those with their members' spread alone."""

    def __init__(self, variables: list[str], runs: int, ensemble: bool = False) -> None:
        self.variables, self.ensemble = variables, ensemble
        self._runs: deque[dict[str, np.ndarray]] = deque(maxlen=runs)  # name -> (cell, raw, corrected, spread)
        self._chance = np.random.default_rng(0)

    def add(self, pairs: pd.DataFrame) -> None:
        """A run's pairs as tasks/store/history.py has them; those without `left_out` say what is raw alone."""
        of = codes_of(pairs["variable"], pd.Index(self.variables))
        times = pd.DatetimeIndex(pairs["time"])
        cell = cells_of(pairs["lead_hours"].to_numpy(np.float64), times.hour.to_numpy() + times.minute.to_numpy() / 60)
        forecast, observed, left_out = (pairs[n].to_numpy(np.float64) for n in ("forecast", "observed", "left_out"))
        spread = pairs["spread"].to_numpy(np.float64) if self.ensemble else np.zeros(len(pairs))
        run = {}
        for i, name in enumerate(self.variables):
            mine = np.flatnonzero(of == i)
            if len(mine) > MOST:
                mine = self._chance.choice(mine, MOST, replace=False)
            truth = apart(name, observed[mine])
            raw, corrected = (truth - apart(name, forecast[mine] - error) for error in (0.0, left_out[mine]))
            run[name] = np.stack([cell[mine], raw, corrected, spread_apart(name, spread[mine], forecast[mine])])
        self._runs.append(run)

    def shape(
        self, name: str, corrected: bool, cells: int, runs: slice = slice(None), day: int | None = None
    ) -> Shape | None:
        """Of a variable, with corrections or as it was, of all days of lead time or one; None: too little is known."""
        of_runs = [self._of([r[name]], corrected, day) for r in list(self._runs)[runs]]
        if sum(len(r.T) for r in of_runs) < FEWEST or sum(len(r.T) > 0 for r in of_runs) < FEWEST_RUNS:
            return None
        cell, residual, spread, _ = np.concatenate(of_runs, axis=1)
        of_each = spread if self.ensemble else None
        cell = cell.astype(int)
        return Shape.of(residual, cell, max(cells, int(cell.max()) + 1), of_each, self.ensemble and not corrected)

    @staticmethod
    def _of(runs: list[np.ndarray], corrected: bool, day: int | None = None) -> np.ndarray:
        """Cells, residuals, the members' spread and residuals of the forecast as it was, of the same pairs (4, n)."""
        every = np.concatenate(runs, axis=1) if runs else np.empty((4, 0))
        cell, raw, without, spread = every
        residual = without if corrected else raw
        known = np.isfinite(residual) & np.isfinite(spread) & ((day is None) | (cell // PARTS == day))
        return np.stack([cell, residual, spread, raw])[:, known]

    def coverage(self, name: str, corrected: bool, cells: int, day: int | None = None) -> float | None:
        """How often the newer half of the runs lay WITHIN what the older half had said; None where it says nothing."""
        half = len(self._runs) // 2
        before = self.shape(name, corrected, cells, slice(0, half), day)
        cell, residual, spread, _ = self._of([r[name] for r in list(self._runs)[half:]], corrected, day)
        if before is None or not len(residual):
            return None
        low, high = before.quantiles(cell.astype(int), WITHIN, spread if self.ensemble else None).T
        return float(((residual >= low) & (residual <= high)).mean())

    def better(self, name: str, corrected: bool, cells: int, day: int) -> bool:
        """Whether the older half of an ensemble's runs would have made the newer half better than members were."""
        half = len(self._runs) // 2
        before = self.shape(name, corrected, cells, slice(0, half), day)
        cell, residual, spread, raw = self._of([r[name] for r in list(self._runs)[half:]], corrected, day)
        if before is None or not len(residual):
            return False
        middle, wide = before.at(cell.astype(int), spread)
        return bool(normal_crps(residual - middle, wide).mean() < normal_crps(raw, spread).mean())

    def shapes(self, name: str, cell: np.ndarray, applied: np.ndarray) -> dict[int, tuple[bool, Shape]]:
        """Of an ensemble, by day of lead time, whether it is that with the correction, and it; only of days that gain.

        applied, cell: of lead times (n,). Where the correction is used and ranges about it would not hold, those about
        the members' own middle may.
        """
        out, cells = {}, int(cell.max()) + 1
        for day in map(int, np.unique(cell // PARTS)):
            for corrected in (True, False) if applied[cell // PARTS == day].any() else (False,):
                shape = self.shape(name, corrected, cells, day=day)
                held = self.coverage(name, corrected, cells, day)
                kept = held is not None and ALLOWED[0] <= held <= ALLOWED[1]
                if shape is not None and kept and self.better(name, corrected, cells, day):
                    out[day] = corrected, shape
                    break
        return out

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
