"""Step 3b, combine: an ensemble's members, each downscaled by itself, in; one staged product of what they say out.

Its fields are the members' means, so that whoever reads a product reads it. Group `ensemble` has quantiles, spread and
chances, of the members and of what downscaling does not know. Members are read back block by block, against the digests
taken where they were computed.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import zarr

from models.package import ModelPackage
from tasks.arrays import fast, not_read_back, undamaged, zarr_store
from tasks.combine.dressed import Dresser, Wide
from tasks.combine.statistics import chance, quantiles, spread
from tasks.grids.gridded import lead_times
from tasks.handover.cycle import Cycle
from tasks.handover.digests import path_of
from tasks.handover.members import GROUP, MEMBERS, QUANTILES, SPREAD, chance_name
from tasks.handover.prepared import Prepared, PreparedInfo, Series
from tasks.handover.shards import Block, blocks, digest, joined
from tasks.handover.slab import SlabReport, borders
from tasks.present import display
from tasks.progress import progress
from tasks.region.document import Region
from tasks.region.ensemble import spoken_of
from tasks.steps import step
from tasks.storage import remove, room_for
from tasks.store.ensemble import KEPT_BITS, create_ensemble, kept_bits, open_ensemble
from tasks.store.packing import round_field, round_to
from tasks.store.paths import new_staged_uri
from tasks.store.product import create, fill_input, open_product

log = logging.getLogger(__name__)

Array = zarr.Array[Any]


@dataclass(frozen=True)
class Member:
    """One member's staged product, and what its slabs said of it."""

    info: PreparedInfo
    reports: list[SlabReport]

    def arrays(self) -> dict[str, Array]:
        """Its fields."""
        group = zarr.open_group(zarr_store(self.info.product), mode="r", use_consolidated=False)
        return {n: fast(cast("Array", group[n]), self.info.product) for n in self.info.variables}

    def digest_of(self, name: str, step: int, block: int) -> str:
        """Of the values of a block at a lead time, as they were computed."""
        for report in self.reports:
            if report.start <= step < report.stop:
                parts = report.digests[name][step - report.start]
                if report.first <= block < report.first + len(parts):
                    return parts[block - report.first]
        raise KeyError((name, step, block))


