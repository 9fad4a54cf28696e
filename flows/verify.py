"""Scores published products as observations arrive. Deployment verify/hubei."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from prefect import flow
from prefect.events import emit_event
from prefect.states import Completed
from pydantic import BaseModel

from flows.server import artifacts
from flows.server.orchestrator import assert_clock
from tasks.acquire import ALIASES
from tasks.errors import BadInput, FinescaleError
from tasks.handover.cycle import Cycle
from tasks.handover.scorecard import Quality, Scorecard, Validated
from tasks.locations import default_store, default_workspace
from tasks.present.report.rolling import rolling_picture
from tasks.publish import record
from tasks.region import search as regions
from tasks.region.document import Region
from tasks.storage import assert_writable, join, remove, write_bytes
from tasks.store.ledger import LedgerEntry, entries, read_entry
from tasks.store.paths import in_store
from tasks.store.scores import RANGE, drift, read_scores
from tasks.store.withdrawal import point_to_good, point_to_newest_good
from tasks.validate import verify as score
from tasks.validate.arrivals import OBSERVED_SOURCES, Seen, is_complete, save_history, valid_times
from tasks.validate.observe import Observed, observe

log = logging.getLogger(__name__)

LOOK_BACK = timedelta(days=21)  # a cycle's last valid time is 6 days after its start, its last observation 4 days later
DRIFT = "finescale.drift"  # event


class ProductsQuarantined(FinescaleError):
    """Published products that observations have shown to be wrong."""

    exit_code = 4


class VerifyIncomplete(FinescaleError):
    """Products that could not be scored; all others were."""


class VerifyReport(BaseModel):
    """What became of the cycles that were looked at."""

    scored: dict[str, str] = {}  # cycle -> quality
    unchanged: list[str] = []  # nothing new had come
    quarantined: dict[str, str] = {}  # cycle -> why
    failed: dict[str, str] = {}  # cycle -> what went wrong; it is tried again next time
    problems: list[str] = []  # sources of observations that gave nothing
    drift: list[str] = []

    def __str__(self) -> str:
        said = f"{len(self.scored)} scored, {len(self.unchanged)} without anything new"
        counts = {
            "quarantined": self.quarantined, "failed": self.failed, "sources without an answer": self.problems
        }  # fmt: skip
        for what, found in counts.items():
            said += f", {len(found)} {what}" if found else ""
        return said + "".join(f"; drift: {d}" for d in self.drift)


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


@flow(name="verify", flow_run_name="{region}", timeout_seconds=6 * 3600, validate_parameters=True)
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
    could not be scored.
    """
    assert_clock()
    place, where, now = regions.load(region), join(store or default_store()), datetime.now(UTC)
    assert_writable(where)
    chosen = _chosen(place, where, source, cycle, now)
    report = VerifyReport()
    folder = join(default_workspace(), place.name, f"verify-{uuid4().hex[:8]}")
    if chosen:
        observed = _observe(place, chosen, observations, folder, now)
        report.problems = observed.problems
        for entry in chosen:
            try:
                _score(place, where, entry, observed, folder, observations is not None, now, report)
            except BadInput:  # a file that has nothing for this one
                if cycle is not None:
                    raise
                report.unchanged.append(entry.cycle)
            except Exception as error:  # a product that cannot be read keeps no other from its verdict
                log.error("verify: %s: %s: %s", entry.cycle, type(error).__name__, error)
                report.failed[entry.cycle] = f"{type(error).__name__}: {error}".splitlines()[0]
    for name in sorted({e.source for e in entries(where, place.name)}):
        # a run that was killed may have written a verdict and not told readers
        if (best := point_to_newest_good(where, place.name, name)) is not None:
            point_to_good(where, best)
        report.drift += _roll(place, where, name, now)
    remove(folder)
    for line in report.drift:
        log.warning("drift: %s", line)
    if report.drift and report.scored:
        _tell(place, report.drift)
    wrong = "; ".join(f"{c}: {why}" for c, why in (report.quarantined | report.failed).items())
    if report.quarantined:
        raise ProductsQuarantined(wrong)
    if report.failed:
        raise VerifyIncomplete(wrong)
    return _ended(report)


def _chosen(place: Region, store: str, source: str | None, cycle: str | None, now: datetime) -> list[LedgerEntry]:
    name = ALIASES.get(source, source) if source is not None else None
    if cycle is None:
        return [e for e in due(entries(store, place.name), now) if name in (None, e.source)]
    wanted = _named(source, cycle)
    entry = read_entry(store, place.name, wanted)
    if entry is None:
        raise BadInput(f"{place.name} {wanted} is not in the ledger of {store}; `finescale status {place.name}` lists")
    if not entry.scorable:
        raise BadInput(f"{place.name} {wanted} is {entry.state} ({entry.why}): it is not scored")
    return [entry]


def verified(region: str, source: str | None, cycle: str, store: str | None) -> LedgerEntry:
    """The ledger entry of a cycle, for whoever wants to see what was made of it."""
    entry = read_entry(join(store or default_store()), regions.load(region).name, _named(source, cycle))
    assert entry is not None
    return entry


def _named(source: str | None, cycle: str) -> Cycle:
    given = ALIASES.get(source, source) if source is not None else None
    return Cycle.parse(cycle, given or (cycle.split("/")[0] if "/" in cycle else "ifs"))


def _observe(place: Region, chosen: list[LedgerEntry], given: str | None, folder: str, now: datetime) -> Observed:
    times = [t for e in chosen for t in valid_times(Cycle.parse(e.cycle, e.source), e.lead_hours) if t <= now]
    if not times:
        raise BadInput(f"{', '.join(e.cycle for e in chosen)}: all valid times lie in the future; ask again later")
    return observe(place, min(times), max(times), folder, given)


def _score(
    place: Region,
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
    complete = last <= now if given else is_complete(last, place, now, not observed.problems)
    history = save_history(store, place, cycle, folder) if complete else None
    seen = Seen(observed=observed, complete=complete, history=history)
    product = in_store(store, entry.product)
    found: Validated = score(entry.cycle, product, entry.scorecard, place, seen, folder)
    if given and not _count(found.scorecard):
        raise BadInput(f"{entry.cycle}: no usable observation at its valid times and in its box among those given")
    if _nothing_new(entry.scorecard, found.scorecard, observed):
        report.unchanged.append(entry.cycle)
        return
    made = record(store, place, cycle, entry.product, found)
    if made is None:
        report.unchanged.append(entry.cycle)  # made again or withdrawn meanwhile
        return
    report.scored[entry.cycle] = made.quality
    artifacts.verification(made)
    if made.quality == Quality.QUARANTINED:
        report.quarantined[entry.cycle] = made.why


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


def _roll(place: Region, store: str, source: str, now: datetime) -> list[str]:
    """Draw the last month's scores of a source; what has drifted, in words."""
    history = read_scores(store, place.name, source, now, RANGE + LOOK_BACK)
    if history.empty:
        return []
    title = f"{place.title}: {source}, RMSE against stations"
    write_bytes(join(store, place.name, "scores", f"{source}.png"), rolling_picture(history, title))
    return [f"{source}: {line}" for line in drift(history, now)]


def _tell(place: Region, lines: list[str]) -> None:
    """An event that an automation can use; nothing depends on it."""
    try:
        emit_event(
            DRIFT,
            resource={"prefect.resource.id": f"finescale.region.{place.name}", "prefect.resource.name": place.name},
            payload={"drift": lines},
        )
    except Exception as error:
        log.warning("event %s: not sent (%s)", DRIFT, error)


def _ended(report: VerifyReport) -> Any:
    return Completed(data=report, message=str(report))
