"""Checks of stations against stations: temperature and pressure at one time, and elevations that pressure belies.

The check itself is titanlib's (Båserud et al. 2020, doi:10.5194/asr-17-153-2020).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch

from models.constants import DRY_AIR, GRAVITY, STANDARD_LAPSE_RATE, STANDARD_TEMPERATURE
from tasks.observations.companions import beside, of_variable
from tasks.observations.networks.table import reject

NEIGHBOURS = "disagrees with its neighbours"
ELEVATION = "elevation in doubt"
PRESSURE = "surface pressure against elevation"


@contextmanager
def _one_thread() -> Iterator[None]:
    """OpenMP with one thread, and afterwards as before: inference would take twice as long."""
    threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(threads)


HUMID = 1.005  # virtual temperature over temperature, at a dew point of about 10 degrees C


@dataclass(frozen=True)
class Buddies:
    """Settings of titanlib's buddy check.

    A value is rejected if it is further than `threshold` standard deviations of its buddies (at least `least_std`) from
    their mean.
    """

    radius: float = 250e3  # m; HadISD's neighbours are within 300 km and 500 m of height
    fewest: int = 5  # buddies; with three, two wrong ones outvote a right one
    threshold: float = 4.0
    elevation_range: float = 300.0  # m; stations above inversions (Lu Shan) have no buddies and are left alone
    # per m, titanlib's recommendation; too steep in winter, hence the short range above
    gradient: float = STANDARD_LAPSE_RATE
    least_std: float = 2.5
    iterations: int = 2


# So at least 10 K. The largest differences from the buddies' mean in four months of 31 stations around Hubei are 8.9 K
# within 250 km and 9.9 K within 300 km, and where their series were looked at they were fronts that lay across the
# network, or a warm night in the wind. Of 7,800 SYNOP stations of the world at one hour it takes two, 13.8 degrees C at
# noon in Zimbabwe and -26 degrees C at the head of a fjord in Greenland, of which the second may be true.
TEMPERATURE = Buddies()
# Of sea-level pressure, or of what surface pressure gives for it; so at least 10 hPa. Real: 6.4 hPa around Hubei, where
# high stations reduce each in their way. Of 445 stations of INMET all but nine are within 5 hPa; the four beyond 10 hPa
# (A216, A220, A911, A933) are wrong.
SEA_LEVEL_PRESSURE = Buddies(gradient=0.0, least_std=250.0)
# Surface pressure reduced with the station's own temperature: from further away and over more height, so that a wrong
# elevation does not leave a station without buddies.
REDUCED_PRESSURE = replace(SEA_LEVEL_PRESSURE, radius=400e3, elevation_range=1000.0)
# Pa. Where the neighbours' median is below it, a station that is lower still stays: within 250 km of a typhoon's centre
# (Holland 1980) most of the fall is in its last 50 km, with one station at most. A wrong low value costs less there.
STORM = 100500.0
# Wind and rain are not checked: one station's wind is its site's, and a thunderstorm between stations is no error.
# Neither is dew point: dry air comes in tongues, and a wrong hygrometer is within what they do.

DOUBTFUL = 60.0  # m; about 7 hPa. Published elevations of a barometer and of its station differ by tens of metres
DOUBTFUL_SHARE = 0.05  # of the elevation: networks reduce with different temperatures, 15 K are 5 % of the column
FEWEST_REPORTS = 2  # one report cannot tell a wrong elevation from a wrong barometer
MOST_REPORTS_SHARE = 0.9
PRESSURE_TOLERANCE = 3000.0  # Pa; a digit wrong, hPa in inches of mercury, or QFE for QNH


def reduced_pressure(pressure: np.ndarray, elevation: np.ndarray, temperature: np.ndarray) -> np.ndarray:
    """Sea-level pressure (Pa) below a station: WMO-No. 8, volume I, chapter 3, with half the column's standard lapse.

    Where temperature (K) is missing, that of the standard atmosphere is taken.
    """
    standard = STANDARD_TEMPERATURE + STANDARD_LAPSE_RATE * elevation
    temperature = np.where(np.isfinite(temperature), temperature, standard)
    column = temperature * HUMID - STANDARD_LAPSE_RATE / 2 * elevation
    return np.asarray(pressure * np.exp(GRAVITY * elevation / (DRY_AIR * column)))


def reject_doubtful_elevations(observations: pd.DataFrame) -> pd.DataFrame:
    """Reject t2m and sp of stations whose surface pressure belongs to another elevation.

    Either the height between the station's own sp and msl differs from its elevation by more than 60 m and 5 % (median
    of its reports), or, without msl, sp reduced to sea level disagrees with the neighbours to the same side in nine of
    ten reports; to both sides it is the barometer. The model's terrain is no witness: INMET's A610 has 1777 m where the
    model has 474 m, and its pressure says that 1777 m is right.
    """
    rows, at_sea_level = _pressures(observations)
    own = observations.iloc[rows]
    msl = beside(observations, rows, "msl")
    elevation = own["elevation"].to_numpy()
    # dh = -(R T / g) dp / p
    metres = np.abs(at_sea_level - msl) / at_sea_level * DRY_AIR * STANDARD_TEMPERATURE / GRAVITY
    off = pd.Series(metres - DOUBTFUL_SHARE * np.abs(elevation))
    by_station = off.groupby(own["station"].to_numpy())
    doubtful = (by_station.median() > DOUBTFUL) & (by_station.count() >= FEWEST_REPORTS)

    alone = np.isnan(msl)
    off_neighbours = _from_neighbours(observations, rows, at_sea_level, REDUCED_PRESSURE, alone)
    by_station = pd.Series(np.sign(off_neighbours[alone])).groupby(own["station"].to_numpy()[alone])
    disagreeing = (by_station.mean().abs() >= MOST_REPORTS_SHARE) & (by_station.size() >= FEWEST_REPORTS)

    stations = [*doubtful.index[doubtful], *disagreeing.index[disagreeing]]
    doubtful = observations["station"].isin(stations) & observations["variable"].isin(["t2m", "sp"])
    return reject(observations, doubtful, ELEVATION)


def reject_pressure_against_elevation(observations: pd.DataFrame) -> pd.DataFrame:
    """Reject sp that is more than 30 hPa from what the station's msl and elevation give."""
    rows, at_sea_level = _pressures(observations)
    wrong = np.zeros(len(observations), bool)
    wrong[rows] = np.abs(at_sea_level - beside(observations, rows, "msl")) > PRESSURE_TOLERANCE
    return reject(observations, wrong, PRESSURE)


