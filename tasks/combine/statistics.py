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


def spread(samples: np.ndarray, members: int) -> np.ndarray:
    """Standard deviation (...) about the mean, as far as the truth may lie, of so many members, each drawn alike often.

    samples (members x draws, ...), a member's draws together. Between members n - 1 of them count, however often they
    were drawn: the variance of their means, which has one draw's share of what a member's draws differ, and the rest.
    """
    each = samples.reshape(members, -1, *samples.shape[1:])
    draws = each.shape[1]
    between = each.mean(axis=1, dtype=np.float32).var(axis=0, ddof=1)
    if draws == 1:
        return np.asarray(np.sqrt(between))
    within = each.var(axis=1, ddof=1, dtype=np.float32).mean(axis=0)
    return np.asarray(np.sqrt(between + within * (1 - 1 / draws)))


def chance(members: np.ndarray, value: float, below: bool) -> np.ndarray:
    """Of members (members, ...) those below or above a value, in %; NaN where a member is."""
    passed = members < value if below else members > value
    share = 100.0 * passed.mean(axis=0, dtype=np.float32)
    return np.where(np.isnan(members).any(axis=0), np.float32(np.nan), share).astype(np.float32)
