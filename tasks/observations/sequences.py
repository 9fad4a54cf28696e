"""Checks of one station's reports one after another: values that are stuck, and spikes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.constants import KELVIN
from tasks.observations.companions import of_variable
from tasks.observations.networks.table import reject

STUCK = "stuck at one value"
SPIKE = "spike"

# Resolution of reports in the unit that they are made in -> (reports, days) after which one value is too long the same:
# as HadISD does it, table 4 of Dunn et al. (2012, doi:10.5194/cp-8-1649-2012), directions from HadISD 2.0.1. Its
# thresholds from the data themselves need years. Wide on purpose: a METAR in whole degrees stood still for 22 hours of
# fog in Wuhan (15 March 2021), and was right. Rain is not checked: dry lasts for weeks.
PATIENCE: dict[str, dict[float, tuple[int, int]]] = {
    "t2m": {1.0: (40, 14), 0.5: (30, 10), 0.1: (24, 7)},
    "d2m": {1.0: (80, 14), 0.5: (60, 10), 0.1: (48, 7)},
    "msl": {1.0: (120, 28), 0.5: (100, 21), 0.1: (72, 14)},
    "sp": {1.0: (120, 28), 0.5: (100, 21), 0.1: (72, 14)},
    "wind_speed": {1.0: (40, 14), 0.5: (30, 10), 0.1: (24, 7)},
    "wind_direction": {10.0: (48, 14), 1.0: (24, 7)},
}
STEPS_OF_UNIT = {"msl": 100.0, "sp": 100.0}  # pressure is reported in hPa
ZERO_OF_UNIT = {"t2m": KELVIN, "d2m": KELVIN}  # temperature in degrees Celsius
CALM = {"wind_speed": 0.5, "wind_direction": 0.0}  # calm nights last: up to here a value may stay (HadISD)
FEWEST_OF_DAYS = 10  # reports, in a run that is judged by its days (HadISD)
LONGEST_GAP = 24.0  # h; what comes after is another run: two equal reports three days apart say nothing

# Change up and down again, in units of the variable, after 1, 2 and 3 hours. HadISD takes six interquartile ranges of a
# station's own changes, which needs months; where reports are 3-hourly that is some 18 K and finds nothing. These are
# half as much again as the largest in 31 stations around Hubei, January to April 2021, none of which is wrong for
# certain: t2m 5.7 K after 1 h, 6.9 K after 3 h; d2m 6.0 and 9.9 K (dry air at Lu Shan for one report); pressure 310 Pa
# (the tide of the day), where twice and more leaves room for squalls. A change that stays is a front: 17 K in 3 h were
# seen, and kept. Wind and rain are not checked: a gust front or a shower is a spike.
LIMITS: dict[str, tuple[float, float, float]] = {
    "t2m": (8.5, 9.5, 10.5),
    "d2m": (9.0, 12.0, 15.0),
    "msl": (600.0, 700.0, 800.0),
    "sp": (600.0, 700.0, 800.0),
}
# Pressure falls and rises again so much in a typhoon's eye, in air that is already below STORM. Surface pressure does
# not say how high it is for its elevation, and is always given the benefit.
LIMITS_IN_STORM = (2000.0, 2500.0, 3000.0)
STORM = {"msl": 100500.0, "sp": np.inf}  # Pa
LONGEST_SPIKE = 3  # reports (HadISD)
SPIKE_WITHIN = 6.0  # h from the report before to the one after: a warm day of three 3-hourly reports is none


@dataclass(frozen=True)
class Sequence:
    """Usable reports of one variable, station after station and in order of time."""

    rows: np.ndarray  # positions in the table
    station: np.ndarray  # a number for each
    hours: np.ndarray
    value: np.ndarray


def sequence(observations: pd.DataFrame, variable: str) -> Sequence:
    """Usable reports of one variable as arrays."""
    rows = np.flatnonzero(of_variable(observations, variable))
    part = observations.iloc[rows]
    station, _ = pd.factorize(part["station"])
    hours = part["time"].to_numpy("datetime64[s]").astype("int64") / 3600.0
    order = np.lexsort((hours, station))
    return Sequence(rows[order], station[order], hours[order], part["value"].to_numpy()[order])


def reject_stuck(observations: pd.DataFrame) -> pd.DataFrame:
    """Reject runs of one value that last longer than PATIENCE allows at the station's resolution.

    A run is long with as many reports as that (over as many hours less one, so that a station with a report every five
    minutes is not stuck after two hours), or with at least 10 over as many days. Calm may last.
    """
    stuck = np.zeros(len(observations), bool)
    for variable in PATIENCE:
        reports = sequence(observations, variable)
        if len(reports.rows):
            stuck[reports.rows[_in_long_runs(reports, variable)]] = True
    return reject(observations, stuck, STUCK)


def _in_long_runs(reports: Sequence, variable: str) -> np.ndarray:
    same = (np.diff(reports.station) == 0) & (np.abs(np.diff(reports.value)) < 1e-3)
    same &= np.diff(reports.hours) <= LONGEST_GAP
    run = np.concatenate([[0], np.cumsum(~same)])
    first = np.flatnonzero(np.concatenate([[True], ~same]))
    last = np.concatenate([first[1:] - 1, [len(run) - 1]])
    count = last - first + 1
    hours = reports.hours[last] - reports.hours[first]
    long = np.zeros(len(first), bool)
    resolution = _resolution(reports, variable)[first]
    for step, (most, days) in PATIENCE[variable].items():
        by_count = (count >= most) & (hours >= most - 1)
        by_days = (count >= FEWEST_OF_DAYS) & (hours >= 24 * days)
        long |= (resolution == step) & (by_count | by_days)
    if variable in CALM:
        long &= reports.value[first] > CALM[variable]
    return long[run]


def _resolution(reports: Sequence, variable: str) -> np.ndarray:
    """The coarsest step of PATIENCE that four in five of a station's reports are multiples of.

    Tenths that fall on whole numbers are one in ten; a METAR station's own precise reports are fewer than one in five.
    """
    steps = sorted(PATIENCE[variable], reverse=True)
    units = (reports.value - ZERO_OF_UNIT.get(variable, 0.0)) / STEPS_OF_UNIT.get(variable, 1.0)
    found = np.full(reports.station.max() + 1, steps[-1])
    for step in reversed(steps[:-1]):
        whole = np.abs(units / step - np.round(units / step)) * step < 0.02
        share = np.bincount(reports.station, whole) / np.bincount(reports.station)
        found[share >= 0.8] = step
    return found[reports.station]


def reject_spikes(observations: pd.DataFrame) -> pd.DataFrame:
    """Reject up to three reports that jump away together and come back (HadISD's spike check, Dunn et al. 2012, 4.1).

    Both jumps are at least LIMITS, opposite, and over at most 3 h; between reports of the spike the change is less than
    half of that. One jump that stays is weather.
    """
    spikes = np.zeros(len(observations), bool)
    for variable in LIMITS:
        reports = sequence(observations, variable)
        for length in range(1, LONGEST_SPIKE + 1):
            spikes[reports.rows[_in_spikes(reports, variable, length)]] = True
    return reject(observations, spikes, SPIKE)


def _in_spikes(reports: Sequence, variable: str, length: int) -> np.ndarray:
    """True in spikes of exactly this many reports."""
    found = np.zeros(len(reports.value), bool)
    if len(found) < length + 2:
        return found
    gap, change = np.diff(reports.hours), np.diff(reports.value)
    limit = _limit(gap, LIMITS[variable])
    if variable in STORM:
        stormy = np.maximum(reports.value[:-1], reports.value[1:]) < STORM[variable]
        limit_of_falls = np.where(stormy, _limit(gap, LIMITS_IN_STORM), limit)
    else:
        limit_of_falls = limit
    size = np.abs(change) / np.where(change < 0, limit_of_falls, limit)  # on the way there
    size_back = np.abs(change) / np.where(change > 0, limit_of_falls, limit)
    before = np.arange(len(found) - length - 1)  # the report before the spike
    there, back = before, before + length
    spike = (size[there] >= 1) & (size_back[back] >= 1) & (change[there] * change[back] < 0)
    spike &= reports.station[before] == reports.station[back + 1]
    spike &= reports.hours[back + 1] - reports.hours[before] <= SPIKE_WITHIN
    for inner in range(1, length):
        spike &= size[before + inner] < 0.5
    for inner in range(length):
        found[before[spike] + 1 + inner] = True
    return found


def _limit(gap: np.ndarray, limits: tuple[float, float, float]) -> np.ndarray:
    """Smallest change that counts as a jump over this gap; infinite after more than 3 h."""
    hour = np.clip(np.ceil(gap).astype(int) - 1, 0, 2)
    return np.where(gap <= 3, np.asarray(limits)[hour], np.inf)
