"""Step 4, validate: the product by value, against its input, and against stations beside what else there is."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
from prefect import task
from pydantic import BaseModel

from tasks.errors import FinescaleError
from tasks.grids.box import Box
from tasks.grids.grid import Grid
from tasks.grids.gridded import Gridded
from tasks.handover.candidates import CASES, Candidate, baselines, headline
from tasks.handover.prepared import Prepared
from tasks.handover.scorecard import Scorecard, StationScore, Verification
from tasks.region.document import GateLimits
from tasks.region.settings import ObservationSettings
from tasks.retry import worth_retrying
from tasks.storage import join, open_zarr, read_parquet, write_parquet
from tasks.store.product import open_input, open_product
from tasks.validate.checks import check
from tasks.validate.gate import judge
from tasks.validate.matching import pairs as match
from tasks.validate.quality import quality_control
from tasks.validate.scores import reporting, score, tabulate
from tasks.validate.stations.files import read_observations
from tasks.validate.stations.sources import fetch
from tasks.validate.stations.table import rejected, table
from tasks.validate.truth import beside_truth, fractions, score_against

log = logging.getLogger(__name__)

AROUND = 0.5  # degrees around a region, from where stations help to judge those inside
BEFORE = timedelta(hours=24)  # first valid time, of which rain and stuck values need to know


class Observed(BaseModel):
    """Observations that were found, judged one by one, kept as a table."""

    uri: str
    sources: list[str]
    problems: list[str]  # sources that gave nothing, and why
    count: int


class Validated(BaseModel):
    """What validation found, and where the pairs and all single scores are; None without observations."""

    scorecard: Scorecard
    pairs: str | None = None
    table: str | None = None


@task(name="observe", task_run_name="observe {region}", retries=1, retry_delay_seconds=30,
      retry_condition_fn=worth_retrying, timeout_seconds=3600)  # fmt: skip
def observe(
    region: str,
    box: Box,
    first: datetime,
    last: datetime,
    settings: ObservationSettings,
    folder: str,
    given: str | None = None,
    cache: str = "observations",
) -> Observed:
    """Observations at stations in a box, of a span of valid times: of the region's sources, or as `given`.

    A source that does not answer is a problem that is told, not an error: a product waits for no station. BadInput if
    what was given cannot be read. `cache`: local folder of what was fetched.
    """
    start, end = (t.astimezone(UTC).replace(tzinfo=None) for t in (first - BEFORE, last))
    parts, sources, problems = [], [], []
    if given is not None:
        found = read_observations(given)
        parts.append(found[found["time"].between(start, end)])
        sources.append(given.rsplit("/", 1)[-1])
    else:
        services = {str(name): address for name, address in settings.services.items()}
        around = (min(box.north + AROUND, 90.0), max(box.south - AROUND, -90.0), box.west - AROUND, box.east + AROUND)
        for name in settings.sources:
            try:
                found = fetch(name, around, start, end, Path(cache), services, settings.deadline_seconds)
                parts.append(found)
                sources.append(name)
            except FinescaleError as error:
                log.warning("observe: %s: %s", name, error)
                problems.append(f"{name}: {error}")
            except Exception as error:  # an answer that no reader foresaw: neither product nor verdict hang on it
                log.exception("observe: %s", name)
                problems.append(f"{name}: {type(error).__name__}: {error}")
    judged = quality_control(table(parts))
    uri = join(folder, "observations.parquet")
    write_parquet(judged, uri)
    lost = sum(rejected(judged).values())
    log.info(
        "observe: %s: observations: %d from %s, rejected: %d",
        region,
        len(judged),
        ", ".join(sources) or "nowhere",
        lost,
    )
    return Observed(uri=uri, sources=sources, problems=problems, count=len(judged))


def against_stations(
    product: Gridded, coarse: Gridded | None, observations: pd.DataFrame, sources: list[str], complete: bool
) -> tuple[Verification, pd.DataFrame, pd.DataFrame]:
    """(verification, pairs, table of all single scores) of a product and observations of any quality."""
    found = match(product, coarse, observations)
    enough = reporting(found, complete)
    kept = found[enough].reset_index(drop=True)
    done = score(kept)
    reasons = rejected(observations[_concerned(product, observations)])
    if not enough.all():
        reasons["fewer than 90 % of a station's reports"] = int((~enough).sum())
    verification = Verification(
        observations=sources, complete=complete, stations=int(kept["station"].nunique()) if len(kept) else 0,
        count=len(kept), rejected=reasons, scores=[s for s in done.scores if shown(s)], skill=done.skill,
        judged=done.judged, events=done.events, cases=done.cases,
        first=_utc(kept["time"].min()) if len(kept) else None, last=_utc(kept["time"].max()) if len(kept) else None,
    )  # fmt: skip
    return verification, kept, tabulate(kept, done.scores)


def shown(score: StationScore) -> bool:
    """Whether a score is for the scorecard, which every reader of the product fetches; the table has all."""
    ours = [headline(score.variable), Candidate("product", "bilinear"), *baselines(score.variable)]
    return score.group != CASES and Candidate.parse(score.candidate) in ours


def _concerned(product: Gridded, observations: pd.DataFrame) -> pd.Series:
    """Which observations are of the product's box and valid times: others were only there to judge them by."""
    grid, times = product.grid, product.fields["valid_time"].values.astype("datetime64[ns]")
    east = (observations["longitude"] - grid.west) % 360.0
    inside = observations["latitude"].between(grid.south, grid.north) & east.between(0.0, grid.dlon * grid.cols)
    return inside & observations["time"].isin(pd.DatetimeIndex(times))


