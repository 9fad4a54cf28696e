"""Any input file -> decoded fields; tells GRIB, NetCDF and Zarr by content, not by name."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import xarray as xr

from tasks.errors import UnreadableFile
from tasks.grids.grid import Grid
from tasks.prepare.decode_grib import Needed, decode_grib, first_grid, is_grib
from tasks.prepare.decode_xarray import decode_xarray, layout
from tasks.prepare.fields import DecodedField

NETCDF_MAGIC = (b"CDF\x01", b"CDF\x02", b"CDF\x05", b"\x89HDF")


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
    with path.open("rb") as file:
        magic = file.read(4)
    if magic not in NETCDF_MAGIC:
        raise UnreadableFile(f"{path}: neither GRIB nor NetCDF nor a Zarr store (it starts with {magic!r})")
    try:
        return xr.open_dataset(path, decode_timedelta=True)  # lead times in hours, as older files have them
    except Exception as error:
        raise UnreadableFile(f"{path}: does not open as NetCDF ({error}); fetch it again") from None


def grid_of(path: Path) -> Grid:
    """The canonical grid of a file's fields."""
    if path.is_file() and is_grib(path):
        return first_grid(path)
    with open_dataset(path) as ds:
        return layout(ds, path.name)[2].grid


def decode(path: Path, wanted: set[str]) -> Iterator[DecodedField]:
    """Every wanted field of a file or Zarr store."""
    yield from decode_files([path], wanted)


def decode_files(paths: list[Path], wanted: set[str], needed: Needed = None) -> Iterator[DecodedField]:
    """Every wanted field of some files, cut to the area that is needed of fields on their grid."""
    for grib, some in groupby(paths, lambda path: path.is_file() and is_grib(path)):
        if grib:
            yield from decode_grib(some, wanted, needed)
            continue
        for path in some:
            with open_dataset(path) as ds:
                yield from decode_xarray(ds, wanted, path.name, needed)
