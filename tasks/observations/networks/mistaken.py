"""Columns that are in another unit than their name says, as far as the numbers show it.

Impossible numbers show degrees Celsius as K, hPa as Pa, mm as m. Knots or km/h as m/s are possible winds: nobody can
see them.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from tasks.observations.limits import LIMITS, RAIN_IN_AN_HOUR

MOST_OF = 0.5  # of a column's numbers: fewer are single mistakes, which the check of limits rejects one by one
FITTING = 0.9  # of them, in the other unit
# unit: lowest and highest number in it, and how it becomes SI
OTHER: dict[str, dict[str, tuple[float, float, str]]] = {
    "t2m": {"°C": (-90.0, 60.0, "add 273.15"), "°F": (-130.0, 140.0, "convert it to K")},
    "d2m": {"°C": (-95.0, 42.0, "add 273.15"), "°F": (-140.0, 108.0, "convert it to K")},
    "sp": {"hPa": (300.0, 1110.0, "multiply by 100"), "kPa": (30.0, 111.0, "multiply by 1000")},
    "msl": {
        "hPa": (850.0, 1110.0, "multiply by 100"),
        "kPa": (85.0, 111.0, "multiply by 1000"),
        "inHg": (25.0, 33.0, "multiply by 3386.39"),
    },
}
GAUGE = 0.01  # mm, what the finest gauges tell; whole files of less are in another unit
LEAST_WET = 3  # amounts, of which all are beyond CLOUDBURST, or below SMALL_RAIN
CLOUDBURST = 0.1  # m
SMALL_RAIN = 0.3  # mm; as m, 300 mm


def other_unit(values: pd.Series, variable: str) -> tuple[str, str] | None:
    """The unit that a column of numbers looks like instead of SI, and how it becomes SI; None: nothing speaks for it.

    values: in SI if the column is what its name says, without sentinels.
    """
    values = values[np.isfinite(values)]
    if variable not in OTHER or values.empty:
        return None
    impossible = values[~values.between(*LIMITS[variable])]
    if len(impossible) <= MOST_OF * len(values):
        return None
    for unit, (low, high, remedy) in OTHER[variable].items():
        if impossible.between(low, high).mean() >= FITTING:
            return unit, remedy
    return None


def rain_in_mm(metres: pd.Series, hours: pd.Series) -> bool:
    """Whether amounts that should be in m are in mm: some are more than ever fell, or all are cloudbursts."""
    wet = metres > 0
    impossible = metres[wet] > RAIN_IN_AN_HOUR * np.sqrt(hours[wet].clip(lower=1.0))
    cloudbursts = metres[wet] >= CLOUDBURST
    return bool((impossible.any() and cloudbursts.mean() > MOST_OF) or (wet.sum() >= LEAST_WET and cloudbursts.all()))


def rain_in_m(millimetres: pd.Series) -> bool:
    """Whether amounts that should be in mm are in m: all are small, and some smaller than any gauge can tell."""
    wet = millimetres[millimetres > 0]
    return bool(len(wet) >= LEAST_WET and wet.max() < SMALL_RAIN and wet.min() < GAUGE - 1e-9)
