"""How files write that something is not known: one table for all readers.

Sentinels are those of NOAA (ISD, GHCNh: -999.9, 999.9, 9999), MICAPS (9999), MET and netCDF (-9999, 9.97e36), 16 bits
(-32768) and what spreadsheets and people put in the place of a value.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from models.constants import KELVIN
from tasks.observations.limits import ELEVATIONS, LIMITS

NINES = [99.0, 99.9, 99.99, 999.0, 999.9, 999.99, 9999.0, 9999.9, 99999.0, 99999.9, 999999.0]
CODES = np.array([*NINES, 888.0, 8888.0, 88888.0, 7777.0, 32766.0, 32767.0, 32768.0])  # with either sign
FILL = 1e9  # and beyond, as netCDF's 9.97e36 and 1e20
# A number of CODES that may be measured is a value: 999.9 is a pressure in hPa. Air was never colder than 184 K (WMO,
# Vostok 1983), so that -99.9 degrees Celsius is a code.
BELIEVED = LIMITS | {"t2m": (180.0, LIMITS["t2m"][1]), "d2m": (180.0, LIMITS["d2m"][1])}
RAIN_CODES = 0.999  # m, and more; ISD-Lite's 999 tenths of a mm are 0.0999 m, and rain
NO_HEIGHTS = (999.9, -99.9, 8888.0)  # m
SHARED_HEIGHTS = (999.0, -99.0)  # m: those of a station perhaps, of two stations hardly
WORDS = frozenset(
    [
        *("", "na", "n/a", "#n/a", "nan", "nat", "<na>", "null", "none", "nil", "m", "missing", "vrb", "缺测", "无"),
        *("-", "--", "---", "?", *("/" * n for n in range(1, 6)), *("*" * n for n in range(1, 6))),
    ]
)
TRACES = frozenset(["t", "tr", "trace", "微量"])  # rain that cannot be measured: none


def is_missing(written: pd.Series, value: pd.Series, variable: str) -> pd.Series:
    """Where a number says that there is none: `written` as in the file, `value` the same in SI."""
    code = _is_code(written)
    if variable in ("t2m", "d2m"):  # converted with the rest
        code |= _is_code(written - KELVIN)
    small = value.ge(0) & (value < RAIN_CODES - 1e-9)
    possible = small if variable == "tp" else value.between(*BELIEVED[variable])
    return code & ~possible | (written.abs() >= FILL)


def known_elevation(elevation: pd.Series, station: pd.Series | None = None) -> pd.Series:
    """Metres, NaN where a number is none; by `station`, a number that may be one is not if several have it."""
    metres = pd.to_numeric(elevation, errors="coerce").astype("float64")
    unknown = ~metres.between(*ELEVATIONS) | metres.round(2).isin(NO_HEIGHTS)
    if station is not None:
        for height in SHARED_HEIGHTS:
            there = metres == height
            if there.any() and station[there].nunique() > 1:
                unknown |= there
    return metres.mask(unknown)


def _is_code(written: pd.Series) -> pd.Series:
    return pd.Series(np.isin(written.abs().round(2), CODES), index=written.index)
