"""The demo's weather at several lead times, and stations to match: it warms and cools, wind rises, rain wanders."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from pathlib import Path

import eccodes
import numpy as np
import pandas as pd

from tests.grib import messages
from tests.servers.opendata import DEMO_GRIB
from tests.truth_stations import truth_at_stations

START = datetime(2021, 12, 10, 12)
HOURS = list(range(3, 31, 3))  # ten lead times: more than one shard


def _warmer(hour: int) -> float:
    return 4.0 * math.sin((hour - 12) / 24 * 2 * math.pi)


def _windier(hour: int) -> float:
    return 1.0 + 0.6 * math.sin(hour / 8)


def _heavier(hour: int) -> float:
    return 150.0 * math.sin(hour / 18)


def write_grib(file: Path, hours: list[int] = HOURS) -> Path:
    """The demo's seven fields at each lead time; rain accumulates from the start, as ECMWF's does."""
    parts: list[bytes] = []
    fallen: np.ndarray | float = 0.0
    for k, hour in enumerate(hours):
        for message in messages(DEMO_GRIB):
            handle = eccodes.codes_new_from_message(message)
            name = eccodes.codes_get(handle, "shortName")
            field = eccodes.codes_get_values(handle).reshape(eccodes.codes_get(handle, "Nj"), -1)
            match name:
                case "2t" | "2d":
                    field = field + _warmer(hour)
                case "10u" | "10v":
                    field = field * _windier(hour)
                case "sp" | "msl":
                    field = field + _heavier(hour)
                case "tp":
                    fallen = fallen + np.roll(field, 2 * k, axis=1)
                    field = fallen
            eccodes.codes_set(handle, "endStep", hour)
            eccodes.codes_set_values(handle, field.ravel())
            parts.append(eccodes.codes_get_message(handle))
            eccodes.codes_release(handle)
    file.write_bytes(b"".join(parts))
    return file


def write_stations(file: Path, hours: list[int] = HOURS, *, stations: int = 20) -> Path:
    """What stations would have measured at each lead time, with an instrument's noise: see truth_stations.py."""
    parts = []
    for hour in hours:
        table = pd.read_csv(truth_at_stations(file, stations=stations, seed=0))
        rng = np.random.default_rng(hour)
        add = {"t2m": _warmer(hour), "d2m": _warmer(hour), "sp": _heavier(hour), "msl": _heavier(hour)}
        noise = {"t2m": 0.3, "sp": 20.0, "msl": 20.0}  # none of d2m, which must not come above the temperature
        of = table["variable"]
        table["value"] += of.map(add).fillna(0.0) + of.map(noise).fillna(0.0) * rng.normal(size=len(table))
        table.loc[of == "wind_speed", "value"] *= _windier(hour)
        table["time"] = f"{START + timedelta(hours=hour):%Y-%m-%dT%H:%M}"
        parts.append(table)
    pd.concat(parts).to_csv(file, index=False)
    return file
