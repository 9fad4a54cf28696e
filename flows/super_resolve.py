"""The part that wants a GPU: one slab of lead times, in a process of its own. Deployment super-resolve/gpu."""

from __future__ import annotations

from prefect import flow

from flows.server import names
from tasks.downscale import downscale
from tasks.handover.slab import Slab, SlabReport


@flow(name=names.SUPER_RESOLVE, flow_run_name="{slab.name}", retries=0, timeout_seconds=6 * 3600)
def super_resolve(slab: Slab) -> SlabReport:
    """Compute a slab and write it into its staged product."""
    return downscale(slab)
