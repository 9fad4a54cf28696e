"""Decoded fields -> one data set of one cycle: lead times in order, amounts between them, nothing missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import numpy as np
import xarray as xr

from tasks.errors import BadInput, CorruptField, MissingField, MixedCycles
from tasks.grids.grid import Grid
from tasks.grids.regrid import regrid
from tasks.prepare.checks import AMOUNT_NOISE, assert_complete, assert_physical, assert_smooth
from tasks.prepare.fields import DecodedField
from tasks.prepare.spool import Load, Spool, stacked
from tasks.variables import VARIABLES


@dataclass(frozen=True)
class _Piece:
    start: datetime
    load: Load
    where: str


def _spacing(valids: list[datetime], i: int) -> timedelta:
    """Time since the one before; of the first one, time to the next; of a single one unknown, zero."""
    if len(valids) < 2:
        return timedelta(0)
    return valids[i] - valids[i - 1] if i else valids[1] - valids[0]


def _amounts(name: str, pieces: dict[datetime, _Piece], analysis: bool, spool: Spool) -> dict[datetime, _Piece]:
    """Accumulations from one start -> amounts since the previous lead time; separate intervals stay as they are."""
    out: dict[datetime, _Piece] = {}
    previous: tuple[datetime, datetime, np.ndarray] | None = None  # valid, start, accumulated
    valids = sorted(pieces)
    for i, valid in enumerate(valids):
        piece = pieces[valid]
        start, accumulated = piece.start, piece.load()
        values = accumulated
        if previous is not None and previous[1] == piece.start:
            start, values = previous[0], accumulated - previous[2]
            if float(values.min()) < AMOUNT_NOISE:
                raise CorruptField(
                    f"{piece.where}: {name} accumulated to {valid:%Y-%m-%dT%H} is {-float(values.min()):.3g} m below "
                    f"that to {previous[0]:%Y-%m-%dT%H}; one of the two messages is wrong: fetch them again"
                )
        elif analysis and start == valid:  # a time series that does not say how long: since the time before
            start = valid - _spacing(valids, i)
        out[valid] = _Piece(start, spool.put(np.maximum(values, 0.0)), piece.where)
        previous = (valid, piece.start, accumulated)
    return out


@dataclass(frozen=True)
class Assembled:
    """A cycle's fields on one grid, read when asked for; `absent` variables were wanted but are not in the input."""

    fields: xr.Dataset
    grid: Grid
    init: datetime
    origin: str
    expver: str
    absent: list[str]
    analysis: bool  # a time series, not a forecast
    dated: bool  # False: the input does not say when


def _lead(valid: datetime, init: datetime) -> str:
    return f"{(valid - init).total_seconds() / 3600:g} h"


def _check_cycle(inits: dict[datetime, str], analysis: bool) -> None:
    if not analysis and len(inits) > 1:
        first, second = sorted(inits)[:2]
        raise MixedCycles(
            f"{len(inits)} cycles in the input: {inits[first]} starts {first:%Y-%m-%dT%H}, {inits[second]} starts "
            f"{second:%Y-%m-%dT%H}; hand in the files of one cycle"
        )


def _check_matrix(pieces: dict[str, dict[datetime, _Piece]], init: datetime, analysis: bool, grid: Grid) -> None:
    """Every variable at every lead time; a forecast has no amount at its start, that becomes zero."""
    valids = sorted({v for per_time in pieces.values() for v in per_time})
    for name, per_time in pieces.items():
        for valid in valids:
            if valid in per_time:
                continue
            if VARIABLES[name].amount and valid == init and not analysis:
                nothing = partial(np.zeros, (grid.rows, grid.cols), dtype=np.float32)
                per_time[valid] = _Piece(init, nothing, "start of the forecast")
                continue
            raise MissingField(
                f"{name} is missing at lead time {_lead(valid, init)} (valid {valid:%Y-%m-%dT%H}), where other fields "
                "are there; fetch that message"
            )