class Combined:
    """The work on one product: reads blocks of all members, writes what they say of them."""

    def __init__(self, product: str, members: list[Member], region: Region, begin: float, dresser: Dresser) -> None:
        self.members, self.region, self.dresser = members, region, dresser
        info = members[0].info
        self.names, self.ends = info.variables, [begin, *info.lead_hours]
        self.spoken = spoken_of(self.names)
        self.passings = [p for p in region.of_ensemble.passings if p.variable in self.spoken]
        self.sources = [m.arrays() for m in members]
        group = zarr.open_group(zarr_store(product), mode="r+", use_consolidated=False)
        self.means = {n: fast(cast("Array", group[n]), product) for n in self.names}
        self.ensemble = {n: fast(a, product) for n, a in open_ensemble(product).items()}
        self.depth, rows, cols = self.means[self.names[0]].shards or self.means[self.names[0]].chunks
        target = region.target
        self.blocks = blocks(target.rows, target.cols, rows, cols)
        self.count = len(info.lead_hours)
        self.digests: dict[str, list[list[str]]] = {n: [[] for _ in range(self.count)] for n in self.names}
        fields = {n: self.count * (a.shape[0] if a.ndim > 3 else 1) for n, a in self.ensemble.items()}
        self.beside: dict[str, list[list[str]]] = {n: [[] for _ in range(k)] for n, k in fields.items()}

    def run(self) -> None:
        """Block by block."""
        with progress("combine", len(self.blocks) * self.count * len(self.spoken)) as tick:
            for number, block in enumerate(self.blocks):
                for start in range(0, self.count, self.depth):
                    steps = slice(start, min(start + self.depth, self.count))
                    with room_for(f"ensemble, lead times {steps.start} to {steps.stop - 1}"):
                        self._combine(number, block, steps, tick)

    def _combine(self, number: int, block: Block, steps: slice, tick: Callable[[], None]) -> None:
        wide = Wide.of(block, self.region.target, self.dresser.margin)
        for name, parts in self.spoken.items():
            asked = [p for p in self.passings if p.variable == name]
            first = min([steps.start, *(self._first(steps.start, p.hours) for p in asked if p.hours)])
            read = [self._read(part, number, wide, slice(first, steps.stop)) for part in parts]
            for part, values in zip(parts, read, strict=True):
                self._write_members(part, wide.inner(values[:, steps.start - first :]), block, steps)
            samples = self._samples(parts, read, wide)
            found: dict[str, list[np.ndarray]] = defaultdict(list)
            for i in range(steps.start, steps.stop):
                here = samples(i - first)
                found[f"{name}{QUANTILES}"].append(quantiles(here))
                found[f"{name}{SPREAD}"].append(spread(here, len(self.members)))
                for one in asked:
                    over = self._sum(samples, first, i, one.hours) if one.hours else here
                    found[chance_name(one)].append(chance(display.of(name).shown(over), one.value, one.below))
                tick()
            for title, fields in found.items():
                kept = kept_bits(name) if title.endswith(QUANTILES) else KEPT_BITS
                self._write(title, round_to(np.stack(fields, axis=-3), kept), block, steps)
        for alone in set(self.names) - {part for parts in self.spoken.values() for part in parts}:
            self._write_members(alone, wide.inner(self._read(alone, number, wide, steps)), block, steps)

    def _first(self, step: int, over: int) -> int:
        """The first lead time whose amount is part of the sum over so many hours before one."""
        return next((i for i in range(step + 1) if self.ends[i + 1] > self.ends[step + 1] - over), step)

    def _samples(self, parts: tuple[str, ...], read: list[np.ndarray], wide: Wide) -> Callable[[int], np.ndarray]:
        """What members may have been, (members x draws, rows, cols), at each lead time that was read."""
        drawn = [self.dresser.drawn(part, wide.block) for part in parts]

        def samples(at: int) -> np.ndarray:
            each = zip(parts, read, drawn, strict=True)
            fields = [self.dresser.samples(part, values[:, at], wide, noise) for part, values, noise in each]
            return fields[0] if len(fields) == 1 else np.hypot(*fields)

        return samples

    def _sum(self, samples: Callable[[int], np.ndarray], first: int, step: int, over: int) -> np.ndarray:
        """The same of an amount's sum over so many hours before a lead time; NaN where no lead times cut these out.

        `samples`: of lead times from `first` on.
        """
        begin = self._first(step, over)
        total = samples(step - first)
        if self.ends[begin] != self.ends[step + 1] - over:
            return np.full_like(total, np.nan)
        for i in range(begin, step):
            total += samples(i - first)
        return total

    def _write_members(self, name: str, members: np.ndarray, block: Block, steps: slice) -> None:
        """Their mean, and where they are kept themselves."""
        if f"{name}{MEMBERS}" in self.ensemble:
            self._write(f"{name}{MEMBERS}", members, block, steps)
        mean = round_field(name, members.mean(axis=0, dtype=np.float32))
        self.means[name][steps, block.rows, block.cols] = mean
        for i, field in enumerate(mean, steps.start):
            self.digests[name][i].append(digest(field))

    def _read(self, name: str, number: int, wide: Wide, steps: slice) -> np.ndarray:
        """Values (members, steps, rows, cols) of `wide.whole`; its block's are proved to be what was computed."""
        rows, cols = wide.whole.rows, wide.whole.cols
        size = steps.stop - steps.start, rows.stop - rows.start, cols.stop - cols.start
        out = np.empty((len(self.members), *size), np.float32)
        for values, member, arrays in zip(out, self.members, self.sources, strict=True):
            with undamaged(f"{member.info.product}: {name}"):
                values[:] = arrays[name][steps, rows, cols]
            for i, field in enumerate(wide.inner(values), steps.start):
                if digest(field) != member.digest_of(name, i, number):
                    raise not_read_back(f"{member.info.product}: {name} at lead time {i}", "other values")
        return out

    def _write(self, name: str, values: np.ndarray, block: Block, steps: slice) -> None:
        """Values (steps, rows, cols), or these of each quantile or member, with their digests."""
        self.ensemble[name][..., steps, block.rows, block.cols] = values
        for k, fields in enumerate(values if values.ndim > 3 else values[None]):
            for i, field in enumerate(fields, steps.start):
                self.beside[name][k * self.count + i].append(digest(field))


