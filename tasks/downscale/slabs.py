"""One slab through a model package, straight into the staged product."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, cast

import torch
import zarr

from models.followers import unknown_to
from models.following import following
from models.limits import Fields
from models.package import ModelPackage
from tasks.arrays import Shards, undamaged, write_shards, zarr_store
from tasks.downscale.fields import check_scale, coarse_fields
from tasks.downscale.limits import PlanLimits
from tasks.downscale.predict import TILE, Plan, make_plan, seen_by, statics_of, super_resolve
from tasks.downscale.tiles import borders
from tasks.errors import DeviceUnavailable, ModelMismatch, OutOfMemory
from tasks.handover.prepared import Prepared
from tasks.handover.shards import Block, blocks, digest
from tasks.handover.slab import Slab, SlabReport
from tasks.packages import assert_knows, open_package
from tasks.progress import progress
from tasks.storage import join, write_json
from tasks.store.packing import round_field
from tasks.variables import VARIABLES

log = logging.getLogger(__name__)

OUT_OF_MEMORY = ("can't allocate memory", "out of memory", "ALLOC_FAILED", "unable to find an engine")
SMALLEST_TILE = 40  # queries a side; below that the halo costs more than the tile
PROGRESS_EVERY = 5.0  # seconds


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
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or any(sign in str(error) for sign in OUT_OF_MEMORY)


class _Blocks:
    """Computes lead times of one block after the other, with tiles that fit into memory."""

    def __init__(self, prepared: Prepared, names: list[str], slab: Slab, package: ModelPackage, device: str) -> None:
        self.prepared, self.slab, self.package = prepared, slab, package
        self.method, self.names = following(package.load(device), names)
        self.tile = TILE
        self.tile_rows: set[int] = set()
        self.tile_cols: set[int] = set()

    def plan(self, block: Block) -> Plan:
        """Of a block, with the tiles that have fitted so far."""
        return make_plan(
            self.prepared.grid, self.slab.target, self.prepared.operator, halo=self.package.halo,
            reach=self.method.reach, tile=self.tile, block=block,
        )  # fmt: skip

    def begin(self, block: Block) -> None:
        """Go on with this block."""
        self.block, plan, operator = block, self.plan(block), self.prepared.operator
        self.statics, self.seen = statics_of(self.prepared, plan), seen_by(plan, operator)
        self.limits = PlanLimits(plan, operator)
        self._borders(plan)

    def _borders(self, plan: Plan) -> None:
        """Where in the product something new begins: tiles and blocks."""
        target, (rows, cols) = self.slab.target, borders(plan.tiling)
        top, left = (n - e for n, e in zip(plan.at, plan.edges[::2], strict=True))
        self.tile_rows |= {n for r in (*rows, plan.edges[0]) if 0 < (n := r + top) < target.rows}
        self.tile_cols |= {n for c in (*cols, plan.edges[2]) if 0 < (n := c + left) < target.cols}

    def fields(self, coarse: Fields, deviations: list[dict[str, float]]) -> Fields:
        """The block's fields (steps, rows, cols) of some lead times of the input, within the physical limits.

        `deviations`: of the whole input at each of these lead times.
        """
        while True:
            try:
                fine = super_resolve(self.method, self.names, coarse, self.statics, self.limits.plan, self.seen)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                self._shrink()
            else:
                return self.limits.hold(fine, coarse, deviations)

    def _shrink(self) -> None:
        if self.tile <= SMALLEST_TILE:
            raise OutOfMemory(
                f"{self.slab.part}: not enough memory for a tile of {self.tile} x {self.tile} points; end what else "
                "uses the device, or set `inference: device: cpu` in the region's YAML"
            ) from None
        self.tile //= 2
        torch.cuda.empty_cache()
        log.warning("downscale: out of memory, going on with tiles of %d x %d points", self.tile, self.tile)
        plan = self.plan(self.block)
        self.limits = PlanLimits(plan, self.prepared.operator)
        self._borders(plan)


def _write(shards: dict[str, Shards], steps: slice, block: Block, fields: Fields) -> dict[str, list[str]]:
    """Write one shard a variable; returns the digest of each lead time's values in it."""
    write_shards(shards, (steps.start, block.rows.start, block.cols.start), fields)
    return {name: [digest(field) for field in values] for name, values in fields.items()}


