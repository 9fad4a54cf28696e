"""The store's STAC catalogue: static JSON that lists every good product, written from what the ledger says.

{store}/catalog.json
{store}/{region}/catalog.json
{store}/{region}/{source}/collection.json
{store}/{region}/{source}/items/{YYYY-MM}/catalog.json     at most as many items as a month has cycles
{store}/{region}/{source}/items/{YYYY-MM}/{cycle}.json

Nothing is locked. Each file is worked out from what is in the store, written only if it is still the one that was read,
and worked out again until it stays: whoever comes last leaves it right, and what a killed run left is put right by the
next. Children are written before their parents.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import xarray as xr

from tasks.arrays import DAMAGE, open_zarr
from tasks.handover.cycle import Cycle
from tasks.storage import create_bytes, exists, files_in, join, names_in, read_tagged, remove, replace_bytes
from tasks.store.ledger import LedgerEntry, read_entry
from tasks.store.paths import in_store
from tasks.store.stac.documents import Catalogued, Document, catalogue, collection, item, month

log = logging.getLogger(__name__)

CATALOG, COLLECTION, ITEMS = "catalog.json", "collection.json", "items"
ITEM = re.compile(r"(?P<month>\d{4}-\d{2})/(?P<stamp>\d{4}-\d{2}-\d{2}T\d{2})\.json")
RECENT = timedelta(days=3)  # in which a run that was killed may have changed an entry and not its item


@dataclass
class _Source:
    """Cycles of one source for one region; products that were opened are kept, their axes never change."""

    store: str
    region: str
    name: str
    opened: dict[str, xr.Dataset] = field(default_factory=dict)

    @property
    def uri(self) -> str:
        return join(self.store, self.region, self.name)

    def item_uri(self, stamp: str) -> str:
        return join(self.uri, ITEMS, stamp[:7], f"{stamp}.json")

    def listing(self) -> dict[str, list[str]]:
        """Month -> the initial times that have an item, in order."""
        months: dict[str, list[str]] = {}
        for path in files_in(join(self.uri, ITEMS)):
            if match := ITEM.fullmatch(path):
                months.setdefault(match["month"], []).append(match["stamp"])
        return months

    def good(self, stamp: str) -> Catalogued | None:
        """A cycle's good product; None if it has none, or one that cannot be opened."""
        entry = read_entry(self.store, self.region, Cycle.parse(stamp, self.name))
        if entry is None or not entry.good:
            return None
        uri = in_store(self.store, entry.product)
        if not exists(join(uri, "zarr.json")):
            return None
        try:
            product = self.opened[uri] if uri in self.opened else open_zarr(uri)
        except DAMAGE as error:
            log.warning("catalogue: %s is left out, it cannot be opened (%s)", entry.product, error)
            return None
        self.opened[uri] = product
        return Catalogued(entry, product)

    def item(self, stamp: str) -> Document | None:
        found = self.good(stamp)
        return item(found) if found is not None else None

    def month(self, name: str) -> Document | None:
        stamps = self.listing().get(name)
        return month(self.region, self.name, name, stamps) if stamps else None

    def collection(self) -> Document | None:
        listing = self.listing()
        stamps = [s for m in listing.values() for s in m]
        newest = next((f for f in map(self.good, reversed(stamps)) if f is not None), None)
        if newest is None:
            return None
        return collection(newest, Cycle.parse(stamps[0], self.name), list(listing))


def settle_cycle(store: str, region: str, cycle: Cycle) -> None:
    """Let a cycle's item say what the ledger says now, and go if there is no good product; then all above it."""
    source = _Source(store, region, cycle.source)
    _settle(source.item_uri(cycle.stamp), lambda: source.item(cycle.stamp))
    _settle_months(source, {cycle.stamp[:7]})


def settle_region(store: str, region: str, found: list[LedgerEntry]) -> None:
    """Let a region's items be those of its good ledger entries `found`: what is missing, left over or recent."""
    now = datetime.now(UTC)
    for name in sorted({e.source for e in found} | set(_sources(store, region))):
        source = _Source(store, region, name)
        good = {e.cycle.split("/")[1]: e for e in found if e.source == name and e.good}
        there = {s for stamps in source.listing().values() for s in stamps}
        recent = {s for s, e in good.items() if now - max(e.published_at, e.verified_at or e.published_at) < RECENT}
        for stamp in sorted((good.keys() ^ there) | recent):
            _settle(source.item_uri(stamp), lambda s=source, at=stamp: s.item(at))  # type: ignore[misc]
        _settle_months(source, {s[:7] for s in good.keys() | there})
    _settle_above(store, region)


def _settle_months(source: _Source, names: set[str]) -> None:
    for name in sorted(names):
        _settle(join(source.uri, ITEMS, name, CATALOG), lambda m=name: source.month(m))  # type: ignore[misc]
    if _settle(join(source.uri, COLLECTION), source.collection):
        _settle_above(source.store, source.region)


def _settle_above(store: str, region: str) -> None:
    _settle(join(store, region, CATALOG), lambda: _regional(store, region))
    _settle(join(store, CATALOG), lambda: _root(store))


def _settle(uri: str, wanted: Callable[[], Document | None]) -> bool:
    """Write what is wanted until it is what is there; None: no file. True if a file came or went."""
    came_or_went = False
    while True:
        now = read_tagged(uri)
        document = wanted()
        data = None if document is None else (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()
        if (now[0] if now else None) == data:
            return came_or_went
        came_or_went = came_or_went or now is None or data is None
        if data is None:
            remove(uri)
            place, name = uri.rsplit("/", 1)
            remove(f"{place}/.{name}.lock")
        elif now is None:
            create_bytes(uri, data)
        else:
            replace_bytes(uri, data, now[1])


def _regional(store: str, region: str) -> Document | None:
    children = {f"./{s}/{COLLECTION}": s for s in _sources(store, region)}
    return catalogue(region, region, f"Products of {region}", children, root=False) if children else None


def _root(store: str) -> Document | None:
    regions = [n for n in names_in(store) if n[0] not in "._" and exists(join(store, n, CATALOG))]
    description = "High-resolution weather fields, a catalogue a region"
    return (
        catalogue("finescale", "finescale", description, {f"./{n}/{CATALOG}": n for n in regions}, root=True)
        if regions
        else None
    )


def _sources(store: str, region: str) -> list[str]:
    return [n for n in names_in(join(store, region)) if exists(join(store, region, n, COLLECTION))]
