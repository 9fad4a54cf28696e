"""NetCDF and Zarr -> headers of fields: any names and units that the tables know."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from tasks.errors import MixedCycles, UnreadableFile
from tasks.grids.grid import Canonical
from tasks.names import by_name, by_standard_name, rank
from tasks.prepare.amounts import HOUR, OF_ERA5
from tasks.prepare.axes import EPOCH, EXPVER, LEAD, Axes, Bounds, When, axes_of, bounds_of, layout, moments
from tasks.prepare.fields import FieldHeader, OwnTerrain, Rule, Scan, Since
from tasks.prepare.open_xarray import UNREAD
from tasks.units import AS_IT_IS, Conversion, conversion
from tasks.variables import Variable

DAY = 86400.0  # s
SHORT_FORECASTS, LONGEST = {6, 18}, 18  # UTC and h: when the forecasts begin that ERA5's amounts are of, how long
EXTREMES = {"maximum", "minimum", "range", "median", "standard_deviation", "variance"}  # no field of one moment
HEIGHTS = {"z", "geopotential", "geopotential_at_surface", "surface_geopotential", "orog", "orography"}  # of terrain,
HEIGHTS_BY_STANDARD = {"surface_geopotential", "surface_altitude"}
VERTICAL = {"level", "isobaricInhPa", "pressure_level", "plev", "lev", "hybrid", "height"}  # unless beside one of these
DEFAULT_FILL = 9e36  # NetCDF writes 9.97e36 where nothing was written, and need not say so
OF_HOURS = re.compile(r"(.+?)_?(\d+) ?hr?")  # total_precipitation_6hr of WeatherBench 2


def variable_of(name: str, field: xr.DataArray) -> Variable | None:
    """Which of ours a field is, None if none."""
    bare = OF_HOURS.fullmatch(name)
    height = next((float(c) for n, c in field.coords.items() if "height" in str(n) and c.ndim == 0), None)
    found = by_name(name) or by_standard_name(str(field.attrs.get("standard_name", "")), height)
    if found is None and bare is not None and (amount := by_name(bare[1])) is not None and amount.amount:
        return amount
    return found


def convert_of(field: xr.DataArray, variable: Variable, file: str) -> Conversion:
    """How its unit becomes the table's; UnreadableFile if it cannot."""
    if "units" not in field.attrs and variable.units == "m":  # metres and millimetres both look like rain
        raise UnreadableFile(
            f"{file}: {field.name} has no units, and m and mm are a thousand apart; write them, for instance with "
            f"ds[{str(field.name)!r}].attrs['units'] = 'mm', or leave it out with --variables"
        )
    written = str(field.attrs.get("units", variable.units))
    found = conversion(written, variable.units, variable.amount)
    if found is None:
        raise UnreadableFile(
            f"{file}: {variable.name} has units {written!r}; expected {variable.units} or one that converts to it"
        )
    return found


def _origin(ds: xr.Dataset, field: xr.DataArray) -> str:
    """Whose data it is, as far as the file says: by its attributes, or as the Climate Data Store writes its files.

    These come of GRIB and say nothing of a reanalysis, but they alone have a coordinate `expver`, or, until 2024, the
    store's adaptor in their history. WeatherBench 2 and ARCO-ERA5 write its long names, and no lead times for ERA5.
    """
    attributes = str(ds.attrs) + str(field.attrs)
    if "era5" in attributes.lower() or "'ea'" in attributes or "adaptor.mars.internal" in attributes:
        return "era5"
    if any(words in attributes for words in ("ECMWF IFS", "ECMWF HRES", "ECMWF open data")):
        return "ifs"
    if not set(LEAD) & set(ds.variables) and "2m_temperature" in ds.variables:
        return "era5"
    return "era5" if "expver" in ds.variables and "'ecmf'" in attributes else "unknown"


def _means(attributes: Mapping[Any, Any]) -> bool:
    """Whether CF cell_methods say that values are means over their cells: "area: mean", "area: time: mean"."""
    return re.search(r"\b(area|latitude|longitude):( \w+:)* mean\b", str(attributes.get("cell_methods"))) is not None


def _of_time(attributes: Mapping[Any, Any]) -> str:
    """What cell_methods say of time: sum, mean, point or nothing."""
    found = re.findall(r"\b(?:valid_)?(?:time|step):(?: \w+:)* (\w+)", str(attributes.get("cell_methods")))
    return found[-1] if found else ""  # of several the last: a mean over days of sums within them is a mean


