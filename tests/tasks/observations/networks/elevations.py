"""Stations whose elevation is not to be trusted, because those who publish it disagree."""

from __future__ import annotations

import pandas as pd

LIMIT = 30.0  # m; 0.2 K at 6.5 K/km, and 3.5 hPa of station pressure


def elevation_spread(*published: pd.Series) -> pd.Series:
    """Largest minus smallest elevation (m) of each station (index); NaN where fewer than two lists know it."""
    together = pd.concat([p.astype(float) for p in published], axis=1)
    return (together.max(axis=1) - together.min(axis=1)).where(together.count(axis=1) >= 2).rename("spread")


def doubtful_elevations(*published: pd.Series, limit: float = LIMIT) -> pd.Series:
    """Stations whose published elevations (m, by station) differ by more than `limit`: the spread, largest first."""
    spread = elevation_spread(*published)
    return spread[spread > limit].sort_values(ascending=False)
