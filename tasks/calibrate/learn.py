"""What stations have taught so far: the error that is to be expected of a forecast, by station, variable and hour.

Errors have a day's course, and grow with lead time: each station's are kept apart by SLOT hours of the day and by day
of lead time. Between two hours of the day what is expected goes over from one to the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from tasks.calibrate.bias import FEWEST, Candidates
from tasks.calibrate.spread import Places

SLOT = 3.0  # h
SLOTS = round(24 / SLOT)
AT_ONCE = timedelta(days=1)  # of pairs: one of a station and slot, or several of one valid time, whose mean is taken
PLACE = ["latitude", "longitude", "elevation", "land"]


@dataclass(frozen=True)
class Expected:
    """Of one variable at the stations that are `known` (indices, k): errors of forecasts at lead times.

    error, (k, lead times): forecast minus observation, in the variable's units. noise (k,): variance of its own error.
    """

    known: np.ndarray
    places: Places
    error: np.ndarray
    noise: np.ndarray
    today: float  # how much these forecasts lie above the usual ones, mean over stations

    def plus(self, error: np.ndarray) -> Expected:
        """With more of an error, (k, lead times)."""
        return replace(self, error=self.error + error)

    def only(self, keep: np.ndarray) -> Expected:
        """Of some of the stations, (k,) bool."""
        return Expected(self.known[keep], self.places[keep], self.error[keep], self.noise[keep], self.today)


Departures = Callable[[int, np.ndarray, np.ndarray, np.ndarray], None]


class Learner:
    """Goes through pairs in the order of their valid times.

    `stations`: index station; columns latitude, longitude, elevation and land (NaN: not known). `days`: of lead time.
    """

    def __init__(self, stations: pd.DataFrame, variables: Sequence[str], days: int) -> None:
        self.stations, self.variables, self.days = stations, list(variables), days
        shape = len(self.variables), days, SLOTS, len(stations)
        self._shape = shape
        self._each = [Candidates(int(np.prod(shape[1:]))) for _ in self.variables]

    def add(self, pairs: pd.DataFrame, until: datetime) -> None:
        """Learn from pairs that were valid up to `until` (UTC); all of them later than those of the call before.

        Columns station, variable, time, lead_hours, forecast, observed; SI.
        """
        back = ((pd.Timestamp(until) - pairs["time"]) / AT_ONCE).to_numpy()
        part = np.floor(back + 1e-9).astype(int)
        for i in np.unique(part)[::-1]:  # the oldest first
            self.add_run(pairs[part == i])

    def add_run(self, pairs: pd.DataFrame, departures: Departures | None = None) -> None:
        """Learn from pairs of one run, or of one day, which come after all those before.

        departures: is handed how far each error was from what was usual before: variable, stations (n,), lead hours and
        departures (n,), where something was known.
        """
        time = pairs["time"].to_numpy().astype("datetime64[s]")
        hour = (time - time.astype("datetime64[D]")).astype(np.float64) / 3600.0
        slot = np.round(hour / SLOT).astype(int) % SLOTS
        station = codes_of(pairs["station"], self.stations.index)
        series = np.ravel_multi_index(
            (self.day_of(pairs["lead_hours"].to_numpy()), slot, np.maximum(station, 0)), self._shape[1:]
        )
        variable = codes_of(pairs["variable"], pd.Index(self.variables))
        forecast = pairs["forecast"].to_numpy(np.float64)
        error = forecast - pairs["observed"].to_numpy(np.float64)
        for i, candidates in enumerate(self._each):
            here = (variable == i) & (station >= 0) & np.isfinite(error)
            if departures is not None:
                bias = candidates.best
                old = here & (bias.count[series] >= FEWEST)
                lead_hours = pairs["lead_hours"].to_numpy(np.float64)[old]
                departures(i, station[old], lead_hours, error[old] - bias.mean[series[old]])
            if here.any():
                size = candidates.each[0].size
                count = np.bincount(series[here], minlength=size)
                mean = [np.bincount(series[here], v[here], size) for v in (forecast, error)]
                candidates.add(*(np.where(count > 0, m / np.maximum(count, 1), np.nan) for m in mean))

    def day_of(self, lead_hours: np.ndarray) -> np.ndarray:
        """0 for the first 24 hours; the last day for all beyond."""
        return np.clip(np.ceil(lead_hours / 24.0) - 1, 0, self.days - 1).astype(int)

    def expected(self, variable: str, hours: np.ndarray, lead_hours: np.ndarray, forecasts: np.ndarray) -> Expected:
        """Of forecasts (lead times, stations) that are valid at these hours of the day, so many hours ahead.

        Known is a station that reported at half of the hours at least at which any does; NaN forecasts count as usual
        ones. Stations without elevation or land stand at sea level, or on land.
        """
        bias = self._each[self.variables.index(variable)].best
        shape = self._shape[1:]
        count = bias.count.reshape(shape)
        there = count >= FEWEST
        used = there.any(axis=-1)
        known = np.flatnonzero(there[used].mean(axis=0) >= 0.5) if used.any() else np.empty(0, int)
        if not len(known):
            none = np.empty(0)
            return Expected(known, Places(none, none, none, none, none), np.empty((0, len(hours))), none, 0.0)
        slope = bias.slope(there.ravel()).reshape(shape)
        mean, level, noise, reach = (
            _filled(v.reshape(shape)[..., known], there[..., known])
            for v in (bias.mean, bias.level, bias.noise, bias.reach(there.ravel()))
        )
        day, (low, share) = self.day_of(lead_hours), _slots(hours)
        at = lambda v: v[day, low] * (1 - share) + v[day, (low + 1) % SLOTS] * share  # noqa: E731
        usual = at(level)
        away = np.nan_to_num(forecasts[:, known] - usual)
        places = self.places(known, level.mean(axis=(0, 1)))
        error = (at(mean) + at(slope[..., known]) * np.clip(away, -at(reach), at(reach))).T
        return Expected(
            known, places, error, noise.mean(axis=(0, 1)), float((usual + away).mean() - places.level.mean())
        )

    def places(self, which: np.ndarray, level: np.ndarray) -> Places:
        """Stations by index, with their forecasts' usual level."""
        some = self.stations.iloc[which]
        latitude, longitude = (some[c].to_numpy(np.float64) for c in ("latitude", "longitude"))
        height, land = some["elevation"].fillna(0.0).to_numpy(np.float64), some["land"].fillna(1.0).to_numpy(np.float64)
        return Places(latitude, longitude, height, land, level)


def codes_of(names: pd.Series, index: pd.Index) -> np.ndarray:
    """Position of each name in an index, -1 if it is not there; quick for categories."""
    if isinstance(names.dtype, pd.CategoricalDtype):
        return np.asarray(index.get_indexer(names.cat.categories)[names.cat.codes])
    return np.asarray(index.get_indexer(names))


def _slots(hours: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The slot before each hour of the day, and the share (n, 1) of the one after it."""
    low = np.floor(hours / SLOT).astype(int) % SLOTS
    return low, (hours / SLOT % 1.0)[:, None]


def _filled(values: np.ndarray, there: np.ndarray) -> np.ndarray:
    """(days, slots, stations) with each station's gaps filled: by the same hour of other days, then by its mean."""
    for axis in ((0,), (0, 1)):
        count = there.sum(axis=axis, keepdims=True)
        mean = np.where(there, values, 0.0).sum(axis=axis, keepdims=True) / np.maximum(count, 1)
        fill = ~there & (count > 0)
        values, there = np.where(fill, np.broadcast_to(mean, values.shape), values), there | fill
    return values
