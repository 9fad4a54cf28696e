"""Fields on their way from the decoder to the workspace: on disk, so that memory does not go with their number."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from tasks.storage import room_for

Load = Callable[[], np.ndarray]


class Spool:
    """A scratch file of float32 fields, in $TMPDIR; gone when nobody refers to it any more."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="finescale-")  # noqa: SIM115  closed when it is collected

    def put(self, field: np.ndarray) -> Load:
        """Write a field; whoever calls the result reads it back."""
        with room_for(f"scratch file in {tempfile.gettempdir()}, see TMPDIR"):
            at = self._file.seek(0, 2)
            self._file.write(np.ascontiguousarray(field, dtype=np.float32).data)
            self._file.flush()
        return partial(self._get, at, field.shape)

    def _get(self, at: int, shape: tuple[int, ...]) -> np.ndarray:
        size = 4 * int(np.prod(shape))
        return np.frombuffer(os.pread(self._file.fileno(), size, at), dtype=np.float32).reshape(shape)


class _Stack(BackendArray):
    """Fields one behind the other, loaded when they are asked for: (step, latitude, longitude)."""

    def __init__(self, loads: list[Load], shape: tuple[int, int]) -> None:
        self.loads, self.shape, self.dtype = loads, (len(loads), *shape), np.dtype(np.float32)

    def __deepcopy__(self, memo: object) -> _Stack:
        return self  # nothing in it ever changes

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._get)

    def _get(self, key: tuple[Any, ...]) -> np.ndarray:
        step, rest = key[0], key[1:]
        if isinstance(step, slice):
            return np.stack([load()[rest] for load in self.loads[step]])
        return self.loads[step]()[rest]


def stacked(loads: list[Load], shape: tuple[int, int]) -> xr.Variable:
    """Fields of one variable as xarray sees them, read when asked for."""
    return xr.Variable(("step", "latitude", "longitude"), indexing.LazilyIndexedArray(_Stack(loads, shape)))
