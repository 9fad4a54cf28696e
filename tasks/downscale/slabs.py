"""One slab through a model package, straight into the staged product."""

from __future__ import annotations

import logging
import time

import numpy as np
import torch
import xarray as xr
import zarr

from models.downscaler import Downscaler
from tasks.downscale.fields import check_scale, downscale_fields
from tasks.downscale.packages import open_package
from tasks.downscale.predict import TILE, make_plan
from tasks.errors import DeviceUnavailable, ModelMismatch, OutOfMemory
from tasks.prepared import Prepared
from tasks.slab import Slab, SlabReport, digest
from tasks.storage import room_for, write_json, zarr_store
from tasks.variables import VARIABLES

log = logging.getLogger(__name__)

OUT_OF_MEMORY = ("can't allocate memory", "out of memory", "ALLOC_FAILED", "unable to find an engine")
SMALLEST_TILE = 64  # queries a side; below that the halo costs more than the tile
NEWS_EVERY = 5.0  # seconds


def choose_device(wanted: str) -> str:
    """`auto` is the GPU if there is one; DeviceUnavailable for one that is not there."""
    if wanted == "cpu" or (wanted == "auto" and not torch.cuda.is_available()):
        return "cpu"
    if not torch.cuda.is_available():
        raise DeviceUnavailable(
            f"device {wanted}: torch {torch.__version__} sees no GPU here; look at nvidia-smi and the driver, or set "
            "`inference: device: auto` in the region's YAML"
        )
    return "cuda" if wanted == "auto" else wanted


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a smaller tile may help."""
    return isinstance(error, torch.OutOfMemoryError) or any(sign in str(error) for sign in OUT_OF_MEMORY)


def _fields(prepared: Prepared, method: Downscaler, slab: Slab, halo: int, names: list[str]) -> tuple[xr.Dataset, int]:
    """The slab's fields on the target grid, with tiles that fit into memory, and the tile that did."""
    tile, said = TILE, time.monotonic()

    def told(done: int) -> None:
        nonlocal said
        if time.monotonic() - said > NEWS_EVERY:
            said = time.monotonic()
            write_json(slab.news, {"done": done})

    while True:
        plan = make_plan(prepared.grid, slab.target, halo=halo, reach=method.reach, tile=tile)
        try:
            return downscale_fields(prepared, plan, method, names, told), tile
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        if tile <= SMALLEST_TILE:
            raise OutOfMemory(
                f"lead times {slab.start} to {slab.stop - 1}: not enough memory for a tile of {tile} x {tile} points; "
                "end what else uses the device, or set `inference: device: cpu` in the region's YAML"
            )
        tile //= 2
        torch.cuda.empty_cache()
        log.warning("downscale: out of memory, going on with tiles of %d x %d points", tile, tile)


def compute(slab: Slab) -> SlabReport:
    """Compute the slab, write its shards, leave its report; running it again writes the same."""
    began = time.monotonic()
    product = zarr.open_group(zarr_store(slab.product), mode="r+", use_consolidated=False)  # gone with a run that ended
    package = open_package(slab.model)
    if package.digest != slab.model_sha256:
        raise ModelMismatch(
            f"model {slab.model}: the package here has sha-256 {package.digest[:12]}, the run began with "
            f"{slab.model_sha256[:12]}; bring this machine's models up to date"
        )
    whole = Prepared.load(slab.fields)
    prepared = Prepared(whole.fields.isel(step=slice(slab.start, slab.stop)), whole.grid, whole.statics)
    unknown = [n for n in prepared.fields.data_vars if n in VARIABLES and n not in package.variables]
    if unknown:
        raise ModelMismatch(f"model {slab.model} does not know {', '.join(map(str, unknown))}")
    device = choose_device(slab.device)
    method = package.load(device)
    plan = make_plan(prepared.grid, slab.target, halo=package.halo, reach=method.reach)
    check_scale(plan, package.scale_range, slab.model)
    log.info(
        "downscale: %s on %s, scale %.3g x %.3g, lead times: %d to %d, tiles: %d, threads: %d",
        package.model_id, device, *plan.scale, slab.start, slab.stop - 1, len(plan.tiling), torch.get_num_threads(),
    )  # fmt: skip
    write_json(slab.news, {"done": 0})
    fine, tile = _fields(prepared, method, slab, package.halo, package.variables)
    digests: dict[str, list[str]] = {}
    for name in (str(n) for n in fine.data_vars if n in VARIABLES):
        values: np.ndarray = fine[name].values
        array = product[name]
        assert isinstance(array, zarr.Array)
        with room_for(f"{slab.product}: {name}"):
            array[slab.start : slab.stop] = values
        digests[name] = [digest(field) for field in values]
    report = SlabReport(
        start=slab.start, stop=slab.stop, device=device, seconds=round(time.monotonic() - began, 3), tile=tile,
        tile_rows=fine.attrs["tile_rows"], tile_cols=fine.attrs["tile_cols"], digests=digests,
    )  # fmt: skip
    write_json(slab.report, report.model_dump())
    return report
