"""The daily job: one cycle of one region, from files to published product. Deployment downscale/hubei."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import uuid4

from prefect import flow
from prefect.runtime import deployment, flow_run
from prefect.states import Completed
from pydantic import BaseModel

from flows.dispatch import run_slabs
from flows.ensemble import MEMBERS, cycle_of, of_members, several_members
from flows.products.gaps import given_way, newer_due
from flows.request import Request, resolve
from flows.server import artifacts, names
from flows.server.orchestrator import assert_clock
from flows.stopwatch import Stopwatch
from tasks.acquire import SOURCES, acquire, acquire_files, forget, open_source
from tasks.calibrate import calibrate
from tasks.counted import counted
from tasks.errors import BadInput, FinescaleError, GateRefused
from tasks.handover.calibrated import Calibrated
from tasks.handover.cycle import ALIASES, Cycle, RawFile
from tasks.handover.members import condensed
from tasks.handover.prepared import PreparedInfo
from tasks.handover.scorecard import Quality
from tasks.handover.slab import SlabReport, slabs_of
from tasks.locations import assert_workspace_writable, default_store, default_workspace, raw_folder
from tasks.observations.arrivals import arrived, look
from tasks.observations.observe import Observed
from tasks.prepare import prepare
from tasks.publish import publish, quarantine
from tasks.publish.already import same_inputs, same_recipe
from tasks.publish.draft import draft
from tasks.region import search as regions
from tasks.region.document import Region
from tasks.storage import assert_writable, exists, join, remove
from tasks.store.ledger import LedgerEntry, fingerprint
from tasks.store.paths import in_store
from tasks.store.withdrawal import point_to_good
from tasks.validate import validate
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
        return in_store(self.store, self.entry.product)

    @property
    def quicklook(self) -> str:
        """URI of the picture."""
        return in_store(self.store, self.entry.quicklook)

    @property
    def report(self) -> str:
        """URI of the report."""
        return in_store(self.store, self.entry.report)


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
        with suppress(FinescaleError):  # of a region that is not there the run itself says so
            cycle = open_source(source).due(regions.load(str(given.get("region", ""))), scheduled).stamp
    return f"{given.get('region', '')} {source} {cycle or 'latest'}"


@dataclass(frozen=True)
class Run:
    """A run on its way: what was asked for, and where it keeps what; see `downscale` for the rest."""

    request: Request
    store: str
    workspace: str
    force: bool
    refetch: bool
    queue: str
    observations: str | None
    calibration: bool
    watch: Stopwatch

    def found(self, cycle: Cycle | None, fingerprint: str) -> Outcome | None:
        """What is published already, of these very inputs."""
        if cycle is None or self.force:
            return None
        entry = same_inputs(self.store, self.request.region, cycle, fingerprint)
        return Outcome(store=self.store, entry=entry, made=False) if entry is not None else None


def _published_or_made(run: Run, inputs: list[str]) -> Outcome:
    """The product that is there and made alike, or a new one."""
    region, package, cycle = run.request.region, run.request.package, run.request.cycle
    if cycle is not None and not run.force and not run.refetch:
        entry = same_recipe(run.store, region, cycle, package)
        if entry is not None:
            return Outcome(store=run.store, entry=entry, made=False)
    if cycle is not None and run.refetch:
        forget(cycle, raw_folder())
    files: list[RawFile] = acquire(cycle, region, raw_folder()) if cycle else acquire_files(inputs)
    run.watch.lap("acquire")
    members = files if cycle is not None and cycle.source == "ens" else several_members(files) if cycle is None else []
    region = region.with_ensemble() if members else region
    mark = fingerprint(files, package.digest, region.fingerprint, VERSION)
    if (found := run.found(cycle, mark)) is not None:
        return found
    if members:
        info, reports = _of_members(run, region, members)
        cycle = cycle or cycle_of(info)
        named = condensed(files) if cycle.source == "ens" else files
        artifacts.input_table(region.name, cycle, named)
        try:
            return run.found(cycle, mark) or _finished(run, cycle, named, mark, info, reports)
        finally:
            _discard(info.product)
    info = prepare(files, region, cycle, run.store, run.workspace, package.halo)
    run.watch.lap("prepare")
    try:
        if cycle is not None:
            return _made(run, cycle, files, mark, info)
        cycle = cycle_of(info)
        return run.found(cycle, mark) or _made(run, cycle, files, mark, info)
    finally:
        _discard(info.product)


def _of_members(run: Run, region: Region, files: list[RawFile]) -> tuple[PreparedInfo, list[SlabReport]]:
    """A staged product of an ensemble's members."""
    cycle, package = run.request.cycle, run.request.package
    try:
        return of_members(
            files, region, cycle, package, run.request.model, run.store, run.workspace, run.queue, run.watch.lap,
            partial(artifacts.progress_bar, region.name),
        )  # fmt: skip
    finally:
        _discard(join(run.workspace, MEMBERS))


def _made(run: Run, cycle: Cycle, files: list[RawFile], mark: str, info: PreparedInfo) -> Outcome:
    """From a staged product with its input to a published one; GateRefused if the gate puts it into quarantine."""
    region, package = run.request.region, run.request.package
    artifacts.input_table(region.name, cycle, files)
    slabs = slabs_of(info, region, package, run.request.model, join(run.workspace, "slabs"))
    progress = artifacts.progress_bar(region.name, cycle, len(info.lead_hours))
    reports = run_slabs(slabs, region.inference, progress, run.queue)
    run.watch.lap("downscale")
    return _finished(run, cycle, files, mark, info, reports)


