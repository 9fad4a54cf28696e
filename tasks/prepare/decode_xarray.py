"""NetCDF and Zarr -> headers of fields: any names and units that the table of variables knows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from tasks.errors import MixedCycles, UnreadableFile
from tasks.grids.grid import Canonical, canonical
from tasks.prepare.fields import FieldHeader
from tasks.variables import CONVERSIONS, Variable, by_name

LATITUDES, LONGITUDES = ("latitude", "lat", "y"), ("longitude", "lon", "x")
TIMES = ("valid_time", "time")
STEPS = ("step", "prediction_timedelta")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)  # stands in for the time of files that do not say when


def _first(names: tuple[str, ...], ds: xr.Dataset, what: str, file: str) -> str:
    for name in names:
        if name in ds.variables and ds[name].ndim == 1:
            return name
    raise UnreadableFile(f"{file}: no one-dimensional {what}; looked for {', '.join(names)}")


def layout(ds: xr.Dataset, file: str) -> tuple[str, str, Canonical]:
    """Names of the latitude and longitude dimensions, and the canonical form of the grid."""
    lat, lon = _first(LATITUDES, ds, "latitude", file), _first(LONGITUDES, ds, "longitude", file)
    return lat, lon, canonical(ds[lat].values, ds[lon].values, file)


def _written_units(field: xr.DataArray, variable: Variable) -> str:
    return str(field.attrs.get("units", variable.units)).strip()


def assert_converts(field: xr.DataArray, variable: Variable, file: str) -> None:
    """UnreadableFile if the file's unit cannot become the table's."""
    written = _written_units(field, variable)
    if CONVERSIONS.get(written, (written, 1.0, 0.0))[0] != variable.units:
        raise UnreadableFile(
            f"{file}: {variable.name} has units {written!r}; expected {variable.units} or one that converts to it"
        )


def to_si(field: xr.DataArray, variable: Variable, values: np.ndarray) -> np.ndarray:
    """Values in the table's unit, float32; of a unit that converts to it."""
    written = _written_units(field, variable)
    _, factor, offset = CONVERSIONS.get(written, (written, 1.0, 0.0))
    return (
        np.asarray(values, dtype=np.float32)
        if (factor, offset) == (1.0, 0.0)
        else (np.asarray(values, dtype=np.float64) * factor + offset).astype(np.float32)
    )


def _utc(value: Any) -> datetime:
    stamp = pd.Timestamp(value)
    return stamp.to_pydatetime(warn=False).replace(tzinfo=UTC)


def _delta(step: xr.DataArray, file: str) -> timedelta:
    """One lead time; UnreadableFile for a number without a unit."""
    if step.dtype.kind != "m":
        raise UnreadableFile(f"{file}: {step.name} {step.values!s} has no unit of time; write it with units 'hours'")
    delta: timedelta = pd.Timedelta(step.values).to_pytimedelta()
    return delta


def _slices(field: xr.DataArray, file: str) -> Iterator[tuple[datetime, datetime, bool, xr.DataArray]]:
    """(init, valid, analysis, two-dimensional slice) for every time or lead time of a variable."""
    steps = next((d for d in STEPS if d in field.dims), None)
    time = next((t for t in TIMES if t in field.dims), None)
    if steps is not None:
        if time is not None and field.sizes[time] > 1:
            raise MixedCycles(f"{file}: {field.sizes[time]} cycles in one file; hand in one, e.g. .isel({time}=0)")
        start = field["time"].values if "time" in field.coords else np.datetime64(EPOCH.replace(tzinfo=None), "ns")
        init = _utc(np.atleast_1d(start)[0])
        flat = field.isel({time: 0}) if time is not None else field
        for i, step in enumerate(flat[steps]):
            yield init, init + _delta(step, file), False, flat.isel({steps: i})
        return
    scalar_step = next((field[d] for d in STEPS if d in field.coords and field[d].ndim == 0), None)
    lead = _delta(scalar_step, file) if scalar_step is not None else timedelta()
    if time is not None:
        for i, value in enumerate(field[time].values):
            init = _utc(value) - (lead if time == "valid_time" else timedelta())
            yield init, init + lead, not lead, field.isel({time: i})
    else:
        scalars = {t: _utc(field[t].values) for t in TIMES if t in field.coords and field[t].ndim == 0}
        valid = scalars.get("valid_time", scalars.get("time", EPOCH) + lead)
        init = scalars.get("time", valid - lead)
        yield init, valid, init == valid, field


def _origin(ds: xr.Dataset, field: xr.DataArray) -> str:
    """Whose data it is, as far as the file says: by its attributes, or as the Climate Data Store writes its files.

    These come of GRIB and say nothing of a reanalysis, but they alone have a coordinate `expver`, or, until 2024, the
    store's adaptor in their history.
    """
    attributes = str(ds.attrs) + str(field.attrs)
    if "reanalysis" in attributes or "'ea'" in attributes or "adaptor.mars.internal" in attributes:
        return "era5"
    if any(words in attributes for words in ("ECMWF IFS", "ECMWF HRES", "ECMWF open data")):
        return "ifs"
    return "era5" if "expver" in ds.variables and "'ecmf'" in attributes else "unknown"


def _means(attributes: Mapping[Any, Any]) -> bool:
    """Whether CF cell_methods say that values are means over their cells: "area: mean", "area: time: mean"."""
    return re.search(r"\b(area|latitude|longitude):( \w+:)* mean\b", str(attributes.get("cell_methods"))) is not None


def scan_xarray(ds: xr.Dataset, wanted: set[str], file: str) -> Iterator[FieldHeader]:
    """The header of every wanted field; values are read while the data set is open.

    Amounts: since the cycle's start if there is a `step`, else of the preceding interval.
    """
    lat, lon, to_canonical = layout(ds, file)
    for name in ds.data_vars:
        variable = by_name(str(name))
        if variable is None or variable.name not in wanted:
            continue
        field = ds[name]
        if lat not in field.dims or lon not in field.dims:
            raise UnreadableFile(f"{file}: {name} has dimensions {field.dims}, without {lat} and {lon}")
        odd = [str(d) for d in field.dims if field.sizes[d] > 1 and d not in (lat, lon, *TIMES, *STEPS)]
        if odd:
            raise UnreadableFile(f"{file}: {name} has a dimension {odd[0]}; select one member of it first")
        assert_converts(field, variable, file)
        origin, means = _origin(ds, field), _means(field.attrs)
        for init, valid, analysis, piece in _slices(field, file):
            label = f"{file} {name} at {valid:%Y-%m-%dT%H:%M}"
            yield FieldHeader(
                variable=variable, init=init, start=init if variable.amount and not analysis else valid, valid=valid,
                analysis=analysis, origin=origin, expver="", means=means, layout=to_canonical, label=label,
                read=partial(_values, piece.transpose(..., lat, lon), variable), dated=init != EPOCH,
            )  # fmt: skip


def _values(piece: xr.DataArray, variable: Variable, layout: Canonical) -> np.ndarray:
    flat = piece.values
    return layout(to_si(piece, variable, flat.reshape(flat.shape[-2:])))
