"""What the report says in words: numbers, intervals, the verdict. No pictures, no HTML."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from tasks.handover.scorecard import Quality, Skill
from tasks.present.display import Display
from tasks.store.ledger import LedgerEntry, State

MINUS, NONE, NBSP = "\N{MINUS SIGN}", "–", "\N{NO-BREAK SPACE}"


def number(value: float, decimals: int, signed: bool = False) -> str:
    """With a real minus sign; a rounded zero has no sign; a dash for what is not finite."""
    if not math.isfinite(value):
        return NONE
    text = f"{abs(value):.{decimals}f}"
    if float(text) == 0:
        return text
    return (MINUS if value < 0 else "+" if signed else "") + text


def score(how: Display, value: float, signed: bool = False) -> str:
    """A score or difference in SI as it is shown: 1.42; signed: +0.31."""
    return number(value * how.scale, how.score_decimals, signed)


def percent(share: float, signed: bool = True) -> str:
    """+12.3 %, which does not break into two lines."""
    text = number(100 * share, 1, signed)
    return text if text == NONE else f"{text}{NBSP}%"


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
    in_verdict = entry.state == State.QUARANTINED and entry.quality == Quality.QUARANTINED  # by the verdict
    if entry.good or in_verdict:
        return ""
    return f"This product is {entry.state}: {entry.why or 'no reason is given'}."


def place(latitude: float, longitude: float) -> str:
    """30.76°N 113.69°E."""
    north, east = "N" if latitude >= 0 else "S", "E" if longitude >= 0 else "W"
    return f"{abs(latitude):.2f}°{north} {abs(longitude):.2f}°{east}"


def expected(complete: bool) -> str:
    """Whether there is more to come."""
    return "none, all have come" if complete else "yes, this page will change"
