"""How long each step of a run takes."""

from __future__ import annotations

import time


class Stopwatch:
    """Seconds spent in each step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, step: str) -> None:
        """The time since the last lap belongs to `step`."""
        now = time.monotonic()
        self.seconds[step] = round(now - self._last, 3)
        self._last = now
