"""Step 5, publish: a product is staged, checked, and goes into the store whole; ledger and latest.json go last.

Nothing is locked. A revision's name is claimed by creating a small file, and the ledger entry is replaced only if it
is still the one that was read: of two runs of one cycle one publishes, and the other finds its product.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from uuid import uuid4

from prefect import task
from pydantic import BaseModel

from tasks.cycle import ATTRIBUTION, LICENCE, Cycle, RawFile
from tasks.grid import Grid
from tasks.prepared import Prepared, PreparedInfo
from tasks.publish.figures import quicklook
from tasks.publish.ledger import LedgerEntry, folder, point_to, read_entry, read_tagged_entry, write_entry
from tasks.publish.product import assert_reads_back, create, seal
from tasks.region import Region
from tasks.retry import worth_retrying
from tasks.scorecard import Scorecard
from tasks.slab import SlabReport
from tasks.storage import create_bytes, exists, join, open_zarr, put_in_place, read_tagged, remove, write_bytes
from tasks.version import VERSION

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
        name = _name(cycle, revision)
        uri = join(store, "_staging", "claims", f"{region}-{cycle.source}-{name}")
        held = read_tagged(uri)
        if held is not None and held[0].decode() == owner:  # this run's, from before it was interrupted
            return revision, uri
        there = exists(join(folder(store, region, cycle), f"{name}.zarr"))
        taken = there or (entry is not None and entry.revision == revision)
        if held is None and not taken and create_bytes(uri, owner.encode()):
            return revision, uri
        revision += 1


def _name(cycle: Cycle, revision: int) -> str:
    return cycle.stamp if revision == 1 else f"{cycle.stamp}-r{revision}"


def _attributes(entry: LedgerEntry, region: Region) -> dict[str, str]:
    """Global attributes of the product: what it is, where it came from, how good it is."""
    return {
        "title": f"{region.title}: {entry.cycle} at {region.spacing:g} degree",
        "institution": "finescale",
        "source": f"{entry.cycle} downscaled by finescale {VERSION} with {entry.model}",
        "history": f"{entry.published_at:%Y-%m-%dT%H:%M:%SZ} finescale {VERSION}",
        "references": "Li et al., Computer Engineering 2026, 52(4), 376-385",
        "attribution": ". ".join(p for p in (ATTRIBUTION[entry.origin], region.attribution) if p),
        "finescale_region": entry.region,
        "finescale_cycle": entry.cycle,
        "finescale_version": VERSION,
        "finescale_model": entry.model,
        "finescale_model_sha256": entry.model_sha256,
        "finescale_quality": entry.quality,
        "scorecard": entry.scorecard.model_dump_json(),
        "ledger": entry.model_dump_json(exclude={"scorecard", "digests", "slabs"}),
    } | ({"license": LICENCE[entry.origin]} if entry.origin in LICENCE else {})


def _figure(product_uri: str, fields_uri: str, region: Region, cycle: Cycle) -> bytes:
    """Quick-look of the middle lead time."""
    product, fields = open_zarr(product_uri), Prepared.load(fields_uri).fields
    middle = product.sizes["step"] // 2
    valid = product.valid_time.values[middle].astype("datetime64[m]")
    hours = product.step.values[middle].astype("timedelta64[m]").astype(int) / 60
    when = f"+{hours:g} h, valid {str(valid).replace('T', ' ')} UTC"
    title = f"{region.title}: {cycle} {when}; product at {region.spacing:g}°"
    return quicklook(fields.isel(step=middle), product.isel(step=middle).load(), region.boundary_file, title)


@task(name="stage", task_run_name="stage {cycle}", retries=5, retry_delay_seconds=[5, 15, 30, 60, 120],
      retry_condition_fn=worth_retrying, timeout_seconds=600)  # fmt: skip
def stage(store: str, region: str, cycle: Cycle, info: PreparedInfo, target: Grid) -> str:
    """A product without values in the store's _staging; returns its URI. Nobody reads there."""
    uri = join(store, "_staging", f"{region}-{cycle.source}-{cycle.stamp}-{uuid4().hex[:8]}.zarr")
    create(info.uri, target, info.variables, uri)
    return uri


