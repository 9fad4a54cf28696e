"""A product's fields over districts: mean, lowest and highest cell, and which part of the area passes a value."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta, tzinfo
from pathlib import Path
from typing import Any, cast

import numpy as np
import zarr
from pydantic import BaseModel

from flows.products.choose import Chosen, choose, steps_of, variables_of
from flows.products.daily import by_day, variable_of
from flows.products.polygons import District, districts_of, read_polygons
from flows.products.series import begins_of, derived, grid_of
from flows.products.sure import MIDDLE
from tasks.arrays import zarr_store
from tasks.errors import BadInput, short
from tasks.grids.grid import Grid
from tasks.handover import members
from tasks.handover.scorecard import Quality
from tasks.passing import Passing
from tasks.present import display
from tasks.timezones import DaySpan, zone_of
from tasks.variables import VARIABLES, WINDS

HALF = 0.5  # of a cell: one that lies less in a district counts for the mean alone
TOGETHER = (("t2m", "d2m"), *WINDS.values())  # variables of which something is derived


class Summary(BaseModel):
    """Of a district at one time: mean, lowest and highest cell; None where nothing is known."""

    mean: float | None
    lowest: float | None
    highest: float | None


class DistrictTime(BaseModel):
    """One district at a lead time, or on a day."""

    district: str
    time: str  # valid time in the zone asked for, or a day
    lead_hours: float | None  # None of a day
    hours: float | None = None  # of a day that the lead times cover; None of a lead time
    values: dict[str, Summary] = {}
    shares: dict[str, float | None] = {}  # threshold -> % of the area that passes it


class Districts(BaseModel):
    """What is forecast for districts, and of which product."""

    region: str
    cycle: str
    quality: Quality
    why: list[str]
    product: str
    within: dict[str, float]  # district -> % of it that lies in the product
    units: dict[str, str]
    series: list[DistrictTime]  # district by district


@dataclass(frozen=True)
class _Weights:
    """Of a district's cells among all that are read: where they are, how much each counts, which lie in it by half."""

    at: np.ndarray
    weight: np.ndarray
    inner: np.ndarray

    @classmethod
    def of(cls, district: District, used: np.ndarray, grid: Grid) -> _Weights:
        inner = district.shares >= HALF
        size = np.cos(np.deg2rad(grid.latitude[district.cells // grid.cols]))
        at = np.searchsorted(used, district.cells)
        return cls(at, district.shares * size, at[inner] if inner.any() else at)

    def mean(self, values: np.ndarray) -> np.ndarray:
        """(time,) of values (time, cell); of what is known."""
        here = values[:, self.at]
        known = np.isfinite(here)
        with np.errstate(invalid="ignore"):
            found: np.ndarray = np.where(known, here, 0.0) @ self.weight / (known @ self.weight)
        return found

    def summaries(self, values: np.ndarray) -> Iterator[Summary]:
        """At each time."""
        inner = values[:, self.inner]
        lowest, highest = (f.reduce(inner, axis=1, initial=np.nan) for f in (np.fmin, np.fmax))
        for mean, low, high in zip(self.mean(values), lowest, highest, strict=True):
            yield Summary(mean=_number(mean), lowest=_number(low), highest=_number(high))


def over_districts(
    region: str,
    polygons: Path,
    *,
    key: str | None = None,
    source: str | None = None,
    cycle: str | None = None,
    store: str | None = None,
    variables: str | None = None,
    lead_hours: str | None = None,
    timezone: str | None = None,
    daily: bool = False,
    day_starts: int = 0,
    shares: list[str] | None = None,
) -> Districts:
    """Of each polygon of a GeoJSON file, in its order; `daily`: of days' extremes and sums, found cell by cell.

    A mean is weighted by the area of each cell that lies in the district; lowest and highest are of cells that lie in
    it by half or more, or of all that it touches where none does. `day_starts`: hour at which days begin.
    `shares`: thresholds like tp/24h>50, by day
    tp_sum>50. BadInput for what cannot be done, NothingPublished without a product.
    """
    geometries, asked = read_polygons(polygons, key), [_passing(text) for text in shares or []]
    chosen = choose(region, source, cycle, store)
    names, steps = variables_of(chosen.entry, variables), _steps(chosen, None if daily else lead_hours)
    try:
        zone = zone_of(timezone or chosen.entry.timezone)
    except ValueError as error:
        raise BadInput(f"--timezone: {error}") from None
    product = zarr.open_group(zarr_store(chosen.uri), mode="r", use_consolidated=True)
    grid = grid_of(product, chosen.entry.region)
    found = districts_of(geometries, grid, chosen.entry.region)
    used = np.unique(np.concatenate([d.cells for d in found]))
    weights = [_Weights.of(d, used, grid) for d in found]
    reader = _Reader(product, chosen, grid, used, zone, steps, day_starts if daily else None)
    series = [[DistrictTime(district=d.name, **when) for when in reader.times()] for d in found]
    units: dict[str, str] = {}
    for group in _groups(names):
        columns = reader.columns(group)
        for name, values in columns.items():
            units[name] = display.of(variable_of(name) if daily else name).unit
            for weight, its in zip(weights, series, strict=True):
                for row, summary in zip(its, weight.summaries(values), strict=True):
                    row.values[name] = summary
        for one in [p for p in asked if p.variable in columns]:
            passed = reader.passed(one, columns[one.variable])
            for weight, its in zip(weights, series, strict=True):
                for row, share in zip(its, weight.mean(passed), strict=True):
                    row.shares[str(one)] = _number(100 * share, 1)
    for one in asked:
        if one.variable not in units:
            raise BadInput(f"--share {one}: there is no {one.variable}; there are {', '.join(units)}")
    return Districts(
        region=chosen.entry.region, cycle=chosen.entry.cycle, quality=chosen.entry.quality,
        why=chosen.entry.scorecard.why, product=chosen.uri, units=units,
        within={d.name: round(100 * d.within, 1) for d in found}, series=[row for its in series for row in its],
    )  # fmt: skip


def _steps(chosen: Chosen, text: str | None) -> list[int]:
    return steps_of(chosen.entry.lead_hours, text, chosen.entry.cycle)


class _Reader:
    """Values (time, cell) of a product at the cells `used`, in the units shown: of lead times, or of days."""

    def __init__(
        self, product: zarr.Group, chosen: Chosen, grid: Grid, used: np.ndarray, zone: tzinfo, steps: list[int],
        day_starts: int | None,
    ) -> None:  # fmt: skip
        """`day_starts`: hour at which days begin; None: it is of lead times."""
        self.product, self.zone, self.steps, self.daily = product, zone, steps, day_starts is not None
        self.starts = day_starts or 0
        rows, cols = np.divmod(used, grid.cols)
        self.window = slice(rows.min(), rows.max() + 1), slice(cols.min(), cols.max() + 1)
        self.at = rows - rows.min(), cols - cols.min()
        self.hours = chosen.entry.lead_hours
        self.begins = begins_of(product, self.hours)
        self.valid = [chosen.cycle.time + timedelta(hours=h) for h in self.hours]
        nothing = {"tp": np.zeros((len(self.hours), 0))}
        self.days = [span for span, _ in self._by_day(nothing)]
        if self.daily and not self.days:
            raise BadInput(
                f"--daily: {chosen.entry.cycle} covers no day: its lead times span less than 15 hours of any"
            )

    def times(self) -> list[dict[str, Any]]:
        """What `columns` are of."""
        if self.daily:
            return [{"time": d.day.isoformat(), "lead_hours": None, "hours": round(d.hours, 2)} for d in self.days]
        stamps = [t.astimezone(self.zone).isoformat(timespec="minutes") for t in self.valid]
        return [{"time": stamps[i], "lead_hours": self.hours[i]} for i in self.steps]

    def columns(self, names: list[str]) -> dict[str, np.ndarray]:
        """Of variables, and what is derived of them; of wind its speed, by members their median."""
        raw = derived({n: self._read(self.product[n]) for n in names})
        ensemble = self.product.get(members.GROUP)
        for speed in WINDS:
            if speed in raw and isinstance(ensemble, zarr.Group) and f"{speed}{members.QUANTILES}" in ensemble:
                raw[speed] = self._read(ensemble[f"{speed}{members.QUANTILES}"], MIDDLE)
        shown = {n: display.of(n).shown(v) for n, v in raw.items() if "direction" not in n}
        if not self.daily:
            return {n: v[self.steps] for n, v in shown.items()}
        days = [found for _, found in self._by_day(shown)]
        return {n: np.stack([day[n] for day in days]) for n in days[0]}

    def _by_day(self, values: dict[str, np.ndarray]) -> Iterator[tuple[DaySpan, dict[str, np.ndarray]]]:
        return by_day(values, self.valid, self.hours, self.begins, self.zone, self.starts)

    def _read(self, field: Any, *which: int) -> np.ndarray:
        array = cast("zarr.Array[Any]", field)
        depth = array.chunks[-3]
        parts = [
            np.asarray(array[at])[:, *self.at]
            for start in range(0, len(self.hours), depth)
            for at in [cast("tuple[slice, ...]", (*which, slice(start, start + depth), *self.window))]
        ]
        return np.concatenate(parts).astype(np.float64)

    def passed(self, one: Passing, values: np.ndarray) -> np.ndarray:
        """Where values pass a threshold: 1 or 0, NaN where nobody knows."""
        if one.hours:
            values = self._sums(one, values)
        is_so = values < one.value if one.below else values > one.value
        return np.where(np.isfinite(values), is_so, np.nan)

    def _sums(self, one: Passing, values: np.ndarray) -> np.ndarray:
        """Over so many hours before each lead time; NaN where no lead times cut these out."""
        if self.daily or one.variable not in VARIABLES or not VARIABLES[one.variable].amount:
            raise BadInput(f"--share {one}: sums over hours are of amounts like tp, and of days --share 'tp_sum>50'")
        if self.steps != list(range(len(self.hours))):
            raise BadInput(f"--share {one}: a sum over hours needs all lead times; leave --lead-hours out")
        out = np.full_like(values, np.nan)
        for i, end in enumerate(self.hours):
            first = next((j for j in range(i + 1) if self.begins[j] == end - one.hours), None)
            if first is not None:
                out[i] = values[first : i + 1].sum(axis=0)
        return out


def _groups(names: list[str]) -> list[list[str]]:
    """Variables in their order, those of which something is derived together."""
    found: list[list[str]] = []
    for name in names:
        its = next((list(t) for t in TOGETHER if name in t and set(t) <= set(names)), [name])
        if its not in found:
            found.append(its)
    return found


def _passing(text: str) -> Passing:
    try:
        return Passing.parse(text)
    except ValueError:
        raise BadInput(f"--share {short(text)!r}: write it like 'tp/24h>50' or 't2m<0', in the units shown") from None


def _number(value: float, decimals: int = 3) -> float | None:
    return round(float(value), decimals) if np.isfinite(value) else None


def csv_lines(found: Districts) -> Iterator[str]:
    """A table for programs: a row a district and time; what is missing is an empty cell."""
    shares, of_days = list(found.series[0].shares), found.series[0].hours is not None
    head = ["district", *(["day", "covered [h]"] if of_days else ["time", "lead [h]"]), "within [%]"]
    head += [f"{n} {how} [{u}]" for n, u in found.units.items() for how in Summary.model_fields]
    head += [f"{one} [% of the area]" for one in shares]
    yield _csv(head)
    for row in found.series:
        values = [v for name in found.units for v in row.values[name].model_dump().values()]
        cells = [
            row.hours if of_days else row.lead_hours,
            found.within[row.district],
            *values,
            *(row.shares[one] for one in shares),
        ]
        yield _csv([row.district, row.time, *("" if v is None else v for v in cells)])


def _csv(row: list[Any]) -> str:
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerow(row)
    return table.getvalue()
