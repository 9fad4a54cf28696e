"""What leaves the store and the workspace: old cycles, superseded revisions, what killed runs left behind.

A ledger entry goes first, then the product's root metadata, without which no reader opens it, then the rest. Whatever
was being removed when a process was killed is a product that no entry knows, and the next call removes it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from tasks.handover.cycle import Cycle
from tasks.storage import is_remote, join, last_written, matching, read_json, remove
from tasks.store.ledger import LedgerEntry
from tasks.store.paths import CLAIMS, QUARANTINE, STAGING, entry_uri, in_store, latest_uri
from tasks.store.stac import settle_cycle

GRACE = timedelta(days=1)  # longer than any run may take: what is younger may be somebody's
NAMED = re.compile(
    r"(?P<stamp>\d{4}-\d{2}-\d{2}T\d{2})(?:-r(?P<revision>\d+))?\.(?P<kind>zarr|png|html|stations\.geojson)"
)
PARTIAL = re.compile(r"\..+\.[0-9a-f]{8}\.partial")  # of a small file that was being written
MONTH = timedelta(days=30)  # in which somebody may look at what was refused
LOCK = re.compile(r"\.(?P<stamp>\d{4}-\d{2}-\d{2}T\d{2})\.json\.lock")  # of an entry in a local store
SCRATCH = re.compile(r"(?:[a-z0-9]+-\d{4}-\d{2}-\d{2}T\d{2}|file|verify)-[0-9a-f]{8}")  # of a run


@dataclass(frozen=True)
class Found:
    """A file or folder, and when something in it was last written."""

    uri: str
    written: datetime | None  # None: an empty folder

    @property
    def is_nothing(self) -> bool:
        """Whether it is an empty folder of an object store: some show those for a while, there is nothing to remove."""
        return self.written is None and is_remote(self.uri)

    def older(self, now: datetime, than: timedelta = GRACE) -> bool:
        """Whether nobody wrote to it for so long."""
        return self.written is None or now - self.written > than


def protected(store: str, region: str, found: list[LedgerEntry]) -> set[str]:
    """Products that must stay however old: the last good one of each source, and what each latest.json names."""
    stays = {e.source: e.product for e in found if e.good}  # the oldest first, so the newest remains
    named = (read_json(latest_uri(store, region, s)) for s in {e.source for e in found})
    return {*stays.values(), *(n["product"] for n in named if n)}


def expired(store: str, region: str, found: list[LedgerEntry], now: datetime, days: int | None) -> list[LedgerEntry]:
    """Entries of cycles that began more than so many days ago and need not stay; none if days is None."""
    if days is None:
        return []
    stays = protected(store, region, found)
    old = (e for e in found if now - Cycle.parse(e.cycle, e.source).time > timedelta(days=days))
    return [e for e in old if e.product not in stays]


def remove_cycle(store: str, entry: LedgerEntry) -> None:
    """Remove a cycle's entry, its item in the catalogue, product and picture, in that order."""
    cycle = Cycle.parse(entry.cycle, entry.source)
    uri = entry_uri(store, entry.region, cycle)
    remove(uri)
    settle_cycle(store, entry.region, cycle)
    remove_product(in_store(store, entry.product))
    for path in (entry.quicklook, entry.report, entry.stations):
        if path:
            remove(in_store(store, path))
    place, name = uri.rsplit("/", 1)
    remove(f"{place}/.{name}.lock")


def remove_product(uri: str) -> None:
    """Remove a product so that no reader finds half of it, whose missing parts would read as no data."""
    if uri.endswith(".zarr"):
        remove(join(uri, "zarr.json"))
    remove(uri)


def unknown_products(store: str, region: str, found: list[LedgerEntry], now: datetime) -> list[Found]:
    """Products and pictures that no ledger entry names: superseded, or left by a run or removal that was killed.

    A superseded one goes a day after its successor came, and stays where that was withdrawn or is damaged.
    """
    known = {p for e in found for p in (e.product, e.quicklook, e.report, e.stations)} | protected(store, region, found)
    by_cycle = {e.cycle: e for e in found}
    unknown = []
    for uri in matching(join(store, region), "*/[0-9][0-9][0-9][0-9]/[0-9][0-9]/*"):
        relative = uri.removeprefix(join(store) + "/")
        name, source = relative.rsplit("/", 1)[-1], relative.split("/")[1]
        match = NAMED.fullmatch(name)
        lock = LOCK.fullmatch(name)
        if lock is not None and f"{source}/{lock['stamp']}" in by_cycle:
            continue
        if relative in known or not (match or lock or PARTIAL.fullmatch(name)):
            continue
        item = Found(uri, last_written(uri))
        entry = by_cycle.get(f"{source}/{match['stamp']}") if match else None
        if entry is not None and match is not None and int(match["revision"] or 1) < entry.revision:
            gone = entry.good and now - entry.published_at > GRACE
        else:
            gone = item.older(now)
        if gone and not item.is_nothing:
            unknown.append(item)
    return unknown


def staging_leftovers(store: str, now: datetime) -> list[Found]:
    """What runs that were killed left in _staging, of any region."""
    staging = join(store, STAGING)
    items = [*_items(staging, lambda name: name != CLAIMS), *_items(join(staging, CLAIMS))]
    return [item for item in items if item.older(now)]


def old_refusals(store: str, region: str, found: list[LedgerEntry], now: datetime) -> list[Found]:
    """Of the region's quarantine what nobody has touched for a month and no ledger entry names."""
    known = {e.product.removesuffix(".zarr") for e in found}
    wanted = re.compile(rf"{re.escape(region)}-[a-z0-9]+-\d{{4}}-\d{{2}}-\d{{2}}T\d{{2}}-[0-9a-f]{{8}}\.[\w.]+")
    items = _items(join(store, QUARANTINE), lambda name: wanted.fullmatch(name) is not None)
    return [
        i
        for i in items
        if i.older(now, MONTH) and f"{QUARANTINE}/{i.uri.rsplit('/', 1)[-1].split('.', 1)[0]}" not in known
    ]


def scratch_leftovers(workspace: str, region: str, now: datetime) -> list[Found]:
    """Folders of the region's killed runs in the workspace; fetched files are not among them."""
    items = _items(join(workspace, region), lambda name: SCRATCH.fullmatch(name) is not None)
    return [item for item in items if item.older(now)]


def _items(folder: str, wanted: Callable[[str], bool] = lambda _: True) -> Iterator[Found]:
    for uri in matching(folder, "*"):
        item = Found(uri, last_written(uri)) if wanted(uri.rsplit("/", 1)[-1]) else None
        if item is not None and not item.is_nothing:
            yield item