def _stacked(
    work: _Blocks,
    names: list[str],
    steps: slice,
    on_lead_time: Callable[[], None],
    tick: Callable[[], None],
) -> Fields:
    """A block's fields (steps, rows, cols) at some lead times, rounded."""
    with undamaged(f"{work.slab.product}: input"):
        coarse = coarse_fields(work.prepared, names, steps, work.limits.plan)
    first = work.slab.start
    known = [{n: work.slab.deviations[n][i - first] for n in names} for i in range(steps.start, steps.stop)]
    fine = work.fields(coarse, known)
    for name, fields in fine.items():
        for i, field in enumerate(fields):  # in place: all of a block twice would be much memory
            fields[i] = round_field(name, field)
    for _ in known:
        on_lead_time()
        tick()
    return fine


class _Progress:
    """Tells now and then how far a slab is."""

    def __init__(self, slab: Slab, blocks: int) -> None:
        self.slab, self.blocks, self.done, self.written = slab, blocks, 0, time.monotonic()

    def __call__(self) -> None:
        self.done += 1
        if time.monotonic() - self.written > PROGRESS_EVERY:
            self.written = time.monotonic()
            write_json(self.slab.progress, {"done": round(self.done / self.blocks, 2)})


def compute(slab: Slab) -> SlabReport:
    """Compute the slab, write its shards, leave its report; running it again writes the same.

    One block is written while the next one is computed: these two are what is in memory, whatever the domain.
    """
    began = time.monotonic()
    product = zarr.open_group(zarr_store(slab.product), mode="r+", use_consolidated=False)  # gone with a run that ended
    package = open_package(slab.model)
    if package.digest != slab.model_sha256:
        raise ModelMismatch(
            f"model {slab.model}: the package here has sha-256 {package.digest[:12]}, the run began with "
            f"{slab.model_sha256[:12]}; bring this machine's models up to date"
        )
    prepared = Prepared.load(slab.product, slab.terrain, slab.coarse, slab.operator)
    names = [str(n) for n in prepared.fields.data_vars if n in VARIABLES]
    assert_knows(package, slab.operator)
    if unknown := unknown_to(package.variables, names):
        raise ModelMismatch(f"model {slab.model} does not know {', '.join(unknown)}")
    device = choose_device(slab.device)
    work = _Blocks(prepared, names, slab, package, device)
    shards = {n: Shards(cast("zarr.Array[Any]", product[n]), join(slab.product, n)) for n in names}
    depth, *side = shards[names[0]].shape
    todo = blocks(slab.target.rows, slab.target.cols, *side)[slab.first : slab.last]
    check_scale(work.plan(todo[0]), package.scale_range, slab.model)
    log.info(
        "downscale: %s on %s, %s, blocks: %d of %d x %d points, threads: %d",
        package.model_id, device, slab.part, len(todo), *side, torch.get_num_threads(),
    )  # fmt: skip
    write_json(slab.progress, {"done": 0})
    on_lead_time = _Progress(slab, len(todo))
    digests: dict[str, list[list[str]]] = {n: [[] for _ in range(slab.start, slab.stop)] for n in names}

    def note(steps: slice, written: Future[dict[str, list[str]]]) -> None:
        for name, found in written.result().items():
            for i, one in enumerate(found, steps.start - slab.start):
                digests[name][i].append(one)

    before: tuple[slice, Future[dict[str, list[str]]]] | None = None
    with ThreadPoolExecutor(1) as writer, progress("downscale", (slab.stop - slab.start) * len(todo)) as tick:
        for block in todo:
            work.begin(block)
            for start in range(slab.start, slab.stop, depth):
                steps = slice(start, min(start + depth, slab.stop))
                fields = _stacked(work, names, steps, on_lead_time, tick)
                if before is not None:
                    note(*before)
                before = steps, writer.submit(_write, shards, steps, block, fields)
        assert before is not None
        note(*before)
    report = SlabReport(
        start=slab.start, stop=slab.stop, first=slab.first, device=device, seconds=round(time.monotonic() - began, 3),
        tile=work.tile, tile_rows=sorted(work.tile_rows), tile_cols=sorted(work.tile_cols), digests=digests,
    )  # fmt: skip
    write_json(slab.report, report.model_dump())
    return report
