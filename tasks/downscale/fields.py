"""Prepared fields through a method: every lead time, on the target grid, held to the physical limits."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import xarray as xr

from models.limits import Fields, deviations
from tasks.downscale.limits import PlanLimits, crop
from tasks.downscale.methods import Method
from tasks.downscale.predict import Plan, seen_by, statics_of, super_resolve
from tasks.errors import BadInput
from tasks.handover.prepared import Prepared
from tasks.handover.shards import SHARD_STEPS
from tasks.progress import progress
from tasks.variables import VARIABLES

log = logging.getLogger(__name__)


def check_scale(plan: Plan, scale_range: tuple[float, float], model: str) -> None:
    """BadInput for a target coarser than the input; a warning outside of what the network was trained on."""
    low = min(plan.scale)
    if low < 1 - 1e-6:
        raise BadInput(
            f"scale {low:.3g}: the target is coarser than the input; a scale of at least 1 is needed for {model}"
        )
    if not scale_range[0] <= low <= max(plan.scale) <= scale_range[1]:
        log.warning("scale %.3g x %.3g is outside %g..%g, on which %s was trained", *plan.scale, *scale_range, model)


def coarse_fields(prepared: Prepared, names: list[str], steps: slice, plan: Plan) -> Fields:
    """Some lead times of what a plan needs of the input: variable -> (steps, rows, cols) on `plan.coarse`."""
    fields = prepared.fields.isel(step=steps)
    return {n: plan.window.of(fields[n]) for n in names if n in fields}


def _deviations(prepared: Prepared, coarse: Fields, steps: slice) -> Iterator[dict[str, float]]:
    """Of the input's fields at each lead time; read again where a plan needs a part of them only."""
    shape = prepared.grid.rows, prepared.grid.cols
    for i, step in enumerate(range(steps.start, steps.stop)):
        whole = {n: c[i] if c.shape[1:] == shape else prepared.fields[n][step].values for n, c in coarse.items()}
        yield deviations(whole)


# fine and coarse fields, deviations of the whole input at each lead time
Finish = Callable[[Fields, Fields, Iterable[dict[str, float]]], Fields]


def _run(prepared: Prepared, plan: Plan, method: Method, names: list[str], finish: Finish) -> xr.Dataset:
    """Every lead time through the method and `finish`, on the target grid, in memory."""
    count = prepared.fields.sizes["step"]
    here = [n for n in names if n in prepared.fields]
    out = {n: np.empty((count, plan.target.rows, plan.target.cols), dtype=np.float32) for n in here}
    statics = statics_of(prepared, plan)
    with progress("downscale", -(-count // SHARD_STEPS) * len(plan.tiling)) as tick:
        for start in range(0, count, SHARD_STEPS):
            steps = slice(start, min(start + SHARD_STEPS, count))
            coarse = coarse_fields(prepared, names, steps, plan)
            fine = super_resolve(method, names, coarse, statics, plan, seen_by(plan, prepared.operator), tick)
            for n, field in finish(fine, coarse, _deviations(prepared, coarse, steps)).items():
                out[n][steps] = field
    coords = {k: v for k, v in prepared.fields.coords.items() if "latitude" not in v.dims and "longitude" not in v.dims}
    coords |= {"latitude": plan.target.latitude, "longitude": plan.target.longitude}
    ds = xr.Dataset({n: (("step", "latitude", "longitude"), v) for n, v in out.items()}, coords)
    if "step_bounds" in prepared.fields:
        ds["step_bounds"] = prepared.fields["step_bounds"]
    return ds


def downscale_fields(prepared: Prepared, plan: Plan, method: Method, names: list[str]) -> xr.Dataset:
    """Every lead time through the network, held to the physical limits."""
    return _run(prepared, plan, method, names, PlanLimits(plan, prepared.operator).hold)


def interpolate_fields(prepared: Prepared, plan: Plan, method: Method) -> xr.Dataset:
    """Every lead time through an interpolation, as it is: nothing is held to limits."""
    names = [str(n) for n in prepared.fields.data_vars if n in VARIABLES]
    return _run(prepared, plan, method, names, lambda fine, *_: crop(fine, plan))
