"""Corrections taken off a staged product: its values change, and what was added stays beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import xarray as xr
import zarr

from tasks.arrays import fast, zarr_store
from tasks.calibrate.correction import Correction
from tasks.calibrate.field import FieldSpread
from tasks.grids.gridded import Gridded
from tasks.handover.calibrated import GROUP, wind_factor
from tasks.handover.digests import Digests, path_of
from tasks.handover.shards import SHARD_STEPS, digest, field_digest
from tasks.store.calibration import increment
from tasks.store.packing import round_field
from tasks.variables import VARIABLES, WINDS

WIND = ("u10", "v10")
TOGETHER = (("t2m", "d2m"), ("wind_speed",), ("sp",), ("msl",))  # what bounds each other; few fields in memory
Block = dict[str, np.ndarray]  # variable -> (lead times, rows, cols)


def changed(corrections: dict[str, Correction], product: xr.Dataset) -> list[str]:
    """Variables of the product that corrections change; dew point and temperature together, which bound each other."""
    found = set(corrections) - {"wind_speed"}
    if "wind_speed" in corrections:  # of an ensemble's members, which the mean of their winds says nothing of
        found |= {"wind_speed"} if "wind_speed" in product else set(WIND)
    found |= {"t2m", "d2m"} if found & {"t2m", "d2m"} else set()
    return [n for n in (*VARIABLES, *WINDS) if n in found and n in product]


def apply(uri: str, product: Gridded, corrections: dict[str, Correction], applied: dict[str, np.ndarray]) -> Digests:
    """Change the staged product's values, and fill its group `calibration`; digests of both, by their paths.

    applied: variable -> (step,), at which lead times. Some lead times are in memory at a time.
    """
    digests: Digests = {}
    for together in TOGETHER:
        digests |= _apply(uri, product, {n: c for n, c in corrections.items() if n in together}, applied)
    return digests


def _apply(uri: str, product: Gridded, corrections: dict[str, Correction], applied: dict[str, np.ndarray]) -> Digests:
    """Of variables that are changed together."""
    fields = {n: errors_of(product, n, made, applied[n]) for n, made in corrections.items()}
    names = changed(corrections, product.fields)
    group = zarr.open_group(zarr_store(uri), mode="r+", use_consolidated=False)
    digests: Digests = {path: [] for n in names for path in (n, path_of(GROUP, n))}
    for start in range(0, product.fields.sizes["step"], SHARD_STEPS):
        steps = slice(start, start + SHARD_STEPS)
        raw = {n: np.asarray(_array(group, uri, n)[steps]) for n in names}
        errors = {n: [next(fields[n]) if yes else None for yes in applied[n][steps]] for n in fields}
        values, added = _corrected(raw, errors)
        for name in names:
            array, beside = _array(group, uri, name), path_of(GROUP, name)
            array[steps] = values[name]
            _array(group, uri, beside)[steps] = added[name]
            side = (array.shards or array.shape)[-2:]
            digests[name] += [field_digest(field, *side) for field in values[name]]
            digests[beside] += [digest(field) for field in added[name]]
    return digests


def _array(group: zarr.Group, uri: str, path: str) -> Any:
    return fast(cast("zarr.Array[Any]", group[path]), uri)


def errors_of(product: Gridded, name: str, made: Correction, applied: np.ndarray) -> Iterator[np.ndarray]:
    """Expected errors (rows, cols) at the lead times that are corrected, in order."""
    height = product.height if product.height is not None else np.zeros((product.grid.rows, product.grid.cols))
    land = product.land if product.land is not None else np.ones_like(height)
    level = _level(product, name, made)
    return FieldSpread(made.spread, product.grid, height, land, level)(made.expected.error[:, applied])


def _level(product: Gridded, name: str, made: Correction) -> np.ndarray:
    """What is usually forecast at every point (rows, cols): the mean over lead times, less what today's differ."""
    fields = product.fields
    speed = name not in fields
    steps = range(0, fields.sizes["step"], max(fields.sizes["step"] // SHARD_STEPS, 1))
    found = [np.hypot(*(fields[n][i].values for n in WIND)) if speed else fields[name][i].values for i in steps]
    return np.asarray(np.mean(found, axis=0) - made.expected.today, np.float64)


def _corrected(raw: Block, errors: dict[str, list[np.ndarray | None]]) -> tuple[Block, Block]:
    """Values as they are packed, and increments. A dew point that ends above the temperature is brought down to it."""
    added = {n: np.zeros_like(v) for n, v in raw.items()}
    for name, fields in errors.items():
        for i, error in enumerate(fields):
            if error is None:
                continue
            if name == "wind_speed":
                factor = wind_factor(np.hypot(*(raw[n][i] for n in WIND)), error)
                for n in WIND:
                    added[n][i] = increment(raw[n][i] * (factor - 1.0))
            else:
                added[name][i] = increment(-error)
    values = {n: round_field(n, raw[n] + added[n]) for n in raw}
    if {"t2m", "d2m"} <= raw.keys():
        above = values["d2m"] > values["t2m"]
        values["d2m"][above] = values["t2m"][above]
        added["d2m"][above] = values["d2m"][above] - raw["d2m"][above]
    return values, added
