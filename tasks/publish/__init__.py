"""Step 5, publish: the checked product goes into the store, whole or not at all; ledger and latest.json go last."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from uuid import uuid4

from prefect import task

from tasks.cycle import ATTRIBUTION, LICENCE, Cycle, RawFile
from tasks.prepared import Prepared, PreparedInfo
from tasks.publish.figures import quicklook
from tasks.publish.ledger import LedgerEntry, folder, read_entry, write_entry
from tasks.publish.product import stage
from tasks.region import Region
from tasks.scorecard import Scorecard
from tasks.storage import exists, join, move, open_zarr, write_bytes
from tasks.version import VERSION

log = logging.getLogger(__name__)


def next_revision(store: str, region: str, cycle: Cycle) -> int:
    """1 for a new cycle; one more than what is there when it is made again, a left-over of a killed run included."""
    entry = read_entry(store, region, cycle)
    revision = entry.revision + 1 if entry else 1
    while exists(join(folder(store, region, cycle), f"{_name(cycle, revision)}.zarr")):
        revision += 1
    return revision


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
        "ledger": entry.model_dump_json(exclude={"scorecard"}),
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


@task(name="publish", task_run_name="publish {cycle}", retries=2, retry_delay_seconds=10, timeout_seconds=3600)
def publish(
    store: str,
    region: Region,
    cycle: Cycle,
    info: PreparedInfo,
    product_uri: str,
    inputs: list[RawFile],
    model: str,
    model_sha256: str,
    fingerprint: str,
    scorecard: Scorecard,
    timings: dict[str, float],
) -> LedgerEntry:
    """Stage, read back, move into place; then picture, ledger entry and latest.json, in that order."""
    revision = next_revision(store, region.name, cycle)
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
    )
    staged = join(store, "_staging", f"{region.name}-{cycle.source}-{name}-{uuid4().hex[:8]}.zarr")
    stage(product_uri, staged, _attributes(entry, region))
    move(staged, join(store, *entry.product.split("/")))
    write_bytes(join(store, *entry.quicklook.split("/")), _figure(product_uri, info.uri, region, cycle))
    write_entry(store, cycle, entry)
    log.info("publish: %s", join(store, *entry.product.split("/")))
    return entry
