"""Quality control of observations: every value that cannot be used gets the reason, and no row is removed.

Limits and consistency of one report are here; reports after one another are in `sequences`, stations beside one another
in `buddies`, the same station twice in `duplicates`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from tasks.observations.buddies import (
    reject_doubtful_elevations,
    reject_pressure_against_elevation,
    reject_strangers,
)
from tasks.observations.companions import beside, of_variable
from tasks.observations.duplicates import reject_duplicates
from tasks.observations.limits import LIMITS, RAIN_IN_AN_HOUR
from tasks.observations.networks.table import reject
from tasks.observations.sequences import reject_spikes, reject_stuck

OUTSIDE = "outside physical limits"
NEGATIVE_RAIN = "negative rain"
DEW_POINT = "dew point above temperature"
DIRECTION = "wind direction without speed"

# K; whole degrees put a dew point up to this above the temperature in tenths. HadISD rejects any (Dunn et al. 2012).
ROUNDING = 0.5 + 1e-6


def quality_control(observations: pd.DataFrame) -> pd.DataFrame:
    """The table of observations with a reason in `quality` for each value that must not be used.

    Checks of one value first: what they reject is no witness against others later. Dew points last, when temperatures
    that are too low are known. Reasons that are there already stay. Rows keep their order and number.
    """
    for check in (
        reject_duplicates,
        reject_outside_limits,
        reject_directions,
        reject_stuck,
        reject_spikes,
        reject_doubtful_elevations,
        reject_pressure_against_elevation,
        reject_strangers,
        reject_supersaturated,
    ):
        observations = check(observations)
    return observations


def reject_outside_limits(observations: pd.DataFrame) -> pd.DataFrame:
    """Reject what nowhere on Earth was measured; rain by its period."""
    value, variable = observations["value"], observations["variable"]
    rain = variable == "tp"
    outside = rain & (value > RAIN_IN_AN_HOUR * np.sqrt(observations["period"].clip(lower=1.0)))
    for name, (low, high) in LIMITS.items():
        outside |= (variable == name) & ~value.between(low, high)
    return reject(reject(observations, rain & (value < 0), NEGATIVE_RAIN), outside, OUTSIDE)


def reject_directions(observations: pd.DataFrame) -> pd.DataFrame:
    """Reject wind directions of a calm or of no speed.

    As in HadISD, after DeGaetano (1997, J. Atmos. Oceanic Technol. 14, 308). Direction 0 in a calm stays: it is how a
    calm is coded; direction 0 in a wind is north here, as some networks report it.
    """
    wrong = np.zeros(len(observations), bool)
    rows = np.flatnonzero(of_variable(observations, "wind_direction"))
    speed = beside(observations, rows, "wind_speed")
    calm = (speed == 0) & (observations["value"].to_numpy()[rows] > 0)
    wrong[rows] = calm | np.isnan(speed)
    return reject(observations, wrong, DIRECTION)


def reject_supersaturated(observations: pd.DataFrame) -> pd.DataFrame:
    """Reject dew points above the temperature; one without temperature stays."""
    wrong = np.zeros(len(observations), bool)
    rows = np.flatnonzero(of_variable(observations, "d2m"))
    wrong[rows] = observations["value"].to_numpy()[rows] > beside(observations, rows, "t2m") + ROUNDING
    return reject(observations, wrong, DEW_POINT)
