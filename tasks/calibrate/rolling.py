"""Corrections as they would have been made: run after run, each from what was known when it began."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import pandas as pd

from tasks.calibrate.correction import correction, stations_of, steady
from tasks.calibrate.learn import Expected, Learner
from tasks.calibrate.spread import Structure

REFIT = 10  # runs, after which the structure is estimated anew


def rolling(pairs: pd.DataFrame, progress: Callable[[int, int], None] | None = None) -> pd.DataFrame:
    """The pairs with two more columns: what each forecast's error was expected to be, NaN where nothing was known.

    `left_out`: from all other stations; `own`: with the station's own earlier pairs. A pair counts as known to a run
    if it was valid when the run's forecast began. Columns as `Learner.add` has them, and of stations PLACE.
    """
    pairs = (
        pairs[steady(pairs, stations_of(pairs))]
        .sort_values(["time", "lead_hours"], ascending=[True, False], kind="stable")
        .reset_index(drop=True)
    )
    stations = stations_of(pairs)
    variables = sorted(pairs["variable"].unique())
    learner = Learner(stations, variables, int(max(np.ceil(pairs["lead_hours"].max() / 24.0), 1)))
    begun = pairs["time"] - pd.to_timedelta(pairs["lead_hours"], unit="h")
    time, ahead = pairs["time"].to_numpy(), pairs["lead_hours"].to_numpy()
    left_out, own = np.full(len(pairs), np.nan), np.full(len(pairs), np.nan)
    structures: dict[str, Structure] = {}
    seen = 0
    runs = sorted(begun.unique())
    of_run = pairs.groupby(begun.to_numpy(), sort=True).indices
    for i, start in enumerate(runs):
        rows = of_run[start]
        # an analysis is no pair that it could have known, nor is its observation in a pair of an earlier run
        side: Literal["left", "right"] = "left" if (ahead[rows] <= 0).any() else "right"
        known = int(np.searchsorted(time, np.datetime64(start), side=side))
        learner.add(pairs.iloc[seen:known], pd.Timestamp(start))
        seen = known
        found = pairs.iloc[rows]
        for name, mine in found.groupby("variable", sort=False).indices.items():
            if i % REFIT == 0:
                structures.pop(str(name), None)
            _expect(learner, str(name), found.iloc[mine], rows[mine], structures, left_out, own)
        if progress is not None:
            progress(i + 1, len(runs))
    return pairs.assign(left_out=left_out, own=own)


def _expect(
    learner: Learner,
    name: str,
    found: pd.DataFrame,
    rows: np.ndarray,
    structures: dict[str, Structure],
    left_out: np.ndarray,
    own: np.ndarray,
) -> None:
    """One variable of one run, into `left_out` and `own`."""
    lead, column = np.unique(found["lead_hours"].to_numpy(), return_inverse=True)
    station = learner.stations.index.get_indexer(found["station"])
    forecasts = np.full((len(lead), len(learner.stations)), np.nan)
    forecasts[column, station] = found["forecast"].to_numpy()
    times = pd.DatetimeIndex(found["time"])
    hours = np.zeros(len(lead))
    hours[column] = times.hour.to_numpy() + times.minute.to_numpy() / 60.0
    made = correction(learner.expected(name, hours, lead, forecasts), structures.get(name))
    if made is None:
        return
    expected = made.expected
    structures[name] = made.spread.structure
    without = np.full((len(learner.stations), len(lead)), np.nan)
    with_own = without.copy()
    without[expected.known] = made.left_out
    with_own[expected.known] = made.own
    unknown = np.setdiff1d(np.unique(station), expected.known)
    if len(unknown):
        level = _level(forecasts, unknown, expected)
        with_own[unknown] = without[unknown] = made.spread.at(learner.places(unknown, level), expected.error)
    left_out[rows], own[rows] = without[station, column], with_own[station, column]


def _level(forecasts: np.ndarray, which: np.ndarray, expected: Expected) -> np.ndarray:
    """What is usual at stations that have no past: their forecasts, less what today's differ elsewhere."""
    here = np.where(np.isfinite(forecasts), forecasts, 0.0).sum(axis=0) / np.maximum(np.isfinite(forecasts).sum(0), 1)
    return np.asarray(here[which] - expected.today)
