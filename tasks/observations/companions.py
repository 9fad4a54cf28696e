"""What the same station reported at the same time: a dew point's temperature, a direction's speed."""

from __future__ import annotations

import numpy as np
import pandas as pd


def of_variable(observations: pd.DataFrame, variable: str) -> np.ndarray:
    """True where a row is of this variable and nothing speaks against it yet."""
    return np.asarray((observations["variable"] == variable) & (observations["quality"] == ""))


def beside(observations: pd.DataFrame, rows: np.ndarray, variable: str) -> np.ndarray:
    """Usable value of `variable` at the station and time of each of these rows (positions); NaN where there is none."""
    moment = _moments(observations)
    usable = of_variable(observations, variable)
    known = pd.Series(observations["value"].to_numpy()[usable], index=moment[usable])
    return known[~known.index.duplicated()].reindex(moment[rows]).to_numpy()


def _moments(observations: pd.DataFrame) -> np.ndarray:
    """One whole number for each station and time."""
    station, _ = pd.factorize(observations["station"])
    time, times = pd.factorize(observations["time"])
    return station.astype("int64") * max(len(times), 1) + time
