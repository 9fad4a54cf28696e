"""A product as one GRIB2 file, a message a field and lead time: for programs that read nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from flows.products.export.wanted import Wanted
from tasks.errors import BadInput
from tasks.grib.write import grib_message
from tasks.grids.gridded import gridded, lead_times
from tasks.variables import VARIABLES

if TYPE_CHECKING:
    import xarray as xr


def write_grib(wanted: Wanted, path: Path) -> None:
    """Write what is wanted, by WMO's tables (rain in kg m-2), of no centre; a chunk's lead times in memory at a time.

    BadInput for lead times that are no whole hours.
    """
    product, cycle = wanted.open(), wanted.chosen.cycle
    grid = gridded(product, wanted.chosen.uri).grid
    bounds = _bounds(product, wanted.chosen.entry.lead_hours)
    with path.open("wb") as file:
        for name in wanted.names:
            variable = VARIABLES[name]
            for i, field in lead_times(product[name]):
                file.write(grib_message(variable, cycle.time, bounds[i], grid, field, standard=True))


def _bounds(product: xr.Dataset, lead_hours: list[float]) -> list[tuple[int, int]]:
    """From and until when sums are, in hours; where the product does not say, since the lead time before."""
    if "step_bounds" in product:
        hours = product["step_bounds"].values / np.timedelta64(1, "h")
    else:
        ends = product["step"].values / np.timedelta64(1, "h")
        hours = np.array([[max((h for h in lead_hours if h < end), default=0.0), end] for end in ends])
    part = hours[hours % 1 != 0]
    if part.size:
        raise BadInput(f"--format grib2: it has whole hours alone here, and there is +{part[0]:g} h; leave it out")
    return [(int(start), int(stop)) for start, stop in hours]
