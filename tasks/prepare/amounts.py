"""What an amount covers, and what says so: from its header, its source's convention, its user, or its own values.

Files say it in many ways, and not always: by a range of steps (GRIB), by bounds (CF), by where they come from (ERA5
holds amounts of one hour, ERA5-Land of the day so far), or not at all. Without evidence an amount has no interval: it
stays as it is, and is not scored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np

from tasks.errors import BadInput, CorruptField
from tasks.prepare.fields import FieldHeader, Rule, Since
from tasks.variables import VARIABLES

# of one variable: valid time -> the messages of it, two if a file was handed in twice; none where it is zero by nature
Messages = dict[datetime, list[FieldHeader]]

HOUR = timedelta(hours=1)
STEP_OF_PACKING = 4e-5  # of the largest value: by less a packed sum falls by itself
SERIES = 6  # amounts of one time each that only rise happen by chance in fewer
DAY_PAIRS = 5  # the same within a day
RESETS = 6.0, 12.0, 24.0  # hours after which sums of joined forecasts start anew
DAILY = timedelta(hours=24)  # ERA5 so far apart may be anything made of it
LAND_SPACING = 0.2  # degrees: ERA5 comes every 0.25, ERA5-Land every 0.1
SELDOM = 0.25  # share of pairs at most at which a sum that starts anew falls
FALLING = 0.5  # share of pairs that fall somewhere: a sum never does, amounts of intervals nearly always

OF_ERA5 = Rule(Since.HOURS, "ERA5's convention, amounts of one hour", 1.0)


@dataclass(frozen=True)
class Interval:
    """What an amount covers. `differenced`: once the sum before it is taken off. `seconds`: of a rate, its time."""

    start: datetime
    end: datetime
    differenced: bool = False
    seconds: float | None = None


@dataclass(frozen=True)
class Covered:
    """The interval at every valid time, None where nobody says, and the evidence for them."""

    intervals: dict[datetime, Interval] | None
    evidence: str


@dataclass(frozen=True)
class Course:
    """How a variable's values go in time: `falls[i]`, somewhere, from time i to the next by more than packing does."""

    wet: bool  # a dry series shows nothing
    falls: list[bool]
    dries: bool = False  # nothing anywhere after something: no sum since the start does that


def parse_rule(text: str | None) -> Rule | None:
    """What a user says: `1h`, `6h` ..., `start`, `day`, `step`; BadInput for anything else."""
    if text is None:
        return None
    if match := re.fullmatch(r"(\d+(?:\.\d+)?) ?h", text):
        if 0 < (hours := float(match[1])) <= 744:
            return Rule(Since.HOURS, f"--rain-interval {text}", hours, asked=True)
    elif text in (Since.START, Since.DAY, Since.STEP):
        return Rule(Since(text), f"--rain-interval {text}", asked=True)
    raise BadInput(
        f"--rain-interval {text!r}: give hours like 1h or 6h, or since when it is counted: start (of the forecast), "
        "day (00 UTC) or step (the time before)"
    )


def course(name: str, fields: Iterable[np.ndarray]) -> Course:
    """How a variable's values (rows, cols) go from one time to the next; one at a time in memory."""
    grain = VARIABLES[name].grain
    falls: list[bool] = []
    wet = dries = False
    before: np.ndarray | None = None
    for values in fields:
        largest = float(np.nanmax(values, initial=0.0))
        dries = dries or (wet and largest <= grain)
        wet = wet or largest > grain
        if before is not None:
            noise = max(grain, STEP_OF_PACKING * max(largest, float(np.nanmax(before, initial=0.0))))
            falls.append(bool(np.nanmin(values - before, initial=0.0) < -noise))
        before = values
    return Course(wet, falls, dries)


