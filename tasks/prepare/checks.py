"""Guards on decoded fields: what is not physical does not go on. Each error names field, lead time and value."""

from __future__ import annotations

import numpy as np

from tasks.errors import CorruptField
from tasks.grids.grid import Grid
from tasks.prepare.fields import DecodedField


def _when(field: DecodedField) -> str:
    hours = field.header.lead.total_seconds() / 3600
    when = (
        f"{field.header.valid:%Y-%m-%dT%H}"
        if field.header.analysis
        else f"{field.header.init:%Y-%m-%dT%H} +{hours:g} h"
    )
    return f"{field.header.label}, {when}"


def _hint(field: DecodedField, low: float, high: float) -> str:
    """What values outside the range probably are."""
    if field.header.variable.units == "K" and low > -100 and high < 70:
        return "this looks like °C labelled as K"
    if field.header.variable.units == "Pa" and low > 300 and high < 1200:
        return "this looks like hPa labelled as Pa"
    if field.header.variable.units == "m" and high > 3:
        return "this looks like mm labelled as m"
    return "the message is damaged or mislabelled: fetch it again"


def assert_physical(field: DecodedField) -> None:
    """Every known value is inside the variable's physical range."""
    known = field.values[np.isfinite(field.values)]
    if known.size == 0:
        version = field.header.expver if field.header.analysis else ""
        why = f"cut to expver {version}? hand in the file with both versions" if version else "fetch the file again"
        raise CorruptField(f"{_when(field)}: every value is missing; {why}")
    variable, low, high = field.header.variable, float(known.min()), float(known.max())
    floor = -variable.noise if variable.amount else variable.low
    if low < floor or high > variable.high:
        raise CorruptField(
            f"{_when(field)}: values {low:.6g}..{high:.6g} {variable.units} leave the physical range "
            f"{variable.low:g}..{variable.high:g}; {_hint(field, low, high)}"
        )


def assert_smooth(field: DecodedField) -> None:
    """No two neighbours differ by more than the atmosphere allows at this spacing."""
    limit = field.header.variable.jump * max(1.0, max(field.grid.dlat, field.grid.dlon) / 0.25)
    for axis, name in ((0, "north-south"), (1, "west-east")):
        steps = np.abs(np.diff(field.values, axis=axis))
        if steps.size and np.nanmax(steps) > limit:
            row, col = np.unravel_index(int(np.nanargmax(steps)), steps.shape)
            place = f"{field.grid.latitude[row]:g}N {field.grid.longitude[col]:g}E"
            raise CorruptField(
                f"{_when(field)}: a {name} jump of {np.nanmax(steps):.4g} {field.header.variable.units} at {place} "
                f"(at most {limit:g}); {_hint_of_jumps(field, steps)}"
            )


def _hint_of_jumps(field: DecodedField, steps: np.ndarray) -> str:
    """What a field that jumps probably is.

    Neighbours at 0.25 degree differ by 30 Pa on average at sea level, in hills by 400 to 1,700 at the surface.
    """
    if field.header.variable.name == "msl" and np.nanmean(steps) > 200:
        return "this looks like surface pressure labelled as that at sea level: name it surface_pressure or sp"
    return "the message is damaged: fetch it again"


def assert_complete(field: DecodedField, regridded: np.ndarray, grid: Grid) -> None:
    """No NaN in the area that is needed."""
    holes = ~np.isfinite(regridded)
    if holes.any():
        row, col = np.argwhere(holes)[0]
        raise CorruptField(
            f"{_when(field)}: {int(holes.sum())} of {holes.size} needed values are missing (NaN), first at "
            f"{grid.latitude[row]:g}N {grid.longitude[col]:g}E; hand in a file without holes there"
        )
