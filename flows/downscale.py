"""The daily job: one cycle of one region, from files to published product. Deployment downscale/hubei."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from prefect import flow
from prefect.runtime import deployment, flow_run
from prefect.states import Completed
from pydantic import BaseModel

from flows.dispatch import run_slabs
from flows.server import artifacts
from flows.server.orchestrator import assert_clock
from models.package import ModelPackage
from tasks.acquire import ALIASES, SOURCES, Source, acquire, acquire_files, choose_cycle, forget, open_source
from tasks.acquire.files import assert_present
from tasks.downscale.packages import open_package
from tasks.errors import BadInput, GateRefused, ModelMismatch
from tasks.handover.cycle import Cycle, RawFile
from tasks.handover.prepared import PreparedInfo
from tasks.handover.scorecard import QUARANTINED
from tasks.handover.shards import blocks, shapes, shares, spans
from tasks.handover.slab import Slab, merged
from tasks.locations import default_store, default_workspace, raw_folder
from tasks.prepare import prepare
from tasks.publish import publish, quarantine, stage
from tasks.publish.draft import draft
from tasks.region import search as regions
from tasks.region.document import Region
from tasks.storage import assert_writable, exists, join, remove
from tasks.store.ledger import LedgerEntry, fingerprint, read_entry
from tasks.store.withdrawal import point_to_good
from tasks.validate import validate
from tasks.validate.arrivals import look
from tasks.version import VERSION

log = logging.getLogger(__name__)

KNOWN = {*SOURCES, *ALIASES}


class Outcome(BaseModel):
    """What a run did."""

    store: str
    entry: LedgerEntry
    made: bool  # False: the same product was there already

    @property
    def product(self) -> str:
        """URI of the product."""
        return join(self.store, *self.entry.product.split("/"))

    @property
    def quicklook(self) -> str:
        """URI of the picture."""
        return join(self.store, *self.entry.quicklook.split("/"))

    @property
    def report(self) -> str:
        """URI of the report."""
        return join(self.store, *self.entry.report.split("/"))


@dataclass(frozen=True)
class Request:
    """A run's parameters, looked up: nothing in it is a name any more."""

    region: Region
    package: ModelPackage
    source: Source | None  # None: files are handed in
    cycle: Cycle | None  # None: the files say which


def resolve(
    region: str,
    source: str,
    cycle: str | None,
    inputs: list[str] | None,
    model: str | None,
    spacing: float | None,
    scheduled: datetime | None = None,
) -> Request:
    """Look up every name and file; the first that is wrong is an error, before anything is started."""
    place = regions.load(region)
    if spacing is not None:
        place = place.with_spacing(spacing)
    package = open_package(model or place.model)
    unknown = [v for v in place.variables if v not in package.variables]
    if unknown:
        raise ModelMismatch(
            f"model {package.model_id} does not know {', '.join(unknown)} of region {place.name}; "
            f"it knows {', '.join(package.variables)}"
        )
    if inputs:
        if cycle is not None:
            raise BadInput("--cycle and --input exclude each other: a file says itself which cycle it is")
        assert_present(inputs)
        return Request(place, package, None, None)
    service = open_source(source)
    return Request(place, package, service, choose_cycle(service, place, cycle, scheduled))


class Stopwatch:
    """Seconds spent in each step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, step: str) -> None:
        """The time since the last lap belongs to `step`."""
        now = time.monotonic()
        self.seconds[step] = round(now - self._last, 3)
        self._last = now


def scheduled_for() -> datetime | None:
    """When a run of a deployment was due, by the server's clock; None for a run that somebody started by hand."""
    if not deployment.id:
        return None
    return datetime.fromtimestamp(flow_run.scheduled_start_time.timestamp(), UTC)  # plain: pendulum's loses its zone


def _run_name() -> str:
    given: dict[str, Any] = dict(flow_run.parameters)
    source, cycle, scheduled = str(given.get("source", "")), given.get("cycle"), scheduled_for()
    if given.get("inputs"):
        return f"{given.get('region', '')} files"
    if cycle is None and scheduled is not None and source in KNOWN:
        cycle = open_source(source).due(scheduled).stamp
    return f"{given.get('region', '')} {source} {cycle or 'latest'}"


