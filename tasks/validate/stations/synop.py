"""SYNOP in BUFR, in the WMO's templates (307079, 307080) and in ECMWF's archive form; read with pdbufr."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pdbufr

from tasks.errors import UnreadableFile
from tasks.validate.stations.table import table

TIME = ["year", "month", "day", "hour", "minute"]
PLACE = ["blockNumber", "stationNumber", "latitude", "longitude"]
HEIGHTS = ["heightOfStationGroundAboveMeanSeaLevel", "heightOfStation"]
# key -> variable; the same quantity has one name in the WMO's templates and another in ECMWF's
VALUES = {
    "airTemperature": "t2m", "airTemperatureAt2M": "t2m",
    "dewpointTemperature": "d2m", "dewpointTemperatureAt2M": "d2m",
    "nonCoordinatePressure": "sp", "pressureReducedToMeanSeaLevel": "msl",
    "windSpeed": "wind_speed", "windSpeedAt10M": "wind_speed",
    "windDirection": "wind_direction", "windDirectionAt10M": "wind_direction",
}  # fmt: skip
RAIN = {f"totalPrecipitationPast{h}Hours": float(h) for h in (1, 3, 6, 12, 24)}
RAIN_OF_PERIOD, PERIOD = "totalPrecipitationOrTotalWaterEquivalent", "timePeriod"
MM = 1e-3  # a kg m-2


def read_synop(file: Path) -> pd.DataFrame:
    """Observations of land stations with a WMO number; UnreadableFile if it is no BUFR. Takes seconds a thousand."""
    columns = [*PLACE, *TIME, *HEIGHTS, *VALUES, *RAIN, RAIN_OF_PERIOD, PERIOD]
    try:
        found = pdbufr.read_bufr(str(file), columns=columns, required_columns=tuple(PLACE))
    except Exception as error:
        raise UnreadableFile(f"{file}: does not open as BUFR ({error}); fetch it again") from None
    if found.empty:
        raise UnreadableFile(f"{file}: no report of a station with a WMO number in it; is it SYNOP in BUFR?")
    for name in columns:
        if name not in found:
            found[name] = float("nan")
        found[name] = pd.to_numeric(found[name], errors="coerce")
    found["minute"] = found["minute"].fillna(0)
    time = pd.to_datetime(found[TIME], errors="coerce").astype("datetime64[ns]").dt.round("h")
    number = found["blockNumber"].astype(int) * 1000 + found["stationNumber"].astype(int)
    common = pd.DataFrame(
        {
            "station": number.map("{:05d}".format), "network": "synop", "latitude": found["latitude"],
            "longitude": found["longitude"], "elevation": found[HEIGHTS[0]].fillna(found[HEIGHTS[1]]), "time": time,
        }
    )  # fmt: skip
    calm = found["windSpeed"].fillna(found["windSpeedAt10M"]) == 0
    parts = []
    for key, variable in VALUES.items():
        value = found[key].mask(calm) if variable == "wind_direction" else found[key]
        parts.append(common.assign(variable=variable, value=value))
    for key, period in RAIN.items():
        parts.append(_rain(common, found[key], period))
    hours = -found[PERIOD] / (60.0 if (found[PERIOD].abs() > 60).any() else 1.0)  # before the report, in h; or minutes
    parts.append(_rain(common, found[RAIN_OF_PERIOD].where(hours > 0), hours))
    joined = table([p for p in parts if p["value"].notna().any()])
    return joined[joined["time"].notna()].reset_index(drop=True)


def _rain(common: pd.DataFrame, value: pd.Series, period: float | pd.Series) -> pd.DataFrame:
    """Amounts in m; a trace, reported as -0.1 mm, is none."""
    return common.assign(variable="tp", period=period, value=value.mask(value.between(-0.2, 0.0), 0.0) * MM)
