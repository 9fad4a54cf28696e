"""One field, whatever file it comes from: first what the file says of it, then its values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np

from tasks.errors import readable
from tasks.grids.grid import Canonical, Grid
from tasks.variables import Variable


class Since(StrEnum):
    """From when an amount is counted, where that is known otherwise than by two times."""

    START = "start"  # of the forecast
    DAY = "day"  # 00 UTC, as in ERA5-Land
    STEP = "step"  # the lead time before
    HOURS = "hours"  # some hours before the valid time
    MONTH = "month"  # the month that begins at the valid time
    RESET = "reset"  # the last of some times


@dataclass(frozen=True)
class Rule:
    """What amounts cover by a convention; `hours` of Since.HOURS, `resets` of Since.RESET. `evidence` says whose."""

    since: Since
    evidence: str
    hours: float = 0.0
    resets: tuple[datetime, ...] = ()
    asked: bool = False  # by the user


@dataclass(frozen=True)
class FieldHeader:
    """What a file says of one field.

    `init`: start of the forecast. `start`..`end`: interval of an amount by `evidence`, `end` None: to `valid`; both
    are `valid` for an instant. `start` None: not in the header, `rule` may have it. `per`: seconds that values are a
    rate over, None for amounts. `analysis`: the field belongs to a time series (reanalysis), so that different `init`
    do not mean different forecasts.
    `layout`: its whole grid, and how its values come into canonical order. `label` names file and message for errors.
    `read` gives the values of the layout that it is handed: (rows, cols) float32 in SI units, NaN where missing.
    """

    variable: Variable
    init: datetime
    start: datetime | None
    valid: datetime
    analysis: bool
    origin: str  # ifs, aifs, era5 or unknown: whose licence applies
    expver: str  # 0001 final, 0005 ERA5T; empty if the file does not say
    layout: Canonical
    label: str
    read: Callable[[Canonical], np.ndarray]
    means: bool = False  # the file says that values are means over cells
    averaged: bool = False  # over time; of what is no amount
    dated: bool = True  # False: the file does not say when, and the times above mean nothing
    end: datetime | None = None
    evidence: str = ""
    rule: Rule | None = None
    per: float | None = None
    length: timedelta | None = None  # of its interval, in a calendar that is not ours
    member: int = 0  # of an ensemble; 0: its control, or of none

    @property
    def grid(self) -> Grid:
        """The whole grid, in canonical order."""
        return self.layout.grid

    @property
    def lead(self) -> timedelta:
        """Lead time from the forecast's own start."""
        return self.valid - self.init

    def decode(self, area: Grid | None = None) -> DecodedField:
        """The field, or its part that regridding to an area needs; decodes it anew at every call."""
        layout = self.layout if area is None else self.layout.around(area)
        with readable(f"{self.label}: does not decode"):
            return DecodedField(self, layout.grid, self.read(layout))


@dataclass(frozen=True)
class OwnTerrain:
    """Terrain that comes with fields: that which their model computes with.

    `read` gives its values of the layout that it is handed, (rows, cols) in `units`: m2 s-2 or m.
    """

    label: str
    units: str
    layout: Canonical
    read: Callable[[Canonical], np.ndarray]


@dataclass(frozen=True)
class Scan:
    """What files hold: headers of wanted fields, names of all others, and terrain."""

    headers: list[FieldHeader] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    terrain: list[OwnTerrain] = field(default_factory=list)


@dataclass(frozen=True)
class DecodedField:
    """Values (rows, cols) float32 in canonical order and SI units, NaN where the file says missing."""

    header: FieldHeader
    grid: Grid
    values: np.ndarray
