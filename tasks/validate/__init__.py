"""Step 5, validate: the product by value, against its input, and against stations beside what else there is."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import xarray as xr

from tasks.arrays import open_zarr, undamaged
from tasks.grids.gridded import Gridded
from tasks.handover.calibrated import Calibrated, Calibration
from tasks.handover.candidates import CASES, Candidate, baselines, before, headline
from tasks.handover.cycle import Cycle
from tasks.handover.prepared import DOUBT, Prepared, PreparedInfo
from tasks.handover.scorecard import Scorecard, StationScore, Validated, Verification
from tasks.handover.slab import SlabReport, borders, merged
from tasks.observations.arrivals import Seen
from tasks.observations.matching import pairs as match
from tasks.observations.networks.table import rejected
from tasks.region.document import Region
from tasks.steps import step
from tasks.storage import join, read_parquet, write_parquet
from tasks.store.calibration import open_calibration
from tasks.store.ensemble import with_members
from tasks.store.product import open_input, open_product
from tasks.validate.checks import assert_written, check
from tasks.validate.gate import judge
from tasks.validate.members import score_chances, score_members
from tasks.validate.scores import reporting, score, tabulate
from tasks.validate.truth import beside_truth, fractions, score_against

log = logging.getLogger(__name__)


def against_stations(
    product: Gridded,
    coarse: Gridded | None,
    observations: pd.DataFrame,
    sources: list[str],
    complete: bool,
    calibration: Calibration | None = None,
) -> tuple[Verification, pd.DataFrame, pd.DataFrame]:
    """(verification, pairs, table of all single scores) of a product and observations of any quality.

    `calibration`: of the product, which is then scored at each station as it would be without that station.
    """
    found = match(product, coarse, observations, calibration)
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
    ours = [headline(score.variable), before(score.variable), Candidate("product", "bilinear")]
    ours += baselines(score.variable)
    return score.group != CASES and Candidate.parse(score.candidate) in ours


def _concerned(product: Gridded, observations: pd.DataFrame) -> pd.Series:
    """Which observations are of the product's box and valid times: others were only there to judge them by."""
    grid, times = product.grid, product.fields["valid_time"].values.astype("datetime64[ns]")
    east = (observations["longitude"] - grid.west) % 360.0
    inside = observations["latitude"].between(grid.south, grid.north) & east.between(0.0, grid.dlon * grid.cols)
    return inside & observations["time"].isin(pd.DatetimeIndex(times))


def _utc(time: pd.Timestamp) -> datetime:
    return time.to_pydatetime(warn=False).replace(tzinfo=UTC)


@dataclass(frozen=True)
class Scored:
    """A product's verification, and where the pairs and all single scores are; None without observations."""

    verification: Verification | None = None
    pairs: str | None = None
    table: str | None = None


def _score(product: str, seen: Seen, folder: str) -> Scored:
    if seen.observed is None or seen.observed.count == 0:
        return Scored()
    observations = read_parquet(seen.observed.uri)
    verification, kept, scores = against_stations(
        with_members(open_product(product), product),
        open_input(product),
        observations,
        seen.observed.sources,
        seen.complete,
        open_calibration(product),
    )
    verification.members = score_members(product, kept)
    verification.chances = score_chances(product, kept)
    pairs, table = join(folder, "pairs.parquet"), join(folder, "scores.parquet")
    write_parquet(kept, pairs)
    write_parquet(scores, table)
    return Scored(verification, pairs, table)


def _increments(product: str, calibrated: Calibrated) -> xr.Dataset | None:
    found = open_calibration(product) if calibrated.digests else None
    return found.increments.fields if found is not None and found.increments is not None else None


def _history(seen: Seen) -> pd.DataFrame | None:
    return read_parquet(seen.history) if seen.history else None


@step("validate", "validate {cycle}", timeout_seconds=3600)
def validate(
    cycle: Cycle,
    region: Region,
    info: PreparedInfo,
    reports: list[SlabReport],
    calibrated: Calibrated,
    seen: Seen,
    folder: str,
    truth: str | None = None,
) -> Validated:
    """Check and score a product that is not published yet.

    `reports`: what its slabs said, whose digests are what must be read. `truth`: a finer field of the same forecast.
    """
    digests = merged(reports) | calibrated.digests | info.digests | calibrated.beside
    assert_written(info.product, digests, info.variables)
    prepared = Prepared.load(info.product, None, info.grid, info.operator)
    if truth is not None:  # which is of one lead time, and asked for by checks and truth
        with undamaged(f"{info.product}: input"):
            prepared = replace(prepared, fields=prepared.fields.load())
    product, increments = open_zarr(info.product), _increments(info.product, calibrated)
    checks = check(
        product,
        region.target,
        prepared.fields,
        info.grid,
        info.operator,
        region.gate,
        borders(reports),
        digests,
        increments,
    )
    broken = any(not c.passed for c in checks)
    finer, spacing = (
        beside_truth(Path(truth), product, region.target, prepared, increments) if truth and not broken else ({}, 0.0)
    )
    found, trouble = Scored(), ""
    if not broken:
        try:
            found = _score(info.product, seen, folder)
        except Exception as error:  # a product waits for no station; it says so, and `verify` tries again
            log.exception("validate: %s: not scored against stations", cycle)
            trouble = f"not scored against stations: {type(error).__name__}: {error}".splitlines()[0]
    quality, why = judge(checks, found.verification, _history(seen), region.gate, info.doubts)
    why = [t for t in (trouble, calibrated.trouble) if t] or why
    scorecard = Scorecard(
        quality=quality, why=why, checks=checks, verification=found.verification, calibration=calibrated.proofs
    )
    scorecard.truth, scorecard.fractions = score_against(finer), fractions(finer, spacing)
    log.info("validate: %s: %s; checks: %d, failed: %d", cycle, quality, len(checks), len(scorecard.failed))
    return Validated(scorecard=scorecard, pairs=found.pairs, table=found.table)


@step("verify", "verify {cycle}", retries=2, timeout_seconds=3600)
def verify(cycle: str, product: str, scorecard: Scorecard, region: Region, seen: Seen, folder: str) -> Validated:
    """Score a published product, by its URI, anew; its checks stay as they were."""
    found = _score(product, seen, folder)
    verification = found.verification
    if verification is None:
        sources = seen.observed.sources if seen.observed is not None else []
        verification = Verification(
            observations=sources, complete=seen.complete, stations=0, count=0, rejected={}, scores=[], skill=[],
            events=[], cases=[],
        )  # fmt: skip
    doubts = [w for w in scorecard.why if w.startswith(DOUBT)]
    quality, why = judge(scorecard.checks, verification, _history(seen), region.gate, doubts)
    why = [w for w in scorecard.why if w.startswith("not calibrated: ") and w not in why] + why
    log.info("verify: %s: %s; pairs: %d, stations: %d", cycle, quality, verification.count, verification.stations)
    changed = scorecard.model_copy(update={"quality": quality, "why": why, "verification": verification})
    return Validated(scorecard=changed, pairs=found.pairs, table=found.table)
