"""Tables of observations for tests of quality control: made up from a seed, or real ones from the team's folder."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pdbufr

from tasks.validate.stations.table import table

START = pd.Timestamp("2021-01-10")
ISD_FIELDS = {"t2m": (0.1, 273.15), "d2m": (0.1, 273.15), "msl": (10.0, 0.0), "wind_direction": (1.0, 0.0)}
ISD_FIELDS |= {"wind_speed": (0.1, 0.0)}
WIDE = {"t2m": "t2m_K", "d2m": "d2m_K", "msl": "msl_Pa", "sp": "sp_Pa"}
WIDE |= {"wind_direction": "wind_dir_deg", "wind_speed": "wind_speed_ms", "tp": "precip_mm"}


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


def isd_lite(shared_data: Path) -> pd.DataFrame:
    """31 stations in and around Hubei, January to April 2021."""
    folder = shared_data / "stations"
    places = pd.read_csv(folder / "hubei_station_conflicts.csv", dtype={"id": str}).set_index("id")
    parts = []
    for path in sorted((folder / "isd_lite_2021").iterdir()):
        station = path.name[:12]
        columns = pd.read_csv(path, sep=r"\s+", header=None, na_values=-9999, compression="infer")
        place = places.loc[station]
        time = pd.to_datetime(columns[[0, 1, 2, 3]].set_axis(["year", "month", "day", "hour"], axis=1))
        known = {
            "station": station,
            "latitude": place.lat,
            "longitude": place.lon,
            "elevation": place.elev,
            "time": time,
        }
        for column, (variable, (factor, offset)) in enumerate(ISD_FIELDS.items(), start=4):
            parts.append(pd.DataFrame(known | {"variable": variable, "value": columns[column] * factor + offset}))
        rain = columns[11].replace(-1, 0) * 1e-4
        parts.append(pd.DataFrame(known | {"variable": "tp", "period": 6.0, "value": rain}))
    return table(parts)


def matched(shared_data: Path, *names: str) -> pd.DataFrame:
    """Observations that match fields, in wide columns."""
    parts = []
    for name in names:
        wide = pd.read_csv(shared_data / "stations" / name, dtype={"station_id": str})
        place = wide[["network", "latitude", "longitude"]].assign(
            station=wide["station_id"], elevation=wide["elevation_m"], time=pd.to_datetime(wide["time_utc"])
        )
        for variable, column in WIDE.items():
            if column in wide:
                factor, period = (1e-3, wide["precip_period_h"].fillna(1.0)) if variable == "tp" else (1.0, 0.0)
                parts.append(place.assign(variable=variable, value=wide[column] * factor, period=period))
    return table(parts)


def synop_of_the_world(shared_data: Path) -> pd.DataFrame:
    """About 7,800 stations at one time; some seconds."""
    names = {"t2m": "airTemperatureAt2M", "d2m": "dewpointTemperatureAt2M", "sp": "nonCoordinatePressure"}
    names |= {"msl": "pressureReducedToMeanSeaLevel", "wind_speed": "windSpeedAt10M"}
    place = ["blockNumber", "stationNumber", "latitude", "longitude", "heightOfStation"]
    path = shared_data / "stations/synop_global_20181102T12.bufr"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read = pdbufr.read_bufr(str(path), columns=[*place, *names.values()], required_columns=place[:4])
    wide = read.groupby(["blockNumber", "stationNumber"]).first().reset_index()
    known = wide[["latitude", "longitude"]].assign(
        station=wide["blockNumber"].astype(int) * 1000 + wide["stationNumber"].astype(int),
        elevation=wide["heightOfStation"],
        time=pd.Timestamp("2018-11-02T12"),
    )
    return table([known.assign(variable=v, value=wide[c].astype(float)) for v, c in names.items()])
