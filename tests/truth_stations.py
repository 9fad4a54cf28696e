"""Stations that never were: the demo's truth, a 0.1 degree forecast, read at points over Hubei. Not observations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from models.constants import GRAVITY
from tests.conftest import HUBEI, TRUTH

DEMO = "2021-12-10T12"
NOISE = {"t2m": 0.3, "d2m": 0.3, "sp": 30.0, "msl": 30.0, "wind_speed": 0.3, "wind_direction": 5.0}  # of instruments


def truth_at_stations(file: Path, *, stations: int = 60, seed: int = 0, add: float = 0.0) -> Path:
    """A table of the truth at random points of its grid, with an instrument's noise, t2m with `add` K on top.

    `file`: CSV that is written.
    """
    rng = np.random.default_rng(seed)
    with xr.open_dataset(TRUTH) as truth, xr.open_dataset(HUBEI / "terrain.nc") as terrain:
        inner = truth.sel(latitude=slice(33.2, 29.2), longitude=slice(108.5, 116.0)).load()
        height = terrain["z"].squeeze(drop=True) / GRAVITY
        rows, cols = (rng.integers(0, inner.sizes[d], stations) for d in ("latitude", "longitude"))
        at = {"latitude": xr.DataArray(rows, dims="s"), "longitude": xr.DataArray(cols, dims="s")}
        found = inner.isel(at).squeeze(drop=True)
        place = {"latitude": found["latitude"], "longitude": found["longitude"]}
        elevation = height.sel(place, method="nearest").values
    u, v = found["u10"].values, found["v10"].values
    values = {n: found[n].values.astype(float) for n in ("t2m", "d2m", "sp", "msl")}
    values |= {"wind_speed": np.hypot(u, v), "wind_direction": np.rad2deg(np.arctan2(-u, -v)) % 360.0}
    values["t2m"] = values["t2m"] + add
    parts = [
        pd.DataFrame(
            {
                "station": [f"truth-{i:03}" for i in range(stations)], "network": "truth",
                "latitude": found["latitude"].values, "longitude": found["longitude"].values, "elevation": elevation,
                "time": "2021-12-10T20:00", "variable": name, "period": 0.0,
                "value": np.abs(value + rng.normal(0, NOISE[name], stations)),
            }
        )
        for name, value in values.items()
    ]  # fmt: skip
    table = pd.concat(parts)
    table.loc[table["variable"] == "d2m", "value"] -= 0.6  # noise must not bring it above the temperature
    table.to_csv(file, index=False)
    return file
