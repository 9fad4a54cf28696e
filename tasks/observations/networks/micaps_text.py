"""What all of MICAPS's text files share: a header, then a stream of values. What the values are, is not known here.

Format: MICAPS 3.2 user manual, appendix A1 (China Meteorological Administration, 2011). A file starts with `diamond`,
the number of its kind and a description that people read; lines of values are only a habit of writers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from tasks.errors import BadInput, UnreadableFile

START = b"diamond"
HEADER = re.compile(r"\s*diamond\s+(?P<kind>\d+)(?P<description>.*)", re.IGNORECASE)
BEIJING = timedelta(hours=8)  # ahead of UTC, all year
OTHER_CLOCK = re.compile(r"UTC|GMT|世界时|国际时", re.IGNORECASE)
CENTURY = 70  # of two figures of a year, 70 and more are of the last century, of which are the first files
MISSING = 9999.0  # and whatever is larger: no element here reaches it in its own units
STATION = re.compile(r"[0-9A-Za-z]+")
TRACE = 0.1  # mm; less is not measurable. Written as 0.01 (China), 0.0, and -0.1 where it comes from BUFR
NEGATIVE = "MICAPS: a negative amount"
ONLY_WET = "MICAPS: the file has no amount of 0, so that it holds only where it rained"


@dataclass
class Stream:
    """Words of a file in their order, with the line of each; `take` hands out the next ones."""

    name: str
    description: str
    words: list[str]
    lines: list[int]
    at: int = 0

    def take(self, count: int, what: str) -> list[str]:
        """The next words; UnreadableFile if there are fewer."""
        if self.at + count > len(self.words):
            raise UnreadableFile(f"{self.name}: ends within {what}; the file is cut, copy it again")
        self.at += count
        return self.words[self.at - count : self.at]

    def number(self, what: str) -> float:
        """The next word as a number."""
        return self.numbers(1, what)[0]

    def numbers(self, count: int, what: str) -> list[float]:
        """The next words as numbers; UnreadableFile says in which line one is none."""
        return [self._number(w, self.at - count + i, what) for i, w in enumerate(self.take(count, what))]

    def whole(self, what: str, least: int = 0) -> int:
        """The next word as an integer that is not below `least`."""
        value = self.number(what)
        if value != int(value) or value < least:
            raise self.wrong(f"{what} cannot be {self.words[self.at - 1]}")
        return int(value)

    def station(self, number: int, count: int) -> list[str | float]:
        """The next station, longitude, latitude and elevation (m, NaN: not known); UnreadableFile if they cannot be."""
        what = f"station {number} of {count}"
        identifier = self.take(1, what)[0]
        if not STATION.fullmatch(identifier):
            raise self.wrong(f"{identifier} is no identifier, where that of {what} should be")
        longitude, latitude, elevation = self.numbers(3, what)
        if not (-180 <= longitude <= 360 and -90 <= latitude <= 90):
            raise self.wrong(f"{longitude:g}, {latitude:g} are no longitude and latitude of {what}")
        return [identifier, longitude, latitude, elevation if abs(elevation) < MISSING else np.nan]

    def end(self, count: int) -> None:
        """UnreadableFile if anything is left."""
        if self.at < len(self.words):
            self.at += 1
            raise self.wrong(f"more values than the header's {count} stations have")

    def wrong(self, why: str) -> UnreadableFile:
        """An error at the word that was taken last."""
        line = self.lines[min(self.at, len(self.lines)) - 1] if self.lines else 1
        return UnreadableFile(f"{self.name}, line {line}: {why}; is a value missing there? Export the file again")

    def time(self) -> datetime:
        """The next four words, year to hour of Beijing time, in UTC.

        The manual does not name the clock. The surface file of 2019-08-22 that calls itself 08 shows it: at 08 UTC it
        would be half past three in the afternoon in Hubei and noon to two o'clock in Kazakhstan, but its medians are
        26.2 degrees with a dew point 3.1 below in Hubei, and 13.1 with 2.2 between 60-90E 45-55N: that is the early
        morning, 00 UTC. So is central Europe with 13.3 and 2.0 (one o'clock at night, or nine in the morning).
        """
        if OTHER_CLOCK.search(self.description):
            raise BadInput(
                f"{self.name}: its description, {self.description!r}, names another clock than MICAPS's Beijing time; "
                "write the hour in Beijing time and take that out, or make it a table with times in UTC"
            )
        year, month, day, hour = (self.whole("year, month, day and hour of the header") for _ in range(4))
        if year < 100:
            year += 1900 if year >= CENTURY else 2000
        try:
            return datetime(year, month, day, hour) - BEIJING
        except (ValueError, OverflowError):
            raise self.wrong(f"{year}-{month}-{day} {hour} h is no time") from None

    def _number(self, word: str, index: int, what: str) -> float:
        try:
            value = float(word)
        except ValueError:
            value = np.nan
        if not np.isfinite(value):
            line = self.lines[index]
            raise UnreadableFile(f"{self.name}, line {line}: {word!r} is no number, in {what}; export the file again")
        return value


def opened(data: bytes, name: str) -> tuple[int, Stream]:
    """The kind of a file and its stream, UTF-8 or GBK; UnreadableFile for other bytes or no header."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise UnreadableFile(f"{name}: is neither GBK nor UTF-8; export it as one of them")
    first, *rest = text.lstrip().splitlines()
    header = HEADER.fullmatch(first)
    if header is None:
        raise UnreadableFile(f"{name}, line 1: has no number of a kind after `diamond`; export the file again")
    before = text[: len(text) - len(text.lstrip())].count("\n")
    placed = [(word, before + number) for number, line in enumerate(rest, 2) for word in line.split()]
    words, lines = [w for w, _ in placed], [n for _, n in placed]
    return int(header["kind"]), Stream(name, header["description"].strip(), words, lines)


def rain(amounts: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Amounts in mm, traces as 0, and why each is not used.

    Writers differ in what they give for no rain: 0, nothing (9999 or no row), or a negative number, as the manual's
    own readers warn. Where no station has 0, the dry ones are missing, and scores on the others would be of wet places
    alone: these amounts keep a reason.
    """
    trace = (amounts > -TRACE - 1e-6) & (amounts < TRACE)
    reason = pd.Series("", index=amounts.index)
    if not (amounts == 0).any():
        reason[:] = ONLY_WET
    return amounts.mask(trace, 0.0), reason.mask((amounts < 0) & ~trace, NEGATIVE)
