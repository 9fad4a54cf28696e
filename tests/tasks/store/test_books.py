"""What is kept of a store comes back into it, and brings nothing back that has been taken back since."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd

from tasks.storage import exists, read_bytes, remove, write_bytes
from tasks.store.books import books, put_back
from tasks.store.history import has_history
from tasks.store.ledger import read_entry
from tasks.store.paths import entry_uri, history_uri, latest_uri, scores_uri
from tasks.store.scores import write_scores
from tasks.store.withdrawal import withdraw
from tests.published import cycle_of, latest, publish

NOW = datetime(2026, 11, 22, tzinfo=UTC)
OLD, NEW = cycle_of(NOW - timedelta(hours=12)), cycle_of(NOW)


def kept(store: str) -> list[tuple[str, bytes]]:
    """With the pointer, as older versions kept it."""
    pointer = ("hubei/ifs/latest.json", read_bytes(latest_uri(store, "hubei", "ifs")))
    return [*((path, read_bytes(uri)) for path, uri in books(store)), pointer]


def test_what_is_lost_comes_back_and_what_is_there_stays(store: str) -> None:
    publish(store, OLD)
    newest, saved = publish(store, NEW), kept(store)
    remove(entry_uri(store, "hubei", NEW))
    remove(latest_uri(store, "hubei", "ifs"))
    assert put_back(store, saved) == {"written": 1, "there": 1}
    assert read_entry(store, "hubei", NEW) == newest
    assert latest(store) == newest.product


def test_product_taken_back_since_is_not_led_to_again(store: str) -> None:
    publish(store, NEW)
    saved = kept(store)
    assert withdraw(store, "hubei", NEW, "wrong") is None
    put_back(store, saved)
    assert latest(store) is None
    again = publish(store, OLD)
    put_back(store, saved)
    assert latest(store) == again.product


def test_scores_and_pairs_of_a_product_taken_back_stay_out(store: str) -> None:
    for cycle in (OLD, NEW):
        publish(store, cycle)
        write_scores(store, "hubei", cycle, 1, True, pd.DataFrame({"rmse": [1.0]}))
        write_bytes(history_uri(store, "hubei", cycle), b"pairs")
    saved = kept(store)
    withdraw(store, "hubei", NEW, "wrong")
    for uri in (scores_uri, history_uri):
        remove(uri(store, "hubei", OLD))
    assert not has_history(store, "hubei", "ifs")
    assert put_back(store, saved) == {"written": 2, "there": 2}
    for uri in (scores_uri, history_uri):
        assert (exists(uri(store, "hubei", OLD)), exists(uri(store, "hubei", NEW))) == (True, False)


def test_pointer_to_a_product_that_is_lost_does_not_come_back(store: str) -> None:
    entry, saved = publish(store, NEW), kept(store)
    remove(f"{store}/{entry.product}")
    remove(latest_uri(store, "hubei", "ifs"))
    put_back(store, saved)
    assert latest(store) is None
