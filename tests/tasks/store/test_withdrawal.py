"""Taking products back: latest.json goes to the last good one, whoever publishes meanwhile."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from tasks.errors import BadInput
from tasks.store.ledger import entries, point_to, read_entry
from tasks.store.paths import in_store
from tasks.store.retention import remove_product
from tasks.store.withdrawal import mark, point_to_newest_good, withdraw
from tests.published import content, cycle_of, latest, products, publish

NOW = datetime(2026, 11, 22, tzinfo=UTC)
OLD, NEW = cycle_of(NOW - timedelta(hours=12)), cycle_of(NOW)


def test_withdrawn_product_stays_and_readers_are_led_to_the_last_good_one(store: str) -> None:
    first, second = publish(store, OLD), publish(store, NEW)
    assert latest(store) == second.product
    assert withdraw(store, "hubei", NEW, "wrong terrain") == first
    entry = read_entry(store, "hubei", NEW)
    assert entry is not None
    assert (entry.state, entry.why, entry.good) == ("withdrawn", "wrong terrain", False)
    assert latest(store) == first.product
    assert products(store) == {first.product, second.product}


def test_without_a_good_product_there_is_no_latest(store: str) -> None:
    publish(store, NEW)
    assert withdraw(store, "hubei", NEW, "wrong") is None
    assert latest(store) is None
    again = publish(store, NEW, revision=2)
    assert latest(store) == again.product


def test_older_cycle_withdrawn_leaves_latest_as_it_is(store: str) -> None:
    publish(store, OLD)
    newest = publish(store, NEW)
    withdraw(store, "hubei", OLD, "wrong")
    assert latest(store) == newest.product


def test_cycle_that_is_not_there_is_refused(store: str) -> None:
    with pytest.raises(BadInput, match="2026-11-22T00 is not in the ledger"):
        withdraw(store, "hubei", NEW, "wrong")


def test_cycle_of_another_source_is_hinted_at(store: str) -> None:
    publish(store, cycle_of(NOW, "demo"))
    with pytest.raises(BadInput, match=r"not in the ledger of .*there is one of demo: --source demo"):
        withdraw(store, "hubei", NEW, "wrong")


def test_first_reason_of_a_withdrawal_stays(store: str) -> None:
    publish(store, NEW)
    withdraw(store, "hubei", NEW, "wrong terrain")
    with pytest.raises(BadInput, match="is withdrawn already: wrong terrain; that reason stays"):
        withdraw(store, "hubei", NEW, "another")
    withdraw(store, "hubei", NEW, "wrong terrain")
    entry = read_entry(store, "hubei", NEW)
    assert entry is not None
    assert (entry.state, entry.why) == ("withdrawn", "wrong terrain")


def test_withdrawal_killed_in_the_middle_is_finished_by_the_next(store: str) -> None:
    first, second = publish(store, OLD), publish(store, NEW)
    mark(store, second, "withdrawn", "wrong")  # killed here
    assert latest(store) == second.product, "which is still there"
    assert withdraw(store, "hubei", NEW, "wrong") == first
    assert latest(store) == first.product


def test_successor_of_a_damaged_product_is_not_marked(store: str) -> None:
    first = publish(store, NEW)
    second = publish(store, NEW, revision=2)
    assert not mark(store, first, "damaged", "flipped")
    assert entries(store, "hubei") == [second]


def test_good_product_that_is_gone_is_not_pointed_to(store: str) -> None:
    first, second = publish(store, OLD), publish(store, NEW)
    remove_product(in_store(store, second.product))
    assert point_to_newest_good(store, "hubei", "ifs") == first
    assert latest(store) == first.product


def test_publishing_while_withdrawing_ends_with_latest_at_the_newest_good_one(store: str) -> None:
    """Six cycles, each withdrawn while the next is published."""
    cycles = [cycle_of(NOW + timedelta(hours=12 * i)) for i in range(6)]
    publish(store, cycles[0])
    for before, after in pairwise(cycles):
        entry = publish(store, after, state="withdrawn")

        def enter(entry: object = entry) -> None:
            mark(store, entry, "published", "")  # type: ignore[arg-type]
            point_to(store, entry)  # type: ignore[arg-type]

        threads = [
            threading.Thread(target=enter),
            threading.Thread(target=withdraw, args=(store, "hubei", before, "x")),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert latest(store) == entry.product
    assert "hubei/ifs/latest.json" in content(store)
