"""Any input file -> headers of fields; tells GRIB, NetCDF and Zarr by content, not by name."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import xarray as xr

from tasks.errors import UnreadableFile
from tasks.grib.walk import is_grib
from tasks.grids.grid import Grid
from tasks.parallel import in_order
from tasks.prepare.archive import unpacked
from tasks.prepare.axes import layout
from tasks.prepare.decode_grib import first_grid, scan_grib
from tasks.prepare.decode_xarray import scan_xarray
from tasks.prepare.fields import DecodedField, FieldHeader
from tasks.prepare.kinds import NETCDF, first_bytes, is_zip, what_instead

log = logging.getLogger(__name__)


def open_dataset(path: Path) -> xr.Dataset:
    """A NetCDF file or Zarr store; UnreadableFile says what it is instead."""
    if not path.exists():
        raise UnreadableFile(f"{path}: no such file")
    if path.is_dir():
        try:
            return xr.open_zarr(path, chunks=None, decode_timedelta=True)
        except Exception as error:
            raise UnreadableFile(f"{path}: a folder that does not open as Zarr ({error})") from None
    if path.stat().st_size == 0:
        raise UnreadableFile(f"{path}: empty file; fetch it again")
    if not _is_netcdf(path):
        raise UnreadableFile(f"{path}: {what_instead(path)}")
    try:
        return xr.open_dataset(path, decode_timedelta=True)  # lead times in hours, as older files have them
    except Exception as error:
        raise UnreadableFile(f"{path}: does not open as NetCDF ({error}); fetch it again") from None


@dataclass(frozen=True)
class Scan:
    """What files hold: headers of wanted fields, and names of all others."""

    headers: list[FieldHeader] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


def _is_netcdf(path: Path) -> bool:
    return first_bytes(path)[:4] in NETCDF


def grid_of(path: Path) -> Grid:
    """The canonical grid of a file's fields; of an archive, of the first file in it."""
    if is_zip(path):
        with unpacked(path) as files:
            return grid_of(next((f for f in files if f.is_dir() or is_grib(f) or _is_netcdf(f)), files[0]))
    if path.is_file() and is_grib(path):
        return first_grid(path)
    with open_dataset(path) as ds:
        return layout(ds, path.name)[2].grid


@contextmanager
def scanned(paths: list[Path], wanted: set[str]) -> Iterator[Scan]:
    """What some files or Zarr stores hold; values of the wanted fields can be decoded meanwhile.

    All files are looked through before anything is decoded: a broken one is found first. The files of a ZIP archive
    are read as if each had been handed in.
    """
    with ExitStack() as opened:
        scan = Scan()
        for path in _files(paths, opened):
            if path.is_file() and is_grib(path):
                headers, others = scan_grib(path, wanted)
            else:
                headers, others = scan_xarray(opened.enter_context(open_dataset(path)), wanted, path.name)
            scan.headers.extend(headers)
            scan.others.extend(o for o in others if o not in scan.others)
        yield scan


def _files(paths: list[Path], opened: ExitStack) -> Iterator[Path]:
    """The files themselves; archives are unpacked for as long as `opened` is."""
    for path in paths:
        if not is_zip(path):
            yield path
            continue
        files = opened.enter_context(unpacked(path))
        fields = [f for f in files if f.is_dir() or is_grib(f) or _is_netcdf(f)]
        if fields and len(fields) < len(files):
            log.info("%s: read: %s; the rest of it holds no fields", path.name, ", ".join(f.name for f in fields))
        yield from fields or files


def decode(path: Path, wanted: set[str]) -> Iterator[DecodedField]:
    """Every wanted field of a file or Zarr store, whole, several decoded at a time."""
    with scanned([path], wanted) as scan:
        yield from in_order(header.decode for header in scan.headers)
