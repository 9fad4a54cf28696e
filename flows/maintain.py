"""Housekeeping of one region's store: what is too old goes, left-overs go, products are read again by value.

Deployment maintain/hubei.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from prefect import flow
from pydantic import BaseModel

from flows.server import names
from flows.server.endings import EndedBadly, completed, failed
from flows.server.orchestrator import assert_clock
from tasks.counted import counted
from tasks.locations import default_store, default_workspace
from tasks.region import search as regions
from tasks.region.document import Region
from tasks.storage import assert_readable, join, remove
from tasks.store.history import old_history
from tasks.store.integrity import CHECK_DAYS, check_product, due_for_check, summary
from tasks.store.ledger import LedgerEntry, entries
from tasks.store.retention import (
    expired,
    old_refusals,
    remove_cycle,
    remove_product,
    scratch_leftovers,
    staging_leftovers,
    unknown_products,
)
from tasks.store.stac import settle_region
from tasks.store.withdrawal import point_to_newest_good

log = logging.getLogger(__name__)


class MaintainReport(BaseModel):
    """What was removed, or would be in a dry run, and what was found."""

    dry_run: bool
    expired: list[str] = []  # cycles
    unknown: list[str] = []  # URIs of products and pictures without a ledger entry
    forgotten: list[str] = []  # URIs of pairs that calibration learns from no more
    leftovers: list[str] = []  # URIs in _staging and the workspace
    checked: list[str] = []  # cycles read by value
    damaged: dict[str, list[str]] = {}  # cycle -> what is wrong with its product

    @property
    def verb(self) -> str:
        """What was done with what is listed."""
        return "would remove" if self.dry_run else "removed"

    def __str__(self) -> str:
        return (
            f"{self.verb} {counted(len(self.expired), 'cycle')}, {counted(len(self.unknown), 'product')} or pictures "
            f"without an entry, pairs of {counted(len(self.forgotten), 'cycle')}, "
            f"{counted(len(self.leftovers), 'left-over')}; "
            f"read {counted(len(self.checked), 'product')}, {len(self.damaged)} damaged"
        )


class ProductDamaged(EndedBadly[MaintainReport]):
    """Published products that are no longer what was published."""


@flow(name=names.MAINTAIN, flow_run_name="{region}", timeout_seconds=6 * 3600, validate_parameters=True)
def maintain(
    region: str,
    store: str | None = None,
    keep_days: int | None = None,
    check_days: int = CHECK_DAYS,
    dry_run: bool = False,
) -> MaintainReport:
    """Remove what is too old or left over, and read again what was published within `check_days`.

    `keep_days`: instead of the region's `keep: days`. ProductDamaged, at the end, names the products that are not what
    was published, and has the report; by then `latest.json` names good ones.
    """
    assert_clock()  # by which it is decided what is too old
    found, uri = regions.load(region), join(store or default_store())
    assert_readable(uri)
    days = keep_days if keep_days is not None else found.keep.days
    report = _maintain(found, uri, days, check_days, dry_run)
    log.info("maintain: %s: %s", found.name, report)
    if report.damaged:
        return failed(ProductDamaged(_damage(region, entries(uri, found.name), report), report))
    return completed(report, f"{found.name}: {report}")


def _maintain(region: Region, store: str, keep_days: int | None, check_days: int, dry_run: bool) -> MaintainReport:
    """Check, then remove; in a dry run only list."""
    now, report = datetime.now(UTC), MaintainReport(dry_run=dry_run)

    # first of all, so that the last good product of a source is one that was read where there are such
    for entry in due_for_check(entries(store, region.name), now, check_days):
        report.checked.append(entry.cycle)
        if wrong := check_product(store, entry, dry_run):
            report.damaged[entry.cycle] = wrong
            log.error("maintain: %s %s is damaged: %s", entry.region, entry.cycle, summary(wrong))
    _lead_readers(store, region.name, dry_run)
    for entry in expired(store, region.name, entries(store, region.name), now, keep_days):
        report.expired.append(entry.cycle)
        if not dry_run:
            remove_cycle(store, entry)
    for item in unknown_products(store, region.name, entries(store, region.name), now):
        report.unknown.append(item.uri)
        if not dry_run:
            remove_product(item.uri)
    report.forgotten = old_history(store, region.name, now - timedelta(days=region.calibration.keep_days))
    for uri in () if dry_run else report.forgotten:
        remove(uri)
    workspace = join(default_workspace())
    refused = old_refusals(store, region.name, entries(store, region.name), now)
    for item in [*staging_leftovers(store, now), *refused, *scratch_leftovers(workspace, region.name, now)]:
        report.leftovers.append(item.uri)
        if not dry_run:
            remove(item.uri)
    _lead_readers(store, region.name, dry_run)

    for what, gone in (
        ("cycle", report.expired),
        ("", report.unknown),
        ("pairs", report.forgotten),
        ("left-over", report.leftovers),
    ):
        for name in gone:
            log.info("maintain: %s %s %s", report.verb, what, name)
    return report


def _lead_readers(store: str, region: str, dry_run: bool) -> None:
    """Each source's `latest.json` names its newest good product, the catalogue all; also after somebody was killed."""
    if dry_run:
        return
    found = entries(store, region)
    for source in sorted({e.source for e in found}):
        point_to_newest_good(store, region, source)
    settle_region(store, region, found)


def _damage(region: str, found: list[LedgerEntry], report: MaintainReport) -> str:
    """One line: which products, what is wrong, what to type."""
    parts = []
    for cycle, wrong in report.damaged.items():
        source, stamp = cycle.split("/")
        again = f"--source {source} --cycle {stamp}" if source != "file" else "--input FILE"
        parts.append(f"{cycle}: {summary(wrong)}; make it again: finescale run {region} {again}")
    hit = {cycle.split("/")[0] for cycle in report.damaged}
    alone = sorted(hit - {e.source for e in found if e.good and e.cycle not in report.damaged})
    rest = f"no good product of {', '.join(alone)} is left" if alone else "readers are led to the last good one"
    rest = "dry run: nothing was changed" if report.dry_run else rest
    return f"{region}: damaged: {' | '.join(parts)}; {rest}"
