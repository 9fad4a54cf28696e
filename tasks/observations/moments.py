"""Sums of errors, from which every score follows, and which pool and resample without the pairs.

Library `scores` gives finished scores of whole arrays; tests hold these to it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

RESAMPLES = 1000
AT_ONCE = 5_000_000  # random numbers in memory
INTERVAL = (2.5, 97.5)  # %


@dataclass(frozen=True)
class Moments:
    """Sums over pairs, arrays of any one shape. Errors are forecast - observed."""

    count: np.ndarray
    error: np.ndarray
    absolute: np.ndarray
    squared: np.ndarray
    forecast: np.ndarray  # forecast, observed and their products: less one constant, so that no digits are lost
    observed: np.ndarray
    forecast_squared: np.ndarray
    observed_squared: np.ndarray
    product: np.ndarray

    @property
    def pooled(self) -> Moments:
        """All groups together, arrays of one."""
        return Moments(*(np.atleast_1d(getattr(self, f.name).sum()) for f in fields(self)))

    def _mean(self, total: np.ndarray) -> np.ndarray:
        return np.divide(total, self.count, out=np.full(np.shape(total), np.nan), where=self.count > 0)

    @property
    def bias(self) -> np.ndarray:
        """Mean error."""
        return self._mean(self.error)

    @property
    def mae(self) -> np.ndarray:
        """Mean absolute error."""
        return self._mean(self.absolute)

    @property
    def rmse(self) -> np.ndarray:
        """Root mean square error."""
        return np.sqrt(self._mean(self.squared))

    @property
    def correlation(self) -> np.ndarray:
        """Pearson's; NaN where either does not vary or fewer than three pairs are there."""
        f, o = self._mean(self.forecast), self._mean(self.observed)
        vf, vo = self._mean(self.forecast_squared) - f**2, self._mean(self.observed_squared) - o**2
        varies = (self.count > 2) & (vf > 1e-12) & (vo > 1e-12)
        scale = np.sqrt(np.where(varies, vf * vo, 1.0))
        return np.where(varies, (self._mean(self.product) - f * o) / scale, np.nan)


def errors(forecast: np.ndarray, observed: np.ndarray, angular: bool = False) -> np.ndarray:
    """Forecast - observed; of angles in degrees the shorter way round, -180 to 180."""
    difference = forecast - observed
    return (difference + 180.0) % 360.0 - 180.0 if angular else difference


def moments(
    forecast: np.ndarray, observed: np.ndarray, groups: np.ndarray, size: int, angular: bool = False
) -> Moments:
    """Sums by group: forecast, observed (n,), groups (n,) in 0..size-1 -> (size,). No missing values."""
    error = errors(forecast.astype(np.float64), observed.astype(np.float64), angular)
    middle = float(observed.mean()) if len(observed) else 0.0
    f, o = forecast - middle, observed - middle

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(groups, values, size)

    return Moments(
        np.bincount(groups, minlength=size), total(error), total(np.abs(error)), total(error**2),
        total(f), total(o), total(f * f), total(o * o), total(f * o),
    )  # fmt: skip


def resampled_rmse(squared: np.ndarray, count: np.ndarray, seed: int = 0) -> np.ndarray:
    """RMSE of resampled blocks: squared (k, blocks) of k forecasts on one sample, count (blocks,) -> (RESAMPLES, k).

    The same blocks are drawn for every forecast, so that differences between them have intervals too.
    """
    blocks, rng, out = len(count), np.random.default_rng(seed), []
    step = max(AT_ONCE // max(blocks, 1), 1)
    for start in range(0, RESAMPLES, step):
        drawn = rng.multinomial(blocks, np.full(blocks, 1.0 / blocks), min(step, RESAMPLES - start)).astype(np.float64)
        out.append(np.sqrt((drawn @ squared.T) / (drawn @ count)[:, None]))
    return np.concatenate(out)


def interval(values: np.ndarray) -> tuple[float, float]:
    """95 % interval of resampled values (RESAMPLES,)."""
    low, high = np.nanpercentile(values, INTERVAL)
    return float(low), float(high)
