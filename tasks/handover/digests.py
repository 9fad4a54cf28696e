"""Digests of a product's arrays, by path in it: taken where values are written, compared wherever they are read."""

from __future__ import annotations

import hashlib

import numpy as np
import xarray as xr

from tasks.handover.prepared import DIMENSIONS

Digests = dict[str, list[str]]  # path of an array in its product -> sha-256: of each lead time's field, or of it all


def path_of(group: str, name: str) -> str:
    """`input/t2m`; arrays of the root, whose group is "", go by their name."""
    return f"{group}/{name}" if group else name


def array_digest(values: np.ndarray) -> str:
    """sha-256 of an array that is no field, however a store has kept it: its shape, then its values row by row.

    Floats as float64, integers and booleans as int64, times as seconds in int64, all little-endian; texts in UTF-8,
    each ended by a zero byte.
    """
    whole = hashlib.sha256(f"{values.shape}".encode())
    match values.dtype.kind:
        case "m" | "M":
            unit = f"{values.dtype.kind}8[ns]"
            flat = np.rint(values.astype(unit).astype(np.int64) / 1e9).astype("<i8")
        case "f":
            flat = np.where(np.isnan(values), np.nan, values).astype("<f8")  # one NaN
        case "i" | "u" | "b":
            flat = values.astype("<i8")
        case _:
            whole.update(b"".join(str(text).encode() + b"\0" for text in values.ravel()))
            return whole.hexdigest()
    whole.update(np.ascontiguousarray(flat).data)
    return whole.hexdigest()


def digests_beside(ds: xr.Dataset, group: str = "") -> Digests:
    """Of every array of a data set that is no field by lead time: coordinates, terrain, what is of stations."""
    return {
        path_of(group, str(name)): [array_digest(np.asarray(array.values))]
        for name, array in ds.variables.items()
        if array.dims != DIMENSIONS
    }
