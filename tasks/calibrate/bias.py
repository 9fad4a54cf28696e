"""What a forecast is usually wrong by at each station: decaying means of its errors, one pair after another.

Errors are forecast minus observation. A mean that forgets in FAST pairs follows the season and changes of the model,
one that forgets in SLOW is known better; both together are what was best on pairs of a network that scores nothing
here (docs/calibrate.md). Each new error counts up to some standard deviations: a front that came six hours late says
little of a thermometer. How quickly to forget, and how far to trust a single error, is what did best on the pairs so
far, each foretold by those before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

MEMORIES = ((5.0, 30.0), (10.0, 60.0), (20.0, 120.0))  # pairs, of the quick mean and of the slow one
CLIPS = (1.5, 3.0)  # standard deviations
JUDGED_OVER = 30.0  # times: how long what a setting foretold wrongly counts against it
FEWEST = 3  # pairs, below which nothing is known of a series
PRIOR = 10.0  # pairs, that the stations' common standard deviation counts for
FURTHEST = 2.0  # standard deviations of forecasts, to which a slope holds
SLOPE_PRIOR = 20.0  # pairs, that the common slope with the forecast counts for


@dataclass
class Bias:
    """Running means of any number of series (n,), NaN-free; `count` 0 where nothing is known."""

    size: int
    quick: float = 10.0  # pairs
    lasting: float = 60.0
    clip: float = 1.5
    count: np.ndarray = field(init=False)
    fast: np.ndarray = field(init=False)
    slow: np.ndarray = field(init=False)
    spread: np.ndarray = field(init=False)  # mean square of what was new in each error
    level: np.ndarray = field(init=False)  # mean of the forecast
    along: np.ndarray = field(init=False)  # mean product of departures of forecast and error
    across: np.ndarray = field(init=False)  # mean square departure of the forecast

    def __post_init__(self) -> None:
        for name in ("count", "fast", "slow", "spread", "level", "along", "across"):
            setattr(self, name, np.zeros(self.size))

    def add(self, forecast: np.ndarray, error: np.ndarray) -> None:
        """One more pair of every series: forecast and error (n,), NaN of those that have none."""
        there = np.isfinite(error)
        n = np.maximum(self.count + there, 1.0)
        old = there & (self.count >= 2)
        quick, lasting = np.maximum(1.0 / n, 1.0 / self.quick), np.maximum(1.0 / n, 1.0 / self.lasting)
        new = np.where(there, error - self.mean, 0.0)
        deviation = self.deviation
        limit = np.where(old & (deviation > 0), self.clip * deviation, np.inf)
        new = np.clip(new, -limit, limit)
        departure = np.where(old, forecast - self.level, 0.0)
        pairs = np.minimum(np.maximum(n - 1.0, 1.0), self.lasting)
        self.spread += np.where(there & (self.count >= 1), (new**2 - self.spread) / pairs, 0.0)
        self.along += np.where(there, lasting * (departure * new - self.along), 0.0)
        self.across += np.where(there, lasting * (departure**2 - self.across), 0.0)
        seen = self.mean + new
        self.fast += np.where(there, quick * (seen - self.fast), 0.0)
        self.slow += np.where(there, lasting * (seen - self.slow), 0.0)
        self.level += np.where(there, quick * (np.where(there, forecast, 0.0) - self.level), 0.0)
        self.count += there

    @property
    def mean(self) -> np.ndarray:
        """Of the quick and the slow mean (n,)."""
        return 0.5 * (self.fast + self.slow)

    @property
    def deviation(self) -> np.ndarray:
        """Standard deviation of errors about their mean (n,), drawn to that of all series together."""
        n = np.maximum(self.count - 1.0, 0.0)
        common = float((n * self.spread).sum() / n.sum()) if n.sum() > 0 else np.inf
        return np.sqrt((n * self.spread + PRIOR * common) / (n + PRIOR))

    @property
    def noise(self) -> np.ndarray:
        """Variance of the mean's own error (n,); infinite where nothing is known."""
        known = np.minimum(self.count, 2.0 * self.quick)
        return np.divide(self.deviation**2, known, out=np.full(self.size, np.inf), where=known > 0)

    def slope(self, known: np.ndarray) -> np.ndarray:
        """How an error changes with the forecast's departure from its level (n,), drawn to that of series `known`.

        known: (n,) bool.
        """
        n = np.minimum(self.count, self.lasting)
        along, across = n * self.along, n * self.across
        usual = float(across[known].sum() / max(n[known].sum(), 1.0))
        if usual <= 0:
            return np.zeros(self.size)
        prior = SLOPE_PRIOR * usual
        # series have their weather in common: many stations' days are no more than one's
        common = float(along[known].sum() / (across[known].sum() + prior * known.sum()))
        return (along + prior * common) / (across + prior)

    def foretold(self, known: np.ndarray, forecast: np.ndarray) -> np.ndarray:
        """The error that each series leads to expect of a forecast (n,)."""
        return np.asarray(self.mean + self.slope(known) * self.departure(forecast, known))

    def departure(self, forecast: np.ndarray, known: np.ndarray) -> np.ndarray:
        """Of a forecast from its level (n,), no further than those that a slope was learned from."""
        reach = self.reach(known)
        return np.clip(forecast - self.level, -reach, reach)

    def reach(self, known: np.ndarray) -> np.ndarray:
        """How far from its level a series' slope holds (n,)."""
        usual = float(self.across[known].mean()) if known.any() else 0.0
        return np.asarray(FURTHEST * np.sqrt(np.maximum(self.across, usual)))


class Candidates:
    """The same series under every setting, and which setting has foretold best so far."""

    def __init__(self, size: int) -> None:
        self.each = [Bias(size, quick, lasting, clip) for quick, lasting in MEMORIES for clip in CLIPS]
        self.missed = np.zeros(len(self.each))

    def add(self, forecast: np.ndarray, error: np.ndarray) -> None:
        """As `Bias.add`; what was known before is held against the new errors first."""
        known = self.each[0].count >= FEWEST
        judged = known & np.isfinite(error)
        if judged.any():
            missed = [float(np.mean((error - b.foretold(known, forecast))[judged] ** 2)) for b in self.each]
            self.missed += (np.array(missed) - self.missed) / JUDGED_OVER
        for bias in self.each:
            bias.add(forecast, error)

    @property
    def best(self) -> Bias:
        """Under the setting with the smallest mean square so far."""
        return self.each[int(self.missed.argmin())]