def _rule(name: str, field: xr.DataArray, short: bool) -> Rule | None:
    """What amounts cover by name, attribute or convention of their source; `short`: of ERA5's short forecasts."""
    if (named := OF_HOURS.fullmatch(name)) is not None and by_name(name) is None:
        return Rule(Since.HOURS, f"its name, {name}", float(named[2]))
    if field.attrs.get("step_type") == "avg":  # dynamical.org: since the lead time before
        return Rule(Since.STEP, "its step_type, avg")
    if _of_time(field.attrs) == "sum":
        return Rule(Since.STEP, "its cell_methods, sum")
    if short:
        return OF_ERA5
    return None


def _is_monthly(ds: xr.Dataset, found: list[When], origin: str) -> bool:
    """ERA5's means of months: times are first days, and the file says that these are means."""
    first = all((w.valid.day, w.valid.hour, w.valid.minute) == (1, 0, 0) for w in found)
    return first and origin == "era5" and re.search(r"monthly[-_ ](mean|average)", str(ds.attrs).lower()) is not None


def _chosen(ds: xr.Dataset, wanted: set[str]) -> tuple[dict[str, Variable], list[str]]:
    """(names of fields to read, names of others); of several that mean one variable the first of `tasks.names`."""
    found: dict[str, Variable] = {}
    for name, field in sorted(ds.data_vars.items(), key=lambda item: _order(str(item[0]))):
        variable = variable_of(str(name), field)
        if (extreme := _extreme(field)) and (variable is None or variable.extreme != extreme):
            continue
        if variable is not None and variable.name in wanted and variable not in found.values():
            found[str(name)] = variable
    used = {n: found[n] for n in map(str, ds.data_vars) if n in found}
    bounds = {str(v.attrs.get("bounds", v.encoding.get("bounds"))) for v in ds.variables.values()}
    others = {str(n): f for n, f in ds.data_vars.items() if n not in found and f.ndim >= 2 and n not in bounds}
    return used, [f"{n} ({m})" if (m := _extreme(f)) else n for n, f in others.items()]


def _order(name: str) -> tuple[int, float]:
    """Names that `tasks.names` has first; of amounts of several hours the shortest."""
    named = OF_HOURS.fullmatch(name)
    return rank(name), float(named[2]) if named else 0.0


def _extreme(field: xr.DataArray) -> str:
    """What makes it no field of a moment: a maximum over time, a spread of an ensemble; empty if nothing does."""
    methods = re.findall(r":\s*(\w+)", str(field.attrs.get("cell_methods")))
    return next((m for m in methods if m in EXTREMES), "")


def scan_xarray(ds: xr.Dataset, wanted: set[str], file: str) -> Scan:
    """The header of every wanted field, its terrain, the names of others; read while the data set is open."""
    lat, lon, to_canonical = layout(ds, file)
    axes = axes_of(ds, lat, lon)
    fields, others = _chosen(ds, wanted)
    terrain = [t for n in others if n in ds and (t := _terrain(ds, n, axes, to_canonical, file)) is not None]
    others += ds.encoding.get(UNREAD, [])
    headers: list[FieldHeader] = []
    for name, variable in fields.items():
        headers += _headers(ds, name, variable, axes, to_canonical, file)
    return Scan(headers, others, terrain)


def _terrain(ds: xr.Dataset, name: str, axes: Axes, to_canonical: Canonical, file: str) -> OwnTerrain | None:
    """Terrain, if that is what a field of the file is; of times that it has the first, since it does not change."""
    field = ds[name]
    plain = name.lower() in HEIGHTS and not VERTICAL & {str(c) for c in field.coords}
    if not (plain or field.attrs.get("standard_name") in HEIGHTS_BY_STANDARD) or "units" not in field.attrs:
        return None
    if axes.latitude not in field.dims or axes.longitude not in field.dims:
        return None
    first = field.isel({d: 0 for d in field.dims if d not in (axes.latitude, axes.longitude)})
    read = partial(_values, first.transpose(axes.latitude, axes.longitude), AS_IT_IS)
    return OwnTerrain(f"{file} {name}", str(field.attrs["units"]), to_canonical, read)


