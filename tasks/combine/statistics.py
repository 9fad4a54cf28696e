"""What members say of a value together: mean, spread, quantiles, chances."""

from __future__ import annotations

import numpy as np

from tasks.handover.calibrated import LEVELS


def quantiles(members: np.ndarray, levels: tuple[float, ...] = LEVELS) -> np.ndarray:
    """Members (members, ...) -> (levels, ...): below which values a further member would lie so often.

    A truth that is drawn as the members are falls between any neighbours of n sorted ones, and beyond their ends, with
    a chance of 1 / (n + 1) each (Weibull's plotting positions), so member i of them is the quantile i / (n + 1).
    Beyond the ends the end is what is known: of ten members the 5 % quantile is the lowest, which is the 9 % one.
    """
    count = len(members)
    ordered = np.sort(np.moveaxis(members, 0, -1), axis=-1)  # along what lies innermost it is several times as fast
    out = np.empty((len(levels), *members.shape[1:]), members.dtype)
    for i, level in enumerate(levels):
        place = min(max(level * (count + 1) - 1, 0.0), count - 1.0)
        low = int(place)
        share = members.dtype.type(place - low)
        out[i] = ordered[..., low]
        if share:
            out[i] += share * (ordered[..., low + 1] - ordered[..., low])
    return out


def spread(members: np.ndarray) -> np.ndarray:
    """Standard deviation of members (members, ...) about their mean, of n - 1 of them: as far as the truth may lie."""
    found: np.ndarray = members.std(axis=0, ddof=1, dtype=np.float32)
    return found


def chance(members: np.ndarray, value: float, below: bool) -> np.ndarray:
    """Of members (members, ...) those below or above a value, in %; NaN where a member is."""
    passed = members < value if below else members > value
    share = 100.0 * passed.mean(axis=0, dtype=np.float32)
    return np.where(np.isnan(members).any(axis=0), np.float32(np.nan), share).astype(np.float32)