def _input_means(members: list[Prepared], names: list[str]) -> Series:
    """Each variable's fields, the means of what the members were made from."""

    def fields(name: str) -> Iterator[np.ndarray]:
        series = [lead_times(m.fields[name]) for m in members]
        for parts in zip(*series, strict=True):
            yield np.stack([field for _, field in parts]).mean(axis=0, dtype=np.float32)

    for name in names:
        yield name, fields(name)


@step("combine", "combine {cycle}", timeout_seconds=6 * 3600)
def combine(
    members: list[Member], numbers: list[int], region: Region, package: ModelPackage, cycle: Cycle, store: str
) -> tuple[PreparedInfo, list[SlabReport]]:
    """Members' products -> a product in the store's _staging, with all but its attributes. A failure leaves nothing.

    numbers: of the members, in their order. package: that they were downscaled by, which says what it does not know.
    """
    began = time.monotonic()
    first = members[0].info
    prepared = [Prepared.load(m.info.product, None, m.info.grid, m.info.operator) for m in members]
    coarse = Prepared.load(first.product, first.terrain, first.grid, first.operator)
    uri = new_staged_uri(store, region.name, cycle)
    try:
        source = coarse.fields.drop_vars(first.variables).load()
        block = region.inference.block
        beside = create(uri, source, region.target, first.variables, coarse.statics, first.operator, block)
        filled = fill_input(uri, _input_means(prepared, first.variables))
        ensemble, names = region.of_ensemble, list(spoken_of(first.variables))
        product = open_product(uri).fields
        kept = first.variables if ensemble.keep else []
        passings = [p for p in ensemble.passings if p.variable in names]  # a file may lack some
        beside |= create_ensemble(uri, product, names, passings, numbers, kept, block)
        begin = float(source["step_bounds"].values[0, 0] / np.timedelta64(1, "h")) if "step_bounds" in source else 0.0
        dresser = Dresser(
            package.dressing, package.statistics, first.grid, first.operator, region.target, coarse.statics,
            str(cycle), numbers,
        )  # fmt: skip
        work = Combined(uri, members, region, begin, dresser)
        work.run()
    except BaseException:
        remove(uri)
        raise
    beside |= {path_of(GROUP, n): [joined(parts) for parts in by_field] for n, by_field in work.beside.items()}
    reports = [r for m in members for r in m.reports]
    rows, cols = borders(reports)
    report = SlabReport(
        start=0, stop=len(first.lead_hours), device=reports[0].device, seconds=round(time.monotonic() - began, 3),
        tile=min(r.tile for r in reports), tile_rows=rows, tile_cols=cols, digests=work.digests,
        note=f"mean of {len(members)} members",
    )  # fmt: skip
    log.info("combine: %s, members: %d, ranges of %s", cycle, len(members), ", ".join(names))
    doubts = list(dict.fromkeys(d for m in members for d in m.info.doubts))
    changes = {"product": uri, "deviations": filled.deviations, "digests": beside | filled.digests, "doubts": doubts}
    return first.model_copy(update=changes), [report]