def assemble(
    decoded: Iterable[DecodedField], target_of: Callable[[Grid], Grid], wanted: list[str], required: list[str]
) -> Assembled:
    """Check, regrid and order fields; `target_of` gives the grid to use for a source grid (the same: no regridding)."""
    pieces: dict[str, dict[datetime, _Piece]] = {}
    inits: dict[datetime, str] = {}
    spool = Spool()
    origins, expvers = set(), set()
    grid: Grid | None = None
    analysis = dated = True
    for field in decoded:
        name = field.variable.name
        assert_physical(field)
        assert_smooth(field)
        target = target_of(field.grid)
        if grid is not None and target != grid:
            raise BadInput(f"{field.where}: on {field.grid}, unlike the fields before it; hand in fields of one area")
        grid = target
        values = field.values
        if target != field.grid:
            values = regrid(values, field.grid, target, conservative=field.variable.amount)
        assert_complete(field, values, target)
        per_time = pieces.setdefault(name, {})
        if field.valid in per_time and not np.array_equal(per_time[field.valid].load(), values):
            raise MixedCycles(
                f"{field.where} and {per_time[field.valid].where}: two different {name} fields valid at "
                f"{field.valid:%Y-%m-%dT%H}; hand in one"
            )
        per_time[field.valid] = _Piece(field.start, spool.put(values), field.where)
        origins.add(field.origin)
        expvers.add(field.expver)
        analysis, dated = analysis and field.analysis, dated and field.dated
        if not field.analysis:
            inits.setdefault(field.init, field.where)
    if grid is None:
        raise MissingField(f"none of {', '.join(wanted)} is in the input")
    lacking = [n for n in required if n not in pieces]
    if lacking:
        raise MissingField(
            f"{', '.join(lacking)} not in the input (found: {', '.join(pieces)}); fetch them, or leave them out of "
            "`required` in the region's YAML"
        )
    _check_cycle(inits, analysis)
    states = [v for n, per_time in pieces.items() if not VARIABLES[n].amount for v in per_time]
    init = min(inits) if inits else min(states or [v for per_time in pieces.values() for v in per_time])
    _check_matrix(pieces, init, analysis, grid)
    for name in pieces:
        if VARIABLES[name].amount:
            pieces[name] = _amounts(name, pieces[name], analysis, spool)
    ordered = {n: pieces[n] for n in wanted if n in pieces}
    return Assembled(
        fields=_dataset(ordered, grid, init),
        grid=grid,
        init=init,
        origin=origins.pop() if len(origins) == 1 else "unknown",
        expver="+".join(sorted(e for e in expvers if e)),
        absent=[n for n in wanted if n not in pieces],
        analysis=analysis,
        dated=dated,
    )


def _hours(delta: timedelta) -> np.timedelta64:
    return np.timedelta64(round(delta.total_seconds()), "s").astype("timedelta64[ns]")


def _dataset(pieces: dict[str, dict[datetime, _Piece]], grid: Grid, init: datetime) -> xr.Dataset:
    valids = sorted(next(iter(pieces.values())))
    steps = np.array([_hours(v - init) for v in valids])
    start = np.datetime64(init.replace(tzinfo=None), "ns")
    coords = {
        "step": steps,
        "latitude": grid.latitude,
        "longitude": grid.longitude,
        "time": start,
        "valid_time": ("step", start + steps),
    }
    arrays = {n: stacked([per_time[v].load for v in valids], (grid.rows, grid.cols)) for n, per_time in pieces.items()}
    ds = xr.Dataset(arrays, coords)
    for name, per_time in pieces.items():
        if VARIABLES[name].amount:  # the interval that each amount belongs to
            bounds = [[_hours(per_time[v].start - init), _hours(v - init)] for v in valids]
            ds["step_bounds"] = (("step", "bounds"), np.array(bounds))
    return ds
