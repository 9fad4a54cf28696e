"""A correction: what is expected at stations that agree with their neighbours, and how it spreads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tasks.calibrate.learn import PLACE, Expected, codes_of
from tasks.calibrate.spread import Spread, Structure, fitted

MOVED = 0.03, 50.0  # degrees, m: a station that moved so far is another
STRANGE = 4.0  # standard deviations from what all others expect, mean over lead times
MOST_STRANGE = 0.1  # share of stations that may be left out as strange


@dataclass(frozen=True)
class Correction:
    """What is to be taken off a variable's forecasts.

    strange: stations (indices) whose own errors are not those of any place near them, and which took no part.
    """

    expected: Expected
    spread: Spread
    strange: np.ndarray

    @property
    def left_out(self) -> np.ndarray:
        """(stations, lead times) from all other stations."""
        return self.spread.left_out(self.expected.error)

    @property
    def own(self) -> np.ndarray:
        """(stations, lead times) from all stations."""
        return self.spread.at_stations(self.expected.error)


def correction(expected: Expected, structure: Structure | None = None) -> Correction | None:
    """None where no station is known. `structure`: one that was estimated before.

    A broken thermometer is steady in its way; what shows it is that no neighbour shares its error. The strangest
    stations go first, since they make their neighbours look strange.
    """
    if not len(expected.known):
        return None
    fit = structure is None  # what is strange is no part of how alike the others are
    structure = structure or fitted(expected.places, expected.error, expected.noise)
    keep = np.ones(len(expected.known), dtype=bool)
    most = int(MOST_STRANGE * len(keep))
    while True:
        some = expected.only(keep)
        spread = Spread(some.places, some.noise, structure)
        away = spread.strangeness(some.error)
        worst = np.flatnonzero(away > max(STRANGE, float(away.max()) / 2))
        if not len(worst) or (~keep).sum() + len(worst) > most:
            return Correction(some, spread, expected.known[~keep])
        keep[np.flatnonzero(keep)[worst]] = False
        if fit:
            some = expected.only(keep)
            structure = fitted(some.places, some.error, some.noise)


def stations_of(pairs: pd.DataFrame) -> pd.DataFrame:
    """Each station's newest position, elevation and share of land: what a Learner wants."""
    newest = pairs.sort_values("time", kind="stable").drop_duplicates("station", keep="last")
    newest = newest.assign(station=newest["station"].astype(str)).set_index("station")
    return newest.reindex(columns=PLACE).astype(np.float64)


def steady(pairs: pd.DataFrame, stations: pd.DataFrame) -> np.ndarray:
    """Which pairs are of one of the stations, where it stands now: what it measured elsewhere says nothing of here."""
    code = codes_of(pairs["station"], stations.index)
    known, now = code >= 0, stations.iloc[code]
    turned = np.maximum(*(np.abs(pairs[c].to_numpy() - now[c].to_numpy()) for c in ("latitude", "longitude")))
    up = np.nan_to_num(np.abs(pairs["elevation"].to_numpy() - now["elevation"].to_numpy()))
    return np.asarray(known & (turned <= MOVED[0]) & (up <= MOVED[1]))
