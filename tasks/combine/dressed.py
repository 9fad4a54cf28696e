"""Members and what downscaling does not know: each drawn several times, with errors as the package commonly has."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from models.constants import STATICS
from models.dressing import LENGTH, Dressing, logistic, noise, reach
from models.geometry import mean_scale
from models.operator import Operator, Sampling, cell_km
from models.statistics import Statistics
from tasks.grids.grid import Grid
from tasks.handover.prepared import StaticFields
from tasks.handover.shards import Block
from tasks.variables import VARIABLES

SAMPLES = 50  # of members and draws together, at least: less than that makes ranges of ten members by chance
HEIGHT = STATICS[0]
DRY = 1e-5  # m: less than a hundredth of a millimetre is no rain


@dataclass(frozen=True)
class Wide:
    """A block of a domain with as many points around it as there are, up to a margin."""

    block: Block
    whole: Block

    @classmethod
    def of(cls, block: Block, grid: Grid, margin: int) -> Wide:
        """Of a block of a grid."""
        rows = slice(max(block.rows.start - margin, 0), min(block.rows.stop + margin, grid.rows))
        cols = slice(max(block.cols.start - margin, 0), min(block.cols.stop + margin, grid.cols))
        return cls(block, Block(rows, cols))

    def inner(self, values: np.ndarray) -> np.ndarray:
        """The block's part of values (..., rows, cols) of the whole."""
        top, left = self.block.rows.start - self.whole.rows.start, self.block.cols.start - self.whole.cols.start
        height, width = self.block.rows.stop - self.block.rows.start, self.block.cols.stop - self.block.cols.start
        return values[..., top : top + height, left : left + width]


class Dresser:
    """Draws what members may have been, at any block of a product alike."""

    def __init__(
        self, dressing: Dressing | None, statistics: Statistics, coarse: Grid, operator: Operator, target: Grid,
        statics: StaticFields | None, cycle: str, numbers: list[int],
    ) -> None:  # fmt: skip
        """`numbers`: of the members; `cycle` and these are what the draws depend on."""
        self.target, self.cycle, self.numbers, self.statics = target, cycle, numbers, statics
        self.dressing = dressing if operator.sampling is Sampling.SAMPLES else None
        self.draws = max(SAMPLES // len(numbers), 1) if self.dressing is not None else 1
        self.rows, self.cols = target.axes_in(coarse)
        self.magnification = mean_scale(self.rows, self.cols)
        seen = operator.on(cell_km(coarse.dlat, coarse.dlon))
        self.sigmas = {n: s.sigma(seen, self.magnification) for n, s in statistics.variables.items()}
        self.margin = reach(self.magnification) if self.dressing is not None else 0

    def knows(self, name: str) -> bool:
        """Whether the package says how far a variable is off."""
        return self.dressing is not None and name in self.dressing.coefficients

    def drawn(self, name: str, block: Block) -> np.ndarray | None:
        """Errors (members x draws, rows, cols) of a block in units of their scale; None where the package says nothing.

        Of all lead times: a member keeps its draw, since what terrain does to a place it does again.
        """
        if not self.knows(name):
            return None
        top = round((90.0 - float(self.target.latitude[block.rows.start])) / self.target.dlat)
        left = round((float(self.target.longitude[block.cols.start]) + 180.0) / self.target.dlon)
        size = block.rows.stop - block.rows.start, block.cols.stop - block.cols.start
        seeds = [self._seed(number, draw, name) for number in self.numbers for draw in range(self.draws)]
        return np.stack([logistic(noise(seed, top, left, *size, LENGTH * self.magnification)) for seed in seeds])

    def _seed(self, number: int, draw: int, name: str) -> int:
        what = f"{self.cycle} {number} {draw} {name}"
        return int.from_bytes(hashlib.sha256(what.encode()).digest()[:8], "little")

    def samples(self, name: str, members: np.ndarray, wide: Wide, drawn: np.ndarray | None) -> np.ndarray:
        """Members (members, rows, cols) of `wide.whole` at a lead time -> (members x draws, rows, cols) of the block.

        `drawn`: of the variable and the block; without it each member is drawn once, as it is.
        """
        if drawn is None:
            return wide.inner(members)
        out = np.repeat(wide.inner(members), self.draws, axis=0)
        assert self.dressing is not None
        rows = self.rows.part(wide.whole.rows.start, wide.whole.rows.stop)
        cols = self.cols.part(wide.whole.cols.start, wide.whole.cols.stop)
        amount, height = VARIABLES[name].amount, self._height(wide.whole)
        dry = out < DRY if amount else None
        for i, member in enumerate(members):
            size = self.dressing.scale(name, member, height, rows, cols, self.sigmas[name], amount)
            some = slice(i * self.draws, (i + 1) * self.draws)
            out[some] += wide.inner(size) * drawn[some]
        if dry is not None:  # where nothing falls in a member nothing is drawn
            np.maximum(out, 0.0, out=out)
            out[dry] = 0.0
        return out

    def _height(self, block: Block) -> np.ndarray:
        if self.statics is None or HEIGHT not in self.statics.fine:
            return np.zeros((block.rows.stop - block.rows.start, block.cols.stop - block.cols.start), np.float32)
        m, fine = self.statics.margin, self.statics.fine[HEIGHT]
        rows = slice(block.rows.start + m, block.rows.stop + m)
        return np.asarray(fine[rows, block.cols.start + m : block.cols.stop + m], np.float32)
