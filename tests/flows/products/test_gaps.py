"""Which cycles were due and are missing, when each is tried again, and when nobody tries any more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.states import Completed, Crashed, Failed, Running, Scheduled, State

from flows.products.gaps import due_cycles, gaps, newer_due
from flows.products.missing import missing_of
from flows.server.names import CAUGHT_UP
from flows.server.runs import CycleRun
from tasks.handover.cycle import Cycle
from tasks.region import search as regions
from tasks.region.document import Region
from tasks.store.ledger import LedgerEntry
from tasks.store.ledger import State as Became
from tests.conftest import RegionMaker

NOW = datetime(2026, 11, 27, 21, 0, tzinfo=UTC)
AGES_AGO = NOW - timedelta(days=400)
STORE = "/store"


@pytest.fixture
def region(make_region: RegionMaker) -> Any:
    """Hubei with some settings of catch-up."""
    return lambda keep=None, **settings: regions.load(
        str(make_region(catch_up={"ifs_days": 2} | settings, keep={"days": keep}))
    )


def entry(cycle: str, state: Became = Became.PUBLISHED, published: datetime = NOW) -> LedgerEntry:
    """As much of an entry as gaps look at."""
    return LedgerEntry.model_construct(cycle=cycle, state=state, published_at=published)


def stamps(found: dict[Cycle, datetime]) -> list[str]:
    return [cycle.stamp for cycle in found]


def test_each_cycle_is_due_when_the_schedule_starts_a_run_for_it(region: Any) -> None:
    found = due_cycles(region(), "ifs", NOW - timedelta(days=1), NOW)
    assert {c.stamp: f"{t:%d %H:%M}" for c, t in found.items()} == {
        "2026-11-27T12": "27 19:45", "2026-11-27T00": "27 07:45",
    }  # fmt: skip
    assert list(found) == sorted(found, key=lambda c: c.time, reverse=True), "the newest first"
    assert due_cycles(region(), "demo", AGES_AGO, NOW) == {}


def test_a_gap_is_what_was_due_and_is_not_in_the_ledger_or_damaged_there(region: Any) -> None:
    ledger = [
        entry("ifs/2026-11-27T00"),
        entry("ifs/2026-11-26T12", Became.DAMAGED),
        entry("ifs/2026-11-26T00", Became.WITHDRAWN),
        entry("era5/2026-11-25T12"),
    ]
    found = gaps(region(), "ifs", ledger, AGES_AGO, NOW)
    assert stamps(found) == ["2026-11-27T12", "2026-11-26T12"]
    assert stamps(gaps(region(), "ifs", [], AGES_AGO, NOW))[-1] == "2026-11-26T00", "two days back, no further"


def test_what_is_kept_no_longer_is_not_missing(region: Any) -> None:
    assert stamps(gaps(region(keep=1), "ifs", [], AGES_AGO, NOW)) == ["2026-11-27T12", "2026-11-27T00"]


def test_nothing_is_missing_of_before_the_region_was_deployed_or_first_published(region: Any) -> None:
    place = region()
    assert gaps(place, "ifs", [], None, NOW) == {}
    assert stamps(gaps(place, "ifs", [], NOW - timedelta(hours=2), NOW)) == ["2026-11-27T12"]
    # a server that is new, and a store that is not
    first = [entry("ifs/2026-11-26T12", published=NOW - timedelta(hours=24))]
    assert stamps(gaps(place, "ifs", first, NOW, NOW)) == ["2026-11-27T12", "2026-11-27T00"]


def test_days_of_nought_switch_it_off(region: Any) -> None:
    assert gaps(region(ifs_days=0), "ifs", [], AGES_AGO, NOW) == {}


def test_a_late_run_knows_that_a_newer_cycle_is_due(region: Any) -> None:
    older = Cycle(source="ifs", time=datetime(2026, 11, 26, 12, tzinfo=UTC))
    newer = newer_due(region(), older, datetime(2026, 11, 26, 19, 45, tzinfo=UTC), NOW)
    assert newer is not None
    assert newer.stamp == "2026-11-27T12"
    assert newer_due(region(), newer, datetime(2026, 11, 27, 19, 45, tzinfo=UTC), NOW) is None
    alone = region(ifs_days=0)
    assert newer_due(alone, older, datetime(2026, 11, 26, 19, 45, tzinfo=UTC), NOW) is None, "nobody else makes it"


def run_of(region: Region, state: State[Any], *, again: bool, minutes_ago: float = 0) -> CycleRun:
    """A run of the newest cycle."""
    at = state.model_copy(update={"timestamp": NOW - timedelta(minutes=minutes_ago)})
    tags = [CAUGHT_UP] if again else []
    seen = FlowRun(id=uuid4(), flow_id=uuid4(), state=at, state_type=at.type, state_name=at.name, tags=tags)
    return CycleRun(seen, region.name, Cycle(source="ifs", time=datetime(2026, 11, 27, 12, tzinfo=UTC)), STORE)


def newest(region: Region, *runs: CycleRun) -> Any:
    return missing_of(region, "ifs", STORE, [], list(runs), AGES_AGO, NOW)[0]


def test_what_a_crash_took_is_tried_at_once_and_then_after_longer_and_longer_pauses(region: Any) -> None:
    place = region(tries=3)
    crashed = run_of(place, Crashed(message="killed"), again=False, minutes_ago=20)
    assert newest(place, crashed).is_due(NOW)
    first = run_of(place, Failed(message="no store"), again=True, minutes_ago=9)
    one = newest(place, crashed, first)
    assert (one.is_due(NOW), one.is_due(NOW + timedelta(minutes=2)), one.tries) == (False, True, 1)
    second = run_of(place, Failed(message="no store"), again=True, minutes_ago=5)
    assert [newest(place, first, second).is_due(NOW + timedelta(minutes=m)) for m in (14, 16)] == [False, True]


def test_after_the_last_try_it_is_given_up_and_the_last_word_is_why(region: Any) -> None:
    place = region(tries=2)
    runs = [run_of(place, Failed(message=f"try {i}\nmore"), again=True, minutes_ago=60 - i) for i in (1, 2)]
    one = newest(place, *runs)
    assert (one.given_up, one.is_due(NOW + timedelta(days=1)), one.why) == (True, False, "try 2")
    assert "2 of 2 tries, given up, make it by hand: try 2" in str(one)


@pytest.mark.parametrize("state", [Running(), Scheduled(), Scheduled(name="AwaitingConcurrencySlot")])
def test_a_cycle_that_somebody_makes_is_not_made_twice(region: Any, state: State[Any]) -> None:
    place = region()
    one = newest(place, run_of(place, state, again=False), run_of(place, Crashed(), again=False, minutes_ago=99))
    assert (one.is_due(NOW), one.at_work, one.at_work_again) == (False, state.name, False)


def test_a_run_for_another_store_or_that_went_well_before_the_damage_does_not_count_as_at_work(region: Any) -> None:
    place = region()
    elsewhere = run_of(place, Running(), again=False)
    elsewhere = CycleRun(elsewhere.run, elsewhere.region, elsewhere.cycle, "/another")
    assert newest(place, elsewhere).is_due(NOW)
    assert newest(place, run_of(place, Completed(), again=True, minutes_ago=60)).tries == 1
