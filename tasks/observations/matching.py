"""Pairs of observation and forecast: every candidate's value for every usable observation at a valid time.

Wind is compared as speed, direction (from 3 m/s on) and as a vector. Amounts are summed over the observation's period.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from models.constants import STANDARD_LAPSE_RATE, STANDARD_TEMPERATURE
from tasks.grids.gridded import Gridded, lead_times
from tasks.grids.samples import LapseRate, Points, Sampler
from tasks.handover.candidates import PAIR_COLUMNS, Candidate, candidates
from tasks.observations.amounts import with_sums
from tasks.observations.heights import pressure_at

CALM = 3.0  # m/s observed: below, direction means little (WMO-No. 485, Appendix 2.2.34)
PLACE = ["station", "network", "latitude", "longitude", "elevation"]
Series = dict[str, np.ndarray]  # candidate -> (step, station)


def pairs(product: Gridded, coarse: Gridded | None, observations: pd.DataFrame) -> pd.DataFrame:
    """Usable observations at the product's valid times beside all candidates, float32; see candidates.py for columns.

    Stations outside of the product's points are left out; candidates of `coarse` are NaN outside of its points.
    """
    times = pd.DatetimeIndex(product.fields["valid_time"].values.astype("datetime64[ns]"))
    seen = with_sums(observations)
    seen = seen[seen["time"].isin(times)]
    stations = seen[PLACE].drop_duplicates("station").reset_index(drop=True)
    inside = Sampler(product.grid, *(stations[c].to_numpy() for c in ("latitude", "longitude"))).inside
    stations = stations[inside].reset_index(drop=True)
    seen = seen[seen["station"].isin(stations["station"])]
    if seen.empty:
        return pd.DataFrame(columns=PAIR_COLUMNS)
    fine = _Reader(product, stations)
    readers = {"product": fine} | ({"input": _Reader(coarse, stations)} if coarse is not None else {})
    parts = [
        _beside(found, variable, readers, times, stations)
        for variable, found in _wanted(seen)
        if _available(variable, product)
    ]
    if not parts:
        return pd.DataFrame(columns=PAIR_COLUMNS)
    joined = pd.concat(parts, ignore_index=True)
    lead = pd.Series((product.fields["step"].values / np.timedelta64(1, "h")).astype(np.float64), times)
    joined["lead_hours"] = joined["time"].map(lead)
    joined["above"] = joined["station"].map(pd.Series(fine.above, stations["station"]))
    forecasts = [c for c in joined if c not in PAIR_COLUMNS]
    complete = joined[[c for c in forecasts if c.startswith("product")]].notna().any(axis=1)
    return joined.loc[complete, PAIR_COLUMNS + forecasts].reset_index(drop=True)


def _available(variable: str, product: Gridded) -> bool:
    needed = {"u10", "v10"} if variable.startswith("wind") else {variable}
    return needed <= {str(n) for n in product.fields.data_vars}


def _wanted(seen: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """What is compared, with the observed values: wind in three ways, the rest as it was observed."""
    by = dict(list(seen.groupby("variable", sort=False)))
    for variable in ("t2m", "d2m", "sp", "msl", "tp", "wind_speed"):
        if variable in by:
            yield variable, by[variable].rename(columns={"value": "observed"})
    if "wind_speed" not in by:
        return
    speed = by["wind_speed"].set_index(["station", "time"])
    if "wind_direction" in by:
        direction = by["wind_direction"].drop_duplicates(["station", "time"], keep="last")
        direction = direction.set_index(["station", "time"])["value"]
        speed = speed.assign(direction=direction.reindex(speed.index))
    else:
        speed = speed.assign(direction=np.nan)
    speed = speed.reset_index()
    strong = speed[(speed["value"] >= CALM) & speed["direction"].notna()]
    if len(strong):
        yield "wind_direction", strong.assign(observed=strong["direction"], variable="wind_direction")
    vector = speed[(speed["value"] == 0) | speed["direction"].notna()]
    if len(vector):
        angle = np.deg2rad(vector["direction"].fillna(0.0))  # where it comes from
        u, v = -vector["value"] * np.sin(angle), -vector["value"] * np.cos(angle)
        yield "wind_vector", vector.assign(observed=0.0, variable="wind_vector", u=u, v=v)


def _beside(
    found: pd.DataFrame, variable: str, readers: dict[str, _Reader], times: pd.DatetimeIndex, stations: pd.DataFrame
) -> pd.DataFrame:
    """The observations of one variable with a column for each candidate."""
    step = times.get_indexer(pd.DatetimeIndex(found["time"]))
    place = pd.Index(stations["station"]).get_indexer(found["station"])
    columns = {}
    for candidate in candidates(variable):
        reader = readers.get(candidate.field)
        if reader is not None:
            values = _values(reader, candidate, variable, found, step, place)
            if values is not None:
                columns[candidate.name] = values.astype(np.float32)
    kept = found[[*PLACE, "time", "variable", "period", "observed"]].reset_index(drop=True)
    return pd.concat([kept, pd.DataFrame(columns)], axis=1)


def _values(
    reader: _Reader, candidate: Candidate, variable: str, found: pd.DataFrame, step: np.ndarray, place: np.ndarray
) -> np.ndarray | None:
    method, height = candidate.method, candidate.height
    if variable.startswith("wind"):
        u, v = (reader.read(name, method) for name in ("u10", "v10"))
        if u is None or v is None:
            return None
        u, v = u[step, place], v[step, place]
        if variable == "wind_speed":
            return np.hypot(u, v)
        if variable == "wind_direction":
            return np.rad2deg(np.arctan2(-u, -v)) % 360.0
        return np.hypot(u - found["u"].to_numpy(), v - found["v"].to_numpy())
    if variable == "tp":
        return reader.amount(method, found["time"], found["period"].to_numpy(), step, place)
    values = reader.read(variable, method) if height == "none" else reader.at_height(variable, method, height)
    return None if values is None else values[step, place]


class _Reader:
    """Fields of one grid at the stations, each read once, one lead time in memory at a time."""

    def __init__(self, source: Gridded, stations: pd.DataFrame) -> None:
        self.source = source
        self.elevation = stations["elevation"].to_numpy()
        self.sampler = Sampler(source.grid, stations["latitude"].to_numpy(), stations["longitude"].to_numpy())
        self.points: dict[str, Points] = {
            "nearest": self.sampler.nearest,
            "bilinear": self.sampler.bilinear,
            "similar": self.sampler.similar(source.height, source.land, self.elevation),
        }
        self.above = np.full(len(stations), np.nan)
        if source.height is not None:
            self.above = self.elevation - self.points["bilinear"](source.height)
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