def _merged(reports: list[SlabReport]) -> dict[str, list[str]]:
    """Digests of all lead times, by variable."""
    ordered = sorted(reports, key=lambda r: r.start)
    return {name: [d for r in ordered for d in r.digests[name]] for name in ordered[0].digests}


@task(name="publish", task_run_name="publish {cycle}", retries=5, retry_delay_seconds=[5, 15, 30, 60, 120],
      retry_condition_fn=worth_retrying, timeout_seconds=3600)  # fmt: skip
def publish(
    store: str,
    region: Region,
    cycle: Cycle,
    info: PreparedInfo,
    staged: str,
    reports: list[SlabReport],
    inputs: list[RawFile],
    model: str,
    model_sha256: str,
    fingerprint: str,
    scorecard: Scorecard,
    timings: dict[str, float],
    again: bool = False,
) -> Published:
    """Read the staged product back, put it in place; then picture, ledger entry and latest.json, in that order.

    What is left in staging is the caller's to remove.

    `again`: publish although the same product is there.
    """
    revision, claimed = claim(store, region.name, cycle, staged)
    name = _name(cycle, revision)
    relative = "/".join([region.name, cycle.source, f"{cycle.time:%Y}", f"{cycle.time:%m}"])
    entry = LedgerEntry(
        region=region.name,
        cycle=str(cycle),
        state="published",
        quality=scorecard.quality,
        product=f"{relative}/{name}.zarr",
        quicklook=f"{relative}/{name}.png",
        revision=revision,
        fingerprint=fingerprint,
        published_at=datetime.now(UTC),
        lead_hours=info.lead_hours,
        variables=info.variables,
        absent=info.absent,
        inputs=[f.model_copy(update={"uri": f.uri.rsplit("/", 1)[-1]}) for f in inputs],  # a path is nobody's business
        origin=info.origin,
        expver=info.expver,
        model=model,
        model_sha256=model_sha256,
        code_version=VERSION,
        region_fingerprint=region.fingerprint,
        spacing=region.spacing,
        timings=timings,
        scorecard=scorecard,
        slabs=[r.model_copy(update={"digests": {}}) for r in reports],
        digests=_merged(reports),
    )
    product, picture = (join(store, *path.split("/")) for path in (entry.product, entry.quicklook))
    there = read_entry(store, region.name, cycle)
    if there is not None and there.product == entry.product:  # entered by this run, before it was interrupted
        published = Published(entry=there, made=True)
    else:
        if exists(staged):  # not so when a retry comes after the renaming of a local folder
            seal(staged, _attributes(entry, region))
            assert_reads_back(staged, entry.digests)
            put_in_place(staged, product)
        write_bytes(picture, _figure(product, info.uri, region, cycle))
        published = _enter(store, cycle, entry, again)
    if not published.made:
        remove(product)
        remove(picture)
    point_to(store, published.entry)
    remove(claimed)
    log.info("publish: %s", join(store, *published.entry.product.split("/")))
    return published


def _enter(store: str, cycle: Cycle, entry: LedgerEntry, again: bool) -> Published:
    """Write the ledger entry; the one that is there stays if it is of the same product."""
    while True:
        found = read_tagged_entry(store, entry.region, cycle)
        if found is not None:
            there, same_run = found[0], found[0].product == entry.product  # a PUT that the client sent twice
            usable = exists(join(store, *there.product.split("/")))
            if same_run or (there.good and there.fingerprint == entry.fingerprint and usable and not again):
                return Published(entry=there, made=same_run)
        if write_entry(store, cycle, entry, found[1] if found else None):
            return Published(entry=entry, made=True)
