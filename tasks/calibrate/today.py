"""Errors of the day: what a run's own first hours are wrong by, as far as it is left later on.

A run that starts at 07:45 knows seven hours of its 00 UTC forecast. How much of a station's departure from its usual
error in those hours is found again later is regressed on past runs, lead time by lead time; it is soon none.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from tasks.calibrate.learn import Expected, codes_of

EARLY = 7.0  # h of lead time that have been observed when a run starts
LATER = np.array([7.0, 10.0, 13.0, 16.0, 19.0, 25.0, 37.0])  # h, edges of lead times that are regressed together
PRIOR = 100.0  # pairs that speak for nothing being left


class Persistence:
    """Regression of later departures on the mean of the first hours', by variable; a past run at a time."""

    def __init__(self, variables: list[str], stations: int) -> None:
        shape = len(variables), len(LATER) - 1
        self.variables, self._stations = variables, stations
        self._both, self._early, self._count = np.zeros(shape), np.zeros(shape), np.zeros(shape)

    def add(self, variable: int, station: np.ndarray, lead_hours: np.ndarray, departure: np.ndarray) -> None:
        """Departures (n,) of one run's errors from what was usual, at stations (n,) by number."""
        early = early_mean(station, lead_hours, departure, self._stations)
        part = np.searchsorted(LATER, lead_hours, side="left") - 1
        later = (part >= 0) & (part < len(LATER) - 1) & np.isfinite(early[station])
        x, y, at = early[station][later], departure[later], part[later]
        size = len(LATER) - 1
        self._both[variable] += np.bincount(at, x * y, size)
        self._early[variable] += np.bincount(at, x * x, size)
        self._count[variable] += np.bincount(at, minlength=size)

    def left(self, variable: str, lead_hours: np.ndarray) -> np.ndarray:
        """Share of the first hours' departure that is left at lead times (n,), 0 to 1; never rising."""
        i = self.variables.index(variable)
        drawn = self._early[i] * (1.0 + PRIOR / np.maximum(self._count[i], 1.0))
        share = np.clip(np.divide(self._both[i], drawn, out=np.zeros(len(drawn)), where=drawn > 0), 0.0, 1.0)
        share = np.minimum.accumulate(share)
        middle = (LATER[:-1] + LATER[1:]) / 2
        return np.asarray(np.where(lead_hours > EARLY, np.interp(lead_hours, middle, share, right=0.0), 0.0))


def early_mean(station: np.ndarray, lead_hours: np.ndarray, departure: np.ndarray, stations: int) -> np.ndarray:
    """Mean departure of the first hours by station, NaN where there is none: (n,) each -> (stations,)."""
    here = (lead_hours <= EARLY) & np.isfinite(departure)
    count = np.bincount(station[here], minlength=stations)
    total = np.bincount(station[here], departure[here], stations)
    return np.divide(total, count, out=np.full(stations, np.nan), where=count > 0)


def with_today(
    expected: Expected, today: pd.DataFrame, variable: str, lead_hours: np.ndarray, stations: pd.Index, left: np.ndarray
) -> Expected:
    """What is expected at later lead times, with this run's first hours: `today` has their pairs.

    lead_hours, left (lead times,). Stations that have not reported today keep what is usual.
    """
    mine = today[(today["variable"].astype(str) == variable).to_numpy()]
    number = codes_of(mine["station"], stations)
    step = np.searchsorted(lead_hours, mine["lead_hours"].to_numpy())
    place = np.full(len(stations), -1)
    place[expected.known] = np.arange(len(expected.known))
    known = (number >= 0) & (step < len(lead_hours))
    known &= place[number] >= 0
    number, step, mine = number[known], step[known], mine[known]
    error = (mine["forecast"] - mine["observed"]).to_numpy(np.float64)
    departure = error - expected.error[place[number], step]
    early = early_mean(number, lead_hours[step], departure, len(stations))[expected.known]
    return expected.plus(np.nan_to_num(early)[:, None] * left)
