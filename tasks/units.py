"""Units as files write them -> the table's: every spelling that UDUNITS knows, and what people write beside it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from cf_units import Unit

WATER = Unit("1000 kg m-3")  # a mass of rain on an area is a depth by this density
# written by ECMWF, NCEP and in tables of stations, and something else or nothing to UDUNITS (C: coulomb, mb: millibarn)
DEGREES = re.compile(r"^deg(?:ree)?s?[ ._]*(c|celsius|f|fahrenheit|k|kelvin)$", re.IGNORECASE)  # a space: an angle
WRITTEN = {
    "C": "degC",
    "mb": "mbar",
    "hpa": "hPa",
    "ms-1": "m s-1",
    "m of water equivalent": "m",
    "m of water": "m",
    "mm of water equivalent": "mm",
    "(0 - 1)": "1",
    "fraction": "1",
    "percent": "%",
}


@dataclass(frozen=True)
class Conversion:
    """value * factor + offset is in the table's unit; `rate`: in that unit per second."""

    factor: float
    offset: float
    rate: bool = False

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Values in the table's unit, float32."""
        if (self.factor, self.offset) == (1.0, 0.0):
            return np.asarray(values, dtype=np.float32)
        return (np.asarray(values, dtype=np.float64) * self.factor + self.offset).astype(np.float32)


AS_IT_IS = Conversion(1.0, 0.0)


@lru_cache(maxsize=256)
def conversion(written: str, units: str, amount: bool = False) -> Conversion | None:
    """How a unit becomes the table's, None if it cannot.

    Of an `amount` also a rate, of metres, which are always of water, a mass on an area.
    """
    text = DEGREES.sub(lambda found: f"deg{found[1][0].upper()}", written.strip()).replace("degK", "K")
    try:
        given = Unit(WRITTEN.get(text, text.replace("Kg", "kg")))
    except ValueError:
        return None
    if given.is_unknown() or given.is_no_unit() or (given.is_dimensionless() and (units != "1" or not text)):
        return None
    for unit in (given, given / WATER) if units == "m" else (given,):
        for rate, wanted in ((False, units), (True, f"{units} s-1")) if amount else ((False, units),):
            if unit.is_convertible(wanted):
                offset = float(unit.convert(0.0, wanted))
                return Conversion(float(unit.convert(1.0, wanted)) - offset, offset, rate)
    return None
