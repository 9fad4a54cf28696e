"""Never without proof: a correction is used where earlier runs, each station left out, exclude that it does harm."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from tasks.handover.scorecard import Proof
from tasks.observations.blocks import BOX
from tasks.observations.moments import interval, resampled_rmse

FEWEST_STATIONS = 5
FEWEST_TIMES = 10  # days with pairs
UNITS = {"t2m": "K", "d2m": "K", "sp": "Pa", "msl": "Pa", "wind_speed": "m s-1"}
DIGITS = 6


class Record:
    """How corrections of earlier runs have done: sums over pairs whose `left_out` is known, added a run at a time."""

    def __init__(self) -> None:
        self._parts: list[pd.DataFrame] = []
        self._stations: dict[tuple[str, int], set[str]] = {}
        self._days: dict[tuple[str, int], set[int]] = {}

    def add(self, pairs: pd.DataFrame) -> None:
        """Pairs as tasks/store/history.py has them."""
        variable = pairs["variable"].astype(str).to_numpy()
        found = pairs[pairs["left_out"].notna().to_numpy() & np.isin(variable, list(UNITS))]
        if found.empty:
            return
        error = (found["forecast"] - found["observed"]).to_numpy(np.float64)
        ways = {"raw": error, "corrected": error - found["left_out"], "own": error - found["own"],
                "simple": (found["simple"] - found["observed"]).to_numpy(np.float64)}  # fmt: skip
        keys = {
            "variable": found["variable"].astype(str).to_numpy(),
            "day": np.maximum(np.ceil(found["lead_hours"].to_numpy() / 24.0), 1).astype(int),
            "block": codes(found),
        }
        sums = pd.DataFrame(keys | {w: np.asarray(v) ** 2 for w, v in ways.items()} | {"count": 1})
        self._parts.append(sums.groupby(["variable", "day", "block"], as_index=False).sum(min_count=1))
        days = found["time"].to_numpy().astype("datetime64[D]").astype(int)
        stations = found["station"].astype(str).to_numpy()
        for key, rows in sums.groupby(["variable", "day"]).indices.items():
            self._stations.setdefault(key, set()).update(np.unique(stations[rows]).tolist())
            self._days.setdefault(key, set()).update(np.unique(days[rows]).tolist())

    def proofs(self, variables: Iterable[str]) -> list[Proof]:
        """One a variable and day of lead time, in this order; of those without any, one that says so."""
        every = pd.concat(self._parts) if self._parts else pd.DataFrame(columns=["variable", "day"])
        out = []
        for name in variables:
            mine = every[every["variable"] == name]
            if mine.empty:
                why = "no earlier run has made a correction that observations have come for"
                out.append(Proof(variable=name, day=1, used=False, why=why, units=UNITS[name]))
            out += [self._proof(name, int(day), found) for day, found in mine.groupby("day")]
        return out

    def _proof(self, name: str, day: int, found: pd.DataFrame) -> Proof:
        sums = found.drop(columns=["variable", "day"]).groupby("block").sum(min_count=1)
        count = sums["count"].to_numpy(np.float64)
        drawn = resampled_rmse(sums[["raw", "corrected"]].to_numpy().T, count)
        low, high = interval(1.0 - drawn[:, 1] / np.maximum(drawn[:, 0], 1e-30))
        rmse = {w: _digits(float(np.sqrt(sums[w].sum(min_count=len(sums)) / count.sum())))
                for w in ("raw", "corrected", "own", "simple")}  # fmt: skip
        gain = 1.0 - rmse["corrected"] / rmse["raw"] if rmse["raw"] else 0.0
        stations, times = len(self._stations[name, day]), len(self._days[name, day])
        why = ""
        if stations < FEWEST_STATIONS:
            why = f"{stations} stations, {FEWEST_STATIONS} are needed"
        elif times < FEWEST_TIMES:
            why = f"pairs of {times} days, {FEWEST_TIMES} are needed"
        elif not low > 0:
            why = f"its gain of {gain:.1%} is not beyond chance (95 %: {low:.1%} to {high:.1%})"
        return Proof(
            variable=name, day=day, used=not why, why=why, units=UNITS[name], count=int(count.sum()),
            stations=stations, times=times, gain=_digits(gain), low=_digits(low), high=_digits(high),
            **{w: v if np.isfinite(v) else None for w, v in rmse.items()},
        )  # fmt: skip


def proofs(pairs: pd.DataFrame) -> list[Proof]:
    """Of a whole archive."""
    record = Record()
    record.add(pairs)
    return record.proofs(v for v in UNITS if (pairs["variable"] == v).any())


def codes(pairs: pd.DataFrame) -> np.ndarray:
    """The block of each pair (n,): errors of one day within 2 degrees, which are drawn together."""
    day = pairs["time"].to_numpy().astype("datetime64[D]").astype(np.int64)
    row, col = (np.floor(pairs[c].to_numpy() / BOX).astype(np.int64) for c in ("latitude", "longitude"))
    return np.asarray(day * 1_000_000 + (row + 90) * 1000 + col + 180)


def _digits(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
