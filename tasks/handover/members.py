"""Group `ensemble` of a product, whose fields are then the means of its members: what its arrays are called.

{variable}_quantiles (quantile, step, latitude, longitude)   below which the truth lies so often; wind: of its speed
{variable}_spread (step, latitude, longitude)                standard deviation of the members
{variable}_below_0, {variable}_24h_above_50 (step, ...)      how likely a threshold of region.yaml is passed, in %
{variable}_members (realization, step, latitude, longitude)  the members themselves, where region.yaml keeps them
"""

from __future__ import annotations

import hashlib

from tasks.handover.cycle import RawFile
from tasks.passing import Passing

GROUP = "ensemble"
QUANTILES, SPREAD, MEMBERS = "_quantiles", "_spread", "_members"


def chance_name(passing: Passing) -> str:
    """Name of the array that says how likely it is: wind_speed_above_10p8, t2m_below_minus5, tp_24h_above_50."""
    over = f"_{passing.hours}h" if passing.hours else ""
    value = passing.number.replace("-", "minus").replace(".", "p")
    return f"{passing.variable}{over}_{'below' if passing.below else 'above'}_{value}"


def by_member(files: list[RawFile]) -> dict[int, list[RawFile]]:
    """An ensemble's files by member, in the order of their numbers."""
    members = sorted({f.member for f in files})
    return {member: [f for f in files if f.member == member] for member in members}


def condensed(files: list[RawFile]) -> list[RawFile]:
    """One entry a member for the ledger, which would name thousands of messages: size, and digest of digests."""
    out = []
    for member, its in by_member(files).items():
        digest = hashlib.sha256("".join(f.sha256 for f in its).encode()).hexdigest()
        confirmed = all(f.confirmed for f in its) or None
        out.append(
            RawFile(
                uri=f"member {member}, messages: {len(its)}", sha256=digest, size=sum(f.size for f in its),
                mirror=its[0].mirror, confirmed=confirmed, member=member,
            )
        )  # fmt: skip
    return out
