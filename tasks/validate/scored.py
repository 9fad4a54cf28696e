"""What is scored: pairs of one variable and period that have every candidate, in groups of heights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tasks.handover.candidates import FAR, NEAR, Candidate, candidates
from tasks.observations.moments import Moments, moments

UNITS = {
    "t2m": "K", "d2m": "K", "sp": "Pa", "msl": "Pa", "tp": "m", "wind_speed": "m s-1", "wind_vector": "m s-1",
    "wind_direction": "degree",
}  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """Pairs of one variable and period without missing values, and the forecasts that are scored on them."""

    variable: str
    period: float
    pairs: pd.DataFrame
    candidates: list[Candidate]

    @property
    def angular(self) -> bool:
        """Whether errors wrap at 180 degrees."""
        return self.variable == "wind_direction"

    @property
    def correlated(self) -> bool:
        """Whether a correlation means anything."""
        return self.variable not in ("wind_direction", "wind_vector")

    def of_group(self, group: str) -> Sample:
        """The pairs of a group of heights; of stations without a known height there are only those of ALL."""
        here = in_group(self.pairs["above"], group)
        return self if here.all() else Sample(self.variable, self.period, self.pairs[here], self.candidates)

    def moments(self, candidate: Candidate, groups: np.ndarray, size: int) -> Moments:
        """Sums of a candidate's errors by group."""
        forecast, observed = self.pairs[candidate.name].to_numpy(), self.pairs["observed"].to_numpy()
        return moments(forecast, observed, groups, size, self.angular)


def in_group(above: pd.Series, group: str) -> np.ndarray:
    """Which stations belong to a group by their height above the product's terrain."""
    away = np.abs(above.to_numpy())
    match group:
        case "all":
            return np.ones(len(away), dtype=bool)
        case "within 100 m":
            return away <= NEAR
        case "100 to 300 m":
            return (away > NEAR) & (away <= FAR)
        case _:
            return away > FAR


def samples(pairs: pd.DataFrame) -> Iterator[Sample]:
    """One a variable and period. Candidates without any value are left out, rows without all others too."""
    for (variable, period), found in pairs.groupby(["variable", "period"], sort=False):
        named = [c for c in candidates(str(variable)) if c.name in found and found[c.name].notna().any()]
        there = np.logical_and.reduce([found[c.name].notna().to_numpy() for c in named] or [[False]])
        if there.any():
            whole = found if there.all() else found[there]
            yield Sample(str(variable), float(str(period)), whole, named)
