"""Digests of a product's arrays, by path in it: taken where values are written, compared wherever they are read."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from tasks.handover.shards import DIMENSIONS

if TYPE_CHECKING:
    import xarray as xr

AT_ONCE = 1 << 20  # values: of a globe's terrain 26 million are hashed
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
    flat = np.ascontiguousarray(values).reshape(-1)
    for start in range(0, flat.size, AT_ONCE):
        whole.update(_bytes_of(flat[start : start + AT_ONCE]))
    return whole.hexdigest()


def _bytes_of(values: np.ndarray) -> bytes:
    match values.dtype.kind:
        case "m" | "M":
            nanoseconds = values.astype(f"{values.dtype.kind}8[ns]").astype(np.int64)
            return np.rint(nanoseconds / 1e9).astype("<i8").tobytes()
        case "f":
            return np.where(np.isnan(values), np.nan, values).astype("<f8").tobytes()  # one NaN
        case "i" | "u" | "b":
            return values.astype("<i8").tobytes()
    return b"".join(str(text).encode() + b"\0" for text in values)


def digests_beside(ds: xr.Dataset, group: str = "") -> Digests:
    """Of every array of a data set that is no field by lead time: coordinates, terrain, what is of stations."""
    return {
        path_of(group, str(name)): [array_digest(np.asarray(array.values))]
        for name, array in ds.variables.items()
        if array.dims[-len(DIMENSIONS) :] != DIMENSIONS
    }
