"""How much sun there is above the air: what radiation is placed by between lead times."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import numpy as np

PARTS = 12  # of an hour, at whose middles the sun's height is taken
SPENCER_DECLINATION = (0.006918, -0.399912, 0.070257, -0.006758, 0.000907, -0.002697, 0.00148)  # rad
SPENCER_EQUATION = (0.000075, 0.001868, -0.032077, -0.014615, -0.040849)  # of time, rad


def cosine_of_zenith(times: np.ndarray, latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    """Of the sun, 0 where it is down: (time, place) of UTC datetime64 (time,) and degrees (place,).

    Declination and equation of time by Spencer's series (1971, Search 2, 172): good to a third
    of a degree, for years of 366 days shift it.
    """
    seconds = (times - times.astype("datetime64[D]")) / np.timedelta64(1, "s")
    day = (times.astype("datetime64[D]") - times.astype("datetime64[Y]")) / np.timedelta64(1, "D")
    angle = 2 * np.pi * (day + seconds / 86400) / 365
    declination = _series(SPENCER_DECLINATION, angle)
    clock = 2 * np.pi * seconds / 86400 + _series(SPENCER_EQUATION, angle) - np.pi  # at 0 degree east
    hour = clock[:, None] + np.deg2rad(longitude)
    north = np.deg2rad(latitude)
    upright = np.sin(declination)[:, None] * np.sin(north)
    return np.maximum(upright + np.cos(declination)[:, None] * np.cos(north) * np.cos(hour), 0.0)


def sunshine(ends: np.ndarray, latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    """Mean cosine of the hour before each end, (hour, place): what falls on level ground above the air goes with it."""
    before = ((np.arange(PARTS) + 0.5) / PARTS * 3600).astype("timedelta64[s]")
    found = np.zeros((len(ends), len(latitude)))
    for part in before:  # one after the other: a country's cells are many
        found += cosine_of_zenith(ends - part, latitude, longitude) / PARTS
    return found


def sun_over(start: datetime, latitude: np.ndarray, longitude: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """`sunshine` over places, of hours since the start of a forecast."""
    begin = np.datetime64(start.replace(tzinfo=None), "s")
    return lambda hours: sunshine(begin + (3600 * hours).astype("timedelta64[s]"), latitude, longitude)


def _series(terms: tuple[float, ...], angle: np.ndarray) -> np.ndarray:
    """Fourier series: a constant, then cosine and sine of one, two and three times the angle."""
    out = np.full_like(angle, terms[0])
    for i, term in enumerate(terms[1:]):
        turn = angle * (i // 2 + 1)
        out += term * (np.sin(turn) if i % 2 else np.cos(turn))
    return out
