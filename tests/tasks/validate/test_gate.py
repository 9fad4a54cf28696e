"""The gate's word, and its reasons."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from tasks.handover.candidates import ALL, APART, HEADLINE
from tasks.handover.prepared import DOUBT
from tasks.handover.scorecard import Check, Skill, StationScore, Verification
from tasks.region.limits import GateLimits
from tasks.validate.gate import judge
from tests.conftest import ROOT

LIMITS = GateLimits()
PASSED = [Check(name="seam", variable="t2m", value=1.0, limit=1.5, passed=True)]


def verification(
    *, skill: float = 0.1, margin: float = 0.05, rmse: float = 1.5, stations: int = 12, complete: bool = True,
    group: str = HEADLINE,
) -> Verification:  # fmt: skip
    common: dict[str, Any] = {"variable": "t2m", "units": "K", "group": group, "count": stations * 8}
    common["stations"] = stations
    score = StationScore(
        **common, candidate="product_bilinear_standard", bias=0.1, mae=1.0, rmse=rmse, low=1.4, high=1.6
    )
    judged = Skill(
        **common, product=rmse, best="input_bilinear_standard", baseline=rmse / (1 - skill), skill=skill,
        low=skill - margin, high=skill + margin,
    )  # fmt: skip
    return Verification(
        observations=["ghcnh"], complete=complete, stations=stations, count=stations * 8, rejected={},
        scores=[score], skill=[judged], judged=[judged], events=[], cases=[],
        first=datetime(2026, 11, 1, tzinfo=UTC), last=datetime(2026, 11, 7, tzinfo=UTC),
    )  # fmt: skip


def history(*rmse: float, candidate: str = "product_bilinear_standard", group: str = HEADLINE) -> pd.DataFrame:
    return pd.DataFrame(
        {"variable": "t2m", "period": 0.0, "candidate": candidate, "group": group, "rmse": list(rmse), "complete": True}
    )


def test_a_product_no_worse_than_its_input_is_verified() -> None:
    assert judge(PASSED, verification(), None, LIMITS) == ("verified", [])
    assert judge(PASSED, verification(skill=-0.02), None, LIMITS) == ("verified", [])  # within chance


def test_a_product_worse_than_its_input_beyond_chance_is_degraded_and_says_by_how_much() -> None:
    quality, why = judge(PASSED, verification(skill=-0.2), None, LIMITS)
    assert quality == "degraded"
    assert why[0].startswith("t2m: RMSE 1.5 K, 20.0% above that of input, bilinear, 6.5 K/km (95 %: 15.0% to 25.0%;")
    assert judge(PASSED, verification(skill=-0.2), None, GateLimits(worse=0.25))[0] == "verified"


def test_few_stations_leave_it_open_until_no_more_can_come() -> None:
    quality, why = judge(PASSED, verification(stations=4, complete=False), None, LIMITS)
    assert (quality, why) == ("unverified", ["so far 4 stations within 100 m of the terrain's height, 5 are needed"])
    quality, why = judge(PASSED, verification(stations=4), None, LIMITS)
    assert quality == "degraded"
    assert why[0].startswith("too few stations: 4")


def test_few_stations_never_make_a_product_worse_than_its_input() -> None:
    _, why = judge(PASSED, verification(stations=4, skill=-0.5), None, LIMITS)
    assert [w.split(":")[0] for w in why] == ["too few stations"]


def test_without_observations_it_is_unverified_and_says_whether_to_wait() -> None:
    assert judge(PASSED, None, None, LIMITS) == ("unverified", ["no observations yet"])
    none = verification().model_copy(update={"count": 0, "scores": [], "judged": []})
    assert judge(PASSED, none, None, LIMITS) == ("unverified", ["no observations have come"])


@pytest.mark.parametrize("skill", [0.3, -0.3])
def test_a_failed_check_is_quarantine_whatever_the_scores(skill: float) -> None:
    failed = [*PASSED, Check(name="highest value", variable="t2m", value=400.0, limit=335.0, passed=False)]
    assert judge(failed, verification(skill=skill), None, LIMITS) == (
        "quarantined", ["t2m: highest value 400, limit 335"],
    )  # fmt: skip


def test_a_score_far_outside_its_own_history_is_quarantine() -> None:
    past = history(*[1.0 + 0.01 * i for i in range(20)])  # the highest is 1.19
    quality, why = judge(PASSED, verification(rmse=2.39), past, LIMITS)
    assert quality == "quarantined"
    assert why == ["t2m: RMSE 2.39 K, 2.0 times the highest of 20 cycles (1.19), limit 2"]
    assert judge(PASSED, verification(rmse=2.37), past, LIMITS)[0] == "verified"


def test_history_counts_from_enough_cycles_on_and_of_the_same_kind_only() -> None:
    bad = verification(rmse=10.0)
    assert judge(PASSED, bad, history(*[1.0] * 19), LIMITS)[0] == "verified"
    assert judge(PASSED, bad, history(*[1.0] * 20, candidate="input_nearest_none"), LIMITS)[0] == "verified"
    assert judge(PASSED, bad, history(*[1.0] * 20, group=APART), LIMITS)[0] == "verified"
    assert judge(PASSED, bad, history(*[1.0] * 20), LIMITS)[0] == "quarantined"


def test_what_is_not_judged_makes_no_verdict() -> None:
    """Many stations with pressure, few with temperature: too few, whatever pressure says."""
    few, many = verification(stations=3), verification(stations=9, skill=-0.5)
    pressure = [s.model_copy(update={"variable": "sp"}) for s in many.judged]
    both = few.model_copy(update={"judged": [*few.judged, *pressure], "scores": [*few.scores, *many.scores]})
    quality, why = judge(PASSED, both, None, LIMITS)
    assert quality == "degraded"
    assert why[0].startswith("too few stations: 3")
    enough = verification().judged
    assert judge(PASSED, both.model_copy(update={"judged": [*enough, *pressure]}), None, LIMITS)[0] == "verified"
    past = history(*[0.1] * 20).assign(variable="sp")
    assert judge(PASSED, both.model_copy(update={"judged": [*enough, *pressure]}), past, LIMITS)[0] == "verified"


def test_a_product_with_nothing_to_compare_with_is_not_verified() -> None:
    alone = verification().model_copy(update={"judged": [], "skill": []})
    assert judge(PASSED, alone, None, LIMITS) == (
        "unverified", ["nothing to compare with: the product does not hold its input"],
    )  # fmt: skip


def test_first_hours_are_not_held_against_whole_cycles_nor_whole_ones_against_first_hours() -> None:
    bad, past = verification(rmse=10.0), history(*[1.0] * 20)
    assert judge(PASSED, bad.model_copy(update={"complete": False}), past, LIMITS)[0] == "verified"
    assert judge(PASSED, bad, past.assign(complete=False), LIMITS)[0] == "verified"
    assert judge(PASSED, bad, past, LIMITS)[0] == "quarantined"


def test_the_first_rain_of_a_season_is_no_fault_unless_the_input_is_better() -> None:
    def rain(skill: float) -> Verification:
        found = verification(rmse=0.004, skill=skill)
        judged = [s.model_copy(update={"variable": "tp", "period": 6.0}) for s in found.judged]
        return found.model_copy(update={"judged": judged})

    dry = history(*[0.001] * 20).assign(variable="tp", period=6.0)
    assert judge(PASSED, rain(0.3), dry, LIMITS)[0] == "verified"
    assert judge(PASSED, rain(-0.3), dry, LIMITS)[0] == "quarantined"
    assert judge(PASSED, rain(0.3), dry.assign(rmse=0.0), LIMITS)[0] == "verified"  # and no division by nothing


def test_the_message_names_the_stations_that_count() -> None:
    everywhere = verification(stations=3, group=ALL)
    assert judge(PASSED, everywhere, None, LIMITS)[1] == ["too few stations: 3 stations, 5 are needed"]


def test_the_page_has_every_reason_in_chinese() -> None:
    kinds = json.loads((ROOT / "tasks/present/reasons.json").read_text())
    past, bad = history(*[1.0] * 20), verification(rmse=2.39)
    failed = [Check(name="seam", variable="t2m", value=1.9, limit=1.5, passed=False)]
    alone = verification().model_copy(update={"judged": []})
    reasons = [
        *judge(PASSED, None, None, LIMITS)[1],
        *judge(PASSED, verification().model_copy(update={"count": 0}), None, LIMITS)[1],
        *judge(PASSED, alone, None, LIMITS)[1],
        *judge(PASSED, verification(stations=4, complete=False), None, LIMITS)[1],
        *judge(PASSED, verification(stations=4), None, LIMITS)[1],
        *judge(PASSED, verification(skill=-0.2), None, LIMITS)[1],
        *judge(PASSED, bad, past, LIMITS)[1],
        *judge(failed, None, None, LIMITS)[1],
        *judge(PASSED, None, None, LIMITS, [f"{DOUBT}t2m at 3 h"])[1],
        "not calibrated: OSError: away",
    ]
    met = [next(i for i, (pattern, _) in enumerate(kinds) if re.fullmatch(pattern, reason)) for reason in reasons]
    assert sorted(met) == list(range(len(kinds))), reasons
