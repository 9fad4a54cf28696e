"""What stations of the same hour say of each other: the most that observations can make of a forecast."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from tasks.calibrate.correction import correction, stations_of
from tasks.calibrate.learn import Expected, Learner
from tasks.calibrate.proof import UNITS

FEWEST = 20  # stations
MOST = 6  # valid times, the newest


@dataclass(frozen=True)
class SameHour:
    """RMSE over stations, each corrected by the errors of all others at the same hour, which no forecast knows."""

    variable: str
    units: str
    time: datetime
    stations: int
    simple: float | None
    raw: float
    corrected: float


def same_hour(pairs: pd.DataFrame) -> Iterator[SameHour]:
    """One a variable and valid time, of the newest with enough stations.

    All stations that reported are scored, strange ones too.
    """
    places = Learner(stations_of(pairs), [], 1)
    for name in (v for v in UNITS if (pairs["variable"] == v).any()):
        mine = pairs[pairs["variable"] == name]
        stations = mine.groupby("time")["station"].nunique()
        for time in stations.index[stations >= FEWEST][-MOST:]:
            rows = mine[mine["time"] == time].sort_values("lead_hours").drop_duplicates("station")
            yield _scored(name, pd.Timestamp(str(time)), rows, places)


def _scored(name: str, time: pd.Timestamp, rows: pd.DataFrame, places: Learner) -> SameHour:
    which = places.stations.index.get_indexer(rows["station"])
    error = (rows["forecast"] - rows["observed"]).to_numpy()
    there = places.places(which, rows["forecast"].to_numpy())
    made = correction(Expected(which, there, error[:, None], np.zeros(len(rows)), 0.0))
    assert made is not None
    others = made.spread.at(there, made.expected.error)[:, 0]  # of strange stations, which took no part
    others[np.isin(which, made.expected.known)] = made.left_out[:, 0]
    simple = (rows["simple"] - rows["observed"]).to_numpy()
    return SameHour(
        name, UNITS[name], time.to_pydatetime(), len(rows), _rms(simple) if np.isfinite(simple).all() else None,
        _rms(error), _rms(error - others),
    )  # fmt: skip


def _rms(error: np.ndarray) -> float:
    return float(np.sqrt((error**2).mean()))
