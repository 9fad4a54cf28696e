"""The hours between a forecast's lead times, for who reads a place: interpolated.

States go along a monotone cubic through the lead times (PCHIP, Fritsch and Butland 1984, doi:10.1137/0905021): it keeps
these and makes no new extreme. Sums keep their amounts from the first lead time on: the same curve through all that has
come so far, whose steps from hour to hour are never negative. Those of the sun's radiation fall on the hours of their
interval as the sun above the air does, under one cloudiness. The extreme of an interval is that of each of its hours,
at most.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import numpy as np

from tasks.errors import BadInput
from tasks.variables import VARIABLES

log = logging.getLogger(__name__)

# Mean cosine of the sun's zenith distance in the hour before each of these hours since the start: (hour, place)
Sunshine = Callable[[np.ndarray], np.ndarray]
SOLAR = "ssrd"

LONGEST = 6.0  # hours between two lead times: what is further apart has lost its day


def hourly(
    hours: Sequence[float], fields: dict[str, np.ndarray], starts: np.ndarray | None, sun: Sunshine
) -> tuple[list[float], dict[str, np.ndarray]]:
    """Every hour from the first lead time to the last, and variable -> values (hours, places).

    `fields`: the same at the lead times, in SI; `sun`: over these places. `starts`: hours at which sums begin, of each
    lead time. BadInput for lead times that are no whole hours or too far apart, and for sums that nobody knows the
    interval of.
    """
    known = np.asarray(hours, dtype=np.float64)
    if len(known) < 2:
        return list(hours), fields
    if (known % 1).any() or np.diff(known).max() > LONGEST:
        raise BadInput(f"--hourly: lead times are to be whole hours, {LONGEST:g} apart at most")
    every = np.arange(known[0], known[-1] + 1)
    return every.tolist(), {n: _between(n, known, every, values, starts, sun) for n, values in fields.items()}


def warn_of_sums_before(known: Sequence[float], first: float, starts: np.ndarray | None, names: Sequence[str]) -> None:
    """Log which part of sums is in no hour, where hours begin with the product's first lead time, `first`."""
    amounts = [n for n in names if VARIABLES[n].amount]
    if starts is None or not amounts or len(known) < 2 or first > known[0] or starts[0] >= known[0] - 1:
        return
    log.warning(
        "--hourly: %s of %g to %g h, before the first lead time's last hour, is in no hour: hours begin at %g h",
        ", ".join(amounts), starts[0], known[0] - 1, known[0],
    )  # fmt: skip


def _between(
    name: str, known: np.ndarray, every: np.ndarray, values: np.ndarray, starts: np.ndarray | None, sun: Sunshine
) -> np.ndarray:
    from scipy.interpolate import PchipInterpolator  # a third of a second, which nobody else waits for

    variable = VARIABLES[name]
    if variable.extreme:
        return values[np.searchsorted(known, every)]
    if not variable.amount:
        return np.asarray(PchipInterpolator(known, values)(every))
    if starts is None:
        raise BadInput(
            f"--hourly: nothing says which time {name} covers; leave it out, or make the product with rain_interval in "
            "region.yaml"
        )
    if name == SOLAR:
        return _by_sun(known, every, values, starts, sun)
    so_far = np.cumsum(values, axis=0)
    if starts[0] < known[0]:
        known, so_far = np.insert(known, 0, starts[0]), np.insert(so_far, 0, 0.0, axis=0)
    else:  # of no time: nothing has come yet
        so_far = so_far - values[0]
    curve = PchipInterpolator(known, so_far)
    return np.maximum(curve(every) - curve(np.maximum(every - 1, known[0])), 0.0)


def _by_sun(known: np.ndarray, every: np.ndarray, values: np.ndarray, starts: np.ndarray, sun: Sunshine) -> np.ndarray:
    out = np.zeros((len(every), *values.shape[1:]))
    for begin, end, amount in zip(starts, known, values, strict=True):
        ends = np.arange(begin + 1, end + 1)
        if not ends.size:
            continue
        weight = sun(ends)
        whole = weight.sum(axis=0)
        share = np.where(whole > 0, weight, 1.0) / np.where(
            whole > 0, whole, len(ends)
        )  # by night: what is there evenly
        inside = ends >= every[0]
        out[(ends[inside] - every[0]).astype(int)] = (share * amount)[inside]
    return out
