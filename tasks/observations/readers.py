"""Fields at stations: as they are, and of a calibrated product also without its increments, and with each left out."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import pandas as pd

from models.constants import STANDARD_LAPSE_RATE, STANDARD_TEMPERATURE
from tasks.grids.gridded import Gridded, lead_times
from tasks.grids.samples import LapseRate, Points, Sampler
from tasks.handover.calibrated import Calibration, wind_factor
from tasks.observations.heights import pressure_at

Series = dict[str, np.ndarray]  # method -> (step, station)
WIND = ("u10", "v10")


class Reader(ABC):
    """What a field says at stations, read in some method of tasks/handover/candidates.py."""

    source: Gridded
    elevation: np.ndarray
    points: dict[str, Points]

    @abstractmethod
    def read(self, name: str, method: str) -> np.ndarray | None:
        """(step, station) of a variable, and of the lapse rate at the nearest point; None: not there."""

    def at_height(self, name: str, method: str, height: str) -> np.ndarray | None:
        """(step, station) brought from the terrain's height to the station's; None where that is not known."""
        values = self.read(name, method)
        if values is None or self.source.height is None:
            return None
        up = self.elevation - self.points[method](self.source.height)
        if name == "t2m":
            rate = STANDARD_LAPSE_RATE if height == "standard" else self.read("lapse rate", method)
            return None if rate is None else values + rate * up
        temperature = self.read("t2m", method)
        base = STANDARD_TEMPERATURE if temperature is None else temperature
        return pressure_at(values, up, base)

    def amount(
        self, method: str, time: pd.Series, period: np.ndarray, step: np.ndarray, place: np.ndarray
    ) -> np.ndarray | None:
        """Sum over the hours that end at `time`; NaN where lead times do not tile them exactly."""
        steps = self.read("tp", method)
        if steps is None or "step_bounds" not in self.source.fields:
            return None
        bounds = (self.source.fields["step_bounds"].values / np.timedelta64(1, "h")).astype(np.float64)
        starts, ends = bounds[:, 0], bounds[:, 1]
        total = np.zeros(len(time))
        left, at = period.copy(), step.copy()
        while (going := (left > 1e-6) & (at >= 0)).any():
            now = at[going]
            length = ends[now] - starts[now]
            fits = (length > 0) & (length <= left[going] + 1e-6)
            total[going] += np.where(fits, steps[now, place[going]], np.nan)
            left[going] -= np.where(fits, length, left[going])
            before = np.where(now > 0, now - 1, -1)
            joined = (before >= 0) & (np.abs(ends[before] - starts[now]) < 1e-6)
            at[going] = np.where(joined, before, -1)
        return np.where((left > 1e-6) | (period <= 0), np.nan, total)


class FieldReader(Reader):
    """Fields of one grid, each read once, one lead time in memory at a time."""

    def __init__(self, source: Gridded, stations: pd.DataFrame) -> None:
        self.source = source
        self.elevation = stations["elevation"].to_numpy()
        self.sampler = Sampler(source.grid, stations["latitude"].to_numpy(), stations["longitude"].to_numpy())
        self.points: dict[str, Points] = {
            "nearest": self.sampler.nearest,
            "bilinear": self.sampler.bilinear,
            "similar": self.sampler.similar(source.height, source.land, self.elevation),
        }
        self.above, self.land = np.full(len(stations), np.nan), np.full(len(stations), np.nan)
        if source.height is not None:
            self.above = self.elevation - self.points["bilinear"](source.height)
        if source.land is not None:
            self.land = self.points["bilinear"](source.land)
        self._read: dict[str, Series] = {}

    def read(self, name: str, method: str) -> np.ndarray | None:
        """(step, station) of a variable, and of the lapse rate at the nearest point; None: not there."""
        if name == "lapse rate":
            self.read("t2m", method)
            return self._read.get(name, {}).get("nearest")
        if name not in self.source.fields:
            return None
        if name not in self._read:
            self._read[name] = {}
            rate = None
            if name == "t2m" and self.source.height is not None:
                rate = LapseRate(self.source.grid, self.source.height)
            sampled: dict[str, list[np.ndarray]] = {m: [] for m in self.points}
            rates: list[np.ndarray] = []
            for _, field in lead_times(self.source.fields[name]):
                for m, points in self.points.items():
                    sampled[m].append(points(field))
                if rate is not None:
                    rates.append(self.sampler.nearest(rate(field)))
            self._read[name] = {m: np.stack(v) for m, v in sampled.items()}
            if rates:
                self._read["lapse rate"] = {"nearest": np.stack(rates)}
        return self._read[name][method]


class RawReader(Reader):
    """A calibrated product before it was: its fields less their increments."""

    def __init__(self, product: FieldReader, increments: FieldReader) -> None:
        self.source, self.elevation, self.points = product.source, product.elevation, product.points
        self._product, self._increments = product, increments

    def changed(self, name: str) -> bool:
        """Whether anything was added to a variable."""
        return name in self._increments.source.fields

    def read(self, name: str, method: str) -> np.ndarray | None:
        """As of the product where nothing was added."""
        values, added = self._product.read(name, method), self._increments.read(name, method)
        return values if values is None or added is None or name == "lapse rate" else values - added


class LeftOutReader(Reader):
    """A calibrated product as it would be at each station without that station.

    Of stations that took no part it is the product itself.
    """

    def __init__(self, product: FieldReader, raw: RawReader, calibration: Calibration, stations: pd.Series) -> None:
        self.source, self.elevation, self.points = product.source, product.elevation, product.points
        self._product, self._raw, self._calibration = product, raw, calibration
        self._place = pd.Index(calibration.stations).get_indexer(stations)

    def read(self, name: str, method: str) -> np.ndarray | None:
        """As of the product where nothing was added."""
        whole, raw = self._product.read(name, method), self._raw.read(name, method)
        error = self._error("wind_speed" if name in WIND else name)
        if whole is None or raw is None or error is None or not self._raw.changed(name):
            return whole
        if name in WIND:
            u, v = (self._raw.read(n, method) for n in WIND)
            assert u is not None
            assert v is not None
            corrected = raw * wind_factor(np.hypot(u, v), error)
        elif name == "wind_speed":  # of an ensemble, where what its ranges moved the median by is no error of a station
            own = self._expected(self._calibration.own[name])
            corrected = whole + raw * (wind_factor(raw, error) - wind_factor(raw, own))
        else:
            corrected = raw - error
        return np.where(np.isnan(error), whole, corrected)

    def _error(self, variable: str) -> np.ndarray | None:
        """(step, station) expected from all other stations; NaN where none was taken off, or none is known."""
        if variable not in self._calibration.applied:
            return None
        error = self._expected(self._calibration.left_out[variable])
        return np.where(self._calibration.applied[variable][:, None], error, np.nan)

    def _expected(self, error: np.ndarray) -> np.ndarray:
        return np.where(self._place[None] >= 0, error[:, self._place], np.nan)
