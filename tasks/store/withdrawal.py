"""Taking a product back: its ledger entry changes state, and `latest.json` goes to what is good.

The entry is changed first. A process that is killed in between leaves `latest.json` at a product that is still there;
`point_to_newest_good` puts that right, whenever it is called next.
"""

from __future__ import annotations

import json
import logging

from tasks.errors import BadInput
from tasks.handover.cycle import Cycle
from tasks.storage import read_tagged, remove
from tasks.store.history import remove_history
from tasks.store.ledger import (
    LedgerEntry,
    State,
    entries,
    newest_good,
    point_to,
    read_entry,
    read_tagged_entry,
    replace_latest,
    write_entry,
)
from tasks.store.paths import latest_uri
from tasks.store.scores import remove_scores
from tasks.store.stac import settle_cycle

log = logging.getLogger(__name__)


def withdraw(store: str, region: str, cycle: Cycle, why: str) -> LedgerEntry | None:
    """Take a cycle's product back; it stays where it is, but readers are led to the newest good one, which is returned.

    BadInput if the cycle is not in the ledger, or was withdrawn for another reason, which stays.
    """
    found = read_tagged_entry(store, region, cycle)
    if found is None:
        raise BadInput(
            f"{region} {cycle} is not in the ledger of {store}{_of_another_source(store, region, cycle)}; "
            f"`finescale status {region}` lists what is"
        )
    before = found[0].why if found[0].state == State.WITHDRAWN else None
    mark(store, found[0], State.WITHDRAWN, why if before is None else before)
    remove_scores(store, region, cycle)
    remove_history(store, region, cycle)
    best = point_to_newest_good(store, region, cycle.source)
    if before is not None and before != why:
        raise BadInput(f"{region} {cycle} is withdrawn already: {before}; that reason stays")
    return best


def _of_another_source(store: str, region: str, cycle: Cycle) -> str:
    """Which option names a product of the same time, of a source that nobody has named."""
    others = [e.source for e in entries(store, region) if e.cycle.endswith(f"/{cycle.stamp}")]
    return f"; there is one of {' and '.join(others)}: --source {others[0]}" if others else ""


def mark(store: str, entry: LedgerEntry, state: State, why: str) -> bool:
    """Change the state of this product's entry; False if the entry is of another product by now, and stays."""
    cycle = Cycle.parse(entry.cycle, entry.source)
    while True:
        found = read_tagged_entry(store, entry.region, cycle)
        if found is None or found[0].product != entry.product:
            return False
        changed = found[0].model_copy(update={"state": state, "why": why})
        if changed == found[0] or write_entry(store, cycle, changed, found[1]):
            log.info("ledger: %s %s is %s: %s", entry.region, entry.cycle, state, why)
            settle_cycle(store, entry.region, cycle)
            return True


def point_to_good(store: str, entry: LedgerEntry) -> None:
    """Let `latest.json` name this product, as `point_to`; not so if it has been taken back meanwhile."""
    point_to(store, entry)
    now = read_entry(store, entry.region, Cycle.parse(entry.cycle, entry.source))
    if now is None or not now.good or now.product != entry.product:
        point_to_newest_good(store, entry.region, entry.source)


def point_to_newest_good(store: str, region: str, source: str) -> LedgerEntry | None:
    """Let `latest.json` name the newest good product, backwards too, or remove it; returns that entry.

    Whoever publishes meanwhile writes the entry first: if `latest.json` has changed since it was read, look again.
    """
    uri = latest_uri(store, region, source)
    while True:
        now = read_tagged(uri)
        best = newest_good(store, region, source)
        if best is None and now is None:
            return None
        if best is None:
            remove(uri)
            continue  # somebody may have published before that: then there is a good one by now
        if now is None:
            point_to(store, best)
            continue
        named = json.loads(now[0])
        if (named["cycle"], named["product"]) == (best.cycle, best.product):
            return best
        replace_latest(store, best, now[1])
