"""What each source has of our variables, and since which cycle: a dated table, as layout.py is of paths.

Cycles before a variable's date are made without it, or refused if the region requires it. That a message is there and
is what it should be, each cycle's index and the message itself prove.
"""

from __future__ import annotations

from datetime import UTC, datetime

from tasks.errors import BadInput
from tasks.handover.cycle import Cycle
from tasks.region.document import Region
from tasks.variables import VARIABLES

# never, by source
LACKING = {
    "aifs": {"fg10", "tcwv", "mx2t", "mn2t", "sd"},
    "ifs9km": {"sp", "strd", "sd"},
    "demo": VARIABLES.keys() - {"t2m", "d2m", "u10", "v10", "sp", "msl", "tp"},
}
BEGAN = datetime(2022, 1, 18, tzinfo=UTC)  # open data; what is older is of one's own mirror, and has what it has
# What open data has had from a cycle on; the others from its beginning (wind at 10 m, t2m, msl, sp, skt, tcwv, tp).
# After open-meteo/open-meteo issues 680 (dew point, wind at 100 m, radiation), 1137 and 1142 (gusts, extremes of
# temperature, with IFS cycle 49r1), 1587 and 1588 (cloud, snow), and dynamical-org/reformatters' template of the
# ensemble, which has the same two later dates.
LATER = {
    **dict.fromkeys(("d2m", "u100", "v100", "ssrd", "strd"), datetime(2024, 3, 5, 6, tzinfo=UTC)),
    **dict.fromkeys(("fg10", "mx2t", "mn2t"), datetime(2024, 11, 13, tzinfo=UTC)),
    **dict.fromkeys(("tcc", "sf", "sd"), datetime(2025, 11, 21, tzinfo=UTC)),
}
SINCE = {"ifs": LATER, "ens": LATER}  # AIFS Single and the 9 km have all that they have from their first cycle on


def lacking(cycle: Cycle) -> set[str]:
    """Our variables that a cycle's source never has, or did not have yet."""
    later = SINCE.get(cycle.source, {}) if cycle.time >= BEGAN else {}
    return LACKING.get(cycle.source, set()) | {name for name, since in later.items() if cycle.time < since}


def served(region: Region, cycle: Cycle) -> list[str]:
    """Those of the region's variables that a cycle has; BadInput if it lacks a required one, or has none of them."""
    absent = lacking(cycle)
    asked = region.of_ensemble.chosen(region.variables) if cycle.source == "ens" else region.variables
    if wanted := [n for n in region.required or [] if n in absent and n in asked]:
        raise BadInput(
            f"{_whose(cycle, wanted)} has no {', '.join(wanted)}{_from_when(cycle, wanted)}; it was asked for by "
            f"`required` in {region.folder / 'region.yaml'}; write there what there has to be, without it"
        )
    if not (found := [n for n in asked if n not in absent]):
        raise BadInput(
            f"{_whose(cycle, asked)} has none of {', '.join(asked)}{_from_when(cycle, asked)}; ask for others under "
            f"`variables` in {region.folder / 'region.yaml'}, or take another source"
        )
    return found


def _whose(cycle: Cycle, names: list[str]) -> str:
    """The source, or the cycle where a later one has them."""
    return f"{cycle}:" if _from_when(cycle, names) else f"{cycle.source}:"


def _from_when(cycle: Cycle, names: list[str]) -> str:
    """When those come that are only not there yet, in brackets; nothing for those that never come."""
    since = SINCE.get(cycle.source, {})
    dates = [
        f"{n} from {since[n]:%Y-%m-%dT%H} on" for n in names if n in since and n not in LACKING.get(cycle.source, ())
    ]
    return f" yet ({', '.join(dates)})" if dates else ""
