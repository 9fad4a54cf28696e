"""Stations that are in the table twice, under two names: an airport's METAR that also travels as a SYNOP number."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from tasks.observations.companions import of_variable
from tasks.observations.networks.table import reject

DUPLICATE = "duplicate of another station"

SAME_PLACE = 0.03  # degrees of arc, 3 km: positions of an airport's two records differ by its runways
SAME_SHARE = 0.9  # of the temperatures of both; two thermometers side by side do not agree so often, even to a degree
FEWEST_COMMON = 24  # temperatures of both, a day of hourly ones


def reject_duplicates(observations: pd.DataFrame) -> pd.DataFrame:
    """Reject what a station shares with another that is the same under another name.

    Two stations are one if they are within 3 km and nine in ten of their common temperatures are equal. The one with
    more values in the table stays, and of the other what only that has. Without this a station counts twice in scores,
    and confirms its own errors as its neighbour.
    """
    usable = observations[of_variable(observations, "t2m")]
    stations = usable.groupby("station").agg(latitude=("latitude", "first"), longitude=("longitude", "first"))
    pairs = _near(stations["latitude"].to_numpy(), stations["longitude"].to_numpy())
    duplicate = np.zeros(len(observations), bool)
    for one, other in stations.index.to_numpy()[pairs]:
        first, second = (usable[usable["station"] == s].set_index("time")["value"] for s in (one, other))
        common = (first - second).dropna()
        if len(common) >= FEWEST_COMMON and (common.abs() < 0.05).mean() >= SAME_SHARE:
            duplicate |= _shared(observations, one, other)
    return reject(observations, duplicate, DUPLICATE)


def _near(latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    """Pairs of positions at the same place, shape (n, 2)."""
    if not len(latitude):
        return np.zeros((0, 2), int)
    phi, lam = np.radians(latitude), np.radians(longitude)
    on_sphere = np.column_stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)])
    return cKDTree(on_sphere).query_pairs(np.radians(SAME_PLACE), output_type="ndarray")


def _shared(observations: pd.DataFrame, one: str, other: str) -> np.ndarray:
    """Rows of the station with fewer values whose time, variable and period the other has too."""
    rows = [np.flatnonzero((observations["station"] == s) & (observations["quality"] == "")) for s in (one, other)]
    more, fewer = sorted(rows, key=len, reverse=True)
    kinds = [pd.MultiIndex.from_frame(observations.iloc[r][["time", "variable", "period"]]) for r in (more, fewer)]
    shared = np.zeros(len(observations), bool)
    shared[fewer] = kinds[1].isin(kinds[0])
    return shared
