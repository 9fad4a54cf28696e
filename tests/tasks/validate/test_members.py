"""An ensemble's ranges against stations: scores with known answers, and what the gate says of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from tasks.handover.calibrated import LEVELS
from tasks.handover.scorecard import MemberScore
from tasks.region.limits import GateLimits
from tasks.validate.gate import unsure
from tasks.validate.members import crps


def test_crps_of_quantiles_is_nearly_that_of_the_distribution() -> None:
    levels = np.array(LEVELS)
    z = np.array([-3.0, -1.0, 0.0, 0.5, 2.0])
    found = crps(np.tile(norm.ppf(levels), (len(z), 1)), levels, z)
    wanted = z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / np.sqrt(np.pi)
    np.testing.assert_allclose(found, wanted, atol=0.04)


def test_crps_of_a_single_value_is_its_absolute_error() -> None:
    found = crps(np.full((3, len(LEVELS)), 5.0), np.array(LEVELS), np.array([5.0, 7.0, 2.0]))
    np.testing.assert_allclose(found, [0, 2, 3], atol=1e-9)


def member_score(**changes: float) -> MemberScore:
    """Of good ranges, with some numbers changed."""
    good = {"mae": 1.0, "crps": 0.72, "spread_skill": 1.0, "within_80": 0.8, "count": 100, "stations": 20}
    return MemberScore(variable="t2m", units="K", group="within 100 m", **(good | changes))


@pytest.mark.parametrize(
    ("score", "why"),
    [
        (member_score(), []),
        (member_score(crps=1.0), ["CRPS 1 K, not below the mean's error 1"]),
        (member_score(spread_skill=0.5), ["too narrow, spread 0.50 of the mean's RMSE, 0.8 to 1.25"]),
        (member_score(spread_skill=1.6), ["too wide"]),
        (member_score(spread_skill=1.6, stations=4), []),
    ],
)
def test_the_gate_says_what_is_wrong_with_ranges(score: MemberScore, why: list[str]) -> None:
    found = list(unsure(score, GateLimits()))
    assert len(found) == len(why)
    assert all(part in text for part, text in zip(why, found, strict=True))
