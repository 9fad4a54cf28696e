"""A slab on its way to a worker: what was sent, what was seen of it, and the clock that it is watched by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from tasks.handover.slab import Slab, SlabReport


class Clock(Protocol):
    """What dispatch knows of time; the module `time` is one."""

    def monotonic(self) -> float:
        """Seconds since some moment."""

    def sleep(self, seconds: float, /) -> None:
        """Return after so many."""


@dataclass
class Attempt:
    """One run of a slab on the GPU pool."""

    run: UUID
    sign_of_life: float  # when it was sent, was taken, began, or its progress last changed
    taken: bool = False  # by a worker, whose process for it starts
    began: bool = False
    progress: Any = None  # as its process last wrote it
    ending: str = ""  # why it is being ended, while it is


@dataclass
class Errand:
    """A slab to have computed, and what came of trying. Without an attempt that is out it is sent at `send_at`."""

    slab: Slab
    attempts: int = 0
    out: Attempt | None = None
    send_at: float = 0.0
    notes: list[str] = field(default_factory=list)  # why attempts failed
    report: SlabReport | None = None

    @property
    def began(self) -> bool:
        """Whether a worker computes it."""
        return self.out is not None and self.out.began
