"""Headers of fields -> one cycle: lead times in order, amounts between them, nothing missing. Then their values, once.

Whatever headers alone can say is said before anything is decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import numpy as np
import xarray as xr

from tasks.errors import BadInput, CorruptField, MissingField, MixedCycles
from tasks.grids.grid import Grid
from tasks.grids.regrid import is_averaged, regrid
from tasks.parallel import in_order
from tasks.prepare.checks import AMOUNT_NOISE, assert_complete, assert_physical, assert_smooth
from tasks.prepare.fields import FieldHeader
from tasks.variables import VARIABLES

# of one variable: valid time -> the messages of it, two if a file was handed in twice; none where it is zero by nature
Messages = dict[datetime, list[FieldHeader]]


@dataclass(frozen=True)
class Interval:
    """What an amount covers: from `start` to its valid time. `differenced`: less the accumulation before it."""

    start: datetime
    differenced: bool


@dataclass(frozen=True)
class Assembled:
    """A cycle: what its fields are, and on which grid they are wanted; `absent` ones were wanted and are not there."""

    messages: dict[str, Messages]  # by variable, in the order that was wanted
    grid: Grid
    init: datetime
    origin: str
    expver: str
    means: bool  # values are means over the grid's cells: the input says so, or they are made so
    absent: list[str]
    analysis: bool  # a time series, not a forecast
    dated: bool  # False: the input does not say when

    @property
    def variables(self) -> list[str]:
        """Those that are there."""
        return list(self.messages)

    @property
    def valid_times(self) -> list[datetime]:
        """UTC, rising."""
        return sorted(next(iter(self.messages.values())))

    @property
    def lead_hours(self) -> list[float]:
        """Of each valid time."""
        return [(v - self.init) / timedelta(hours=1) for v in self.valid_times]

    def coordinates(self) -> xr.Dataset:
        """`step`, `valid_time`, `time`, `latitude`, `longitude` and, of amounts, `step_bounds` (step, 2); no fields."""
        steps = np.array([_nanoseconds(v - self.init) for v in self.valid_times])
        start = np.datetime64(self.init.replace(tzinfo=None), "ns")
        coords = {
            "step": steps,
            "latitude": self.grid.latitude,
            "longitude": self.grid.longitude,
            "time": start,
            "valid_time": ("step", start + steps),
        }
        ds = xr.Dataset(coords=coords)
        for name, messages in self.messages.items():
            if VARIABLES[name].amount:
                found = _intervals(messages, self.analysis)
                bounds = [[_nanoseconds(i.start - self.init), _nanoseconds(v - self.init)] for v, i in found.items()]
                ds["step_bounds"] = (("step", "bounds"), np.array(bounds))
        return ds

    def series(self) -> Iterator[tuple[str, Iterator[np.ndarray]]]:
        """Each variable's values (rows, cols) by lead time, checked and on the grid; to be taken in this order.

        Every message is decoded once, several at a time.
        """
        calls = (
            partial(_on_grid, headers, self.grid) for m in self.messages.values() for _, headers in sorted(m.items())
        )
        decoded = in_order(calls)
        for name, messages in self.messages.items():
            fields = (next(decoded) for _ in messages)
            yield name, _amounts(name, messages, fields, self.analysis) if VARIABLES[name].amount else fields

    def load(self) -> xr.Dataset:
        """All of it in memory: fields (step, latitude, longitude) float32."""
        fields = {n: (("step", "latitude", "longitude"), np.stack(list(s))) for n, s in self.series()}
        ds = self.coordinates().assign(fields)
        return ds[[*fields, *(n for n in ds.data_vars if n not in fields)]]


def _nanoseconds(delta: timedelta) -> np.timedelta64:
    return np.timedelta64(round(delta.total_seconds()), "s").astype("timedelta64[ns]")


def _on_grid(headers: list[FieldHeader], grid: Grid) -> np.ndarray:
    """One field, decoded, checked and regridded; MixedCycles if there are two of it that differ."""
    if not headers:
        return np.zeros((grid.rows, grid.cols), dtype=np.float32)
    first, *others = (_checked(header, grid) for header in headers)
    for header, values in zip(headers[1:], others, strict=True):
        if not np.array_equal(values, first):
            raise MixedCycles(
                f"{header.label} and {headers[0].label}: two different {header.variable.name} fields valid at "
                f"{header.valid:%Y-%m-%dT%H}; hand in one"
            )
    return first


def _checked(header: FieldHeader, grid: Grid) -> np.ndarray:
    field = header.decode(grid)
    assert_physical(field)
    assert_smooth(field)
    values = field.values
    if field.grid != grid:
        values = regrid(values, field.grid, grid, conservative=header.variable.amount)
    assert_complete(field, values, grid)
    return values


def _spacing(valids: list[datetime], i: int) -> timedelta:
    """Time since the one before; of the first one, time to the next; of a single one unknown, zero."""
    if len(valids) < 2:
        return timedelta(0)
    return valids[i] - valids[i - 1] if i else valids[1] - valids[0]


def _intervals(messages: Messages, analysis: bool) -> dict[datetime, Interval]:
    """Accumulations from one start are differenced; separate intervals stay as they are. Valid times rise."""
    out: dict[datetime, Interval] = {}
    valids = sorted(messages)
    before: tuple[datetime, datetime] | None = None  # valid, start of the accumulation
    for i, valid in enumerate(valids):
        start = messages[valid][0].start if messages[valid] else valid
        if before is not None and before[1] == start:
            out[valid] = Interval(before[0], differenced=True)
        elif analysis and start == valid:  # a time series that does not say how long: since the time before
            out[valid] = Interval(valid - _spacing(valids, i), differenced=False)
        else:
            out[valid] = Interval(start, differenced=False)
        before = valid, start
    return out


def _amounts(name: str, messages: Messages, fields: Iterable[np.ndarray], analysis: bool) -> Iterator[np.ndarray]:
    """Amounts since the previous lead time, never below zero; CorruptField where an accumulation falls."""
    before: tuple[datetime, np.ndarray] | None = None
    for (valid, interval), accumulated in zip(_intervals(messages, analysis).items(), fields, strict=True):
        values = accumulated
        if interval.differenced:
            assert before is not None
            values = accumulated - before[1]
            if float(values.min()) < AMOUNT_NOISE:
                raise CorruptField(
                    f"{messages[valid][0].label}: {name} accumulated to {valid:%Y-%m-%dT%H} is "
                    f"{-float(values.min()):.3g} m below that to {before[0]:%Y-%m-%dT%H}; one of the two messages is "
                    "wrong: fetch them again"
                )
        yield np.maximum(values, 0.0)
        before = valid, accumulated


def _lead(valid: datetime, init: datetime) -> str:
    return f"{(valid - init).total_seconds() / 3600:g} h"


def _check_cycle(inits: dict[datetime, str], analysis: bool) -> None:
    if not analysis and len(inits) > 1:
        first, second = sorted(inits)[:2]
        raise MixedCycles(
            f"{len(inits)} cycles in the input: {inits[first]} starts {first:%Y-%m-%dT%H}, {inits[second]} starts "
            f"{second:%Y-%m-%dT%H}; hand in the files of one cycle"
        )


def _check_matrix(messages: dict[str, Messages], init: datetime, analysis: bool) -> None:
    """Every variable at every lead time; a forecast has no amount at its start, that becomes zero."""
    valids = sorted({v for by_time in messages.values() for v in by_time})
    for name, by_time in messages.items():
        for valid in valids:
            if valid in by_time:
                continue
            if VARIABLES[name].amount and valid == init and not analysis:
                by_time[valid] = []
                continue
            raise MissingField(
                f"{name} is missing at lead time {_lead(valid, init)} (valid {valid:%Y-%m-%dT%H}), where other fields "
                "are there; fetch that message"
            )


def _target(headers: list[FieldHeader], target_of: Callable[[Grid], Grid]) -> Grid:
    """The grid that all fields are wanted on; BadInput if they are not of one area."""
    targets: dict[Grid, Grid] = {}
    for header in headers:
        if header.grid not in targets:
            targets[header.grid] = target_of(header.grid)
        if targets[header.grid] != targets[headers[0].grid]:
            raise BadInput(f"{header.label}: on {header.grid}, unlike the fields before it; hand in fields of one area")
    return targets[headers[0].grid]


def assemble(
    headers: list[FieldHeader], target_of: Callable[[Grid], Grid], wanted: list[str], required: list[str]
) -> Assembled:
    """Order fields by variable and lead time; `target_of`: the grid to use for a source grid (the same: as it is).

    Raises MissingField, MixedCycles and BadInput, each naming the message; nothing is decoded.
    """
    messages: dict[str, Messages] = {}
    for header in headers:
        messages.setdefault(header.variable.name, {}).setdefault(header.valid, []).append(header)
    if not messages:
        raise MissingField(f"none of {', '.join(wanted)} is in the input")
    grid = _target(headers, target_of)
    lacking = [n for n in required if n not in messages]
    if lacking:
        raise MissingField(
            f"{', '.join(lacking)} not in the input (found: {', '.join(messages)}); fetch them, or leave them out of "
            "`required` in the region's YAML"
        )
    analysis = all(h.analysis for h in headers)
    inits: dict[datetime, str] = {}
    for header in headers:
        if not header.analysis:
            inits.setdefault(header.init, header.label)
    _check_cycle(inits, analysis)
    states = [v for n, by_time in messages.items() if not VARIABLES[n].amount for v in by_time]
    init = min(inits) if inits else min(states or [v for by_time in messages.values() for v in by_time])
    _check_matrix(messages, init, analysis)
    origins = {h.origin for h in headers}
    return Assembled(
        messages={n: messages[n] for n in wanted if n in messages},
        grid=grid,
        init=init,
        origin=origins.pop() if len(origins) == 1 else "unknown",
        expver="+".join(sorted({h.expver for h in headers} - {""})),
        means=all(h.means or is_averaged(h.grid, grid) for h in headers),
        absent=[n for n in wanted if n not in messages],
        analysis=analysis,
        dated=all(h.dated for h in headers),
    )
