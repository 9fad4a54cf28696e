"""The one table of how variables are shown: titles, units, decimals, colours. Everything for eyes reads it.

The page is built from it too, without Python, from a copy as JSON; after a change here

    python -m tasks.present.display > tasks/page/web/src/display.json
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

import numpy as np

from models.constants import KELVIN
from tasks.present import colours

Values = TypeVar("Values", float, np.ndarray)


@dataclass(frozen=True)
class Display:
    """How a variable is shown: SI value * scale + offset, in `unit`; differences and scores have no offset.

    All that follows is in that unit. `decimals` are of values, `score_decimals` of errors. A scale of colours covers
    `span` at least, so that noise is not painted like weather: over one lead time in pictures, `cycle_span` over all of
    a cycle's on the page. The page alone: its scale begins at nothing (`from_zero`), nothing below `least_drawn` is
    drawn, lines of equal value are `isolines` apart (0: none).
    """

    title: str
    unit: str
    colours: str = "thermal"  # a map of colours.py
    scale: float = 1.0
    offset: float = 0.0
    decimals: int = 1
    score_decimals: int = 2
    span: float = 2.0
    cycle_span: float = 8.0
    from_zero: bool = False
    least_drawn: float | None = None
    isolines: float = 0.0

    def shown(self, values: Values) -> Values:
        """SI values, a number or an array, in `unit`."""
        return values * self.scale + self.offset


# in the order in which they are shown
TABLE = {
    "t2m": Display("2 metre temperature", "°C", "thermal", offset=-KELVIN),
    "mx2t": Display("highest 2 metre temperature", "°C", "thermal", offset=-KELVIN),
    "mn2t": Display("lowest 2 metre temperature", "°C", "thermal", offset=-KELVIN),
    "d2m": Display("2 metre dew point", "°C", "tempo", offset=-KELVIN),
    "rh": Display("2 metre relative humidity", "%", "tempo", decimals=0),
    "u10": Display("10 metre wind, eastward", "m/s", "balance", cycle_span=6.0),
    "v10": Display("10 metre wind, northward", "m/s", "balance", cycle_span=6.0),
    "wind_speed": Display("10 metre wind speed", "m/s", "speed", cycle_span=6.0, from_zero=True),
    "wind_direction": Display("10 metre wind direction", "°", "phase", decimals=0, score_decimals=1),
    "fg10": Display("10 metre wind gust", "m/s", "speed", cycle_span=6.0, from_zero=True),
    "wind_vector": Display("10 metre wind vector", "m/s", "speed", cycle_span=6.0, from_zero=True),
    "u100": Display("100 metre wind, eastward", "m/s", "balance", cycle_span=6.0),
    "v100": Display("100 metre wind, northward", "m/s", "balance", cycle_span=6.0),
    "wind_speed_100": Display("100 metre wind speed", "m/s", "speed", cycle_span=6.0, from_zero=True),
    "wind_speed_hub": Display("wind speed at hub height", "m/s", "speed", cycle_span=6.0, from_zero=True),
    "wind_direction_100": Display("100 metre wind direction", "°", "phase", decimals=0, score_decimals=1),
    "sp": Display("surface pressure", "hPa", "deep_r", scale=0.01, cycle_span=20.0),
    "msl": Display("mean sea level pressure", "hPa", "haline", scale=0.01, cycle_span=4.0, isolines=1.0),
    "tp": Display(
        "precipitation", "mm", "dense", scale=1000.0, span=1.0, cycle_span=2.0, from_zero=True, least_drawn=0.1
    ),
    "sf": Display(
        "snowfall as water", "mm", "dense", scale=1000.0, span=1.0, cycle_span=2.0, from_zero=True, least_drawn=0.1
    ),
    "sd": Display(
        "snow on the ground as water",
        "mm",
        "deep",
        scale=1000.0,
        span=5.0,
        cycle_span=20.0,
        from_zero=True,
        least_drawn=1.0,
    ),
    "tcc": Display("cloud cover", "%", "gray", scale=100.0, decimals=0, span=10.0, cycle_span=100.0, from_zero=True),
    "ssrd": Display(
        "solar radiation", "MJ/m²", "solar", scale=1e-6, decimals=2, span=0.5, cycle_span=4.0, from_zero=True
    ),
    "strd": Display("thermal radiation", "MJ/m²", "thermal", scale=1e-6, decimals=2, span=0.2, cycle_span=1.0),
    "skt": Display("skin temperature", "°C", "thermal", offset=-KELVIN),
    # of a threshold that is passed, on the page
    "chance": Display("chance", "%", "tempo", decimals=0, span=10.0, cycle_span=100.0, from_zero=True, least_drawn=1.0),
    "tcwv": Display("column water vapour", "kg/m²", "tempo", span=1.0, cycle_span=10.0),
}
ERRORS = "balance"  # colours of forecast - observed, in the middle where there is none


HUB = "wind_speed_"  # of a turbine's hub so many m above the ground


def of(variable: str, unit: str = "") -> Display:
    """Of a variable; one that is not in the table is shown as it is, in `unit`."""
    if variable not in TABLE and variable.startswith(HUB):
        return replace(TABLE["wind_speed_hub"], title=f"wind speed at {variable.removeprefix(HUB)} m")
    return TABLE.get(variable) or Display(variable, unit)


def of_difference(variable: str, unit: str = "") -> Display:
    """The same of errors and scores: those of a temperature are in K, as nobody takes for a temperature."""
    how = of(variable, unit)
    return replace(how, unit="K", offset=0.0) if how.offset else how


def title(variable: str, period: float) -> str:
    """2 metre temperature; precipitation, 6 h. `period`: hours that amounts are summed over, 0 of what is no amount."""
    return of(variable).title + (f", {period:g} h" if period else "")


def order(variable: str, period: float) -> tuple[int, str, float]:
    """Sorts variables as they are shown."""
    return (list(TABLE).index(variable) if variable in TABLE else len(TABLE), variable, period)


def exported() -> str:
    """The table and the colour maps that it names as JSON, for the page's build."""
    names = sorted({d.colours for d in TABLE.values()} | {ERRORS})
    found: dict[str, Any] = {
        "variables": {name: asdict(d) for name, d in TABLE.items()},
        "errors": ERRORS,
        "colours": {name: "".join(colours.stops(name)).replace("#", "") for name in names},
    }
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(exported())
