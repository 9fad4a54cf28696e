"""What the report says in words: names and units of what is scored, numbers, the verdict. No pictures, no HTML."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from models.constants import KELVIN
from tasks.handover.scorecard import Quality, Skill
from tasks.store.ledger import LedgerEntry, State

MINUS, NONE, NBSP = "\N{MINUS SIGN}", "–", "\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class Unit:
    """How scores of a variable are shown: SI value * scale, so many decimals."""

    title: str
    name: str
    scale: float = 1.0
    decimals: int = 2
    offset: float = 0.0  # of values; differences have none

    def number(self, value: float, signed: bool = False) -> str:
        """A score in this unit: 1.42; signed: +0.31."""
        return number(value * self.scale, self.decimals, signed)


# in the order in which they are shown
UNITS = {
    "t2m": Unit("2 metre temperature", "°C", offset=-KELVIN),
    "d2m": Unit("2 metre dew point", "°C", offset=-KELVIN),
    "wind_speed": Unit("10 metre wind speed", "m/s"),
    "wind_direction": Unit("10 metre wind direction", "°", decimals=1),
    "wind_vector": Unit("10 metre wind vector", "m/s"),
    "sp": Unit("surface pressure", "hPa", scale=0.01),
    "msl": Unit("mean sea level pressure", "hPa", scale=0.01),
    "tp": Unit("precipitation", "mm", scale=1000.0),
}


def unit(variable: str, units: str = "") -> Unit:
    """Of a variable; one that is not in the table is shown as it is."""
    return UNITS.get(variable, Unit(variable, units))


def title(variable: str, period: float) -> str:
    """2 metre temperature; precipitation, 6 h."""
    return unit(variable).title + (f", {period:g} h" if period else "")


def order(variable: str, period: float) -> tuple[int, str, float]:
    """Sorts variables as they are shown."""
    return (list(UNITS).index(variable) if variable in UNITS else len(UNITS), variable, period)


def number(value: float, decimals: int, signed: bool = False) -> str:
    """With a real minus sign; a rounded zero has no sign; a dash for what is not finite."""
    if not math.isfinite(value):
        return NONE
    text = f"{abs(value):.{decimals}f}"
    if float(text) == 0:
        return text
    return (MINUS if value < 0 else "+" if signed else "") + text


def percent(share: float, signed: bool = True) -> str:
    """+12.3 %, which does not break into two lines."""
    text = number(100 * share, 1, signed)
    return text if text == NONE else f"{text}{NBSP}%"


def interval(low: float, high: float) -> str:
    """Of shares: +8.0 to +16.2 %."""
    return f"{number(100 * low, 1, signed=True)} to {percent(high)}"


def when(time: datetime | None) -> str:
    """2026-11-22 06:00 UTC."""
    return NONE if time is None else f"{time:%Y-%m-%d %H:%M} UTC"


FEW = 5  # stations: resampling fewer says nothing


def compared(skill: Skill) -> str:
    """Whether the product is better, as far as the interval lets one say."""
    if skill.stations < FEW:
        return "too few stations to say"
    if skill.low > 0:
        return "better"
    return "worse" if skill.high < 0 else "no clear difference"


@dataclass(frozen=True)
class Verdict:
    """What stands first: one word, what it means, and what to do."""

    quality: Quality
    word: str
    mark: str  # beside the colour, for those who do not see it and for print
    meaning: str


_VERDICTS = {
    Quality.VERIFIED: ("Verified", "✓", "Compared with stations, and not found worse than interpolation of its input."),
    Quality.DEGRADED: ("Degraded", "!", "Published, with a warning. Read the reasons before you use it."),
    Quality.UNVERIFIED: ("Unverified", "?", "Sound by its own checks, but not yet compared with enough observations."),
    Quality.QUARANTINED: ("Quarantined", "×", "Do not use. It was refused, and readers are not pointed to it."),
}


def verdict(quality: Quality) -> Verdict:
    """Of a quality."""
    return Verdict(quality, *_VERDICTS[quality])


def standing(entry: LedgerEntry) -> str:
    """A sentence on a product that is no longer to be used, else nothing."""
    said = entry.state == State.QUARANTINED and entry.quality == Quality.QUARANTINED  # by the verdict
    if entry.good or said:
        return ""
    return f"This product is {entry.state}: {entry.why or 'no reason is given'}."


def place(latitude: float, longitude: float) -> str:
    """30.76°N 113.69°E."""
    north, east = "N" if latitude >= 0 else "S", "E" if longitude >= 0 else "W"
    return f"{abs(latitude):.2f}°{north} {abs(longitude):.2f}°{east}"


def expected(complete: bool) -> str:
    """Whether there is more to come."""
    return "none, all have come" if complete else "yes, this page will change"
