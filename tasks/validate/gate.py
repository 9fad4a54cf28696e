"""The gate: from checks, scores and the region's own history to one word and the reasons for it."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from tasks.handover.candidates import ALL, Candidate
from tasks.handover.scorecard import Check, MemberScore, Quality, Skill, Verification
from tasks.present import display
from tasks.region.limits import GateLimits

# The surface variables of WMO-No. 485. Not surface pressure, which at a station is a matter of its height to the metre,
# whichever field it is brought there from; nor direction, which the vector holds.
JUDGED = ("t2m", "d2m", "msl", "wind_speed", "wind_vector", "tp")


def judge(
    checks: list[Check],
    verification: Verification | None,
    history: pd.DataFrame | None,
    limits: GateLimits,
    doubts: list[str] | None = None,
) -> tuple[Quality, list[str]]:
    """(quality, why). `history`: pooled scores of earlier cycles, as scores.tabulate gives them, with their `cycle`.

    Hard limits come first, then doubts of the input, then whether there is enough to go by, then the soft limits.
    """
    refused = [f"{c.variable}: {c.name} {c.value:g}, limit {c.limit:g}" for c in checks if not c.passed]
    if verification is not None and history is not None:
        refused += _outlying(verification, history, limits)
    if refused:
        return Quality.QUARANTINED, refused
    if doubts:
        return Quality.DEGRADED, doubts
    if verification is None or verification.count == 0:
        none = verification is not None and verification.complete
        return Quality.UNVERIFIED, ["no observations have come" if none else "no observations yet"]
    if not verification.judged:
        return Quality.UNVERIFIED, ["nothing to compare with: the product does not hold its input"]
    judged = _judged(verification)
    stations = max((s.stations for s in judged), default=0)
    if stations < limits.stations:
        near = "" if verification.group == ALL else f" {verification.group} of the terrain's height"
        few = f"{stations} stations{near}, {limits.stations} are needed"
        return (
            (Quality.DEGRADED, [f"too few stations: {few}"])
            if verification.complete
            else (Quality.UNVERIFIED, [f"so far {few}"])
        )
    worse = [_worse(s) for s in judged if _is_worse(s, limits)]
    worse += [why for s in verification.members if s.group == verification.group for why in unsure(s, limits)]
    return (Quality.DEGRADED, worse) if worse else (Quality.VERIFIED, [])


def _judged(verification: Verification) -> list[Skill]:
    """What the verdict goes by, in the headline's group."""
    return [s for s in verification.judged if s.group == verification.group and s.variable in JUDGED]


def _is_worse(skill: Skill, limits: GateLimits) -> bool:
    return skill.stations >= limits.stations and skill.skill < -limits.worse and skill.high < 0


def _worse(skill: Skill) -> str:
    title = Candidate.parse(skill.best).title
    how = display.of_difference(skill.variable, skill.units)
    return (
        f"{skill.variable}: RMSE {skill.product * how.scale:.4g} {how.unit}, {-skill.skill:.1%} above that of {title} "
        f"(95 %: {-skill.high:.1%} to {-skill.low:.1%}; {skill.count} pairs, {skill.stations} stations)"
    )


def unsure(score: MemberScore, limits: GateLimits) -> Iterator[str]:
    """What is wrong with an ensemble's ranges: they say less than no ranges, or are too narrow or too wide."""
    if score.stations < limits.stations:
        return
    pairs = f"{score.count} pairs, {score.stations} stations"
    if score.crps >= score.mae:
        how = display.of_difference(score.variable, score.units)
        below = f"not below the mean's error {score.mae * how.scale:.3g}"
        yield f"{score.variable}: CRPS {score.crps * how.scale:.3g} {how.unit}, {below} ({pairs})"
    low, high = limits.spread
    if not low <= score.spread_skill <= high:
        narrow = "narrow" if score.spread_skill < low else "wide"
        yield (
            f"{score.variable}: ranges are too {narrow}, spread {score.spread_skill:.2f} of the mean's RMSE, "
            f"{low:g} to {high:g} is allowed ({pairs})"
        )


def _outlying(verification: Verification, history: pd.DataFrame, limits: GateLimits) -> Iterator[str]:
    """Scores far above the highest of the region's own; whole cycles, since errors grow with lead time.

    Rain after a dry season is far outside of that: it counts only where the input does better.
    """
    if not verification.complete or history.empty:
        return
    whole = history[history["complete"].astype(bool)]
    for skill in (s for s in _judged(verification) if s.stations >= limits.stations):
        name = Candidate.parse(skill.best)
        mine = Candidate("product", name.method, name.height).name
        past = whole[
            (whole["variable"] == skill.variable) & (whole["period"] == skill.period)
            & (whole["candidate"] == mine) & (whole["group"] == skill.group)
        ]  # fmt: skip
        highest = float(past["rmse"].max()) if len(past) >= limits.history_cycles else 0.0
        if (
            highest > 0
            and skill.product > limits.history * highest
            and not (skill.variable == "tp" and skill.skill > 0)
        ):
            how = display.of_difference(skill.variable, skill.units)
            yield (
                f"{skill.variable}: RMSE {skill.product * how.scale:.4g} {how.unit}, {skill.product / highest:.1f} "
                f"times the highest of {len(past)} cycles ({highest * how.scale:.4g}), limit {limits.history:g}"
            )
