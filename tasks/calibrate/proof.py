"""Never without proof: a correction is used where earlier runs, each station left out, exclude that it does harm."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from tasks.calibrate.learn import codes_of
from tasks.handover.scorecard import Proof
from tasks.observations.blocks import BOX
from tasks.observations.moments import interval, resampled_rmse

FEWEST_STATIONS = 5
FEWEST_TIMES = 10  # days with pairs
UNITS = {"t2m": "K", "d2m": "K", "sp": "Pa", "msl": "Pa", "wind_speed": "m s-1"}
MOST_BLOCKS = 1000
DIGITS = 6


class Record:
    """How corrections of earlier runs have done: sums over pairs whose `left_out` is known, added a run at a time."""

    def __init__(self) -> None:
        self._parts: list[pd.DataFrame] = []
        self._seen: dict[str, list[np.ndarray]] = {"station": [], "time": []}
        self._stations: dict[str, int] = {}

    def add(self, pairs: pd.DataFrame) -> None:
        """Pairs as tasks/store/history.py has them."""
        variable = codes_of(pairs["variable"], pd.Index(list(UNITS)))
        known = pairs["left_out"].notna().to_numpy() & (variable >= 0)
        if not known.any():
            return
        pairs, variable = pairs[known], variable[known]
        values = {n: pairs[n].to_numpy(np.float64) for n in ("forecast", "observed", "simple", "left_out", "own")}
        error = values["forecast"] - values["observed"]
        ways = {"raw": error, "corrected": error - values["left_out"], "own": error - values["own"],
                "simple": values["simple"] - values["observed"]}  # fmt: skip
        day = np.maximum(np.ceil(pairs["lead_hours"].to_numpy() / 24.0), 1).astype(np.int64)
        keys, group = _groups(variable, day, codes(pairs))
        sums = {w: np.bincount(group, v**2, len(keys)) for w, v in ways.items()}
        named = dict(zip(("variable", "day", "block"), keys.T, strict=True))
        self._parts.append(pd.DataFrame(named | sums | {"count": np.bincount(group, minlength=len(keys))}))
        times = pairs["time"].to_numpy().astype("datetime64[D]").astype(np.int64)
        for what, of in (("station", self._numbers(pairs["station"])), ("time", times)):
            self._seen[what].append(_groups(variable, day, of)[0])

    def _numbers(self, stations: pd.Series) -> np.ndarray:
        """A number for each name, the same in every run."""
        names = stations.astype("category").cat
        known = [self._stations.setdefault(str(n), len(self._stations)) for n in names.categories]
        return np.array(known, np.int64)[names.codes.to_numpy()]

    def proofs(self, variables: Iterable[str]) -> list[Proof]:
        """One a variable and day of lead time, in this order; of those without any, one that says so."""
        every = pd.concat(self._parts) if self._parts else pd.DataFrame(columns=["variable", "day"])
        out = []
        for name in variables:
            mine = every[every["variable"] == list(UNITS).index(name)]
            if mine.empty:
                why = "no earlier run has made a correction that observations have come for"
                out.append(Proof(variable=name, day=1, used=False, why=why, units=UNITS[name]))
            out += [self._proof(name, int(day), found) for day, found in mine.groupby("day")]
        return out

    def _count(self, what: str, name: str, day: int) -> int:
        seen = np.concatenate(self._seen[what])
        return len(np.unique(seen[(seen[:, 0] == list(UNITS).index(name)) & (seen[:, 1] == day), 2]))

    def _proof(self, name: str, day: int, found: pd.DataFrame) -> Proof:
        sums = found.drop(columns=["variable", "day"]).groupby("block").sum(min_count=1)
        if len(sums) > MOST_BLOCKS:  # several drawn together say the same, and cost less
            sums = sums.groupby(np.arange(len(sums)) % MOST_BLOCKS).sum(min_count=1)
        count = sums["count"].to_numpy(np.float64)
        drawn = resampled_rmse(sums[["raw", "corrected"]].to_numpy().T, count)
        low, high = interval(1.0 - drawn[:, 1] / np.maximum(drawn[:, 0], 1e-30))
        rmse = {w: _digits(float(np.sqrt(found[w].to_numpy().sum() / count.sum())))
                for w in ("raw", "corrected", "own", "simple")}  # fmt: skip
        gain = 1.0 - rmse["corrected"] / rmse["raw"] if rmse["raw"] else 0.0
        stations, times = (self._count(what, name, day) for what in ("station", "time"))
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


def _groups(*keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct combinations (m, keys) of integers (n,), and which one each is (n,)."""
    low = [int(k.min()) for k in keys]
    shape = tuple(int(k.max()) - at + 1 for k, at in zip(keys, low, strict=True))
    flat = np.ravel_multi_index(tuple(k - at for k, at in zip(keys, low, strict=True)), shape)
    group, found = pd.factorize(flat, sort=True)  # by hashing: np.unique sorts all of them
    return np.stack(np.unravel_index(found, shape), axis=1) + low, group


def codes(pairs: pd.DataFrame) -> np.ndarray:
    """The block of each pair (n,): errors of one day within 2 degrees, which are drawn together."""
    day = pairs["time"].to_numpy().astype("datetime64[D]").astype(np.int64)
    row, col = (np.floor(pairs[c].to_numpy() / BOX).astype(np.int64) for c in ("latitude", "longitude"))
    return np.asarray(day * 1_000_000 + (row + 90) * 1000 + col + 180)


def _digits(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