def _finished(
    run: Run, cycle: Cycle, files: list[RawFile], mark: str, info: PreparedInfo, reports: list[SlabReport]
) -> Outcome:
    """From a staged product that is computed to a published one; `files`: as the ledger names them."""
    region, package, store = run.request.region, run.request.package, run.store
    observed = arrived(region, store, cycle, info, run.workspace, run.observations)
    calibrated = _calibrated(run, cycle, info, observed)
    run.watch.lap("calibrate")
    seen = look(region, store, cycle, info, run.workspace, observed, run.observations is not None)
    truth = run.request.source.truth if run.request.source else None
    found = validate(cycle, region, info, reports, calibrated, seen, run.workspace, truth)
    run.watch.lap("validate")
    entry = draft(region, cycle, info, reports, calibrated, files, package, mark, found.scorecard, run.watch.seconds)
    if found.scorecard.quality == Quality.QUARANTINED:
        refused = quarantine(store, region, cycle, info.product, entry, found)
        artifacts.scores(refused)
        raise GateRefused(
            f"{cycle}: {refused.why}; it is in quarantine ({in_store(store, refused.product)}), the last "
            "good product stays. What it means: docs/operate.md#a-product-in-quarantine"
        )
    published = publish(store, region, cycle, info.product, entry, found, again=run.force)
    run.watch.lap("publish")
    outcome = Outcome(store=store, entry=published.entry, made=published.made)
    if outcome.made:
        outcome.entry.timings.update(run.watch.seconds)
        _show(outcome)
    return outcome


def _calibrated(run: Run, cycle: Cycle, info: PreparedInfo, observed: Observed | None) -> Calibrated:
    """The staged product corrected by stations, unless nobody wants that."""
    if not run.calibration:
        return Calibrated()
    first = observed.uri if observed is not None and observed.count else None
    return calibrate(cycle, run.request.region, run.store, info.product, first)


def _show(outcome: Outcome) -> None:
    """What the UI shows of a new product."""
    artifacts.scores(outcome.entry)
    if outcome.entry.scorecard.verification is not None:
        artifacts.verification(outcome.entry)
    artifacts.picture(outcome.entry, outcome.quicklook)
    artifacts.product_link(outcome.entry, outcome.product)


def _state(outcome: Outcome) -> Any:
    """The run's last state, whose message is the one line that people see of it; Prefect hands its data to callers."""
    entry = outcome.entry
    if not outcome.made:
        return Completed(data=outcome, message=f"{entry.region} {entry.cycle} was published already")
    seconds, checks = sum(entry.timings.values()), len(entry.scorecard.checks)
    where = ", ".join(sorted({f"{slab.where} on {slab.device}" for slab in entry.slabs}))
    message = (
        f"{outcome.product}: {counted(len(entry.lead_hours), 'lead time')}, {entry.quality}, "
        f"{counted(checks, 'check')} passed, "
        f"{seconds:.0f} s ({where})"
    )
    return Completed(data=outcome, message=message)


@flow(name=names.DOWNSCALE, flow_run_name=_run_name, timeout_seconds=16 * 3600, validate_parameters=True)
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
    queue: str = names.LIVE_QUEUE,
    observations: str | None = None,
    calibration: bool = True,
    input_is: str | None = None,
    rain_interval: str | None = None,
) -> Outcome:
    """Make and publish one cycle's product; one that is published already and made alike is left as it is.

    `observations`: a file of them, instead of the region's sources. `refetch`: ask the source anew, for fields that
    have changed there, as preliminary ERA5 does. `queue`: of the GPU pool, in which its slabs wait. `calibration`:
    whether stations may correct it. `input_is`: `samples` or `means`, what the input's values are, where neither the
    region nor the file says so. `rain_interval`: what its rain covers, where the file does not say.
    """
    assert_clock()
    store = join(store or default_store())
    if observations is not None and not exists(observations):
        raise BadInput(f"{observations}: no such file of observations")
    scheduled = scheduled_for()
    request = resolve(region, source, cycle, inputs, model, spacing, scheduled, input_is, rain_interval)
    if scheduled is not None and cycle is None and request.cycle is not None and not (force or refetch):
        newer = newer_due(request.region, request.cycle, scheduled, datetime.now(UTC))
        if newer is not None:  # after an outage all that were due start at once, the oldest first
            return given_way(request.region, request.cycle, newer)
    assert_writable(store)
    assert_workspace_writable()
    # a folder of its own for every run: two of one cycle must not read each other's fields
    name = f"{request.cycle.source}-{request.cycle.stamp}" if request.cycle else "file"
    workspace = join(default_workspace(), request.region.name, f"{name}-{uuid4().hex[:8]}")
    run = Run(request, store, workspace, force, refetch, queue, observations, calibration, Stopwatch())
    outcome = _published_or_made(run, inputs or [])
    if not outcome.made:
        log.info("%s %s is published already: nothing to do", outcome.entry.region, outcome.entry.cycle)
        point_to_good(store, outcome.entry)  # the run that published it may have been killed just before
    _discard(workspace)
    return _state(outcome)


def _discard(uri: str) -> None:
    """Drop scratch data; a store that is away must not hide why a run failed, nor fail one that has published."""
    try:
        remove(uri)
    except Exception as error:
        log.warning("%s stays (%s); `finescale maintain` removes it after a day", uri, error)
