"""Which coordinate of a data set is which: by CF's standard names and units, then by the names that people give."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import cftime
import numpy as np
import pandas as pd
import xarray as xr

from tasks.errors import UnreadableFile
from tasks.grids.grid import Canonical, canonical
from tasks.units import conversion

LATITUDES, LONGITUDES = ("latitude", "lat", "y"), ("longitude", "lon", "x")
VALID = ("valid_time", "time", "validtime", "forecast_time")
LEAD = ("step", "prediction_timedelta", "lead_time", "leadtime", "forecast_period", "forecast_hour")
REFERENCE = ("forecast_reference_time", "init_time", "initial_time", "initialization_time", "reference_time", "reftime")
EXPVER = "expver"  # of the Climate Data Store until 2024: final values and preliminary ones, each missing in the other
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)  # stands in for the time of files that do not say when


@dataclass(frozen=True)
class When:
    """Time of one two-dimensional field, and where it lies along the field's other dimensions."""

    init: datetime
    valid: datetime
    at: dict[str, int]


@dataclass(frozen=True)
class Axes:
    """Names of coordinates, None where there is none. `lead` may be along `valid`'s dimension or one of its own."""

    latitude: str
    longitude: str
    valid: str | None
    lead: str | None
    reference: str | None

    @property
    def is_forecast(self) -> bool:
        """Whether it says of a forecast's start and of a lead time."""
        return self.lead is not None or (self.reference is not None and self.valid is not None)


def _named(ds: xr.Dataset, standard: str, names: tuple[str, ...]) -> list[str]:
    """Coordinates of a CF standard name, then of names."""
    by_standard = [str(n) for n, v in ds.coords.items() if v.attrs.get("standard_name") == standard]
    small = {str(n).lower(): str(n) for n in ds.coords}
    return by_standard + [small[n] for n in names if n in small and small[n] not in by_standard]


def _spatial(ds: xr.Dataset, standard: str, names: tuple[str, ...], units: str, file: str) -> str:
    found = [*_named(ds, standard, names), *(n for n in names if n in ds.variables)]
    found += [str(n) for n, v in ds.coords.items() if v.attrs.get("units") == units]
    curved = any(ds[n].ndim > 1 for n in found)  # beside these x and y only count
    for name in found:
        if ds[name].ndim == 1 and not _is_projected(ds[name]) and not (curved and name.lower() in ("x", "y")):
            return name
    if found:
        raise UnreadableFile(
            f"{file}: {standard} {found[0]} has dimensions {ds[found[0]].dims} and units "
            f"{ds[found[0]].attrs.get('units', '')!r}: no grid of latitudes and longitudes; bring it to one first, for "
            "instance with cdo remapbil"
        )
    raise UnreadableFile(f"{file}: no one-dimensional {standard}; looked for {', '.join(names)}")


def _is_projected(coordinate: xr.DataArray) -> bool:
    """Whether it is of a map's plane or a rotated globe: in metres, or so named."""
    name = str(coordinate.attrs.get("standard_name", ""))
    units = str(coordinate.attrs.get("units", ""))
    return name.startswith(("grid_", "projection_")) or conversion(units, "m") is not None


def layout(ds: xr.Dataset, file: str) -> tuple[str, str, Canonical]:
    """Names of the latitude and longitude dimensions, and the canonical form of the grid."""
    lat = _spatial(ds, "latitude", LATITUDES, "degrees_north", file)
    lon = _spatial(ds, "longitude", LONGITUDES, "degrees_east", file)
    return str(ds[lat].dims[0]), str(ds[lon].dims[0]), canonical(ds[lat].values, ds[lon].values, file)


def axes_of(ds: xr.Dataset, latitude: str, longitude: str) -> Axes:
    """The coordinates of time, by role."""
    lead = next(iter(_named(ds, "forecast_period", LEAD)), None)
    reference = next(iter(_named(ds, "forecast_reference_time", REFERENCE)), None)
    dated = [str(n) for n, c in ds.coords.items() if c.dtype.kind == "M"]
    valid = next((n for n in [*_named(ds, "time", VALID), *dated] if n not in (lead, reference)), None)
    if "valid_time" in ds.coords and "valid_time" not in (lead, reference):
        valid = "valid_time"
    if lead is not None and reference is None:  # WeatherBench and older cfgrib call a forecast's start `time`
        start = "time" if "time" in ds.coords and lead != "time" else None
        along = start is not None and ds[start].ndim == 1 and ds[start].dims == ds[lead].dims
        if start is not None and not along:
            reference, valid = start, valid if valid != start else None
    return Axes(latitude, longitude, valid, lead, reference)


