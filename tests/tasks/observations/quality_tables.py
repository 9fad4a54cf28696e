"""Made up tables of observations for tests of quality control."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tasks.observations.networks.table import table

START = pd.Timestamp("2021-01-10")


def series(variable: str, values: object, *, every: float = 1.0, station: str = "A", **columns: object) -> pd.DataFrame:
    """One station's reports of one variable, `every` hours."""
    values = np.atleast_1d(np.asarray(values, float))
    place = {
        "network": "synop",
        "latitude": 30.0,
        "longitude": 114.0,
        "elevation": 30.0,
        "period": 1.0 if variable == "tp" else 0.0,
    } | columns
    times = START + pd.to_timedelta(np.arange(len(values)) * every, unit="h")
    return table(pd.DataFrame({"station": station, "time": times, "variable": variable, "value": values} | place))


def network(variable: str, values: np.ndarray, elevation: float | np.ndarray = 50.0, times: int = 1) -> pd.DataFrame:
    """One value at each of some stations about 50 km apart, the same at every time."""
    n = len(values)
    side = int(np.ceil(np.sqrt(n)))
    row, column = np.divmod(np.arange(n), side)
    stations = pd.DataFrame(
        {
            "station": [f"S{i:03d}" for i in range(n)],
            "network": "synop",
            "latitude": 29.0 + 0.45 * row,
            "longitude": 112.0 + 0.5 * column,
            "elevation": elevation,
            "variable": variable,
            "value": values,
        }
    )
    return table([stations.assign(time=START + pd.Timedelta(hours=6 * i)) for i in range(times)])
