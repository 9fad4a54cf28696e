"""Any input file -> headers of fields; tells GRIB, NetCDF and Zarr by content, not by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import xarray as xr

from tasks.errors import CorruptField, UnreadableFile, in_a_line, readable
from tasks.grib.walk import is_grib
from tasks.grids.grid import Grid
from tasks.parallel import in_order
from tasks.prepare.decode_grib import first_grid, scan_grib
from tasks.prepare.decode_xarray import layout, scan_xarray
from tasks.prepare.fields import DecodedField, FieldHeader

YEARS = 1800, 2200  # numpy's nanoseconds know 1678 to 2261
NETCDF_MAGIC = (b"CDF\x01", b"CDF\x02", b"CDF\x05", b"\x89HDF")


def open_dataset(path: Path) -> xr.Dataset:
    """A NetCDF file or Zarr store; UnreadableFile says what it is instead."""
    if not path.exists():
        raise UnreadableFile(f"{path}: no such file")
    if path.is_dir():
        try:
            return xr.open_zarr(path, chunks=None, decode_timedelta=True)
        except Exception as error:
            raise UnreadableFile(f"{path}: a folder that does not open as Zarr ({in_a_line(error)})") from None
    if path.stat().st_size == 0:
        raise UnreadableFile(f"{path}: empty file; fetch it again")
    with path.open("rb") as file:
        magic = file.read(4)
    if magic not in NETCDF_MAGIC:
        raise UnreadableFile(f"{path}: neither GRIB nor NetCDF nor a Zarr store (it starts with {magic!r})")
    try:
        return xr.open_dataset(path, decode_timedelta=True)  # lead times in hours, as older files have them
    except Exception as error:
        raise UnreadableFile(f"{path}: does not open as NetCDF ({in_a_line(error)}); fetch it again") from None


def grid_of(path: Path) -> Grid:
    """The canonical grid of a file's fields."""
    with readable(f"{path.name}: its grid does not decode"):
        if path.is_file() and is_grib(path):
            return first_grid(path)
        with open_dataset(path) as ds:
            return layout(ds, path.name)[2].grid


@contextmanager
def scanned(paths: list[Path], wanted: set[str]) -> Iterator[list[FieldHeader]]:
    """The header of every wanted field of some files or Zarr stores, whose values can be decoded meanwhile.

    All files are looked through before anything is decoded: a broken one is found first.
    """
    with ExitStack() as opened:
        headers: list[FieldHeader] = []
        for path in paths:
            with readable(f"{path.name}: a header does not decode"):
                if path.is_file() and is_grib(path):
                    headers += scan_grib(path, wanted)
                else:
                    headers += scan_xarray(opened.enter_context(open_dataset(path)), wanted, path.name)
        for header in headers:
            _assert_in_our_time(header)
        yield headers


def _assert_in_our_time(header: FieldHeader) -> None:
    """CorruptField for a year that no field is of: far ones do not fit into nanoseconds and come out as others."""
    if not YEARS[0] <= header.init.year <= header.valid.year <= YEARS[1]:
        raise CorruptField(
            f"{header.label}: initial time {header.init:%Y-%m-%dT%H}, valid {header.valid:%Y-%m-%dT%H}: of no field's "
            "time; fetch the file again"
        )


def decode(path: Path, wanted: set[str]) -> Iterator[DecodedField]:
    """Every wanted field of a file or Zarr store, whole, several decoded at a time."""
    with scanned([path], wanted) as headers:
        yield from in_order(header.decode for header in headers)
