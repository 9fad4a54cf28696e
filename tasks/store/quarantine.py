"""Entering products that the gate refused: out of readers' way, in the ledger only where nothing good is there."""

from __future__ import annotations

from tasks.handover.cycle import Cycle
from tasks.storage import write_json
from tasks.store.ledger import LedgerEntry, read_tagged_entry, write_entry
from tasks.store.paths import in_store


def enter_refused(store: str, cycle: Cycle, entry: LedgerEntry) -> None:
    """Keep the entry beside the product; in the ledger only where no product of the cycle was ever published."""
    write_json(in_store(store, entry.product.removesuffix(".zarr")) + ".json", entry.model_dump(mode="json"))
    while True:
        found = read_tagged_entry(store, entry.region, cycle)
        if found is not None and (found[0].revision > 0 or found[0].product == entry.product):
            return
        if write_entry(store, cycle, entry, found[1] if found else None):
            return
