"""Many past cycles through the same downscale flow. Deployment backfill/hubei."""

from __future__ import annotations

import contextvars
import logging
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, date, datetime, timedelta

from prefect import flow
from pydantic import BaseModel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from flows.downscale import downscale
from flows.products.preliminary import preliminary_cycles
from flows.request import resolve
from flows.server import names
from flows.server.carry_out import carry_out
from flows.server.endings import EndedBadly, failed
from tasks.acquire import open_source
from tasks.errors import BadInput, CycleNotReady, FinescaleError
from tasks.handover.cycle import Cycle
from tasks.locations import default_store
from tasks.region import search as regions
from tasks.storage import join

log = logging.getLogger(__name__)


class BackfillReport(BaseModel):
    """What became of each cycle."""

    made: list[str] = []
    there: list[str] = []  # published before, and alike
    failed: dict[str, str] = {}  # cycle -> why
    not_ready: dict[str, str] = {}

    def __str__(self) -> str:
        return f"{len(self.made)} made, {len(self.there)} were there"


class BackfillIncomplete(EndedBadly[BackfillReport]):
    """Some cycles of a backfill were not made; exit code 3 if all of them are only not ready yet."""

    def __init__(self, message: str, report: BackfillReport) -> None:
        super().__init__(message, report)
        if not report.failed:
            self.exit_code = CycleNotReady.exit_code


def cycles_between(source: str, start: date, end: date, hours: list[int]) -> list[Cycle]:
    """Cycles of every day from start to end, both included."""
    if end < start:
        raise BadInput(f"--end {end} lies before --start {start}")
    if not hours or any(h not in range(24) for h in hours):
        raise BadInput(f"--hours {','.join(map(str, hours))}: hours of the day are 0 to 23")
    days = [start + timedelta(days=i) for i in range((end - start).days + 1)]
    times = [datetime(d.year, d.month, d.day, h, tzinfo=UTC) for d in days for h in sorted(set(hours))]
    return [Cycle(source=source, time=t) for t in times]


def _cycles(
    region: str, source: str, start: date | None, end: date | None, hours: list[int], store: str, refresh: bool
) -> list[Cycle]:
    """The cycles that are asked for."""
    if refresh:
        due = preliminary_cycles(store, region, source, datetime.now(UTC))
        first, last = start or date.min, end or date.max
        return [c for c in due if first <= c.time.date() <= last]
    if start is None:
        raise BadInput("--start is missing; write it like --start 2024-01-01")
    return cycles_between(source, start, end or start, hours)


@flow(name=names.BACKFILL, flow_run_name="{region} {source} {start} to {end}", validate_parameters=True)
def backfill(
    region: str,
    source: str = "era5",
    start: date | None = None,
    end: date | None = None,
    hours: list[int] | None = None,
    store: str | None = None,
    model: str | None = None,
    in_flight: int = 2,
    refresh_preliminary: bool = False,
) -> BackfillReport:
    """Make every cycle from start to end that is not published yet; go on past those that fail.

    BackfillIncomplete at the end lists them, and has the report. `refresh_preliminary`: redo what was made of ERA5T and
    is final by now.
    """
    name, uri, service = regions.load(region).name, join(store or default_store()), open_source(source).name
    cycles = _cycles(name, service, start, end, hours or [0], uri, refresh_preliminary)
    if not cycles:
        log.info("backfill: %s %s: nothing to do", name, service)
        return BackfillReport()
    resolve(region, source, cycles[0].stamp, None, model, None)  # a wrong name should not fail once a day

    def one(cycle: Cycle) -> bool:
        outcome = carry_out(
            downscale,
            region,
            source=source,
            cycle=cycle.stamp,
            store=uri,
            model=model,
            refetch=refresh_preliminary,
            queue=names.BACKFILL_QUEUE,
        )
        return outcome.made

    report = _make(cycles, one, in_flight)
    if report.failed or report.not_ready:
        return failed(BackfillIncomplete(_left(name, len(cycles), report), report))
    return report


def _make(cycles: list[Cycle], one: Callable[[Cycle], bool], in_flight: int) -> BackfillReport:
    """So many at a time; `one` makes a cycle, and returns False where it was there."""
    report = BackfillReport()
    columns = (
        TextColumn("backfill"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[last]}"),
    )
    with (
        Progress(*columns, disable=not sys.stderr.isatty()) as progress,
        ThreadPoolExecutor(max(in_flight, 1), thread_name_prefix="backfill") as pool,
    ):
        bar = progress.add_task("", total=len(cycles), last="")
        # each in the flow's own context, so that Prefect knows whose runs these are
        futures = {pool.submit(contextvars.copy_context().run, one, cycle): str(cycle) for cycle in cycles}
        try:
            for done, future in enumerate(as_completed(futures), 1):
                became = _note(report, futures[future], future.exception(), not future.exception() and future.result())
                progress.update(bar, advance=1, last=became)
                log.info("backfill: %d of %d: %s", done, len(cycles), became)
        except BaseException:  # interrupted: the cycles in flight are finished, no other is begun
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return report


def _note(report: BackfillReport, cycle: str, error: BaseException | None, made: bool) -> str:
    """Put an outcome into the report; returns it in words."""
    if error is None:
        (report.made if made else report.there).append(cycle)
        return f"{cycle} {'made' if made else 'was there'}"
    why = str(error) if isinstance(error, FinescaleError) else f"{type(error).__name__}: {error}"
    (report.not_ready if isinstance(error, CycleNotReady) else report.failed)[cycle] = why
    return f"{cycle} {'not ready' if isinstance(error, CycleNotReady) else 'FAILED'}: {why}"


def _left(region: str, count: int, report: BackfillReport) -> str:
    """One line with every cycle that was not made."""
    bad = dict(sorted((report.failed | report.not_ready).items()))
    listed = "; ".join(why if why.startswith(cycle) else f"{cycle}: {why}" for cycle, why in bad.items())
    return (
        f"backfill {region}: {report}, {len(bad)} of {count} failed "
        f"({listed}); mend that and run the same command again: only these are left"
    )