def covered(
    messages: Messages, init: datetime, analysis: bool, by_user: Rule | None, look: Callable[[], Course]
) -> Covered:
    """The interval of each message of an amount; `look` decodes them all, and is called where headers do not tell."""
    headers = {v: found[0] for v, found in sorted(messages.items()) if found}
    empty = [v for v in messages if v not in headers]
    if by_user is None and all(h.start is not None for h in headers.values()):
        stated = {v: (h.start or v, h.end or v) for v, h in headers.items()}
        return Covered(
            _intervals(stated, headers, empty, by_rule=False), next(iter(h.evidence for h in headers.values()), "")
        )
    if by_user is not None and not _tiles(by_user, list(headers), init, analysis):
        raise BadInput(f"{by_user.evidence}: one time alone has none before it; give hours like 6h")
    rule = by_user or _common_rule(headers) or _rule_of_values(headers, analysis, look())
    if rule is None or not _tiles(rule, list(headers), init, analysis):
        return Covered(None, "")
    return Covered(
        _intervals(_by_rule(rule, list(headers), init, analysis), headers, empty, by_rule=True), rule.evidence
    )


def _tiles(rule: Rule, valids: list[datetime], init: datetime, analysis: bool) -> bool:
    """Whether the rule says of which time the amounts are: one time alone has none before it, uneven ones may."""
    if rule.since is Since.START:
        return len(valids) > 1 or not analysis
    if rule.since is not Since.STEP:
        return True
    if not analysis:
        return len(valids) > 1 or valids[0] - init <= timedelta(hours=6)
    return len(valids) > 1 and (rule.asked or len({b - a for a, b in pairwise(valids)}) == 1)


def _common_rule(headers: dict[datetime, FieldHeader]) -> Rule | None:
    rules = {h.rule for h in headers.values()}
    return rules.pop() if len(rules) == 1 else None


def _rule_of_values(headers: dict[datetime, FieldHeader], analysis: bool, seen: Course) -> Rule | None:
    valids, first = list(headers), next(iter(headers.values()))
    if first.per is not None:  # of a rate values tell nothing
        known = first.origin == "era5" and all(b - a < DAILY for a, b in pairwise(valids))
        return OF_ERA5 if known and analysis else None
    if not analysis:
        return _rule_of_forecast(seen, first.origin)
    if first.origin == "era5":
        return _rule_of_era5(valids, seen, first.grid.dlat)
    return _rule_of_series(valids, seen)


def _rule_of_forecast(seen: Course, origin: str) -> Rule | None:
    since_start = Rule(Since.START, "its lead times, as sums since the start")
    if not any(seen.falls):
        return since_start
    if not seen.dries and sum(seen.falls) < FALLING * len(seen.falls):  # a sum, one of whose messages is wrong
        return since_start
    if origin == "era5":
        return OF_ERA5
    return Rule(Since.STEP, "values that fall from lead time to lead time, as amounts of each")


def _rule_of_era5(valids: list[datetime], seen: Course, spacing: float) -> Rule | None:
    """ERA5: of one hour. ERA5-Land: of the day so far, which 00 UTC ends."""
    if any(b - a >= DAILY for a, b in pairwise(valids)):
        return None
    within = [f for (a, b), f in zip(pairwise(valids), seen.falls, strict=True) if _day(a) == _day(b)]
    land = spacing < LAND_SPACING
    if (seen.wet and not any(within) and len(within) >= DAY_PAIRS) or (land and not any(within)):
        return Rule(Since.DAY, "ERA5-Land's convention, sums since 00 UTC" if land else "values that rise from 00 UTC")
    if land and any(b - a != HOUR for a, b in pairwise(valids)):
        return None  # somebody has taken the sums apart, into what is not to be seen
    return OF_ERA5


def _rule_of_series(valids: list[datetime], seen: Course) -> Rule | None:
    """Of anybody's time series: sums, where values only rise, or do so from one regular moment to the next."""
    if not seen.wet or len(valids) < SERIES:
        return None
    resets = [valid for valid, falls in zip(valids, seen.falls, strict=False) if falls]
    if not resets:
        return Rule(Since.START, "values that only rise, as sums since the first time")
    apart = {b - a for a, b in pairwise(resets)}
    regular = len(apart) == 1 and next(iter(apart)) / HOUR in RESETS
    if len(resets) < 3 or not regular or len(resets) > SELDOM * len(seen.falls):
        return None
    first = resets[0] - apart.pop()  # the one before the series, or at its first time
    return Rule(Since.RESET, "values that rise and regularly start anew", resets=(first, *resets))


def _day(valid: datetime) -> datetime:
    """00 UTC before; of 00 UTC itself the day before's."""
    return (valid - timedelta(microseconds=1)).replace(hour=0, minute=0, second=0, microsecond=0)


