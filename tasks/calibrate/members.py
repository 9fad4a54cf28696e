"""An ensemble as past runs teach: its ranges about the corrected middle, as wide as forecasts of that day are wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import zarr

from tasks.arrays import fast, zarr_store
from tasks.calibrate.ranges import Shape, apart, spread_apart, together
from tasks.handover.calibrated import GROUP, LEVELS, ROOTS, wind_factor
from tasks.handover.digests import Digests, path_of
from tasks.handover.members import GROUP as ENSEMBLE
from tasks.handover.members import QUANTILES, SPREAD
from tasks.handover.shards import SHARD_STEPS, digest, field_digest
from tasks.passing import Passing
from tasks.present import display
from tasks.store.calibration import increment
from tasks.store.ensemble import KEPT_BITS, kept_bits, open_ensemble
from tasks.store.packing import round_to
from tasks.variables import WINDS

MIDDLE = LEVELS.index(0.5)
TABLE = np.linspace(0.0, 1.0, 401)  # levels between which chances are straight


def move(
    uri: str,
    shapes: dict[str, dict[bool, Shape]],
    applied: dict[str, np.ndarray],
    cell: np.ndarray,
    errors: dict[str, Iterator[np.ndarray]],
) -> Digests:
    """Write the ranges, spread and chances of a staged product's ensemble anew; digests of what was written.

    shapes: variable -> of the truth's departures from its middle, with a correction and without. applied: variable ->
    (step,), whether there is one. cell (step,): of `cells_of`. errors: of wind speeds that are corrected, expected
    errors (rows, cols) at the lead times where that is so; other variables' fields are corrected already.
    """
    arrays = {n: fast(a, uri) for n, a in open_ensemble(uri).items()}
    group = zarr.open_group(zarr_store(uri), mode="r+", use_consolidated=False)
    digests: Digests = {}
    for name, of in shapes.items():
        passed = {n: Passing.parse(str(a.attrs["threshold"])) for n, a in arrays.items() if "threshold" in a.attrs}
        passed = {n: p for n, p in passed.items() if p.variable == name and not p.hours}
        count, written = len(cell), dict[str, list[list[str]]]()
        for start in range(0, count, SHARD_STEPS):
            steps = slice(start, min(start + SHARD_STEPS, count))
            raw, middle = _middle(uri, group, arrays, name, steps, applied[name][steps], errors.get(name), digests)
            spread = np.asarray(arrays[f"{name}{SPREAD}"][steps])
            values = _moved(name, of, applied[name][steps], cell[steps], raw, middle, spread, passed)
            for title, fields in values.items():
                array = arrays[title]
                array[..., steps, :, :] = fields
                side = (array.shards or array.shape)[-2:]
                by_level = written.setdefault(title, [[] for _ in range(array.shape[0] if array.ndim > 3 else 1)])
                for known, level in zip(by_level, fields if array.ndim > 3 else fields[None], strict=True):
                    known += [field_digest(field, *side) for field in level]
        digests |= {
            path_of(ENSEMBLE, title): [d for level in by_level for d in level] for title, by_level in written.items()
        }
    return digests


def _middle(
    uri: str, group: zarr.Group, arrays: dict[str, Any], name: str, steps: slice, applied: np.ndarray,
    errors: Iterator[np.ndarray] | None, digests: Digests,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """What ranges lay about and what they are to lie about, (steps, rows, cols); of wind what was added is written."""
    if name not in WINDS:
        middle = np.asarray(fast(group[name], uri)[steps])  # type: ignore[arg-type]
        return middle, middle
    raw = np.asarray(arrays[f"{name}{QUANTILES}"][MIDDLE, steps])
    if errors is None:
        return raw, raw
    added = np.zeros_like(raw)
    for i in np.flatnonzero(applied):
        added[i] = increment(raw[i] * (wind_factor(raw[i], next(errors)) - 1.0))
    path = path_of(GROUP, name)
    fast(group[path], uri)[steps] = added  # type: ignore[arg-type]
    digests[path] = digests.get(path, []) + [digest(field) for field in added]
    return raw, raw + added


def _moved(
    name: str, of: dict[bool, Shape], applied: np.ndarray, cell: np.ndarray, raw: np.ndarray, middle: np.ndarray,
    spread: np.ndarray, passed: dict[str, Passing],
) -> dict[str, np.ndarray]:  # fmt: skip
    """Arrays of the group by their names, rounded as they are kept."""
    apart_from = apart(name, middle)
    own = spread_apart(name, spread, raw)
    shape = middle.shape
    found = {f"{name}{QUANTILES}": np.empty((len(LEVELS), *shape), np.float32)}
    found |= {title: np.empty(shape, np.float32) for title in (f"{name}{SPREAD}", *passed)}
    for corrected, its in of.items():
        here = np.flatnonzero(applied == corrected)
        if not len(here):
            continue
        mean, wide = its.at(cell[here], own[here])
        centre = apart_from[here] + mean
        for k, level in enumerate(LEVELS):
            found[f"{name}{QUANTILES}"][k, here] = together(name, centre + wide * np.quantile(its.scaled, level))
        size = wide * its.scaled.std()
        if name in ROOTS:
            size = np.sqrt(4 * (centre * size) ** 2 + 2 * size**4)  # of a normal's square
        found[f"{name}{SPREAD}"][here] = size
        table = np.quantile(its.scaled, TABLE)
        for title, one in passed.items():
            shown = display.of(name)
            value = apart(name, np.array((one.value - shown.offset) / shown.scale))
            below = np.interp((value - centre) / np.maximum(wide, 1e-12), table, TABLE)
            found[title][here] = 100.0 * (below if one.below else 1.0 - below)
    return {t: round_to(v, kept_bits(name) if t.endswith(QUANTILES) else KEPT_BITS) for t, v in found.items()}
