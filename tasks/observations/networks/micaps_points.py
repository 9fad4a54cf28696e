"""MICAPS diamond 3: one value a station, of an element that only the header's level or description names.

Contours, smoothing and the region that they are clipped to are for drawing, and passed over.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from models.constants import KELVIN
from tasks.errors import BadInput
from tasks.observations.networks.micaps_text import MISSING, Stream, rain
from tasks.observations.networks.rows import Column, long_form, one_place
from tasks.observations.networks.table import table

TEMPERATURE = Column("t2m", offset=KELVIN)
LEVELS = {-1: Column("tp", 1e-3, period=6.0), -2: Column("tp", 1e-3, period=24.0), -3: TEMPERATURE}
AMOUNT = re.compile(r"(?<!\d)(?P<hours>\d{1,2})\s*(?:小时|h)\s*(?:累[计积])?(?:总)?(?:降水|雨量|降雨)")
OTHER = re.compile(
    "预报|预测|最高|最低|最大|最小|平均|变温|变压|距平|概率|百分|偏差|误差|露点|地温|水温|体感|"
    "湿度|能见度|风速|风向|阵风|气压|积雪|雪深|云量"
)  # forecasts, extremes, means, changes, anomalies, and elements that no level stands for
KNOWN = (
    "known are level -1 (rain of 6 h, mm), -2 (rain of 24 h, mm), -3 (temperature, degrees Celsius), and a description "
    "that has rain and its hours, such as 1小时降水 or 3小时雨量"
)
REMEDY = "write it as a table with one value a row, which says variable, units and period"


def read_points(stream: Stream) -> pd.DataFrame:
    """The table of a diamond 3: rain or temperature; errors as of `micaps.read_micaps`.

    BadInput where level and description do not say which variable and period it is, or contradict each other.
    """
    time = stream.time()
    level = stream.number("the level of the header")
    stream.numbers(stream.whole("the number of contours"), "the contours of the header")
    stream.numbers(2, "smoothing and the bold contour of the header")
    stream.numbers(2 * stream.whole("the number of points of the clip region"), "the clip region of the header")
    elements = stream.whole("the number of elements of a station", least=1)
    count = stream.whole("the number of stations", least=1)
    if elements != 1:
        raise BadInput(f"{stream.name}: has {elements} elements a station, of which the header names none; {REMEDY}")
    column = element(level, stream.description, stream.name)
    rows = [[*stream.station(i, count), stream.number(f"station {i} of {count}")] for i in range(1, count + 1)]
    stream.end(count)
    raw = pd.DataFrame(rows, columns=["station", "longitude", "latitude", "elevation", "value"])
    raw["value"] = raw["value"].mask(raw["value"].abs() >= MISSING)
    reports = one_place(raw.assign(network="micaps", time=pd.Timestamp(time)), stream.name)
    if column.variable == "tp":
        reports["value"], reports["value:quality"] = rain(reports["value"].astype(np.float64))
    return table(long_form(reports, {"value": column}))


def element(level: float, description: str, name: str) -> Column:
    """What the values are, with their scale to SI; BadInput if that is not certain."""
    header = f"{name}: level {level:g} and description {description!r}"
    if other := OTHER.search(description):
        raise BadInput(f"{header} say {other[0]}, which is not read; {KNOWN}; {REMEDY}")
    of_level, amount = LEVELS.get(int(level)) if level == int(level) else None, AMOUNT.search(description)
    if amount is None:
        if of_level is None:
            raise BadInput(f"{header} do not say what the values are; {KNOWN}; {REMEDY}")
        return of_level
    of_description = Column("tp", 1e-3, period=float(amount["hours"]))
    if of_level not in (None, of_description):
        raise BadInput(f"{header} contradict each other ({amount[0]}); {KNOWN}; correct the header, or {REMEDY}")
    if of_description.period == 0:
        raise BadInput(f"{header} give rain of no hours; {KNOWN}; {REMEDY}")
    return of_description
