"""Times of day as people where the product is of read them, with UTC beside them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

FARTHEST = 14 * 60  # minutes that a clock on Earth is ahead of UTC at most; behind it, 12 hours
NOON = 12  # o'clock
LEAST = timedelta(hours=15)  # that times of a day cover, or it is none: of a few hours' extremes says little


def zone_of(name: str) -> tzinfo:
    """A zone by its IANA name (Asia/Shanghai), or by how far it is ahead of UTC (+08:00, -3); ValueError for others."""
    if name.upper() in ("UTC", "Z"):
        return UTC
    if found := re.fullmatch(r"(?:UTC)?([+-])(\d{1,2})(?::?(\d{2}))?", name, re.IGNORECASE):
        sign, hours, minutes = found[1], int(found[2]), int(found[3] or 0)
        ahead = (60 * hours + minutes) * (-1 if sign == "-" else 1)
        if minutes < 60 and -12 * 60 <= ahead <= FARTHEST:
            return timezone(timedelta(minutes=ahead))
    elif "/" in name:  # others are abbreviations, of which CST is four
        try:
            return ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            pass
    raise ValueError(f"no time zone {name[:60]!r}: give a name like Asia/Shanghai, hours like +08:00, or UTC")


def label_of(time: datetime) -> str:
    """How far a time's zone is ahead of UTC: UTC+08:00; UTC where it is not."""
    offset = f"{time:%z}"
    return "UTC" if offset in ("", "+0000") else f"UTC{offset[:3]}:{offset[3:5]}"


def both(time: datetime, zone: tzinfo) -> str:
    """2026-11-22 11:00 UTC+08:00 (03:00 UTC); in UTC once. A `time` without a zone is UTC."""
    aware = time.replace(tzinfo=UTC) if time.tzinfo is None else time
    here, there = aware.astimezone(zone), aware.astimezone(UTC)
    text = f"{here:%Y-%m-%d %H:%M} {label_of(here)}"
    if label_of(here) == "UTC":
        return text
    return f"{text} ({there:{'%H:%M' if there.date() == here.date() else '%Y-%m-%d %H:%M'}} UTC)"


@dataclass(frozen=True)
class DaySpan:
    """A day that a time covers: its heading, which says what is lacking of it, and the hours of it that are covered."""

    day: date
    heading: str
    hours: float


def day_of(time: datetime, zone: tzinfo, before: bool = False, starts: int = 0) -> date:
    """The day of a time in a zone; of what is of the time `before` at a day's start the day that ends then.

    `starts`: hour at which a day begins. It is named by the date that most of it has: from 20:00 of the day before to
    20:00, from 8:00 to 8:00 of the day after.
    """
    moment = time - timedelta(seconds=1 if before else 0)
    return (moment.astimezone(zone).replace(tzinfo=None) - timedelta(hours=_later(starts))).date()


def spans_of(first: datetime, last: datetime, zone: tzinfo, starts: int = 0) -> list[DaySpan]:
    """Days that the time from `first` to `last` covers for LEAST or longer; `starts` as `day_of`."""
    out, day = [], day_of(first, zone, starts=starts)
    while (begin := start_of(day, zone, starts)) < last:
        end = start_of(day + timedelta(days=1), zone, starts)
        covered = max(first, begin), min(last, end)
        if covered[1] - covered[0] >= LEAST:
            since = f", from {covered[0].astimezone(zone):%H:%M}" if first > begin else ""
            until = f", to {covered[1].astimezone(zone):%H:%M}" if last < end else ""
            hours = (covered[1] - covered[0]) / timedelta(hours=1)
            out.append(DaySpan(day, f"{day:%a} {day.day} {day:%b}{since}{until}", hours))
        day += timedelta(days=1)
    return out


def shares(begin: datetime, end: datetime, zone: tzinfo, starts: int = 0) -> dict[date, float]:
    """How a span of time falls on days: the share of it that each has. One of no length is its day's whole."""
    if end <= begin:
        return {day_of(end, zone, before=True, starts=starts): 1.0}
    out, day = {}, day_of(begin, zone, starts=starts)
    while (start := start_of(day, zone, starts)) < end:
        stop = start_of(day + timedelta(days=1), zone, starts)
        out[day] = (min(end, stop) - max(begin, start)) / (end - begin)
        day += timedelta(days=1)
    return out


def start_of(day: date, zone: tzinfo, starts: int = 0) -> datetime:
    """When a day begins in a zone, in UTC: differences of times in one zone forget that its clocks are changed."""
    begin = datetime(day.year, day.month, day.day) + timedelta(hours=_later(starts))
    return begin.replace(tzinfo=zone).astimezone(UTC)


def _later(starts: int) -> int:
    """Hours from a date's midnight to the start of the day that is named by it: 20 is four hours before."""
    return starts if starts <= NOON else starts - 24
