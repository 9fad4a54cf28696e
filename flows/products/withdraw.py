"""Takes a published product back, by the names that people type."""

from __future__ import annotations

from tasks.handover.cycle import ALIASES, Cycle
from tasks.locations import default_store
from tasks.region import search as regions
from tasks.storage import assert_readable, join
from tasks.store.ledger import LedgerEntry
from tasks.store.withdrawal import withdraw as take_back


def withdraw(region: str, source: str | None, cycle: str, store: str | None, why: str) -> LedgerEntry | None:
    """Take a cycle's product back; the entry that readers are led to now. BadInput if it is not in the ledger.

    Without a source the one that the cycle names, as in demo/2021-12-10T12, is meant, else ifs.
    """
    named = source if source is not None else cycle.split("/")[0] if "/" in cycle else "ifs"
    chosen = Cycle.parse(cycle, ALIASES.get(named, named))
    uri = join(store or default_store())
    assert_readable(uri)
    return take_back(uri, regions.load(region).name, chosen, why)
