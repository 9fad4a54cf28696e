"""A product's metadata: every zarr.json held to a checksum in the root's, and what it says of itself to the ledger.

The root's attributes change when observations arrive, so that the checksum lies in the same file, not in the ledger.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from tasks.arrays import DAMAGE
from tasks.errors import in_a_line
from tasks.storage import join, read_all, read_bytes, write_bytes
from tasks.store.ledger import LedgerEntry

ROOT = "zarr.json"
CHECKSUM = "finescale_metadata_sha256"
# what is not in both at once: another verdict, and how long publishing took
CHANGING = {"state", "why", "quality", "verified_at", "report", "stations", "timings"}
WIDE = {"scorecard", "digests", "slabs"}  # of the ledger alone

Document = dict[str, Any]
Errors = tuple[type[Exception], ...]


def ledger_attribute(entry: LedgerEntry) -> str:
    """An entry as the product's attribute `ledger` has it, JSON."""
    return entry.model_dump_json(exclude=WIDE)


def checksum(root: Document) -> str:
    """sha-256 of a root's document without the checksum itself: JSON with sorted keys and no spaces, in UTF-8."""
    attributes = {name: value for name, value in root["attributes"].items() if name != CHECKSUM}
    text = json.dumps(root | {"attributes": attributes}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def write_attributes(uri: str, attributes: Document) -> None:
    """Give a consolidated product these attributes and the checksum; readers see the file's old content or the new."""
    root = json.loads(read_bytes(join(uri, ROOT)))
    root["attributes"] |= attributes
    root["attributes"][CHECKSUM] = checksum(root)
    write_bytes(join(uri, ROOT), json.dumps(root, indent=2, ensure_ascii=False).encode())


def altered_metadata(uri: str, entry: LedgerEntry, damage: Errors = DAMAGE) -> Iterator[str]:
    """What is wrong with a product's metadata; of versions that kept no checksum, only what contradicts the ledger.

    damage: what reading raises of bytes that are wrong or gone.
    """
    try:
        root = json.loads(read_bytes(join(uri, ROOT)))
        attributes = root["attributes"]
        stated = json.loads(attributes.get("ledger", "{}"))
        described = root["consolidated_metadata"]["metadata"]
        own = read_all(join(uri, path, ROOT) for path in described)
        alone = dict(zip(described, map(json.loads, own), strict=True))
    except damage as error:
        yield f"metadata cannot be read: {in_a_line(error)}"
        return
    if CHECKSUM in attributes and attributes[CHECKSUM] != checksum(root):
        yield f"{ROOT} is other than was written"
    for path, document in described.items():
        if _node(document) != _node(alone[path]):
            yield f"{path}/{ROOT} is other than was written"
    entered = json.loads(ledger_attribute(entry))
    for name in sorted(stated.keys() & entered.keys() - CHANGING):
        if stated[name] != entered[name]:
            yield f"its {name} is {stated[name]!r}, the ledger's {entered[name]!r}"


def _node(document: Document) -> Document:
    """Without what a group repeats of those below it."""
    return {name: value for name, value in document.items() if name != "consolidated_metadata"}
