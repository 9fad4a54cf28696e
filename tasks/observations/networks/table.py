"""The table that every reader of observations makes, and no reader's peculiarities.

One row is one value: station, position, time, variable. Units are SI and names are those of products; what a network
says about quality is kept as the reason for which a value is not used.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

import numpy as np
import pandas as pd

from tasks.errors import BadInput, short
from tasks.observations.networks.missing import known_elevation

log = logging.getLogger(__name__)

ROUNDED = 1e-3  # degrees, by which coded latitudes of the South Pole lie beyond it

# variable -> units. Wind as stations report it: direction is where it comes from, degrees from north, 360 is north.
OBSERVED = {
    "t2m": "K",
    "d2m": "K",
    "sp": "Pa",
    "msl": "Pa",
    "wind_speed": "m s-1",
    "wind_direction": "degree",
    "tp": "m",
}

COLUMNS = {
    "station": "str",  # identifier in its network
    "network": "str",  # synop, metar, ...: who reports, which may be another than who distributes
    "latitude": "float64",  # degrees north
    "longitude": "float64",  # degrees east, -180 to 180
    "elevation": "float64",  # m above mean sea level; NaN: unknown
    "time": "datetime64[ns]",  # UTC; of an amount: the end of its period
    "variable": "str",  # of OBSERVED
    "period": "float64",  # h that an amount was summed over; 0 for what is measured at one time
    "value": "float64",  # SI
    "quality": "str",  # "": usable; otherwise the reason for which it is not
}
KEY = ["station", "time", "variable", "period"]


def table(rows: pd.DataFrame | Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Rows in the columns' order and types, by station, time, variable and period; missing values are no rows.

    Elevations that nothing on land has are unknown.

    Of several rows of one station, time, variable and period the last usable one is kept. BadInput if a column is
    missing or a variable unknown.
    """
    parts = [rows] if isinstance(rows, pd.DataFrame) else [r for r in rows if len(r)]
    if not parts:
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in COLUMNS.items()})
    joined = pd.concat(parts, ignore_index=True)
    defaults = {"network": "", "period": 0.0, "quality": "", "elevation": np.nan}
    for name, value in defaults.items():
        joined[name] = joined[name].fillna(value) if name in joined else value
    missing = [c for c in COLUMNS if c not in joined]
    if missing:
        raise BadInput(f"observations without {', '.join(missing)}; columns are {', '.join(COLUMNS)}")
    unknown = sorted(set(joined["variable"].unique()) - set(OBSERVED))
    if unknown:
        raise BadInput(f"observations of {', '.join(map(str, unknown))}; known are {', '.join(OBSERVED)}")
    joined["period"] = joined["period"].where(joined["variable"] == "tp", 0.0)
    if (joined["value"].notna() & (joined["variable"] == "tp") & ~(joined["period"] > 0)).any():
        raise BadInput("observations of tp without `period`, the hours that each was summed over; add that column")
    joined = _on_earth(joined)
    joined["longitude"] = (joined["longitude"].astype("float64") + 180.0) % 360.0 - 180.0
    joined["elevation"] = known_elevation(joined["elevation"], joined["station"])
    joined = joined[list(COLUMNS)].astype(COLUMNS)
    joined = joined[np.isfinite(joined["value"])]
    joined["_usable"] = joined["quality"] == ""
    ordered = joined.sort_values([*KEY, "_usable"], kind="stable")
    return ordered.drop_duplicates(KEY, keep="last").drop(columns="_usable").reset_index(drop=True)


def _on_earth(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows whose place is one; others are left out and logged: distances to them would be nonsense, or NaN."""
    latitude, longitude = rows["latitude"].astype("float64"), rows["longitude"].astype("float64")
    wrong = ~(latitude.between(-90 - ROUNDED, 90 + ROUNDED) & longitude.between(-360, 540))
    rows = rows.assign(latitude=latitude.clip(-90, 90))
    if not wrong.any():
        return rows
    names = ", ".join(short(n) for n in rows.loc[wrong, "station"].unique()[:3])
    log.warning("observations: values left out, of stations whose place is none: %d (%s)", int(wrong.sum()), names)
    return rows[~wrong]


def usable(observations: pd.DataFrame) -> pd.DataFrame:
    """Rows that nothing speaks against."""
    return observations[observations["quality"] == ""].reset_index(drop=True)


def reject(observations: pd.DataFrame, rows: pd.Series | np.ndarray, reason: str) -> pd.DataFrame:
    """Give rows a reason for which they are not used; the first reason stays."""
    quality = observations["quality"].mask(np.asarray(rows) & (observations["quality"] == ""), reason)
    return observations.assign(quality=quality)


def rejected(observations: pd.DataFrame) -> dict[str, int]:
    """How many values each reason took, the most frequent first."""
    reasons = observations.loc[observations["quality"] != "", "quality"]
    return {str(reason): int(count) for reason, count in reasons.value_counts().items()}
