"""Where products go that the gate refused: out of readers' way, in the ledger only where nothing good is there.

{store}/_quarantine/{region}-{source}-{cycle}-{run}.zarr, with .png, .html and .json, the entry
"""

from __future__ import annotations

from tasks.handover.cycle import Cycle
from tasks.storage import join, write_json
from tasks.store.ledger import LedgerEntry, read_tagged_entry, write_entry

FOLDER = "_quarantine"


def place_of(staged: str) -> str:
    """Where what was staged goes, relative to the store and without suffix: the same in every retry of one run."""
    return f"{FOLDER}/{staged.rsplit('/', 1)[-1].removesuffix('.zarr')}"


def enter_refused(store: str, cycle: Cycle, entry: LedgerEntry) -> None:
    """Keep the entry beside the product; in the ledger only where no product of the cycle was ever published."""
    write_json(join(store, *entry.product.removesuffix(".zarr").split("/")) + ".json", entry.model_dump(mode="json"))
    while True:
        found = read_tagged_entry(store, entry.region, cycle)
        if found is not None and (found[0].revision > 0 or found[0].product == entry.product):
            return
        if write_entry(store, cycle, entry, found[1] if found else None):
            return
