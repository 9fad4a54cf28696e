"""A value that is passed or not: `t2m<0`, `wind_speed>10.8`, `tp/24h>50`, in the units that people are shown."""

from __future__ import annotations

import re
from dataclasses import dataclass

TEXT = re.compile(r"\s*([a-z]\w*)(?:/(\d+)h)?\s*([<>])\s*([-+]?\d+(?:\.\d*)?)\s*")


@dataclass(frozen=True)
class Passing:
    """A variable below or above a value, in the unit that it is shown in; `hours`: its sum over so many."""

    variable: str
    below: bool
    value: float
    hours: int = 0

    @classmethod
    def parse(cls, text: str) -> Passing:
        """From `t2m<0`; ValueError if it is no such thing."""
        match = TEXT.fullmatch(text)
        if match is None:
            raise ValueError("write it like t2m<0, wind_speed>10.8 or tp/24h>50, in the units shown")
        return cls(match[1], match[3] == "<", float(match[4]) + 0.0, int(match[2] or 0))

    @property
    def number(self) -> str:
        """The value, as short as it can be written without an exponent."""
        return f"{self.value:.6f}".rstrip("0").rstrip(".")

    def __str__(self) -> str:
        over = f"/{self.hours}h" if self.hours else ""
        return f"{self.variable}{over}{'<' if self.below else '>'}{self.number}"
