"""Step 6, publish: a product is staged, checked, and goes into the store whole; ledger and latest.json go last.

Nothing is locked. A revision's name is claimed by creating a small file, and the ledger entry is replaced only if it
is still the one that was read: of two runs of one cycle one publishes, and the other finds its product.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from pydantic import BaseModel

from tasks.errors import FinescaleError
from tasks.handover.cycle import Cycle
from tasks.handover.scorecard import Quality, Validated
from tasks.page import put_page
from tasks.present.geojson import put_boundary, put_places, write_stations
from tasks.publish.pages import Opened, attributes, opened, picture, report_page
from tasks.region.document import Region
from tasks.steps import step
from tasks.storage import create_bytes, exists, put_in_place, read_parquet, read_tagged, remove, write_bytes
from tasks.store.history import of_pairs, remove_history, write_history
from tasks.store.ledger import LedgerEntry, State, read_entry, read_tagged_entry, write_entry
from tasks.store.metadata import write_attributes
from tasks.store.paths import (
    PRODUCT,
    QUICKLOOK,
    REPORT,
    STATIONS,
    claim_uri,
    in_store,
    place_of,
    product_uri,
    quarantine_place,
)
from tasks.store.product import seal
from tasks.store.quarantine import enter_refused
from tasks.store.scores import remove_scores, write_scores
from tasks.store.stac import settle_cycle
from tasks.store.withdrawal import point_to_good, point_to_newest_good

log = logging.getLogger(__name__)


class Published(BaseModel):
    """What is in the ledger now; `made` is False if another run had published the same."""

    entry: LedgerEntry
    made: bool


def claim(store: str, region: str, cycle: Cycle, owner: str) -> tuple[int, str]:
    """A revision that no other run has, and the URI of the claim: one more than what is there, left-overs included."""
    entry = read_entry(store, region, cycle)
    revision = entry.revision if entry else 1  # the entry's own may be this run's, interrupted after it was written
    while True:
        uri = claim_uri(store, region, cycle, revision)
        held = read_tagged(uri)
        if held is not None and held[0].decode() == owner:  # this run's, from before it was interrupted
            return revision, uri
        there = exists(product_uri(store, region, cycle, revision))
        taken = there or (entry is not None and entry.revision == revision)
        if held is None and not taken and create_bytes(uri, owner.encode()):
            return revision, uri
        revision += 1


@step("publish", "publish {cycle}", timeout_seconds=3600)
def publish(
    store: str,
    region: Region,
    cycle: Cycle,
    staged: str,
    draft: LedgerEntry,
    found: Validated,
    again: bool = False,
) -> Published:
    """Put the staged product in place; then picture, report, ledger entry and latest.json, in that order.

    What is left in staging is the caller's to remove. `draft`: the entry but for the names. `again`: publish although
    the same product is there.
    """
    revision, claimed = claim(store, region.name, cycle, staged)
    place = place_of(region.name, cycle, revision)
    entry = named(draft, place, revision, found.pairs)
    product = in_store(store, entry.product)
    there = read_entry(store, region.name, cycle)
    if there is not None and there.product == entry.product:  # entered by this run, before it was interrupted
        published = Published(entry=there, made=True)
    else:
        if exists(staged):  # not so when a retry comes after the renaming of a local folder
            seal(staged, attributes(entry, region))
            put_in_place(staged, product)
        _write_pages(store, region, entry, found.pairs)
        published = _enter(store, cycle, entry, again)
    if published.made:
        _keep_scores(store, cycle, published.entry, found)
    else:
        for path in filter(None, (entry.product, entry.quicklook, entry.report, entry.stations)):
            remove(in_store(store, path))
    _settle(store, region.name, cycle)
    _put_page(store, region)
    point_to_good(store, published.entry)
    remove(claimed)
    log.info("publish: %s", in_store(store, published.entry.product))
    return published


def _settle(store: str, region: str, cycle: Cycle) -> None:
    """Enter a cycle into the catalogue; what hinders that hinders no product, and `finescale maintain` mends it."""
    try:
        settle_cycle(store, region, cycle)
    except FinescaleError as error:
        log.warning("catalogue: %s: not entered (%s); `finescale maintain %s` does it", cycle, error, region)


def _put_page(store: str, region: Region) -> None:
    """The page, and the outline and places that it draws; no product waits for them."""
    try:
        put_boundary(store, region)
        put_places(store, region)
        put_page(store)
    except Exception as error:
        log.warning("page: not written (%s: %s); the next product tries again", type(error).__name__, error)


def named(draft: LedgerEntry, place: str, revision: int, pairs: str | None = None) -> LedgerEntry:
    """A draft with its names, below `place` in the store."""
    names = {"product": place + PRODUCT, "quicklook": place + QUICKLOOK, "report": place + REPORT}
    names["stations"] = place + STATIONS if pairs else ""
    return draft.model_copy(update=names | {"revision": revision, "published_at": datetime.now(UTC)})


def _write_pages(store: str, region: Region, entry: LedgerEntry, pairs: str | None) -> None:
    pages = opened(in_store(store, entry.product))
    write_bytes(in_store(store, entry.quicklook), picture(pages, entry, region))
    _write_report(store, region, entry, pages, pairs)


def _write_report(store: str, region: Region, entry: LedgerEntry, pages: Opened, pairs: str | None) -> None:
    table = read_parquet(pairs) if pairs else None
    write_bytes(in_store(store, entry.report), report_page(pages, entry, region, table))
    if table is not None:
        write_stations(in_store(store, entry.stations), table)


def _keep_scores(store: str, cycle: Cycle, entry: LedgerEntry, validated: Validated) -> None:
    """Put a cycle's scores into the region's rolling table, and its pairs into what calibration learns from."""
    found = entry.scorecard.verification
    if validated.table is not None and found is not None:
        write_scores(store, entry.region, cycle, entry.revision, found.complete, read_parquet(validated.table))
    if validated.pairs is not None:
        write_history(store, entry.region, cycle, of_pairs(read_parquet(validated.pairs)))


def _forget_scores(store: str, region: str, cycle: Cycle) -> None:
    """What was refused is neither a measure for others nor anything to learn from."""
    remove_scores(store, region, cycle)
    remove_history(store, region, cycle)


def _enter(store: str, cycle: Cycle, entry: LedgerEntry, again: bool) -> Published:
    """Write the ledger entry; the one that is there stays if it is of the same product."""
    while True:
        found = read_tagged_entry(store, entry.region, cycle)
        if found is not None:
            there, same_run = found[0], found[0].product == entry.product  # a PUT that the client sent twice
            usable = exists(in_store(store, there.product))
            if same_run or (there.good and there.fingerprint == entry.fingerprint and usable and not again):
                return Published(entry=there, made=same_run)
        if write_entry(store, cycle, entry, found[1] if found else None):
            return Published(entry=entry, made=True)


@step("quarantine", "quarantine {cycle}", timeout_seconds=3600)
def quarantine(
    store: str, region: Region, cycle: Cycle, staged: str, draft: LedgerEntry, found: Validated
) -> LedgerEntry:
    """Put a product that the gate refused where people can look at it and readers do not; `latest.json` stays."""
    why = "; ".join(draft.scorecard.why)
    entry = named(draft, quarantine_place(staged), 0, found.pairs).model_copy(
        update={"state": State.QUARANTINED, "why": why}
    )
    if exists(staged):  # not so when a retry comes after the renaming of a local folder
        seal(staged, attributes(entry, region))
        put_in_place(staged, in_store(store, entry.product))
    _write_pages(store, region, entry, found.pairs)
    enter_refused(store, cycle, entry)
    log.warning("quarantine: %s: %s", in_store(store, entry.product), why)
    return entry


@step("record", "record {cycle}", timeout_seconds=3600)
def record(store: str, region: Region, cycle: Cycle, product: str, validated: Validated) -> LedgerEntry | None:
    """Write another verdict on a published product: into it, its report, scores, the ledger, and `latest.json` last.

    `product`: as the ledger names it. None if the ledger names another one by now, or it has been taken back: then
    readers are led by that, and its scores are no measure for others. A product that is refused is marked in the
    ledger, and readers are led to the newest good one.
    """
    scorecard, pairs = validated.scorecard, validated.pairs
    while True:
        found = read_tagged_entry(store, region.name, cycle)
        if found is None or found[0].product != product:
            return None
        if not found[0].scorable:
            _forget_scores(store, region.name, cycle)
            return None
        refused = scorecard.quality == Quality.QUARANTINED
        changes = {"scorecard": scorecard, "quality": scorecard.quality, "verified_at": datetime.now(UTC)}
        state = State.QUARANTINED if refused else State.PUBLISHED
        changes |= {"state": state, "why": "; ".join(scorecard.why) if refused else ""}
        # entries of older versions know of no report
        report = found[0].report or product.removesuffix(PRODUCT) + REPORT
        beside = {
            "report": report,
            "stations": product.removesuffix(PRODUCT) + STATIONS if pairs else found[0].stations,
        }
        entry = found[0].model_copy(update=changes | beside)
        write_attributes(in_store(store, product), attributes(entry, region))
        _write_report(store, region, entry, opened(in_store(store, product)), pairs)
        if refused:
            _forget_scores(store, region.name, cycle)
        else:
            _keep_scores(store, cycle, entry, validated)
        if write_entry(store, cycle, entry, found[1]):
            break
    _settle(store, region.name, cycle)
    if refused:
        point_to_newest_good(store, region.name, cycle.source)
    else:
        point_to_good(store, entry)
    return entry
