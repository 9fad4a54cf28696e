"""An ensemble's cycle: its members go through prepare and downscale one by one, then together through combine."""

from __future__ import annotations

import logging
from collections.abc import Callable

from flows.dispatch import run_slabs
from models.package import ModelPackage
from tasks.combine import Member, combine
from tasks.handover.cycle import Cycle, RawFile
from tasks.handover.members import by_member
from tasks.handover.prepared import PreparedInfo
from tasks.handover.slab import SlabReport, slabs_of
from tasks.prepare import prepare
from tasks.region.document import Region
from tasks.storage import join

log = logging.getLogger(__name__)

MEMBERS = "members"  # folder of the workspace, with their products until they are combined


def of_members(
    files: list[RawFile],
    region: Region,
    cycle: Cycle,
    package: ModelPackage,
    model: str,
    store: str,
    workspace: str,
    queue: str,
    lap: Callable[[str], None],
    progress: Callable[[int], Callable[[int], None]],
) -> tuple[PreparedInfo, list[SlabReport]]:
    """A staged product with its ensemble, and what is to be read in it; members lie in the workspace meanwhile.

    `model`: as it was named. `lap` hears which step is over; `progress` makes, of how many lead times there are, what
    hears how many are computed.
    """
    of_each = by_member(files)
    infos: list[PreparedInfo] = [
        prepare(its, region, cycle, join(workspace, MEMBERS), join(workspace, f"m{number:02d}"), package.halo)
        for number, its in of_each.items()
    ]
    lap("prepare")
    by_info = [
        slabs_of(info, region, package, model, join(workspace, "slabs", f"{i:02d}")) for i, info in enumerate(infos)
    ]
    slabs = [slab for its in by_info for slab in its]
    reports = run_slabs(slabs, region.inference, progress(len(infos[0].lead_hours)), queue)
    lap("downscale")
    found = iter(reports)
    members = [Member(info, [next(found) for _ in its]) for info, its in zip(infos, by_info, strict=True)]
    combined = combine(members, list(of_each), region, package, cycle, store)
    lap("combine")
    return combined
