"""Step 3, downscale: prepared fields in, shards of the staged product out, through a model package."""

from __future__ import annotations

from tasks.downscale.slabs import compute
from tasks.handover.slab import Slab, SlabReport
from tasks.steps import step


@step("downscale", "{slab.name}", retries=0, timeout_seconds=6 * 3600)
def downscale(slab: Slab) -> SlabReport:
    """Lead times start..stop of a product."""
    return compute(slab)
