"""Headers of fields -> one cycle: lead times in order, amounts between them, nothing missing. Then their values, once.

Whatever headers alone can say is said before anything is decoded.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

import numpy as np
import xarray as xr

from tasks.errors import BadInput, MissingField, MixedCycles, UnreadableFile
from tasks.grids.grid import Grid
from tasks.grids.regrid import is_averaged, regrid
from tasks.parallel import in_order
from tasks.prepare.amounts import Course, Covered, Messages, amounts, chosen, course, covered
from tasks.prepare.checks import assert_complete, assert_physical, assert_smooth
from tasks.prepare.edges import repeat_edge
from tasks.prepare.fields import FieldHeader, OwnTerrain, Rule, Scan
from tasks.variables import VARIABLES

log = logging.getLogger(__name__)


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
    averaged: list[str]  # variables whose values are means over time
    covered: dict[str, Covered]  # by name of an amount: its intervals
    others: list[str]  # what else the input holds
    terrain: list[OwnTerrain] = field(default_factory=list)  # that comes with the fields, as often as it does
    inside: Grid | None = None  # points around which nothing may be missing; farther out the nearest is repeated

    @property
    def evidence(self) -> str:
        """What says which time an amount covers; empty where nothing does, or where there is none."""
        return ", ".join(dict.fromkeys(c.evidence for c in self.covered.values() if c.evidence))

    @property
    def variables(self) -> list[str]:
        """Those that are there."""
        return list(self.messages)

    @property
    def file_grids(self) -> list[Grid]:
        """Each grid that fields come on, once."""
        headers = (h for by_time in self.messages.values() for found in by_time.values() for h in found)
        return list(dict.fromkeys(h.grid for h in headers))

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
        for name in self.messages:
            if name in self.covered and (intervals := self.covered[name].intervals) is not None:
                pairs = ((i.start - self.init, i.end - self.init) for i in intervals.values())
                bounds = [[_nanoseconds(start), _nanoseconds(end)] for start, end in pairs]
                ds["step_bounds"] = (("step", "bounds"), np.array(bounds))
        return ds

    def series(self) -> Iterator[tuple[str, Iterator[np.ndarray]]]:
        """Each variable's values (rows, cols) by lead time, checked and on the grid; to be taken in this order.

        Every message is decoded once, several at a time. At the end one line says what was missing beyond `inside`.
        """
        repeated: dict[str, int] = {}
        calls = (
            partial(_on_grid, headers, self.grid, self.inside, repeated)
            for m in self.messages.values()
            for _, headers in sorted(m.items())
        )
        decoded = in_order(calls)
        for name, messages in self.messages.items():
            fields = (next(decoded) for _ in messages)
            yield name, amounts(name, messages, fields, self.covered[name]) if name in self.covered else fields
        if repeated:
            log.warning(
                "beyond the region up to %d of %d input points are missing (%s): the nearest is repeated there, as at "
                "a file's edge", max(repeated.values()), self.grid.rows * self.grid.cols, ", ".join(sorted(repeated)),
            )  # fmt: skip

    def load(self) -> xr.Dataset:
        """All of it in memory: fields (step, latitude, longitude) float32."""
        fields = {n: (("step", "latitude", "longitude"), np.stack(list(s))) for n, s in self.series()}
        ds = self.coordinates().assign(fields)
        return ds[[*fields, *(n for n in ds.data_vars if n not in fields)]]


def _nanoseconds(delta: timedelta) -> np.timedelta64:
    return np.timedelta64(round(delta.total_seconds()), "s").astype("timedelta64[ns]")


def _on_grid(headers: list[FieldHeader], grid: Grid, inside: Grid | None, repeated: dict[str, int]) -> np.ndarray:
    """One field, decoded, checked and regridded; MixedCycles if there are two of it that differ.

    `repeated` gets, by variable, how many points beyond `inside` were missing at most.
    """
    if not headers:
        return np.zeros((grid.rows, grid.cols), dtype=np.float32)
    first, *others = (_checked(header, grid, inside, repeated) for header in headers)
    for header, values in zip(headers[1:], others, strict=True):
        if not np.array_equal(values, first):
            raise MixedCycles(
                f"{header.label} and {headers[0].label}: two different {header.variable.name} fields valid at "
                f"{header.valid:%Y-%m-%dT%H}; hand in one"
            )
    return first


def _checked(header: FieldHeader, grid: Grid, inside: Grid | None, repeated: dict[str, int]) -> np.ndarray:
    field = header.decode(grid)
    assert_physical(field)
    assert_smooth(field)
    values = field.values
    if field.grid != grid:
        values = regrid(values, field.grid, grid, conservative=header.variable.amount)
    values, count = repeat_edge(values, grid, inside)
    if count:
        repeated[header.variable.name] = max(count, repeated.get(header.variable.name, 0))
    assert_complete(field, values, grid)
    return values


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


def _by_time(headers: list[FieldHeader]) -> dict[str, Messages]:
    messages: dict[str, Messages] = {}
    for header in headers:
        by_time = messages.setdefault(header.variable.name, {})
        found = by_time.setdefault(header.valid, [])
        if not (header.variable.amount and not header.analysis and header.valid == header.init):
            found.append(header)  # at a forecast's start nothing has fallen, whatever a message holds
    return messages


def _covered(
    name: str,
    messages: Messages,
    grid: Grid,
    inside: Grid | None,
    init: datetime,
    analysis: bool,
    by_user: Rule | None,
) -> Covered:
    """Intervals of an amount; UnreadableFile for a rate that has none."""
    headers = [found for _, found in sorted(messages.items()) if found]

    def look() -> Course:
        return course(name, (_on_grid(found, grid, inside, {}) for found in headers))

    dated = all(h.dated for found in headers for h in found)
    out = covered(messages, init, analysis, by_user, look) if dated else Covered(None, "")
    if out.intervals is None:
        first = headers[0][0]
        if first.per is not None:
            raise UnreadableFile(
                f"{first.label}: {name} is a rate, and nothing says over which time; say it with --rain-interval, or "
                "leave it out with --variables"
            )
        if not dated:
            return out
        log.warning(
            "%s: nothing says which time an amount of %s covers: it stays as it is, without bounds, and is not scored; "
            "--rain-interval says it", first.label, name,
        )  # fmt: skip
    return out


def assemble(
    scan: Scan,
    target_of: Callable[[Grid], Grid],
    wanted: list[str],
    required: list[str],
    rain_interval: Rule | None = None,
    inside: Grid | None = None,
    document: str | None = None,
) -> Assembled:
    """Order fields by variable and lead time; `target_of`: the grid to use for a source grid (the same: as it is).

    Raises MissingField, MixedCycles and BadInput, each naming the message. Nothing is decoded, but amounts whose
    headers do not say what they cover: that is seen by how they go in time. `rain_interval`: what the user knows.
    `inside`: points around which nothing may be missing; what is farther out is edge. Default: nothing anywhere.
    `document`: where `required` is written, for the error; None: nowhere, but on the command line.
    """
    headers = scan.headers
    messages = _by_time(headers)
    if not messages:
        there = f"; it has {', '.join(scan.others)}" if scan.others else ""
        raise MissingField(f"none of {', '.join(wanted)} is in the input{there}")
    several: dict[str, str] = {}
    for name in (n for n in messages if VARIABLES[n].amount):
        messages[name], several[name] = chosen(messages[name])
    grid = _target(headers, target_of)
    lacking = [n for n in required if n not in messages]
    if lacking:
        kept = [n for n in wanted if n in messages]
        fewer = f"write `required: [{', '.join(kept)}]` in {document}" if document else f"--variables {','.join(kept)}"
        held = ", ".join([*messages, *scan.others])
        raise MissingField(f"{', '.join(lacking)} not in the input (found: {held}); fetch them, or {fewer}")
    analysis = all(h.analysis for h in headers)
    inits: dict[datetime, str] = {}
    for header in headers:
        if not header.analysis:
            inits.setdefault(header.init, header.label)
    _check_cycle(inits, analysis)
    states = [v for n, by_time in messages.items() if not VARIABLES[n].amount for v in by_time]
    init = min(inits) if inits else min(states or [v for by_time in messages.values() for v in by_time])
    if analysis:  # a cycle is named by its hour
        init = init.replace(minute=0, second=0, microsecond=0)
    elif init != init.replace(minute=0, second=0, microsecond=0):
        raise BadInput(f"{headers[0].label}: starts at {init:%Y-%m-%dT%H:%M}; forecasts start at a whole hour")
    _check_matrix(messages, init, analysis)
    origins = {h.origin for h in headers}
    amounts_of = {n: m for n, m in messages.items() if VARIABLES[n].amount}
    series = {n: all(h.analysis for h in headers if h.variable.name == n) for n in amounts_of}  # beside a forecast
    found = {n: _covered(n, m, grid, inside, init, series[n], rain_interval) for n, m in amounts_of.items()}
    found = {n: replace(c, evidence=", ".join(filter(None, [c.evidence, several[n]]))) for n, c in found.items()}
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
        averaged=list(dict.fromkeys(h.variable.name for h in headers if h.averaged)),
        covered=found,
        others=scan.others,
        terrain=scan.terrain,
        inside=inside,
    )
