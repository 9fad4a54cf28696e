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
from datetime import UTC, datetime, timedelta

from tasks.cycle import Cycle
from tasks.publish.ledger import LedgerEntry, read_entry
from tasks.publish.stac.documents import Catalogued, Document, catalogue, collection, item, month
from tasks.storage import DAMAGE, create_bytes, exists, join, names_in, open_zarr, read_tagged, remove, replace_bytes

log = logging.getLogger(__name__)

CATALOG, COLLECTION, ITEMS = "catalog.json", "collection.json", "items"
MONTH = re.compile(r"\d{4}-\d{2}")
STAMP = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2})\.json")
RECENT = timedelta(days=3)  # in which a run that was killed may have changed an entry and not its item


def settle_cycle(store: str, region: str, cycle: Cycle) -> None:
    """Let a cycle's item say what the ledger says now, and go if there is no good product; then all above it."""
    _settle_item(store, region, cycle)
    _settle_above(store, region, cycle.source, {_month(cycle)})


def settle_region(store: str, region: str, found: list[LedgerEntry]) -> None:
    """Let a region's items be those of its good ledger entries `found`: whatever is missing, left over or recent."""
    now = datetime.now(UTC)
    for source in sorted({e.source for e in found} | set(_sources(store, region))):
        good = {e.cycle.split("/")[1]: e for e in found if e.source == source and e.good}
        months = _months(store, region, source, empty=True)
        there = {s for m in months for s in _stamps(store, region, source, m)}
        recent = {s for s, e in good.items() if now - max(e.published_at, e.verified_at or e.published_at) < RECENT}
        for stamp in sorted((good.keys() ^ there) | recent):
            _settle_item(store, region, Cycle.parse(stamp, source))
        _settle_above(store, region, source, {*months, *(_month(Cycle.parse(s, source)) for s in good)})


def _settle_above(store: str, region: str, source: str, months: set[str]) -> None:
    for name in sorted(months):
        _settle(join(_items(store, region, source), name, CATALOG), lambda m=name: _monthly(store, region, source, m))  # type: ignore[misc]
    _settle(join(store, region, source, COLLECTION), lambda: _collection(store, region, source))
    _settle(join(store, region, CATALOG), lambda: _regional(store, region))
    _settle(join(store, CATALOG), lambda: _root(store))


def _settle(uri: str, wanted: Callable[[], Document | None]) -> None:
    """Write what is wanted until it is what is there; None: no file."""
    while True:
        now = read_tagged(uri)
        document = wanted()
        data = None if document is None else (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()
        if (now[0] if now else None) == data:
            return
        if data is None:
            remove(uri)
            place, name = uri.rsplit("/", 1)
            remove(f"{place}/.{name}.lock")
        elif now is None:
            create_bytes(uri, data)
        else:
            replace_bytes(uri, data, now[1])


def _settle_item(store: str, region: str, cycle: Cycle) -> None:
    def wanted() -> Document | None:
        found = _good(store, region, cycle)
        return item(found) if found is not None else None

    _settle(join(_items(store, region, cycle.source), _month(cycle), f"{cycle.stamp}.json"), wanted)


def _good(store: str, region: str, cycle: Cycle) -> Catalogued | None:
    """A cycle's good product; None if it has none, or one that cannot be opened."""
    entry = read_entry(store, region, cycle)
    if entry is None or not entry.good:
        return None
    uri = join(store, *entry.product.split("/"))
    if not exists(join(uri, "zarr.json")):
        return None
    try:
        return Catalogued(entry, open_zarr(uri))
    except DAMAGE as error:
        log.warning("catalogue: %s cannot be opened (%s): left out", entry.product, error)
        return None


def _monthly(store: str, region: str, source: str, name: str) -> Document | None:
    stamps = _stamps(store, region, source, name)
    return month(region, source, name, stamps) if stamps else None


def _collection(store: str, region: str, source: str) -> Document | None:
    months = _months(store, region, source)
    newest = _newest(store, region, source, months)
    if newest is None:
        return None
    first = next(s for m in months for s in _stamps(store, region, source, m))
    return collection(newest, Cycle.parse(first, source), months)


def _newest(store: str, region: str, source: str, months: list[str]) -> Catalogued | None:
    """The newest good product that has an item."""
    stamps = (s for m in reversed(months) for s in reversed(_stamps(store, region, source, m)))
    found = (_good(store, region, Cycle.parse(s, source)) for s in stamps)
    return next((f for f in found if f is not None), None)


def _regional(store: str, region: str) -> Document | None:
    sources = _sources(store, region)
    newest = (_newest(store, region, s, _months(store, region, s)) for s in sources)
    title = next((f.title for f in newest if f is not None), region)
    children = {f"./{s}/{COLLECTION}": s for s in sources}
    return catalogue(region, title, f"Products of {title}", children, root=False) if sources else None


def _root(store: str) -> Document | None:
    regions = [n for n in names_in(store) if n[0] not in "._" and exists(join(store, n, CATALOG))]
    children = {f"./{n}/{CATALOG}": n for n in regions}
    said = "High-resolution weather fields, a catalogue a region"
    return catalogue("finescale", "finescale", said, children, root=True) if regions else None


def _sources(store: str, region: str) -> list[str]:
    return [n for n in names_in(join(store, region)) if exists(join(store, region, n, COLLECTION))]


def _months(store: str, region: str, source: str, empty: bool = False) -> list[str]:
    """Months with a catalogue; `empty`: those without too."""
    place = _items(store, region, source)
    return [n for n in names_in(place) if MONTH.fullmatch(n) and (empty or exists(join(place, n, CATALOG)))]


def _stamps(store: str, region: str, source: str, name: str) -> list[str]:
    matches = (STAMP.fullmatch(n) for n in names_in(join(_items(store, region, source), name)))
    return [m[1] for m in matches if m]


def _items(store: str, region: str, source: str) -> str:
    return join(store, region, source, ITEMS)


def _month(cycle: Cycle) -> str:
    return f"{cycle.time:%Y-%m}"
