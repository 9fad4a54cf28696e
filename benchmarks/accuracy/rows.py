"""One scored case of benchmarks.accuracy.operators."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One case: RMSE of ours and of every other way; of samples also of ours if it is told that they are means."""

    kind: str
    dataset: str
    variable: str
    scale: float
    ours: float
    others: dict[str, float]
    mistaken: float | None = None

    @property
    def best(self) -> str:
        """The lowest of the others."""
        return min(self.others, key=self.others.__getitem__)

    @property
    def ratio(self) -> float:
        """Ours over it."""
        return self.ours / self.others[self.best]