def reject_strangers(observations: pd.DataFrame) -> pd.DataFrame:
    """Reject t2m, msl and sp (reduced to sea level) that disagree with the neighbours at their time.

    Stations without known elevation are not checked, nor are those with fewer than five buddies in their range of
    elevation. Of sp only what stands alone: beside msl it is checked against that.
    """
    off = np.zeros(len(observations))
    value = observations["value"].to_numpy()
    for variable, settings in (("t2m", TEMPERATURE), ("msl", SEA_LEVEL_PRESSURE)):
        rows = np.flatnonzero(of_variable(observations, variable) & np.isfinite(observations["elevation"].to_numpy()))
        off[rows] = _from_neighbours(observations, rows, value[rows], settings)
        if variable == "msl":
            off[rows[(off[rows] < 0) & (value[rows] - off[rows] < STORM)]] = 0
    rows, at_sea_level = _pressures(observations)
    alone = np.isnan(beside(observations, rows, "msl"))
    off_pressure = _from_neighbours(observations, rows, at_sea_level, REDUCED_PRESSURE, alone)
    off[rows] = np.where((off_pressure < 0) & (at_sea_level - off_pressure < STORM), 0, off_pressure)
    return reject(observations, off != 0, NEIGHBOURS)


def _pressures(observations: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Rows of usable sp at known elevations, and what they give for sea level."""
    rows = np.flatnonzero(of_variable(observations, "sp") & np.isfinite(observations["elevation"].to_numpy()))
    part = observations.iloc[rows]
    temperature = beside(observations, rows, "t2m")
    return rows, reduced_pressure(part["value"].to_numpy(), part["elevation"].to_numpy(), temperature)


def _from_neighbours(
    observations: pd.DataFrame,
    rows: np.ndarray,
    values: np.ndarray,
    settings: Buddies,
    checked: np.ndarray | None = None,
) -> np.ndarray:
    """Difference from the neighbours' median where titanlib's buddy check rejects a value, 0 where it does not.

    One valid time after the other; `checked` restricts what is judged, not who is asked. Titanlib's time grows with the
    square of the stations: 0.4 s for 10,000, a millisecond for 600. With more than one of OpenMP's threads a value may
    or may not still count as a buddy of another that is judged at the same moment.
    """
    part = observations.iloc[rows]
    latitude, longitude, elevation = (part[c].to_numpy("float32") for c in ("latitude", "longitude", "elevation"))
    judged = np.ones(len(rows), bool) if checked is None else checked
    time, times = pd.factorize(part["time"])
    order = np.argsort(time, kind="stable")
    off = np.zeros(len(rows))
    for at in np.split(order, np.searchsorted(time[order], np.arange(1, len(times)))):
        if len(at) <= settings.fewest or not judged[at].any():
            continue
        with _one_thread():  # titanlib, as it is imported, sets one thread for the whole process
            import titanlib

            titanlib.set_omp_threads(1)
            flags = titanlib.buddy_check(
                titanlib.Points(latitude[at], longitude[at], elevation[at]),
                values[at].astype("float32"),
                np.array([settings.radius], "float32"),
                np.array([settings.fewest], "int32"),
                settings.threshold,
                settings.elevation_range,
                settings.gradient,
                settings.least_std,
                settings.iterations,
                judged[at].astype("int32"),
            )
        for i in np.flatnonzero(flags):
            near = _within(settings.radius, latitude[at], longitude[at], i)
            off[at[i]] = values[at[i]] - np.median(values[at][near])
    return off


def _within(radius: float, latitude: np.ndarray, longitude: np.ndarray, of: int) -> np.ndarray:
    """Points in a box of this half width (m) around one of them."""
    degrees = radius / 111.2e3
    east = np.abs((longitude - longitude[of] + 180) % 360 - 180) * np.cos(np.radians(latitude[of]))
    return (np.abs(latitude - latitude[of]) <= degrees) & (east <= degrees)