def _utc(time: pd.Timestamp) -> datetime:
    return time.to_pydatetime(warn=False).replace(tzinfo=UTC)


def _verify(
    product_uri: str, observed: Observed | None, folder: str, complete: bool
) -> tuple[Verification | None, str | None, str | None]:
    """(verification, URI of the pairs, URI of all single scores)."""
    if observed is None or observed.count == 0:
        return None, None, None
    found = against_stations(
        open_product(product_uri), open_input(product_uri), read_parquet(observed.uri), observed.sources, complete
    )
    verification, kept, scores = found
    pairs_uri, table_uri = join(folder, "pairs.parquet"), join(folder, "scores.parquet")
    write_parquet(kept, pairs_uri)
    write_parquet(scores, table_uri)
    return verification, pairs_uri, table_uri


@task(name="validate", task_run_name="validate {cycle}", retries=5, retry_delay_seconds=[5, 15, 30, 60, 120],
      retry_condition_fn=worth_retrying, timeout_seconds=3600)  # fmt: skip
def validate(
    cycle: str,
    product_uri: str,
    fields_uri: str,
    target: Grid,
    limits: GateLimits,
    folder: str,
    borders: tuple[list[int], list[int]] = ([], []),
    digests: dict[str, list[str]] | None = None,
    truth: str | None = None,
    observed: Observed | None = None,
    complete: bool = False,
    history: str | None = None,
) -> Validated:
    """Check and score a product that is not published yet.

    `borders`: of its tiles, rows and columns. `digests`: of what was computed, which is what must be read.
    `complete`: no more observations are expected. `history`: URI of pooled scores of earlier cycles.
    """
    prepared = Prepared.load(fields_uri)
    product = open_zarr(product_uri)
    checks = check(product, target, prepared.fields, prepared.grid, limits, borders, digests)
    broken = any(not c.passed for c in checks)
    finer, spacing = beside_truth(Path(truth), product, target, prepared) if truth and not broken else ({}, 0.0)
    verification, pairs, single, trouble = None, None, None, ""
    if not broken:
        try:
            verification, pairs, single = _verify(product_uri, observed, folder, complete)
        except Exception as error:  # a product waits for no station; it says so, and `verify` tries again
            log.exception("validate: %s: not scored against stations", cycle)
            trouble = f"not scored against stations: {type(error).__name__}: {error}".splitlines()[0]
    quality, why = judge(checks, verification, read_parquet(history) if history else None, limits)
    why = [trouble] if trouble else why
    scorecard = Scorecard(quality=quality, why=why, checks=checks, verification=verification)
    scorecard.truth, scorecard.fractions = score_against(finer), fractions(finer, spacing)
    log.info("validate: %s: %s; checks: %d, failed: %d", cycle, quality, len(checks), len(scorecard.failed))
    return Validated(scorecard=scorecard, pairs=pairs, table=single)


@task(name="verify", task_run_name="verify {cycle}", retries=2, retry_delay_seconds=[5, 30],
      retry_condition_fn=worth_retrying, timeout_seconds=3600)  # fmt: skip
def verify(
    cycle: str,
    product_uri: str,
    scorecard: Scorecard,
    limits: GateLimits,
    folder: str,
    observed: Observed,
    complete: bool,
    history: str | None = None,
) -> Validated:
    """Score a published product anew; its checks stay as they were."""
    verification, pairs, single = _verify(product_uri, observed, folder, complete)
    if verification is None:
        verification = Verification(
            observations=observed.sources, complete=complete, stations=0, count=0, rejected={}, scores=[], skill=[],
            events=[], cases=[],
        )  # fmt: skip
    quality, why = judge(scorecard.checks, verification, read_parquet(history) if history else None, limits)
    log.info("verify: %s: %s; pairs: %d, stations: %d", cycle, quality, verification.count, verification.stations)
    changed = scorecard.model_copy(update={"quality": quality, "why": why, "verification": verification})
    return Validated(scorecard=changed, pairs=pairs, table=single)
