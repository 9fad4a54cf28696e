"""How long the disk of a local store will hold: what is free, and what products of late took a day."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import BaseModel, computed_field

from tasks.counted import counted
from tasks.handover.cycle import Cycle
from tasks.storage import is_remote
from tasks.store.ledger import LedgerEntry
from tasks.store.paths import in_store

OF_LATE = timedelta(days=7)
LEAST = 10**9  # bytes: below that runs that are on their way may fail
ENOUGH = 14.0  # days: long enough for a disk to be bought


class Space(BaseModel):
    """Of the disk that a local store is on, bytes."""

    free: int
    a_day: int  # that this region's products of the last week took a day
    days: float | None  # until it is full at this pace; None: nothing grows

    @computed_field  # type: ignore[prop-decorator]
    @property
    def ok(self) -> bool:
        """Whether there is time enough to make room."""
        return self.free >= LEAST and (self.days is None or self.days >= ENOUGH)

    def __str__(self) -> str:
        free = f"disk of the store: {self.free / 1e9:.1f} GB free"
        if self.days is None:
            return free
        last = counted(round(self.days), "day") if self.days < 1000 else "years"
        return f"{free}, {self.a_day / 1e9:.2g} GB a day: full in {last}"


def space(store: str, found: Iterable[LedgerEntry], keep_days: int | None, now: datetime) -> Space | None:
    """None for an object store, of whose disks only its server knows.

    Another product of a source takes what its newest one does. Where as much is removed as comes, since the oldest
    cycle is as old as cycles get (`keep_days`), nothing grows.
    """
    if is_remote(store) or not Path(in_store(store, "")).is_dir():
        return None
    good = [e for e in found if e.good]
    a_day = 0
    for source in {e.source for e in good}:
        mine = [e for e in good if e.source == source]
        of_late = [e for e in mine if now - e.published_at <= OF_LATE]
        oldest = min(Cycle.parse(e.cycle, source).time for e in mine)
        grows = keep_days is None or now - oldest < timedelta(days=keep_days - 1)
        if of_late and grows:
            newest = max(of_late, key=lambda e: e.cycle)
            a_day += round(_bytes(Path(in_store(store, newest.product))) * len(of_late) / OF_LATE.days)
    free = shutil.disk_usage(in_store(store, "")).free
    return Space(free=free, a_day=a_day, days=free / a_day if a_day else None)


def _bytes(product: Path) -> int:
    """Of a product and of what lies beside it under its name, as a disk holds them: in whole blocks."""
    beside = [f for f in product.parent.glob(f"{product.stem}.*") if f.is_file()]
    files = [*beside, *(f for f in product.rglob("*") if f.is_file())]
    return sum(f.stat().st_blocks * 512 for f in files)