def _headers(
    ds: xr.Dataset, name: str, variable: Variable, axes: Axes, to_canonical: Canonical, file: str
) -> Iterator[FieldHeader]:
    field, lat, lon = ds[name], axes.latitude, axes.longitude
    if lat not in field.dims or lon not in field.dims:
        raise UnreadableFile(f"{file}: {name} has dimensions {field.dims}, without {lat} and {lon}")
    convert = convert_of(field, variable, file)
    if (absent := field.encoding.get("absent")) is not None and not variable.amount:
        raise UnreadableFile(
            f"{file}: {absent} of {name} are not there, and would read as zero; fetch them, or hand in a whole copy"
        )
    origin, means = _origin(ds, field), _means(field.attrs)
    found = list(moments(field, axes, file))
    used = {lat, lon, EXPVER, *(d for w in found for d in w.at)}
    odd = [str(d) for d in field.dims if field.sizes[d] > 1 and d not in used]
    if odd:
        raise UnreadableFile(
            f"{file}: {name} has a dimension {odd[0]}; select one member of it first, for instance .isel({odd[0]}=0)"
        )
    crossed = sum(field.sizes[d] > 1 for d in used if d in field.dims and d not in (lat, lon, EXPVER)) > 1
    if crossed:  # starts beside lead times: not every pair need be there
        found = [w for w in found if bool(field.isel(w.at).notnull().any())]
    inits = {w.init for w in found}
    series = _is_series(found, inits, axes, origin)
    if len(inits) > 1 and not series:
        raise MixedCycles(
            f"{file}: {len(inits)} cycles in one file; hand in one, e.g. .isel({axes.reference or axes.valid}=0)"
        )
    short = series and any(w.init != w.valid for w in found)
    rule = _rule(name, field, short) if variable.amount else None
    per = 1.0 if convert.rate else None
    if variable.amount and _is_monthly(ds, found, origin):
        rule, per = Rule(Since.MONTH, "its months, means a day"), per or DAY
    mean_of_amounts = not convert.rate and _of_time(field.attrs) == "mean"
    bounds: list[Bounds | None] = [None] * len(found)
    if variable.amount and not mean_of_amounts:
        bounds = [bounds_of(field, ds, axes, when, file) for when in found]
    if all(b is None or b.start == b.end for b in bounds):  # of moments
        bounds = [None] * len(found)
    for when, stated in zip(found, bounds, strict=True):
        start = (stated.start if stated else None) if variable.amount else when.valid
        label = f"{file} {name} at {when.valid:%Y-%m-%dT%H:%M}"
        yield FieldHeader(
            variable=variable, init=when.valid if series else when.init, start=start, valid=when.valid,
            analysis=series, origin=origin, expver=_expver(field, when), means=means,
            averaged=not variable.amount and _of_time(field.attrs) == "mean", layout=to_canonical, label=label,
            read=partial(_values, field.isel(when.at).transpose(..., lat, lon), convert),
            dated=when.init != EPOCH, end=stated.end if stated else None,
            evidence="bounds of its time" if stated else "", rule=rule, per=per,
            length=stated.length if stated else None,
        )  # fmt: skip


def _expver(field: xr.DataArray, when: When) -> str:
    """0001: final, 0005: preliminary; empty where a file does not say, or has both side by side."""
    if EXPVER not in field.coords or not set(field[EXPVER].dims) <= when.at.keys():
        return ""
    number = str(field[EXPVER].isel({d: i for d, i in when.at.items() if d in field[EXPVER].dims}).values)
    return number.zfill(4) if number.isdigit() else ""


def _is_series(found: list[When], inits: set[datetime], axes: Axes, origin: str) -> bool:
    """A time series, no forecast: no lead time, or none but zero, or ERA5's short forecasts one after the other."""
    if not axes.is_forecast or all(w.init == w.valid for w in found):
        return True
    apart = len({w.valid for w in found}) == len(found)
    leads = sorted({w.valid - w.init for w in found})
    short = len(leads) > 1 and leads[1] - leads[0] == HOUR and leads[-1] <= LONGEST * HOUR
    return len(inits) > 1 and apart and (origin == "era5" or (short and {i.hour for i in inits} <= SHORT_FORECASTS))


def _values(piece: xr.DataArray, convert: Conversion, layout: Canonical) -> np.ndarray:
    flat = piece.values
    if EXPVER in piece.dims and piece.sizes[EXPVER] > 1:
        flat = _merged(np.moveaxis(flat, piece.get_axis_num(EXPVER), 0))
    if flat.dtype.kind == "f" and (unwritten := np.abs(flat) > DEFAULT_FILL).any():
        flat = np.where(unwritten, np.nan, flat)
    return layout(convert(flat.reshape(flat.shape[-2:])))


def _merged(versions: np.ndarray) -> np.ndarray:
    """Final values where they are there, preliminary ones elsewhere."""
    out = versions[0]
    for other in versions[1:]:
        out = np.where(np.isnan(out), other, out)
    return out
