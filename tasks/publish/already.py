"""Whether a cycle's product is published already, and made as it would be now."""

from __future__ import annotations

from models.package import ModelPackage
from tasks.errors import GateRefused
from tasks.handover.cycle import Cycle
from tasks.region.document import Region
from tasks.storage import exists
from tasks.store.ledger import LedgerEntry, State, read_entry
from tasks.store.paths import in_store
from tasks.version import VERSION


def same_inputs(store: str, region: Region, cycle: Cycle, fingerprint: str) -> LedgerEntry | None:
    """The entry of an identical product that is still there; GateRefused if that is in quarantine."""
    entry = read_entry(store, region.name, cycle)
    return _usable(store, entry) if entry is not None and entry.fingerprint == fingerprint else None


def same_recipe(store: str, region: Region, cycle: Cycle, package: ModelPackage) -> LedgerEntry | None:
    """As `same_inputs`, before anything is fetched: by model, region and code, since a cycle's fields are final."""
    entry = read_entry(store, region.name, cycle)
    recipe = (package.digest, region.fingerprint, VERSION)
    if entry is None or (entry.model_sha256, entry.region_fingerprint, entry.code_version) != recipe:
        return None
    return _usable(store, entry)


def _usable(store: str, entry: LedgerEntry) -> LedgerEntry | None:
    if entry.state == State.QUARANTINED:
        raise GateRefused(
            f"{entry.cycle}: is in quarantine: {entry.why}; the same would be made again, --force does so"
        )
    return entry if entry.good and exists(in_store(store, entry.product)) else None
