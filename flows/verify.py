"""Scores published products as observations arrive. Deployment verify/hubei."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from prefect import flow
from prefect.events import emit_event
from pydantic import BaseModel

from flows.server import artifacts, names
from flows.server.endings import EndedBadly, completed, failed
from flows.server.orchestrator import assert_clock
from tasks.errors import BadInput
from tasks.handover.cycle import ALIASES, Cycle
from tasks.handover.scorecard import Quality, Scorecard, Validated
from tasks.locations import assert_workspace_writable, default_store, default_workspace
from tasks.observations.arrivals import OBSERVED_SOURCES, Seen, is_complete, save_history, valid_times
from tasks.observations.observe import Observed, observe
from tasks.observations.unmatched import why_unmatched
from tasks.present.report.rolling import rolling_picture
from tasks.publish import record
from tasks.region import search as regions
from tasks.region.document import Region
from tasks.storage import assert_writable, join, read_parquet, remove, write_bytes
from tasks.store.ledger import LedgerEntry, entries, read_entry
from tasks.store.paths import in_store
from tasks.store.product import open_product
from tasks.store.scores import RANGE, drift, read_scores
from tasks.store.withdrawal import point_to_good, point_to_newest_good
from tasks.validate import verify as score

log = logging.getLogger(__name__)

LOOK_BACK = timedelta(days=21)  # a cycle's last valid time is 6 days after its start, its last observation 4 days later


class VerifyReport(BaseModel):
    """What became of the cycles that were looked at."""

    scored: dict[str, str] = {}  # cycle -> quality
    unchanged: list[str] = []  # nothing new had come
    quarantined: dict[str, str] = {}  # cycle -> why
    failed: dict[str, str] = {}  # cycle -> what went wrong; it is tried again next time
    problems: list[str] = []  # sources of observations that gave nothing
    drift: list[str] = []

    def __str__(self) -> str:
        counts = [f"{len(self.scored)} scored", f"{len(self.unchanged)} without anything new"]
        trouble = {
            "quarantined": self.quarantined, "failed": self.failed, "sources without an answer": self.problems
        }  # fmt: skip
        counts += [f"{len(found)} {what}" for what, found in trouble.items() if found]
        return ", ".join(counts) + "".join(f"; drift: {d}" for d in self.drift)


class ProductsQuarantined(EndedBadly[VerifyReport]):
    """Published products that observations have shown to be wrong."""

    exit_code = 4


class VerifyIncomplete(EndedBadly[VerifyReport]):
    """Products that could not be scored; all others were."""


def due(found: list[LedgerEntry], now: datetime) -> list[LedgerEntry]:
    """Entries of real weather, good or refused by observations, with past valid times and observations to come."""
    wanted = []
    for entry in found:
        times = valid_times(Cycle.parse(entry.cycle, entry.source), entry.lead_hours)
        done = entry.scorecard.verification is not None and entry.scorecard.verification.complete
        open_still = times[0] <= now and now - times[-1] <= LOOK_BACK
        if entry.scorable and entry.source in OBSERVED_SOURCES and open_still and not done:
            wanted.append(entry)
    return wanted


@flow(name=names.VERIFY, flow_run_name="{region}", timeout_seconds=6 * 3600, validate_parameters=True)
def verify(
    region: str,
    source: str | None = None,
    cycle: str | None = None,
    observations: str | None = None,
    store: str | None = None,
) -> VerifyReport:
    """Score what is published against stations: one cycle, or all for which observations may have arrived since.

    `observations`: a file of them, which is then all there is, instead of the region's sources. At the end
    ProductsQuarantined names products that were refused, when `latest.json` names good ones, and VerifyIncomplete what
    could not be scored; both have the report.
    """
    assert_clock()
    found, uri = regions.load(region), join(store or default_store())
    assert_writable(uri)
    assert_workspace_writable()
    report = _verify(found, uri, source, cycle, observations)
    listed = "; ".join(f"{c}: {why}" for c, why in (report.quarantined | report.failed).items())
    if report.quarantined:
        return failed(ProductsQuarantined(listed, report))
    if report.failed:
        return failed(VerifyIncomplete(listed, report))
    return completed(report, str(report))


def _verify(region: Region, store: str, source: str | None, cycle: str | None, given: str | None) -> VerifyReport:
    """Score, tell readers, draw; `given`: a file of observations."""
    now, report = datetime.now(UTC), VerifyReport()
    chosen = _chosen(region, store, source, cycle, now)
    folder = join(default_workspace(), region.name, f"verify-{uuid4().hex[:8]}")
    if chosen:
        observed = _observe(region, chosen, given, folder, now)
        report.problems = observed.problems
        for entry in chosen:
            try:
                _score(region, store, entry, observed, folder, given is not None, now, report)
            except BadInput as error:  # a file that has nothing for this one
                if cycle is not None:
                    raise
                log.warning("verify: %s", error)
                report.unchanged.append(entry.cycle)
            except Exception as error:  # a product that cannot be read keeps no other from its verdict
                log.error("verify: %s: %s: %s", entry.cycle, type(error).__name__, error)
                report.failed[entry.cycle] = f"{type(error).__name__}: {error}".splitlines()[0]
    for name in sorted({e.source for e in entries(store, region.name)}):
        # a run that was killed may have written a verdict and not told readers
        if (best := point_to_newest_good(store, region.name, name)) is not None:
            point_to_good(store, best)
        report.drift += _roll(region, store, name, now)
    remove(folder)
    for line in report.drift:
        log.warning("drift: %s", line)
    if report.drift and report.scored:
        emit_drift(region, report.drift)
    return report


def _chosen(region: Region, store: str, source: str | None, cycle: str | None, now: datetime) -> list[LedgerEntry]:
    name = ALIASES.get(source, source) if source is not None else None
    if cycle is None:
        return [e for e in due(entries(store, region.name), now) if name in (None, e.source)]
    wanted = _named(source, cycle)
    entry = read_entry(store, region.name, wanted)
    if entry is None:
        raise BadInput(
            f"{region.name} {wanted} is not in the ledger of {store}; `finescale status {region.name}` lists"
        )
    if not entry.scorable:
        raise BadInput(f"{region.name} {wanted} is {entry.state} ({entry.why}): it is not scored")
    return [entry]


def verified(region: str, source: str | None, cycle: str, store: str | None) -> LedgerEntry:
    """The ledger entry of a cycle, for whoever wants to see what was made of it."""
    entry = read_entry(join(store or default_store()), regions.load(region).name, _named(source, cycle))
    assert entry is not None
    return entry


def _named(source: str | None, cycle: str) -> Cycle:
    given = ALIASES.get(source, source) if source is not None else None
    return Cycle.parse(cycle, given or (cycle.split("/")[0] if "/" in cycle else "ifs"))


def _observe(region: Region, chosen: list[LedgerEntry], given: str | None, folder: str, now: datetime) -> Observed:
    times = [t for e in chosen for t in valid_times(Cycle.parse(e.cycle, e.source), e.lead_hours) if t <= now]
    if not times:
        raise BadInput(f"{', '.join(e.cycle for e in chosen)}: all valid times lie in the future; ask again later")
    return observe(region, min(times), max(times), folder, given)


def _score(
    region: Region,
    store: str,
    entry: LedgerEntry,
    observed: Observed,
    folder: str,
    given: bool,
    now: datetime,
    report: VerifyReport,
) -> None:
    """Score one cycle and record it if anything is new; adds to the report."""
    cycle = Cycle.parse(entry.cycle, entry.source)
    last = valid_times(cycle, entry.lead_hours)[-1]
    complete = last <= now if given else is_complete(last, region, now, not observed.problems)
    history = save_history(store, region, cycle, folder) if complete else None
    seen = Seen(observed=observed, complete=complete, history=history)
    product = in_store(store, entry.product)
    found: Validated = score(entry.cycle, product, entry.scorecard, region, seen, folder)
    if given and not _count(found.scorecard):
        why = why_unmatched(read_parquet(observed.uri), open_product(product), observed.read)
        raise BadInput(
            f"{entry.cycle}: no usable observation at its valid times and in its box among those given: {why}"
        )
    if _nothing_new(entry.scorecard, found.scorecard, observed):
        report.unchanged.append(entry.cycle)
        return
    recorded = record(store, region, cycle, entry.product, found)
    if recorded is None:
        report.unchanged.append(entry.cycle)  # made again or withdrawn meanwhile
        return
    report.scored[entry.cycle] = recorded.quality
    artifacts.verification(recorded)
    if recorded.quality == Quality.QUARANTINED:
        report.quarantined[entry.cycle] = recorded.why


def _count(scorecard: Scorecard) -> int:
    return scorecard.verification.count if scorecard.verification is not None else 0


def _nothing_new(before: Scorecard, after: Scorecard, observed: Observed) -> bool:
    """Whether a verdict stays: nothing has come, or less than before because a source is away."""
    known, seen, final = _count(before), _count(after), after.verification is not None and after.verification.complete
    if observed.problems and seen < known:
        return True
    if not final and (seen == 0 or (observed.problems and seen == known)):
        return True
    return before == after


def _roll(region: Region, store: str, source: str, now: datetime) -> list[str]:
    """Draw the last month's scores of a source; what has drifted, in words."""
    history = read_scores(store, region.name, source, now, RANGE + LOOK_BACK)
    if history.empty:
        return []
    title = f"{region.title}: {source}, RMSE against stations"
    write_bytes(join(store, region.name, "scores", f"{source}.png"), rolling_picture(history, title))
    return [f"{source}: {line}" for line in drift(history, now)]


def emit_drift(region: Region, lines: list[str]) -> None:
    """An event that an automation can use; nothing depends on it."""
    try:
        emit_event(
            names.DRIFT,
            resource={
                "prefect.resource.id": f"{names.REGION_RESOURCE}{region.name}",
                "prefect.resource.name": region.name,
            },
            payload={"drift": lines},
        )
    except Exception as error:
        log.warning("event %s: not sent (%s)", names.DRIFT, error)
