"""Never without proof: a correction is used where earlier runs, each station left out, exclude that it does harm."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from tasks.handover.scorecard import Proof
from tasks.observations.blocks import blocks
from tasks.observations.moments import interval, resampled_rmse

FEWEST_STATIONS = 5
FEWEST_TIMES = 10  # days with pairs
UNITS = {"t2m": "K", "d2m": "K", "sp": "Pa", "msl": "Pa", "wind_speed": "m s-1"}
DIGITS = 6


def proofs(pairs: pd.DataFrame) -> list[Proof]:
    """One a variable and day of lead time, of pairs as tasks/store/history.py has them.

    A pair counts whose `left_out` is known. The block bootstrap draws days and boxes (tasks/observations/blocks.py).
    """
    day = np.maximum(np.ceil(pairs["lead_hours"].to_numpy() / 24.0), 1).astype(int)
    return list(_proofs(pairs, day))


def _proofs(pairs: pd.DataFrame, day: np.ndarray) -> Iterator[Proof]:
    for name in (v for v in UNITS if (pairs["variable"] == v).any()):
        for d in sorted(set(day[pairs["variable"] == name])):
            yield _proof(name, int(d), pairs[(pairs["variable"] == name) & (day == d)])


def _proof(name: str, day: int, found: pd.DataFrame) -> Proof:
    found = found[found["left_out"].notna()]
    none = Proof(variable=name, day=day, used=False, why="", units=UNITS[name], count=len(found))
    if found.empty:
        return none.model_copy(update={"why": "no earlier run has made a correction that observations have come for"})
    error = (found["forecast"] - found["observed"]).to_numpy()
    codes, size = blocks(found)
    count = np.bincount(codes, minlength=size)
    ways = {"raw": error, "corrected": error - found["left_out"].to_numpy(), "own": error - found["own"].to_numpy()}
    squared = np.stack([np.bincount(codes, ways[w] ** 2, size) for w in ("raw", "corrected")])
    drawn = resampled_rmse(squared, count)
    low, high = interval(1.0 - drawn[:, 1] / np.maximum(drawn[:, 0], 1e-30))
    rmse = {w: _rms(e) for w, e in ways.items()}
    stations, times = int(found["station"].nunique()), int(found["time"].dt.floor("D").nunique())
    why = ""
    if stations < FEWEST_STATIONS:
        why = f"{stations} stations, {FEWEST_STATIONS} are needed"
    elif times < FEWEST_TIMES:
        why = f"pairs of {times} days, {FEWEST_TIMES} are needed"
    elif not low > 0:
        gain = 1 - rmse["corrected"] / rmse["raw"]
        why = f"its gain of {gain:.1%} is not beyond chance (95 %: {low:.1%} to {high:.1%})"
    simple = (found["simple"] - found["observed"]).to_numpy()
    return none.model_copy(
        update={
            "used": not why, "why": why, "stations": stations, "times": times, **rmse,
            "simple": _rms(simple) if np.isfinite(simple).all() else None,
            "gain": _digits(1.0 - rmse["corrected"] / rmse["raw"]) if rmse["raw"] else None,
            "low": _digits(low), "high": _digits(high),
        }
    )  # fmt: skip


def _rms(error: np.ndarray) -> float:
    return _digits(float(np.sqrt(np.nanmean(error**2))))


def _digits(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
