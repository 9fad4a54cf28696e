"""From pairs to what is drawn: errors in units people use, of one and the same sample for all candidates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tasks.handover.candidates import NEAR, Candidate, baselines, candidates
from tasks.present import display
from tasks.present.display import Display
from tasks.present.report.tables import ours


@dataclass(frozen=True)
class Sample:
    """Pairs of one variable and period that have all candidates; `shown`: the product's, then the baselines."""

    variable: str
    period: float
    pairs: pd.DataFrame
    shown: list[Candidate]

    @property
    def display(self) -> Display:
        """How values and errors are shown."""
        return display.of(self.variable)

    @property
    def title(self) -> str:
        """Of the variable and period."""
        return display.title(self.variable, self.period)

    @property
    def near(self) -> Sample:
        """The stations that the headline is of; all where no heights are known."""
        near = self.pairs["above"].abs() <= NEAR
        return Sample(self.variable, self.period, self.pairs[near], self.shown) if near.any() else self

    @property
    def best(self) -> Candidate | None:
        """The baseline of least RMSE."""
        others = self.shown[1:]
        return min(others, key=lambda c: float((self.error(c) ** 2).mean())) if others else None

    def at(self, lead: float) -> Sample:
        """Pairs of one lead time."""
        return Sample(self.variable, self.period, self.pairs[self.pairs["lead_hours"] == lead], self.shown)

    @property
    def observed(self) -> np.ndarray:
        """(n,) as people read them."""
        return self.display.shown(self.pairs["observed"].to_numpy(np.float64))

    def error(self, candidate: Candidate) -> np.ndarray:
        """Forecast - observed (n,); of directions the shorter way round."""
        difference = self.pairs[candidate.name].to_numpy(np.float64) - self.pairs["observed"].to_numpy(np.float64)
        if self.variable == "wind_direction":
            difference = (difference + 180.0) % 360.0 - 180.0
        return difference * self.display.scale

    def by(self, groups: pd.Series) -> dict[Candidate, pd.DataFrame]:
        """RMSE, bias and count of every candidate by group, index ascending."""
        out = {}
        for candidate in self.shown:
            error = pd.Series(self.error(candidate), self.pairs.index)
            frame = pd.DataFrame({"error": error, "squared": error**2, "group": groups})
            found = frame.groupby("group").agg(
                bias=("error", "mean"), rmse=("squared", "mean"), count=("error", "size")
            )
            found["rmse"] = np.sqrt(found["rmse"])
            out[candidate] = found
        return out

    @property
    def lead_times(self) -> pd.Series:
        """Hours of lead of each pair."""
        return self.pairs["lead_hours"]

    @property
    def fullest_lead(self) -> float:
        """The lead time with most pairs, the middle one of several."""
        counts = self.lead_times.value_counts().sort_index()
        fullest = counts.index[counts == counts.max()]
        return float(fullest[len(fullest) // 2])

    @property
    def hours(self) -> pd.Series:
        """Hour of the day of each pair, UTC."""
        return self.pairs["time"].dt.hour


def samples(pairs: pd.DataFrame) -> Iterator[Sample]:
    """One a variable and period, as they are shown. A candidate without any value is left out."""
    keys = {(str(v), float(p)) for v, p in zip(pairs["variable"], pairs["period"], strict=True)}
    for variable, period in sorted(keys, key=lambda k: display.order(*k)):
        found = pairs[(pairs["variable"] == variable) & (pairs["period"] == period)]
        there = [c for c in candidates(variable) if c.name in found and found[c.name].notna().any()]
        whole = found[found[["observed", *(c.name for c in there)]].notna().all(axis=1)]
        first = ours(variable, (c.name for c in there))
        if first in there and len(whole):
            yield Sample(variable, period, whole, [first, *(c for c in baselines(variable) if c in there)])
