"""A NetCDF file or Zarr store as xarray, opened so that its values are what was written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import xarray as xr
import zarr

from tasks.errors import UnreadableFile, readable
from tasks.netcdf import LOCK, open_groups, open_netcdf
from tasks.prepare.kinds import is_netcdf, what_instead

UNREAD = "finescale_unread"
MONTHS = re.compile(r"(month|year)s? since (\d{1,4})-(\d{1,2})(-\d{1,2}.*)?", re.IGNORECASE)
DIGITS = {8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}  # of a time written as one number


def open_dataset(path: Path) -> xr.Dataset:
    """A NetCDF file or Zarr store, or the one group of it that has fields; UnreadableFile says what it is instead.

    `encoding[UNREAD]`: what else of it holds fields.
    """
    if not path.exists():
        raise UnreadableFile(f"{path}: no such file")
    if path.is_file() and path.stat().st_size == 0:
        raise UnreadableFile(f"{path}: empty file; fetch it again")
    if path.is_file() and not is_netcdf(path):
        raise UnreadableFile(f"{path}: {what_instead(path)}")
    wrong = "a folder that does not open as Zarr" if path.is_dir() else "does not open as NetCDF"
    with readable(f"{path}: {wrong}"):
        raw, unread = _zarr(path) if path.is_dir() else _netcdf(path)
        ds = _decoded(raw, path.name)
        ds.set_close(raw.close)  # who closes it closes the file, whatever was made of it meanwhile
        ds.encoding[UNREAD] = [f"fields of group {name}" for name in unread]
        return ds


def _netcdf(path: Path) -> tuple[xr.Dataset, list[str]]:
    def groups(of: netCDF4.Dataset, at: str) -> Iterator[str]:
        if any(v.ndim >= 2 for v in of.variables.values()):
            yield at
        for name, group in of.groups.items():
            yield from groups(group, f"{at.rstrip('/')}/{name}")

    with LOCK, netCDF4.Dataset(path) as file:
        at, unread = _one_of(list(groups(file, "/")), path)
    # one time's values are needed once: kept, a long series would fill the memory
    if at == "/":
        return open_netcdf(path, decode_times=False, cache=False), unread
    tree = open_groups(path, decode_times=False, cache=False)
    ds = tree[at].to_dataset()
    ds.set_close(tree.close)
    return ds, unread


def _zarr(path: Path) -> tuple[xr.Dataset, list[str]]:
    root = zarr.open_group(path, mode="r")
    members = {"/": root} | {f"/{name}": m for name, m in root.members(max_depth=None) if isinstance(m, zarr.Group)}
    at, unread = _one_of([n for n, g in members.items() if any(a.ndim >= 2 for _, a in g.arrays())], path)
    if at == "/":
        ds = xr.open_dataset(path, engine="zarr", decode_times=False, mask_and_scale=False, cache=False)
    else:
        tree = xr.open_datatree(path, engine="zarr", decode_times=False, mask_and_scale=False, cache=False)
        ds = tree[at].to_dataset()
    for name, array in members[at].arrays():
        # format 2 has one value for what was not written and for what is missing; zero is not missing
        if name in ds and array.metadata.zarr_format == 2 and array.fill_value == 0:
            ds[name].attrs.pop("_FillValue", None)
        _note_absent(ds, name, array)
    return ds, unread


def _one_of(groups: list[str], path: Path) -> tuple[str, list[str]]:
    """(the group to read, others that have fields): the root's fields, or the only ones; UnreadableFile if neither."""
    if not groups or groups[0] == "/":
        return "/", groups[1:]
    if len(groups) > 1:
        raise UnreadableFile(
            f"{path}: fields lie in groups {', '.join(groups)}; write one of them to a file of its own, for instance "
            f"with xr.open_datatree(file)[{groups[0]!r}].to_dataset()"
        )
    return groups[0], []


def _note_absent(ds: xr.Dataset, name: str, array: zarr.Array[Any]) -> None:
    """Chunks that are not there read as a fill value: where that is a number it looks like data."""
    if name not in ds or array.ndim < 2 or not np.isfinite(array.fill_value or 0):
        return
    absent = array.nchunks - array.nchunks_initialized
    if absent > 0:
        ds[name].encoding["absent"] = f"{absent} of {array.nchunks} chunks"


def _decoded(raw: xr.Dataset, file: str) -> xr.Dataset:
    """Times as dates, in whichever way they are written; lead times in hours as durations, as older files have them."""
    dates = {}
    for name, variable in raw.variables.items():
        units = str(variable.attrs.get("units", ""))
        if (
            variable.ndim <= 1
            and variable.size
            and (found := _dates(variable.values, units, str(name), file)) is not None
        ):
            attrs = {k: v for k, v in variable.attrs.items() if k not in ("units", "calendar")}
            dates[name] = xr.Variable(variable.dims, found, attrs)
            beside = str(attrs.get("bounds"))  # in the same unit, which CF does not repeat
            if beside in raw.variables:
                bounds = raw[beside]
                flat = _dates(bounds.values.ravel(), units, str(name), file)
                if flat is not None:
                    dates[beside] = xr.Variable(bounds.dims, flat.reshape(bounds.shape))
    kept = raw.assign_coords(dates) if dates else raw
    decoded = xr.decode_cf(kept, decode_timedelta=True)
    for name, variable in raw.variables.items():
        if "absent" in variable.encoding:
            decoded[name].encoding["absent"] = variable.encoding["absent"]
    return decoded


def _dates(values: np.ndarray, units: str, name: str, file: str) -> np.ndarray | None:
    """Times that CF's units do not write; None where these do, or where it is no time."""
    flat = np.atleast_1d(values)
    out: list[datetime] | list[datetime | None] | None = None
    if found := MONTHS.fullmatch(units):
        step = 12 if found[1].lower() == "year" else 1
        out = [_months(int(found[2]) * 12 + int(found[3]) - 1, float(v) * step, f"{file}: {name}") for v in flat]
    elif "%Y%m%d" in units:  # of cdo -a: day as %Y%m%d.%f
        out = [_day(float(v)) for v in flat]
    elif "time" in name.lower() and not units and flat.dtype.kind in "iuf":
        out = [_digits(v) for v in flat]
        out = None if None in out else out
    elif "time" in name.lower() and flat.dtype.kind in "USO" and flat.size and not units:
        out = [_text(v, f"{file}: {name}") for v in flat]
    return None if out is None else np.array(out, dtype="datetime64[ns]").reshape(values.shape)


def _months(first: int, count: float, what: str) -> datetime:
    if count != int(count):
        raise UnreadableFile(f"{what} is {count:g} months, which is no date; write it with days since a date")
    return datetime((first + int(count)) // 12, (first + int(count)) % 12 + 1, 1)


def _day(value: float) -> datetime:
    seconds = round((value - int(value)) * 86400)
    stamp = np.datetime64(datetime.strptime(str(int(value)), "%Y%m%d"), "s") + np.timedelta64(seconds, "s")
    return stamp.astype(datetime)


def _digits(value: float) -> datetime | None:
    text = f"{value:.0f}"
    try:
        return datetime.strptime(text, DIGITS[len(text)])
    except (KeyError, ValueError):
        return None


def _text(value: object, what: str) -> datetime:
    text = value.decode() if isinstance(value, bytes) else str(value)
    try:
        stamp = datetime.fromisoformat(text.strip().replace("_", "T", 1))
        return stamp.astimezone(UTC).replace(tzinfo=None) if stamp.tzinfo is not None else stamp
    except ValueError:
        raise UnreadableFile(f"{what} {text!r} is no date; write it like 2026-05-30T00:00:00") from None