def _datetime(value: Any, file: str) -> datetime:
    """Of a time as xarray decodes it, cftime's included; UnreadableFile for what is no date of the common calendar."""
    if isinstance(value, cftime.datetime):
        try:
            return datetime(value.year, value.month, value.day, value.hour, value.minute, value.second, tzinfo=UTC)
        except ValueError:
            raise UnreadableFile(
                f"{file}: calendar {value.calendar} has a {value.strftime('%Y-%m-%d')}, which is no date; write the "
                "file with ds.convert_calendar('standard', align_on='date') first"
            ) from None
    if np.asarray(value).dtype.kind in "iuf":
        raise UnreadableFile(
            f"{file}: time {value!s} has no unit; write it with units like 'hours since 2026-05-30 00:00'"
        )
    stamp = pd.Timestamp(value)
    if stamp is pd.NaT or not isinstance(stamp, pd.Timestamp):
        raise UnreadableFile(f"{file}: a time is missing (NaT); leave that field out")
    return stamp.to_pydatetime(warn=False).replace(tzinfo=UTC)


def _delta(value: Any, name: str, file: str, units: str = "") -> timedelta:
    """One lead time; UnreadableFile for a number without a unit."""
    if np.asarray(value).dtype.kind in "iuf" and (found := conversion(units, "s")) is not None:
        return timedelta(seconds=float(value) * found.factor)
    if np.asarray(value).dtype.kind != "m":
        raise UnreadableFile(f"{file}: {name} {value!s} has no unit of time; write it with units 'hours'")
    delta: timedelta = pd.Timedelta(value).to_pytimedelta()
    return delta


def moments(field: xr.DataArray, axes: Axes, file: str) -> Iterator[When]:
    """Time of every two-dimensional slice of a variable; `init` is `valid` where there is no lead time."""
    names = {"valid": axes.valid, "lead": axes.lead, "reference": axes.reference}
    coordinates = {role: field[n] for role, n in names.items() if n is not None and n in field.coords}
    spatial = (axes.latitude, axes.longitude)
    dims = [str(d) for d in field.dims if d not in spatial and any(d in c.dims for c in coordinates.values())]
    for index in itertools.product(*(range(field.sizes[d]) for d in dims)):
        at = dict(zip(dims, index, strict=True))
        values = {
            role: c.isel({d: i for d, i in at.items() if d in c.dims}).values
            for role, c in coordinates.items()
            if set(map(str, c.dims)) <= at.keys()
        }
        values = {role: v.item() if v.dtype == object else v for role, v in values.items()}
        units = str(field[axes.lead].attrs.get("units", "")) if axes.lead in field.coords else ""
        lead = _delta(values["lead"], str(axes.lead), file, units) if "lead" in values else None
        reference = _datetime(values["reference"], file) if "reference" in values else None
        valid = _datetime(values["valid"], file) if "valid" in values else None
        if reference is not None and lead is not None:
            valid = reference + lead
        valid = valid or reference or EPOCH + (lead or timedelta())
        yield When(reference or valid - (lead or timedelta()), valid, at)


@dataclass(frozen=True)
class Bounds:
    """Of a time, by CF. `length`: between them, where their calendar is not ours."""

    start: datetime
    end: datetime
    length: timedelta | None = None


def bounds_of(field: xr.DataArray, ds: xr.Dataset, axes: Axes, when: When, file: str) -> Bounds | None:
    """CF bounds of a slice's time or lead time; None where there are none, or they are the wrong way round."""
    for name in (axes.valid, axes.lead):
        if name is None or name not in field.coords:
            continue
        bounds = ds.get(str(ds[name].attrs.get("bounds") or ds[name].encoding.get("bounds")))
        if bounds is None or bounds.ndim != ds[name].ndim + 1 or bounds.shape[-1] != 2:
            continue
        pair = bounds.isel({d: i for d, i in when.at.items() if d in bounds.dims}).values
        if name == axes.lead:  # in the unit of the lead time, which CF does not repeat
            units = str(ds[name].encoding.get("units", ds[name].attrs.get("units", "")))
            start, end = (when.init + _delta(p, name, file, units) for p in pair)
        else:
            start, end = (_datetime(p, file) for p in pair)
        if start <= end:
            return Bounds(start, end, pair[1] - pair[0] if isinstance(pair[0], cftime.datetime) else None)
    return None
