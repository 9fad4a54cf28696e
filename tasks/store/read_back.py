"""Arrays of a product read again, against the digests taken where they were written."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr

from tasks.arrays import DAMAGE, open_zarr
from tasks.errors import in_a_line
from tasks.grids.gridded import lead_times
from tasks.handover.digests import Digests, array_digest
from tasks.handover.shards import DIMENSIONS, field_digest

OTHER = "holds other values than were written"

Errors = tuple[type[Exception], ...]


def altered(uri: str, digests: Digests, damage: Errors = DAMAGE) -> Iterator[str]:
    """What is wrong with the arrays that `digests` names, all but fields of the root: input, ensemble, terrain, ...

    Fields are read one lead time at a time, all else whole. damage: what reading raises of bytes that are wrong or
    gone.
    """
    groups: dict[str, xr.Dataset | None] = {}
    for path, expected in digests.items():
        group, _, name = path.rpartition("/")
        if group not in groups:
            try:
                groups[group] = open_zarr(uri, group or None)
            except damage as error:
                groups[group] = None
                yield f"{group or 'product'} cannot be opened: {in_a_line(error)}"
        ds = groups[group]
        if ds is None:
            continue
        if name not in ds.variables:
            yield f"{path} is missing"
            continue
        yield from (f"{path}{at} {fault}" for at, fault in _faults(ds[name], expected, damage))


def _faults(array: xr.DataArray, expected: list[str], damage: Errors) -> Iterator[tuple[str, str]]:
    """(at, what) is wrong with an array; at: "" or " at +3 h"."""
    if array.dims[-len(DIMENSIONS) :] != DIMENSIONS:
        try:
            same = [array_digest(np.asarray(array.values))] == expected
        except damage as error:
            yield "", f"cannot be read: {in_a_line(error)}"
            return
        if not same:
            yield "", OTHER
        return
    steps = array.sizes["step"]
    parts = list(array) if array.ndim > len(DIMENSIONS) else [array]  # quantiles
    if steps * len(parts) != len(expected):
        yield "", f"has {steps * len(parts)} fields, not {len(expected)}"
        return
    for k, part in enumerate(parts):
        which = f" {k + 1} of {len(parts)}" if len(parts) > 1 else ""
        for at, fault in _faulty_fields(part, expected[k * steps : (k + 1) * steps], damage):
            yield f"{which}{at}", fault


def _faulty_fields(array: xr.DataArray, expected: list[str], damage: Errors) -> Iterator[tuple[str, str]]:
    hours = array["step"].values / np.timedelta64(1, "h")
    side = (array.encoding.get("shards") or array.shape)[-2:]
    for i, found in read_fields(array, damage):
        if isinstance(found, str):
            yield f" at +{hours[i]:g} h", found
        elif field_digest(found, *side) != expected[i]:
            yield f" at +{hours[i]:g} h", OTHER


def read_fields(array: xr.DataArray, damage: Errors) -> Iterator[tuple[int, np.ndarray | str]]:
    """Each lead time's values, or why they cannot be read: those of a damaged chunk one by one, to say which."""
    done = -1
    try:
        for done, values in lead_times(array):
            yield done, values
    except damage:
        rest = array[done + 1 :]
        for i in range(done + 1, array.sizes["step"]):
            try:
                yield i, rest[i - done - 1].values
            except damage as error:
                yield i, f"cannot be read: {in_a_line(error)}"
