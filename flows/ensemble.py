"""An ensemble's cycle: its members go through prepare and downscale one by one, then together through combine."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from flows.dispatch import run_slabs
from models.package import ModelPackage
from tasks.combine import Member, combine
from tasks.errors import BadInput, short
from tasks.handover.cycle import Cycle, RawFile
from tasks.handover.members import by_member
from tasks.handover.prepared import PreparedInfo
from tasks.handover.slab import SlabReport, slabs_of
from tasks.prepare import prepare
from tasks.prepare.decode import members_in
from tasks.region.document import Region
from tasks.storage import join

log = logging.getLogger(__name__)

MEMBERS = "members"  # folder of the workspace, with their products until they are combined


def of_members(
    files: list[RawFile],
    region: Region,
    cycle: Cycle | None,
    package: ModelPackage,
    model: str,
    store: str,
    workspace: str,
    queue: str,
    lap: Callable[[str], None],
    progress: Callable[[Cycle, int], Callable[[int], None]],
) -> tuple[PreparedInfo, list[SlabReport]]:
    """A staged product with its ensemble, and what is to be read in it; members lie in the workspace meanwhile.

    `cycle`: None for files that were handed in. `model`: as it was named. `lap` hears which step is over; `progress`
    makes, of the cycle and of how many lead times there are, what hears how many are computed.
    """
    of_each = by_member(files)
    log.info("ensemble: members, one after another: %s", ", ".join(map(str, of_each)))
    infos: list[PreparedInfo] = [
        prepare(its, region, cycle, join(workspace, MEMBERS), join(workspace, f"m{number:02d}"), package.halo)
        for number, its in of_each.items()
    ]
    cycle = cycle or cycle_of(infos[0])
    assert_alike(dict(zip(of_each, infos, strict=True)))
    lap("prepare")
    by_info = [
        slabs_of(info, region, package, model, join(workspace, "slabs", f"{number:02d}"), number)
        for number, info in zip(of_each, infos, strict=True)
    ]
    slabs = [slab for its in by_info for slab in its]
    reports = run_slabs(slabs, region.inference, progress(cycle, len(infos[0].lead_hours)), queue)
    lap("downscale")
    found = iter(reports)
    members = [Member(info, [next(found) for _ in its]) for info, its in zip(infos, by_info, strict=True)]
    combined = combine(members, list(of_each), region, package, cycle, store)
    lap("combine")
    return combined


def cycle_of(info: PreparedInfo) -> Cycle:
    """Of files that were handed in: they say it only when they are read."""
    return Cycle(source="file", time=datetime.fromisoformat(f"{info.init}:00+00:00"))


def several_members(files: list[RawFile]) -> list[RawFile]:
    """Files handed in that are of several members of an ensemble, once for each; none if they are not."""
    numbers = members_in([Path(f.uri) for f in files])
    if numbers:
        log.info("these are members %s of an ensemble", ", ".join(map(str, numbers)))
    return [f.model_copy(update={"member": number}) for number in numbers for f in files]


def assert_alike(infos: dict[int, PreparedInfo]) -> None:
    """BadInput if members do not have the same fields, which says what one of them lacks."""
    for what in ("variables", "lead_hours", "init", "grid"):
        of_each = {number: getattr(info, what) for number, info in infos.items()}
        first = next(iter(of_each))
        other = next((n for n, value in of_each.items() if value != of_each[first]), None)
        if other is not None:
            raise BadInput(
                f"members {first} and {other} differ in {what.replace('_', ' ')}: {short(str(of_each[first]))} and "
                f"{short(str(of_each[other]))}; hand in members that have the same"
            )
