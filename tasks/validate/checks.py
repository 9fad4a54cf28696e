"""Hard checks of a product by value: finite, physical, not constant, true to its input, without seams."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import repeat

import numpy as np
import xarray as xr

from models.cell_means import CellMeans
from models.followers import FOLLOWERS, Share
from models.observed import Observed, PointReadings
from models.operator import Operator
from tasks.arrays import DAMAGE, not_read_back
from tasks.errors import in_a_line
from tasks.grids.cell_means import observed
from tasks.grids.grid import Grid
from tasks.grids.gridded import ALTITUDE, lead_times
from tasks.handover.calibrated import GROUP
from tasks.handover.digests import Digests, path_of
from tasks.handover.prepared import INPUT
from tasks.handover.scorecard import Check
from tasks.handover.shards import field_digest
from tasks.parallel import in_order
from tasks.region.limits import GateLimits
from tasks.store.packing import largest_error
from tasks.store.read_back import altered
from tasks.variables import VARIABLES

ROUNDINGS = 4  # of a value's largest rounding error: less than that a field does not vary
# Of the input's deviation: snow falls on mountains of which a coarse input's temperature knows nothing, so that a share
# of another amount is not the input's where read again; damage is further away
OF_SHARES = 1.0
# Of the input at its points, in the variable's unit: a small or quiet region varies less
QUIET = {
    "t2m": 1.0, "d2m": 1.0, "skt": 1.0, "mx2t": 1.0, "mn2t": 1.0, "u10": 0.5, "v10": 0.5, "u100": 0.5, "v100": 0.5,
    "fg10": 1.0, "sp": 100.0, "msl": 50.0,
}  # fmt: skip
# Most that a variable changes a metre with the terrain: dry air 9.8 K/km, inversions as much upwards; cold air 14 Pa
STEEPEST = dict.fromkeys(("t2m", "d2m", "skt", "mx2t", "mn2t"), 0.012) | {"sp": 14.0}
NEAR = 10  # points on either side of a border that it is held against: a mountain range is no seam, nor a front


def seam_ratio(field: np.ndarray, rows: list[int], cols: list[int]) -> float:
    """Mean jump across a tile border over the largest such near it, of the worst border; 1 without borders or jumps.

    For a border before row r (column alike), with j(i) = mean over columns of |field[i] - field[i - 1]|: j(r) / max of
    j(i) for i within NEAR of r, but r itself; the largest of all borders, and at least 1.

    field (rows, cols), any unit; rows, cols: indices at which something new begins. A NaN that near leaves a border
    out, as comparisons with it are false: `check` refuses it by itself. IndexError for a border outside of the field.

    A measure of our own: those of blocks in coded pictures look for a period, and tiles have none.
    """
    worst = 1.0
    for axis, borders in ((0, rows), (1, cols)):
        for border in borders:
            low, high = max(border - NEAR - 1, 0), min(border + NEAR + 1, field.shape[axis])
            near = field[low:high] if axis == 0 else field[:, low:high]
            jumps = np.abs(np.diff(near, axis=axis)).mean(axis=1 - axis)
            at = border - low - 1
            elsewhere = float(np.delete(jumps, at).max())
            if elsewhere > 0:
                worst = max(worst, float(jumps[at]) / elsewhere)
    return worst


def check(
    product: xr.Dataset,
    target: Grid,
    fields: xr.Dataset,
    grid: Grid,
    operator: Operator,
    limits: GateLimits,
    borders: tuple[list[int], list[int]] = ([], []),
    digests: Digests | None = None,
    increments: xr.Dataset | None = None,
) -> list[Check]:
    """Every hard check of every variable, over all lead times; reads each value once, some lead times at a time.

    `fields` on `grid`: the input, whose values are what `operator` says.

    `digests`: of the values of all that is read here, as they were computed; ReadBackFailed if others are read.
    `increments`: what calibration has added, without which the product is true to its input.
    """
    input_of = observed(target, grid, operator)
    higher = None
    if isinstance(input_of, PointReadings) and ALTITUDE in product.coords and ALTITUDE in fields.coords:
        higher = input_of.beyond(product[ALTITUDE].values, fields[ALTITUDE].values)
    names = [str(n) for n in product.data_vars if n in VARIABLES]
    calls = (
        partial(
            _check,
            product[n],
            fields[n],
            partial(_error, input_of, higher, n),
            input_of,
            limits,
            borders,
            digests,
            increments[n] if increments is not None and n in increments else None,
        )
        for n in names
    )
    return [one for found in in_order(calls) for one in found]


def _check(
    product: xr.DataArray,
    fields: xr.DataArray,
    error: Callable[[np.ndarray, np.ndarray], float],
    input_of: Observed,
    limits: GateLimits,
    borders: tuple[list[int], list[int]],
    digests: Digests | None,
    increments: xr.DataArray | None,
) -> list[Check]:
    """Every hard check of one variable."""
    name = str(product.name)
    variable = VARIABLES[name]
    # whether it is true to its input
    of_input, allowed = (
        ("re-coarsening error", limits.recoarsening)
        if isinstance(input_of, CellMeans)
        else ("reading error", limits.reading)
    )
    if isinstance(FOLLOWERS.get(name), Share):
        allowed = max(allowed, OF_SHARES)
    finite, low, high, constant, missed, seam = 1.0, np.inf, -np.inf, 0, 0.0, 1.0
    read = zip(
        _read_back(product, name, digests),
        _read_back(fields, path_of(INPUT, name), digests),
        repeat(None, len(product)) if increments is None else _read_back(increments, path_of(GROUP, name), digests),
        strict=True,
    )
    for fine, coarse, added in read:
        least, most = float(fine.min()), float(fine.max())
        if not np.isfinite(least + most):
            known = np.isfinite(fine)
            finite = min(finite, float(known.mean()))
            least, most = (float(f(fine[known], initial=np.nan)) for f in (np.nanmin, np.nanmax))
        low, high = min(low, least), max(high, most)
        inside = input_of.select(coarse)
        constant += bool(least == most and np.ptp(inside) > max(variable.noise, _unseen(inside, name)))
        raw = fine if added is None else fine - added
        missed = max(missed, error(raw, coarse))
        seam = max(seam, seam_ratio(fine, *borders))
    return [
        Check(name=what, variable=name, value=round(value, 8), limit=limit, passed=passed)
        for what, value, limit, passed in (
            ("finite share", finite, 1.0, finite == 1.0),
            ("lowest value", low, variable.low, low >= variable.low),
            ("highest value", high, variable.high, high <= variable.high),
            ("constant lead times", constant, 0, constant == 0),
            (of_input, missed, allowed, missed <= allowed),
            ("seam", seam, limits.seam, seam <= limits.seam),
        )
    ]


def _error(input_of: Observed, higher: np.ndarray | None, name: str, fine: np.ndarray, coarse: np.ndarray) -> float:
    """Observation error as a share of the input's deviation, which counts as no less than ROUNDINGS rounding errors.

    An overcast sky of 0.9995 to 1 does not vary by what a product's rounding takes off. Of samples it counts as no less
    than QUIET either. `higher`: the product's terrain than the input's, at its points, where that is known.
    """
    if isinstance(input_of, PointReadings):
        found, quiet = input_of.error(fine, coarse, higher, STEEPEST.get(name)), QUIET.get(name, 0.0)
    else:
        found, quiet = input_of.error(fine, coarse), 0.0
    inside = input_of.select(coarse)
    deviation = float(inside.std()) if inside.size else 0.0
    if not deviation > 0:  # nothing varies, or NaN
        return found
    return found * min(deviation / max(_unseen(inside, name), quiet), 1.0)


def _unseen(values: np.ndarray, name: str) -> float:
    """What a product of such values does not resolve, in their unit."""
    largest = float(np.abs(values).max(initial=0.0))
    return ROUNDINGS * largest_error(name, largest) if largest > 0 else 0.0


def _read_back(array: xr.DataArray, path: str, digests: Digests | None) -> Iterator[np.ndarray]:
    """Each lead time's values, which have to be those that were written to a path of the product."""
    what = f"{array.encoding.get('source', 'product')}: {path}"
    side = (array.encoding.get("shards") or array.shape)[-2:]
    try:
        for i, field in lead_times(array):
            if digests is not None and field_digest(field, *side) != digests[path][i]:
                raise not_read_back(f"{what} at lead time {i}", "other values")
            yield field
    except DAMAGE as error:
        raise not_read_back(what, in_a_line(error)) from error


def assert_written(uri: str, digests: Digests, names: list[str]) -> None:
    """ReadBackFailed if an array of a staged product that `check` of these variables does not read is another one now.

    Coordinates, terrain, what calibration has of stations; and the fields of variables that `check` skips.
    """
    read = {path_of(group, name) for group in ("", INPUT, GROUP) for name in names}
    wrong = next(altered(uri, {path: d for path, d in digests.items() if path not in read}), None)
    if wrong is not None:
        raise not_read_back(uri, wrong)
