"""An ensemble as past runs teach: its ranges about the corrected middle, as wide as forecasts of that day are wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import zarr

from tasks.arrays import fast, zarr_store
from tasks.calibrate.ranges import PARTS, Shape, apart, spread_apart, together
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
FINELY = (np.arange(21) + 0.5) / 21  # levels whose values have a wind's spread


def move(
    uri: str,
    shapes: dict[str, dict[int, Shape]],
    applied: dict[str, np.ndarray],
    cell: np.ndarray,
    errors: dict[str, Iterator[np.ndarray]],
) -> Digests:
    """Write the ranges, spread and chances of a staged product's ensemble anew; digests of what was written.

    shapes: variable -> day of lead time -> of the truth's departures from its middle; other days stay as they are.
    applied: variable -> (step,), whether it is corrected there. cell (step,): of `cells_of`. errors: of wind speeds
    that are corrected, expected errors (rows, cols) at these lead times; other variables' fields are corrected already.
    """
    arrays = {n: fast(a, uri) for n, a in open_ensemble(uri).items()}
    group = zarr.open_group(zarr_store(uri), mode="r+", use_consolidated=False)
    digests: Digests = {}
    for name, of in shapes.items():
        passed = {n: Passing.parse(str(a.attrs["threshold"])) for n, a in arrays.items() if "threshold" in a.attrs}
        passed = {n: p for n, p in passed.items() if p.variable == name and not p.hours}
        titles = [f"{name}{QUANTILES}", f"{name}{SPREAD}", *passed]
        written: dict[str, list[list[str]]] = {t: [[] for _ in range(_levels(arrays[t]))] for t in titles}
        for start in range(0, len(cell), SHARD_STEPS):
            steps = slice(start, min(start + SHARD_STEPS, len(cell)))
            values = {t: np.asarray(arrays[t][..., steps, :, :]) for t in titles}
            raw, middle = _middle(uri, group, values, name, steps, applied[name][steps], errors.get(name))
            _move(name, of, cell[steps], raw, middle, values, passed)
            if name in WINDS:
                path = path_of(GROUP, name)
                added = increment(values[f"{name}{QUANTILES}"][MIDDLE] - raw)
                fast(group[path], uri)[steps] = added  # type: ignore[arg-type]
                digests[path] = digests.get(path, []) + [digest(field) for field in added]
            for title, fields in values.items():
                array = arrays[title]
                array[..., steps, :, :] = fields
                side = (array.shards or array.shape)[-2:]
                for known, level in zip(written[title], fields.reshape(-1, *middle.shape), strict=True):
                    known += [field_digest(field, *side) for field in level]
        for title, by_level in written.items():
            digests[path_of(ENSEMBLE, title)] = [d for level in by_level for d in level]
    return digests


def _levels(array: Any) -> int:
    return int(array.shape[0]) if array.ndim > 3 else 1


def _middle(
    uri: str, group: zarr.Group, values: dict[str, np.ndarray], name: str, steps: slice, applied: np.ndarray,
    errors: Iterator[np.ndarray] | None,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """What ranges lay about and what they are to lie about, (steps, rows, cols)."""
    if name not in WINDS:
        middle = np.asarray(fast(group[name], uri)[steps])  # type: ignore[arg-type]
        return middle, middle
    raw = values[f"{name}{QUANTILES}"][MIDDLE].copy()
    middle = raw.copy()
    for i in np.flatnonzero(applied) if errors is not None else ():
        middle[i] = raw[i] * wind_factor(raw[i], next(errors))  # type: ignore[arg-type]
    return raw, middle


def _move(
    name: str, of: dict[int, Shape], cell: np.ndarray, raw: np.ndarray, middle: np.ndarray,
    values: dict[str, np.ndarray], passed: dict[str, Passing],
) -> None:  # fmt: skip
    """Arrays of the group by their names, changed where a day's shape is known, rounded as they are kept."""
    quantiles, spread = values[f"{name}{QUANTILES}"], values[f"{name}{SPREAD}"]
    for day, its in of.items():
        here = np.flatnonzero(cell // PARTS == day)
        if not len(here):
            continue
        mean, wide = its.at(cell[here], spread_apart(name, spread[here], raw[here]))
        centre, wide = (apart(name, middle[here]) + mean).astype(np.float32), wide.astype(np.float32)
        at = lambda level: together(name, centre + wide * np.float32(np.quantile(its.scaled, level)))  # noqa: B023, E731
        for k, level in enumerate(LEVELS):
            quantiles[k, here] = at(level)
        spread[here] = np.std([at(level) for level in FINELY], axis=0) if name in ROOTS else wide * its.scaled.std()
        table, shown = np.quantile(its.scaled, TABLE), display.of(name)
        for title, one in passed.items():
            value = apart(name, np.array((one.value - shown.offset) / shown.scale))
            below = np.interp((value - centre) / np.maximum(wide, 1e-12), table, TABLE)
            values[title][here] = 100.0 * (below if one.below else 1.0 - below)
    for title, fields in values.items():
        round_to(fields, kept_bits(name) if title.endswith(QUANTILES) else KEPT_BITS)