def _input_cycle(info: PreparedInfo) -> Cycle:
    return Cycle(source="file", time=datetime.fromisoformat(f"{info.init}:00+00:00"))


def _published(store: str, entry: LedgerEntry | None) -> LedgerEntry | None:
    """An entry whose product is good and still there."""
    there = entry is not None and entry.good and exists(join(store, *entry.product.split("/")))
    return entry if there else None


def _assert_not_refused(entry: LedgerEntry | None) -> None:
    """GateRefused for what is in quarantine and would be made just so again."""
    if entry is not None and entry.state == QUARANTINED:
        raise GateRefused(
            f"{entry.cycle}: is in quarantine: {entry.why}; the same would be made again, --force does so"
        )


def _done(store: str, region: Region, cycle: Cycle, mark: str) -> LedgerEntry | None:
    """The ledger entry of an identical product that is still there; GateRefused if that is in quarantine."""
    entry = read_entry(store, region.name, cycle)
    if entry is None or entry.fingerprint != mark:
        return None
    _assert_not_refused(entry)
    return _published(store, entry)


def _made_so(store: str, region: Region, cycle: Cycle, package: ModelPackage) -> LedgerEntry | None:
    """As `_done`, of a product made as it would be now, before anything is fetched: a cycle's fields are final."""
    entry = read_entry(store, region.name, cycle)
    now = (package.digest, region.fingerprint, VERSION)
    if entry is None or (entry.model_sha256, entry.region_fingerprint, entry.code_version) != now:
        return None
    _assert_not_refused(entry)
    return _published(store, entry)


def _ended(outcome: Outcome) -> Any:
    """The run's last state, whose message is the one line that people see of it; Prefect hands its data to callers."""
    entry = outcome.entry
    if not outcome.made:
        return Completed(data=outcome, message=f"{entry.region} {entry.cycle} was published already")
    seconds, checks = sum(entry.timings.values()), len(entry.scorecard.checks)
    where = ", ".join(sorted({f"{slab.where} on {slab.device}" for slab in entry.slabs}))
    message = (
        f"{outcome.product}: {len(entry.lead_hours)} lead times, {entry.quality}, {checks} checks passed, "
        f"{seconds:.0f} s ({where})"
    )
    return Completed(data=outcome, message=message)


def _already(store: str, entry: LedgerEntry, workspace: str) -> Any:
    """What a run gives back that finds its product there."""
    log.info("%s %s is published already: nothing to do", entry.region, entry.cycle)
    point_to_good(store, entry)  # the run that published it may have been killed just before
    _discard(workspace)
    return _ended(Outcome(store=store, entry=entry, made=False))


