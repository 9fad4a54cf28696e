"""MICAPS diamond 1: the reports of all stations of one hour, SYNOP as a plotted map has it.

What the one real file at hand shows (2019-08-22, 5,147 reports of the eastern hemisphere): speeds are whole m/s and
cut, not rounded, so that they are half a metre per second low on the average (of 934 Chinese reports 222 have speed 0
with a direction, 365 speed 1; rounding would put those 222 into 0.3 to 0.5 m/s, three times as dense as their
neighbours); dew points are whole degrees and rounded (never more than 0.5 above the temperature); amounts from 1 mm on
are whole mm.
"""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

from models.constants import KELVIN
from tasks.observations.networks.micaps_text import MISSING, Stream, rain
from tasks.observations.networks.rows import Column, direction_of_wind, long_form, one_place
from tasks.observations.networks.table import table

log = logging.getLogger(__name__)

PLACE = ["station", "longitude", "latitude", "elevation"]
FIELDS = [
    "level", "cloud", "direction", "speed", "pressure", "tendency", "past_weather_1", "past_weather_2", "rain_6h",
    "low_cloud", "low_cloud_amount", "low_cloud_height", "dew_point", "visibility", "weather", "temperature",
    "middle_cloud", "high_cloud", "mark_1", "mark_2",
]  # fmt: skip
CHANGES = [1.0, 2.0]  # the two marks, where a record goes on with the changes of 24 hours in temperature and pressure
COLUMNS = {
    "temperature": Column("t2m", offset=KELVIN),
    "dew_point": Column("d2m", offset=KELVIN),
    "msl": Column("msl", 100.0),
    "speed": Column("wind_speed"),
    "direction": Column("wind_direction"),
    "rain_6h": Column("tp", 1e-3, period=6.0),
}
TWO_PRESSURES = "MICAPS: a pressure of 950 to 960 or of 1050 to 1060 hPa, its code fits both"
NO_WIND = "MICAPS: direction and speed 0 without temperature and pressure, which is no wind reported"
PERIOD = "MICAPS: an amount whose period need not be six hours"
AUTOMATIC = "自动"  # the manual's mark of a file of automatic stations, which is written every hour
MAIN_HOURS = (0, 6, 12, 18)  # UTC; WMO-No. 306 FM 12: the amount of section 1 is of the hours to a main hour


def read_surface(stream: Stream) -> pd.DataFrame:
    """The table of a diamond 1; errors as of `micaps.read_micaps`.

    A report's identifier is the station's WMO number. Ships and buoys share one (01009 in 2019), and what one
    identifier has at several places is left out. Temperatures in K, pressure and its code as of `pressure`.
    """
    time = stream.time()
    count = stream.whole("the number of stations", least=1)
    rows = [[*stream.station(i, count), *_fields(stream, i, count)] for i in range(1, count + 1)]
    stream.end(count)
    raw = pd.DataFrame(rows, columns=[*PLACE, *FIELDS])
    raw[FIELDS] = raw[FIELDS].mask(raw[FIELDS].abs() >= MISSING)
    reports = one_place(raw.assign(network="synop", time=pd.Timestamp(time)), stream.name)
    reports["msl"], reports["msl:quality"] = pressure(reports["pressure"])
    speed, direction = reports["speed"], reports["direction"]
    if (cut := (speed == 0) & (direction > 0)).any() and (speed.dropna() % 1 == 0).all():
        log.warning(
            "%s: speeds are whole m/s and %d with a direction are 0: cut, it seems, and half a metre per second low",
            stream.name, cut.sum(),
        )  # fmt: skip
    # 56 of the 57 reports without temperature that say 0 and 0 have no pressure either: buoys, and posts for rain
    silent = (speed == 0) & (direction == 0) & reports["temperature"].isna() & reports["pressure"].isna()
    reports["speed:quality"] = np.where(silent, NO_WIND, "")
    reports["direction"] = direction_of_wind(direction, speed)
    reports["rain_6h"], reasons = rain(reports["rain_6h"])
    if time.hour not in MAIN_HOURS or AUTOMATIC in stream.description:
        reasons = reasons.mask(reasons == "", PERIOD)
    reports["rain_6h:quality"] = reasons
    return table(long_form(reports, COLUMNS))


def pressure(code: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Sea-level pressure in hPa of a code in tenths without its 9 or 10, and why it is not used: 61 is 1006.1.

    The manual has "sea-level pressure (or the station's)"; in the real file the 226 stations above 1200 m that report
    one all have 985 to 1024 hPa, which is the former.
    """
    code = code.where((code >= 0) & (code < 1000))
    hectopascals = code / 10 + np.where(code >= 500, 900.0, 1000.0)
    return hectopascals, pd.Series(np.where(code.between(500, 599), TWO_PRESSURES, ""), index=code.index)


def _fields(stream: Stream, number: int, count: int) -> list[float]:
    what = f"station {number} of {count}"
    values = stream.numbers(len(FIELDS), what)
    if values[-2:] == CHANGES:
        stream.numbers(2, what)
    return values
