"""One decoded field, whatever file it came from: what the readers give and what preparation takes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from tasks.grids.grid import Grid
from tasks.variables import Variable


@dataclass(frozen=True)
class DecodedField:
    """A field in canonical order and SI units.

    `init`: start of the forecast. `start`..`valid`: interval of an amount; both equal for an instant. `analysis`: the
    field belongs to a time series (reanalysis), so that different `init` do not mean different forecasts.
    `values` (rows, cols) float32, NaN where the file says missing. `where` names file and message for errors.
    """

    variable: Variable
    init: datetime
    start: datetime
    valid: datetime
    analysis: bool
    origin: str  # ifs, era5 or unknown: whose licence applies
    expver: str  # 0001 final, 0005 ERA5T; empty if the file does not say
    grid: Grid
    values: np.ndarray
    where: str
    dated: bool = True  # False: the file does not say when, and the times above mean nothing

    @property
    def lead(self) -> timedelta:
        """Lead time from the forecast's own start."""
        return self.valid - self.init
