"""Step 4, validate: the product by value, against its input and against what is known of the truth."""

from __future__ import annotations

import logging
from pathlib import Path

from prefect import task

from tasks.errors import GateRefused
from tasks.grid import Grid
from tasks.prepared import Prepared
from tasks.region import GateLimits
from tasks.retry import worth_retrying
from tasks.scorecard import Scorecard
from tasks.storage import open_zarr
from tasks.validate.checks import check
from tasks.validate.truth import score_against

log = logging.getLogger(__name__)


def assert_passed(scorecard: Scorecard, cycle: str) -> None:
    """GateRefused names the first check that failed."""
    if scorecard.failed:
        c = scorecard.failed[0]
        more = f" and {len(scorecard.failed) - 1} more" if len(scorecard.failed) > 1 else ""
        raise GateRefused(
            f"{cycle}: {c.variable}: {c.name} {c.value:g}, limit {c.limit:g}{more}; nothing was published, "
            "the last good product stays"
        )


@task(name="validate", task_run_name="validate {cycle}", retries=5, retry_delay_seconds=[5, 15, 30, 60, 120],
      retry_condition_fn=worth_retrying, timeout_seconds=3600)  # fmt: skip
def validate(
    cycle: str,
    product_uri: str,
    fields_uri: str,
    target: Grid,
    limits: GateLimits,
    borders: tuple[list[int], list[int]] = ([], []),
    truth: str | None = None,
) -> Scorecard:
    """Check and score a product; GateRefused if a hard check fails. `borders`: of its tiles, rows and columns."""
    prepared = Prepared.load(fields_uri)
    product = open_zarr(product_uri)
    checks = check(product, target, prepared.fields, prepared.grid, limits, borders)
    scores = score_against(Path(truth), product, target, prepared) if truth else []
    scorecard = Scorecard(quality="unverified", checks=checks, truth=scores)
    log.info("validate: checks: %d, failed: %d", len(checks), len(scorecard.failed))
    assert_passed(scorecard, cycle)
    return scorecard
