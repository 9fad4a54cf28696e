"""A place above or below its cell's terrain: air temperature by a lapse rate, humidity and pressure to go with it."""

from __future__ import annotations

import numpy as np

from models.constants import DRY_AIR, GRAVITY, KELVIN, STANDARD_LAPSE_RATE

AIR = ("t2m", "mx2t", "mn2t")  # temperatures that the lapse rate is of
FOLLOWING = (*AIR, "d2m", "sp")  # all that another height changes
SLOPE, OFFSET = 17.62, 243.12  # Magnus formula over water, WMO-No. 8 (2018), Annex 4.B


def relative_humidity(temperature: np.ndarray, dew_point: np.ndarray) -> np.ndarray:
    """Over water, in %, of temperatures in K."""
    pressure = [np.exp(_exponent(t)) for t in (dew_point, temperature)]
    return 100.0 * pressure[0] / pressure[1]


def dew_point_of(temperature: np.ndarray, humidity: np.ndarray) -> np.ndarray:
    """In K, of air of so much relative humidity in %: the inverse of `relative_humidity`."""
    exponent = np.log(humidity / 100.0) + _exponent(temperature)
    return OFFSET * exponent / (SLOPE - exponent) + KELVIN


def at_height(values: dict[str, np.ndarray], higher: float) -> dict[str, np.ndarray]:
    """Values in SI of a place so many m above the height that they are of; nothing else changes.

    Air gets colder by 6.5 K/km (WMO-No. 485, Appendix 2.2.34) and keeps its relative humidity, as ERA5-Land brings
    ERA5's to its terrain (Munoz-Sabater et al. 2021, doi:10.5194/essd-13-4349-2021); pressure is that of a column of
    air in balance. Without t2m nothing is known of the air, and nothing changes.
    """
    if "t2m" not in values:
        return values
    colder = STANDARD_LAPSE_RATE * higher
    out = values | {n: values[n] + colder for n in AIR if n in values}
    if "d2m" in values:
        out["d2m"] = dew_point_of(out["t2m"], relative_humidity(values["t2m"], values["d2m"]))
    if "sp" in values:
        out["sp"] = values["sp"] * np.exp(-GRAVITY * higher / (DRY_AIR * (values["t2m"] + out["t2m"]) / 2))
    return out


def _exponent(temperature: np.ndarray) -> np.ndarray:
    return SLOPE * (temperature - KELVIN) / (OFFSET + temperature - KELVIN)