def _by_rule(
    rule: Rule, valids: list[datetime], init: datetime, analysis: bool
) -> dict[datetime, tuple[datetime, datetime]]:
    if rule.since is Since.START:
        start = valids[0] if analysis else min(init, valids[0])
        return {v: (start, v) for v in valids}
    if rule.since is Since.DAY:
        return {v: (_day(v), v) for v in valids}
    if rule.since is Since.MONTH:
        return {v: (v, (v.replace(day=1) + timedelta(days=32)).replace(day=1)) for v in valids}
    if rule.since is Since.RESET:
        return {v: (max((r for r in rule.resets if r < v), default=v), v) for v in valids}
    if rule.since is Since.HOURS:
        return {v: (v - rule.hours * HOUR, v) for v in valids}
    first = valids[0] - (valids[1] - valids[0]) if len(valids) > 1 else init
    first = first if analysis else max(first, init)  # files are cut: what they begin with is no sum since the start
    return dict(zip(valids, pairwise([first, *valids]), strict=True))


def _intervals(
    stated: dict[datetime, tuple[datetime, datetime]],
    headers: dict[datetime, FieldHeader],
    empty: list[datetime],
    by_rule: bool,
) -> dict[datetime, Interval]:
    """Sums from one start are to be differenced; separate intervals stay as they are. Valid times rise.

    `by_rule`: an interval of no length is of a sum whose start nobody knows; a file's own is of nothing.
    """
    out = {v: Interval(v, v) for v in empty}
    before: tuple[datetime, datetime] | None = None
    for valid, (start, end) in stated.items():
        header = headers[valid]
        seconds = (header.length or end - start).total_seconds() / header.per if header.per else None
        since_start = before is not None and before[0] == start and before[1] < end
        since_start = since_start and (by_rule or before != (start, start))
        out[valid] = Interval(before[1] if before and since_start else start, end, since_start, seconds)
        before = start, end
    return dict(sorted(out.items()))


def amounts(name: str, messages: Messages, fields: Iterable[np.ndarray], found: Covered) -> Iterator[np.ndarray]:
    """Amounts of the intervals, never below zero; CorruptField where a sum falls."""
    before: tuple[datetime, np.ndarray] | None = None
    for valid, stated in zip(sorted(messages), fields, strict=True):
        interval = found.intervals[valid] if found.intervals is not None else None
        total = stated
        if interval is not None and interval.seconds is not None:
            total = stated * np.float32(interval.seconds)
        values = total
        if interval is not None and interval.start == interval.end:  # of a sum's first time: what fell before it
            values = np.zeros_like(total)
        if interval is not None and interval.differenced:
            assert before is not None
            values = total - before[1]
            if float(values.min()) < -VARIABLES[name].noise:
                raise CorruptField(
                    f"{messages[valid][0].label}: {name} accumulated to {valid:%Y-%m-%dT%H} is "
                    f"{-float(values.min()):.3g} {VARIABLES[name].units} below that to {before[0]:%Y-%m-%dT%H}; one of "
                    "the two messages is wrong: fetch them again, or hand in amounts of single intervals where the "
                    "centre has them"
                )
        yield np.maximum(values, 0.0)
        before = valid, total


def chosen(messages: Messages) -> tuple[Messages, str]:
    """One interval a valid time, where a source has several (GFS), and which: sums since the start, or the shortest.

    Amounts come before rates.
    """
    out, which = {}, ""
    several = {v: found for v, found in messages.items() if len({(h.start, h.per) for h in found}) > 1}
    whole = all(any(h.start == h.init and h.per is None for h in found) for v, found in messages.items() if found)
    for valid, found in messages.items():
        if valid not in several:
            out[valid] = found
            continue
        starts = [h.start for h in found if h.per is None] or [h.start for h in found]
        per = None if any(h.per is None for h in found) else found[0].per
        known = [s for s in starts if s is not None]
        start = (min(known) if whole else max(known)) if known else None
        out[valid] = [h for h in found if h.start == start and h.per == per]
        which = f"of several at a lead time {'the sums since the start' if whole else 'the shortest'}"
    return out, which
