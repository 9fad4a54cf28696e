"""A field held against the same field at other lead times, or as the cycle before had it: the terrain is in both.

Limits stand beside the largest in real series, ERA5's over eastern China, Britain and Italy, ARPEGE's over France, 1 to
12 hours apart, and between members of MOGREPS-UK. These are few, and hold no typhoon: limits leave twice as much and
more, and pressure is judged less what sea-level and surface pressure have in common.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from tasks.prepare.consistency import Fields, Finding, Limit, largest, unexplained
from tasks.prepare.measures import alone, outside, unevenness

LONGEST = 12.0  # hours between two lead times: beyond, one says little of the other
ENDS = 1.5  # a wrong field at an end is twice as far from its neighbour as that is from its own two
COMPANIONS = {"sp": {"msl": 1.0}, "msl": {"sp": 1.0}}
LONE = {
    "t2m": Limit(1.0, 5.5, 2.74),
    "d2m": Limit(1.0, 5.0, 1.38),
    "u10": Limit(2.0, 2.5, 0.56),
    "v10": Limit(2.0, 2.5, 0.42),
    "sp": Limit(400.0, 5.0, 0.1),
    "msl": Limit(400.0, 5.0, 0.1),
}
BESIDE = {"sp": Limit(200.0, 3.0, 0.2), "msl": Limit(200.0, 3.0, 0.2)}
UNEVEN = {
    "t2m": Limit(0.5, 10.0, 4.85),
    "d2m": Limit(0.5, 10.0, 2.01),
    "u10": Limit(1.5, 6.5, 0.89),
    "v10": Limit(1.5, 6.5, 1.33),
    "sp": Limit(50.0, 6.0, 0.5),
    "msl": Limit(50.0, 6.0, 0.3),
}
BULK = {  # median of the difference, in the field's unit
    "t2m": Limit(0.0, 25.0, 9.12),
    "d2m": Limit(0.0, 25.0, 1.69),
    "u10": Limit(0.0, 25.0, 1.36),
    "v10": Limit(0.0, 25.0, 5.66),
    "sp": Limit(0.0, 4000.0, 291.0),
    "msl": Limit(0.0, 4000.0, 261.0),
}


@dataclass(frozen=True)
class Jump:
    """A finding at a lead time, by its index."""

    index: int
    finding: Finding


def differing(change: Fields, latitude: np.ndarray) -> list[Finding]:
    """What is beyond limits in the difference of two sets of fields, the largest excess first."""
    found = [f for f in measured(change, latitude) if f.excess > 1]
    return sorted(found, key=lambda f: -f.excess)


def measured(change: Fields, latitude: np.ndarray) -> Iterator[Finding]:
    """Each measure's largest, as a share of its limit."""
    known = {name: field for name, field in change.items() if name in LONE}
    for name, field in known.items():
        bulk = np.abs(np.median(field)) / BULK[name].limit
        yield largest((name,), "a change of most points", np.full((1, 1), bulk))
    if not known or min(next(iter(known.values())).shape) < 3:
        return
    out = {name: np.abs(outside(field)) for name, field in known.items()}
    for name, field in known.items():
        beside, excess = unexplained(out, name, COMPANIONS)
        limit = (BESIDE if beside else LONE)[name]
        yield largest((name,), "a change unlike that all around it", alone(excess, limit.floor) / limit.limit)
        rough = unevenness(field, latitude, UNEVEN[name].floor)
        yield largest((name,), "rows that do not change alike", rough / UNEVEN[name].limit)


def jumps(series: Iterable[tuple[float, Fields]], latitude: np.ndarray) -> list[Jump]:
    """Lead times (hours, fields) that do not lie between their neighbours, the largest excess first.

    The first and the last are held against the one beside them, and count where they are further off than that. A wrong
    field is found in its neighbours too, at half the excess: whoever asks names the first of what is returned.
    """
    held: list[tuple[float, Fields]] = []
    found: list[Jump] = []
    count = 0
    for hours, fields in series:
        held.append((hours, fields))
        count += 1
        if count == 2:
            found += _judged(0, _change(held[0], held[1]), latitude)
        if len(held) == 3:
            found += _judged(count - 2, _between(*held), latitude)
            held.pop(0)
    if count > 1:
        found += _judged(count - 1, _change(held[-1], held[-2]), latitude)
    for end, beside in ((0, 1), (count - 1, count - 2)) if count > 2 else ():
        inner = max((j.finding.excess for j in found if j.index == beside), default=0.0)
        found = [j for j in found if j.index != end or j.finding.excess > ENDS * inner]
    return sorted(found, key=lambda j: -j.finding.excess)


def _judged(index: int, change: Fields | None, latitude: np.ndarray) -> list[Jump]:
    return [Jump(index, f) for f in differing(change, latitude)] if change is not None else []


def _change(now: tuple[float, Fields], other: tuple[float, Fields]) -> Fields | None:
    if abs(now[0] - other[0]) > LONGEST:
        return None
    return {n: f - other[1][n] for n, f in now[1].items()}


def _between(before: tuple[float, Fields], now: tuple[float, Fields], after: tuple[float, Fields]) -> Fields | None:
    """What a field differs by from the straight line between its neighbours; from the nearer where one is far."""
    if now[0] - before[0] > LONGEST:
        return _change(now, after)
    if after[0] - now[0] > LONGEST:
        return _change(now, before)
    share = (now[0] - before[0]) / (after[0] - before[0])
    return {n: f - ((1 - share) * before[1][n] + share * after[1][n]) for n, f in now[1].items()}