@flow(name="downscale", flow_run_name=_run_name, timeout_seconds=16 * 3600, validate_parameters=True)
def downscale(
    region: str,
    source: str = "ifs",
    cycle: str | None = None,
    inputs: list[str] | None = None,
    store: str | None = None,
    model: str | None = None,
    spacing: float | None = None,
    force: bool = False,
    refetch: bool = False,
    queue: str = "live",
    observations: str | None = None,
) -> Outcome:
    """Make and publish one cycle's product; one that is published already and made alike is left as it is.

    `observations`: a file of them, instead of the region's sources. `refetch`: ask the source anew, for fields that
    have changed there, as preliminary ERA5 does. `queue`: of the GPU pool, in which its slabs wait.
    """
    assert_clock()
    watch = Stopwatch()
    store = join(store or default_store())
    if observations is not None and not exists(observations):
        raise BadInput(f"{observations}: no such file of observations")
    request = resolve(region, source, cycle, inputs, model, spacing, scheduled_for())
    place, package, chosen = request.region, request.package, request.cycle
    assert_writable(store)
    # a folder of its own for every run: two of one cycle must not read each other's fields
    run = f"{chosen.source}-{chosen.stamp}" if chosen else "file"
    workspace = join(default_workspace(), place.name, f"{run}-{uuid4().hex[:8]}")

    if chosen is not None and not force and not refetch and (entry := _made_so(store, place, chosen, package)):
        return _already(store, entry, workspace)
    if chosen is not None and refetch:
        forget(chosen, raw_folder())
    files: list[RawFile] = acquire(chosen, place, raw_folder()) if chosen else acquire_files(inputs or [])
    watch.lap("acquire")
    mark = fingerprint(files, package.digest, place.fingerprint, VERSION)
    if chosen is not None and not force and (entry := _done(store, place, chosen, mark)):
        return _already(store, entry, workspace)

    info = prepare([f.uri for f in files], place, workspace, package.halo)
    watch.lap("prepare")
    if chosen is None:
        chosen = _input_cycle(info)
        if not force and (entry := _done(store, place, chosen, mark)):
            return _already(store, entry, workspace)
    artifacts.input_table(place.name, chosen, files)
    staged = stage(store, place, chosen, info)
    try:
        slabs = _slabs(info, staged, workspace, model or place.model, package, place)
        told = artifacts.progress_bar(place.name, chosen, len(info.lead_hours))
        reports = run_slabs(slabs, place.inference, told, queue)
        watch.lap("downscale")
        truth = request.source.truth if request.source else None
        borders = sorted({b for r in reports for b in r.tile_rows}), sorted({b for r in reports for b in r.tile_cols})
        seen = look(place, store, chosen, info, workspace, observations)
        found = validate(
            str(chosen), staged, info.uri, place.target, place.gate, workspace, borders, merged(reports), truth,
            seen.observed, seen.complete, seen.history,
        )  # fmt: skip
        watch.lap("validate")
        made = draft(
            place, chosen, info, reports, files, package.model_id, package.digest, mark, found.scorecard,
            watch.seconds,
        )  # fmt: skip
        if found.scorecard.quality == QUARANTINED:
            refused = quarantine(store, place, chosen, staged, made, found.pairs)
            artifacts.scores(refused)
            raise GateRefused(
                f"{chosen}: {refused.why}; it is in quarantine ({join(store, *refused.product.split('/'))}), the last "
                "good product stays"
            )
        published = publish(store, place, chosen, staged, made, found.pairs, found.table, again=force)
    finally:
        _discard(staged)
    watch.lap("publish")
    entry = published.entry
    outcome = Outcome(store=store, entry=entry, made=published.made)
    if published.made:
        entry.timings.update(watch.seconds)
        artifacts.scores(entry)
        if entry.scorecard.verification is not None:
            artifacts.verification(entry)
        artifacts.picture(entry, outcome.quicklook)
        artifacts.product_link(entry, outcome.product)
    _discard(workspace)
    return _ended(outcome)


def _discard(uri: str) -> None:
    """Drop scratch data; a store that is away must not hide why a run failed, nor fail one that has published."""
    try:
        remove(uri)
    except Exception as error:
        log.warning("%s stays (%s); `finescale maintain` removes it after a day", uri, error)


def _slabs(
    info: PreparedInfo, staged: str, workspace: str, model: str, package: ModelPackage, place: Region
) -> list[Slab]:
    """The product's slabs; a package named by its folder goes by its absolute path, for another process's sake."""
    target, settings = place.target, place.inference
    _, (_, *sides) = shapes(len(info.lead_hours), target.rows, target.cols, settings.block)
    groups = list(shares(len(blocks(target.rows, target.cols, *sides)), settings.slab_blocks))
    return [
        Slab(
            fields=info.uri, product=staged, report=join(workspace, "slabs", f"{start}-{first}.json"), start=start,
            stop=stop, model=str(package.folder) if os.sep in model else model, model_sha256=package.digest,
            target=target, device=settings.device, first=first, last=last if len(groups) > 1 else None,
        )
        for start, stop in spans(len(info.lead_hours), settings.slab_steps)
        for first, last in groups
    ]  # fmt: skip
