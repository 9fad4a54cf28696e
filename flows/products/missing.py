"""What is known of a cycle that is missing: what was tried, what is at work, when it is tried again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pydantic import BaseModel

from flows.products.gaps import gaps
from tasks.region.document import Region
from tasks.region.settings import CatchUpSettings
from tasks.store.ledger import LedgerEntry

if TYPE_CHECKING:
    from flows.server.runs import CycleRun

CHANCE = timedelta(minutes=2)  # for the scheduled run itself to be there


class Missing(BaseModel):
    """A cycle that was due and is not in the ledger."""

    cycle: str
    due: datetime
    tries: int = 0  # that have ended, beside the scheduled run
    allowed: int
    at_work: str = ""  # the state of a run that makes it now
    at_work_again: bool = False  # whether that was started because it is missing
    why: str = ""  # how the last run of it ended
    next_try: datetime

    @property
    def given_up(self) -> bool:
        """Whether nobody tries any more."""
        return self.tries >= self.allowed and not self.at_work

    def is_due(self, now: datetime) -> bool:
        """Whether a run is to be started."""
        return not self.at_work and not self.given_up and now >= self.next_try

    def __str__(self) -> str:
        if self.at_work:
            becomes = f"a run is {self.at_work.lower()}"
        elif self.given_up:
            becomes = "given up, make it by hand"
        else:
            becomes = f"again from {self.next_try:%H:%M}"
        return (
            f"{self.cycle} is missing, due {self.due:%Y-%m-%d %H:%M}, {self.tries} of {self.allowed} tries, {becomes}"
            f"{': ' if self.why else ''}{self.why}"
        )


def missing_of(
    region: Region,
    source: str,
    store: str,
    found: list[LedgerEntry],
    runs: list[CycleRun],
    deployed: datetime | None,
    now: datetime,
) -> list[Missing]:
    """Every gap of a source with what the server knows of it, the newest first."""
    return [
        _missing(
            str(cycle), due, region.catch_up,
            [r for r in runs if (r.region, r.cycle, r.store) == (region.name, cycle, store)],
        )
        for cycle, due in gaps(region, source, found, deployed, now).items()
    ]  # fmt: skip


def _missing(cycle: str, due: datetime, settings: CatchUpSettings, runs: list[CycleRun]) -> Missing:
    active = [r for r in runs if r.is_open]
    ended = sorted((r for r in runs if not r.is_open), key=lambda r: r.changed)
    tries = sum(r.again for r in ended)
    after = ended[-1].changed + timedelta(minutes=settings.pause_minutes * 2 ** (tries - 1)) if tries else due + CHANCE
    return Missing(
        cycle=cycle, due=due, tries=tries, allowed=settings.tries, next_try=after,
        at_work=active[0].state if active else "", at_work_again=any(r.again for r in active),
        why=ended[-1].message if ended else "",
    )  # fmt: skip
