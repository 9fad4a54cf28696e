"""NetCDF files, where several cycles are made in one process: libnetcdf and HDF5 are for one thread at a time.

xarray holds a lock of its own while values are read, and none while names and attributes of a file are: two that read
at once end the process with a bus error.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import xarray as xr

LOCK = threading.RLock()


def open_netcdf(path: Path, **options: Any) -> xr.Dataset:
    """As `xr.open_dataset`; whatever is read of it later is read under the lock."""
    with LOCK:
        return xr.open_dataset(path, engine="netcdf4", lock=LOCK, **options)


def open_groups(path: Path, **options: Any) -> xr.DataTree:
    """As `xr.open_datatree`; whatever is read of it later is read under the lock."""
    with LOCK:
        return xr.open_datatree(path, engine="netcdf4", lock=LOCK, **options)
