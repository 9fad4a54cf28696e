"""Training batches: windows of fine fields, put through observation operators at a random scale and phase.

Windows are cut out of whole fields that lie on the device, degraded there: a GPU makes its own batches.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from models.geometry import Axis
from models.operator import CELL_MEANS, Operator, Sampling, Seen
from models.statics import FINE_MARGIN, Statics, cell_sizes
from models.training import degradation
from models.training.data import STATIC_FIELDS, Dataset, Mismatch, WindowSampler
from models.training.degradation import KERNELS, Lattice, Matrix, Native, both, degraded

MIRRORED = {0: "v10", 1: "u10"}  # component that changes sign when the field is mirrored north-south, east-west
PAD = 8  # pixels around a window: blur and the native cells of a coarse model see beyond it
COMMON_SCALES = (2.0, 2.5)
ERA5_KM = 31.0
TEMPERATURES, PRESSURES = ("t2m", "d2m"), ("sp", "msl")
STEEPER = (-4e-3, 1.5e-3)  # K/m, added to a window's own lapse rate; mostly towards a summer's afternoon
FOOTPRINTS = (12.0, 45.0)  # km: from HRES to a coarse global model


@dataclass(frozen=True)
class Batch:
    """Windows to train or to score on, with what is known of them and the truth.

    Shapes as in `Downscaler.forward`, `target` (B, V, Qy, Qx).
    """

    x: Tensor
    present: Tensor
    statics: Statics
    rows: Axis
    cols: Axis
    seen: Seen
    target: Tensor

    def to(self, device: torch.device | str) -> Batch:
        """On a device."""
        x, present, target = (t.to(device, non_blocking=True) for t in (self.x, self.present, self.target))
        return replace(self, x=x, present=present, statics=self.statics.to(device), target=target)


@dataclass(frozen=True)
class BatchSettings:
    """Sizes and probabilities of training batches."""

    size: int = 8
    parts: int = 4  # of a step, each with a scale of its own: steps of one scale each pull to and fro
    patch: int = 32  # input cells a side
    margin: int = 5  # input cells at the patch's edge without queries: there the network sees zero padding
    queries: int = 64  # at most, a side
    scale_low: float = 1.0
    scale_high: float = 8.0
    common: float = 0.35  # share of batches at one of COMMON_SCALES
    anisotropic: float = 0.15
    # share of batches whose points lie on fine points, or whose cells begin where a fine pixel does
    aligned: float = 0.4
    ratio: int = 0  # a fixed scale, for networks that know one only
    means: float = 0.2  # share of batches whose input is means over cells; the others are samples
    # share of batches whose truth lies on every second or third pixel: a 9 km model on a grid of 0.25 degree
    strides: tuple[float, ...] = (0.2, 0.1)
    footprints: float = 0.35  # share of batches of samples whose native field is coarser than the data's own
    sharp: float = 0.5  # of these, whose truth is the data's own field and not the coarse one between its points
    steepened: float = 0.25  # share of windows whose temperatures get another lapse rate
    drop_variable: float = 0.1
    alone: float = 0.2  # share of windows with one variable alone, as many files have it
    drop_static: float = 0.1
    # share of batches without degradation beyond the operator: half of them blurred, pressure and temperature stayed
    # worse than interpolation, since a blurred mountain's pressure is not the one of its terrain
    clean: float = 0.9
    bicubic: bool = False  # degrade by bicubic alone, as the published methods do

    def __post_init__(self) -> None:
        """Mismatch for windows without room for a query."""
        least = 2 * max(self.margin + 2, FINE_MARGIN)
        if self.patch < least:
            raise Mismatch(f"[batch] patch = {self.patch} with margin = {self.margin}: has to be {least} or more")


@dataclass(frozen=True)
class Recipe:
    """How the coarse fields of a batch come of the fine ones: what is drawn once for all of its windows."""

    operator: Operator
    target: float  # km, footprint of the truth
    stride: int  # pixels from one query to the next
    scales: tuple[float, float]
    aligned: bool
    clean: bool


class Batches:
    """Endless batches from one data set; a missing variable of the network's list is a zero channel."""

    def __init__(
        self,
        dataset: Dataset,
        names: list[str],
        settings: BatchSettings,
        rng: np.random.Generator,
        device: torch.device | str = "cpu",
    ) -> None:
        self.dataset, self.names, self.settings, self.rng = dataset, names, settings, rng
        self.device = torch.device(device)
        self.known = [n in dataset.fields for n in names]
        self.sampler = WindowSampler(dataset, rng)
        here = [n for n in names if n in dataset.fields]
        stack = lambda some: torch.from_numpy(np.stack([dataset.fields[n] for n in some])).to(self.device)  # noqa: E731
        self._fields, self._static = stack(here), stack(STATIC_FIELDS)[:, 0]  # (V, T, H, W) and (S, H, W) int16
        self._scale, self._offset = self._units(here)
        self._static_scale, self._static_offset = self._units(STATIC_FIELDS)
        self._place = [names.index(n) for n in here]
        self.scale_high = settings.scale_high
        while self.scale_high > 1 and not self.sampler.fits(self.extent(self.scale_high)):
            self.scale_high = round(self.scale_high - 0.1, 6)  # a small domain holds no large window

    def _units(self, names: list[str] | tuple[str, ...]) -> tuple[Tensor, Tensor]:
        return tuple(  # type: ignore[return-value]
            torch.tensor([source[n] for n in names], dtype=torch.float32, device=self.device).view(1, -1, 1, 1)
            for source in (self.dataset.scale, self.dataset.offset)
        )

    def extent(self, step: float) -> int:
        """Pixels a side of a window whose coarse cells are so many pixels wide."""
        return int(np.ceil(self.settings.patch * step)) + 2 * PAD + 2

    @property
    def at_once(self) -> int:
        """Windows that are drawn together."""
        return max(self.settings.size // self.settings.parts, 1)

    def recipe(self) -> Recipe:
        """Draw scale, operator and what is asked for."""
        s, rng, own = self.settings, self.rng, self.dataset.footprint
        stride, cumulative = 1, rng.random()
        for n, share in enumerate(s.strides, start=2):
            if not s.ratio and cumulative < share and self.scale_high >= 2 * n:
                stride = n
                break
            cumulative -= share
        high = self.scale_high / stride
        # as many between 1 and 2 as between 4 and 8: by the difference, half of all would be above 4.5
        draw = lambda: float(np.exp(rng.uniform(np.log(s.scale_low), np.log(high))))  # noqa: E731
        if s.ratio:
            scales = (float(s.ratio), float(s.ratio))
        elif rng.random() < s.common:
            scale = min(COMMON_SCALES[int(rng.integers(len(COMMON_SCALES)))], high)
            scales = (scale, scale)
        else:
            first = draw()
            scales = (first, draw()) if rng.random() < s.anisotropic else (first, first)
        aligned = bool(s.ratio) or rng.random() < s.aligned
        clean = rng.random() < s.clean
        if s.bicubic or rng.random() < s.means:
            return Recipe(CELL_MEANS, own, stride, scales, aligned, clean)
        footprint = target = own
        if rng.random() < s.footprints:
            drawn = ERA5_KM if rng.random() < 0.5 else float(np.exp(rng.uniform(*np.log(FOOTPRINTS))))
            if drawn > 1.2 * max(own, self.dataset.cell):
                footprint = drawn
                target = own if rng.random() < s.sharp else drawn
        return Recipe(Operator(Sampling.SAMPLES, footprint), target, stride, scales, aligned, clean)

    def cut(self, times: np.ndarray, rows: np.ndarray, cols: np.ndarray) -> tuple[Tensor, Tensor]:
        """Fields (B, V, h, w) and statics (B, S, h, w) in physical units; absent variables are zero.

        times (B,), rows (B, h), cols (B, w): indices.
        """
        t, r, c = (torch.from_numpy(a).to(self.device, non_blocking=True) for a in (times, rows, cols))
        r, c = r[:, :, None], c[:, None, :]
        some = self._fields[:, t[:, None, None], r, c].transpose(0, 1).float() * self._scale + self._offset
        static = self._static[:, r, c].transpose(0, 1).float() * self._static_scale + self._static_offset
        if len(self._place) == len(self.names):
            return some, static
        y = some.new_zeros(len(some), len(self.names), *some.shape[2:])
        y[:, self._place] = some
        return y, static

    def fields(self, count: int, height: int, width: int) -> tuple[Tensor, Tensor, np.ndarray]:
        """Fine fields (B, V, h, w), statics (B, S, h, w) and latitudes (B, h), mirrored at random."""
        corners = [self.sampler.draw(height, width) for _ in range(count)]
        times, tops, lefts = (np.array(v) for v in zip(*corners, strict=True))
        rows, cols = tops[:, None] + np.arange(height), lefts[:, None] + np.arange(width)
        mirrored = self.rng.random((2, count)) < 0.5
        rows[mirrored[0]], cols[mirrored[1]] = rows[mirrored[0], ::-1], cols[mirrored[1], ::-1]
        y, static = self.cut(np.minimum(times, self._fields.shape[1] - 1), rows, cols)
        signs = np.ones((count, len(self.names), 1, 1), dtype=np.float32)
        for axis, component in MIRRORED.items():
            if component in self.names:
                signs[mirrored[axis], self.names.index(component)] = -1
        latitudes = self.dataset.north - self.dataset.spacing * rows
        return y * torch.from_numpy(signs).to(self.device), static, latitudes

    def _steepen(self, y: Tensor, static: Tensor, present: Tensor) -> None:
        """Give some windows another lapse rate, in all temperatures: one winter's day has not seen all there are.

        Only where pressure is absent, which knows better.
        """
        at = [self.names.index(n) for n in TEMPERATURES if self.known[self.names.index(n)]]
        pressures = [self.names.index(n) for n in PRESSURES if n in self.names]
        chosen = torch.from_numpy(self.rng.random(len(y)) < self.settings.steepened).to(y)
        chosen = chosen * (1 - present[:, pressures].amax(dim=1)) if pressures else chosen
        rates = torch.from_numpy(self.rng.uniform(*STEEPER, size=len(y)).astype(np.float32)).to(y) * chosen
        height = static[:, :1] - static[:, :1].mean(dim=(-2, -1), keepdim=True)
        for i in at:
            y[:, i : i + 1] += rates.view(-1, 1, 1, 1) * height

    def _present(self, size: int) -> Tensor:
        """(B, V): known variables, some dropped at random, never all."""
        known = np.array(self.known)
        present = np.tile(known, (size, 1))
        present &= self.rng.random(present.shape) >= self.settings.drop_variable
        for row in present:
            if not row.any() or self.rng.random() < self.settings.alone:
                row[:] = False
                row[self.rng.choice(np.flatnonzero(known))] = True
        return torch.from_numpy(present.astype(np.float32)).to(self.device)

    def _lattices(self, recipe: Recipe, scale: float) -> tuple[Lattice, Lattice]:
        """Fine and coarse lattice along one axis of a window, in its pixels."""
        k, patch = recipe.stride, self.settings.patch
        step = k * scale
        fine = Lattice(PAD, k, int(np.ceil(patch * scale)) + 2)
        shift = 0.0 if recipe.aligned else float(self.rng.random())
        if recipe.operator.sampling is Sampling.MEANS:  # coarse cells begin where fine cells do
            fine = Lattice(PAD + (k - 1) / 2, k, fine.count)
            return fine, Lattice(PAD - 0.5 + step / 2 + shift * k, step, patch)
        if self.settings.ratio:  # a pixel shuffle's queries lie around the point
            return fine, Lattice(PAD + (scale - 1) / 2, step, patch)
        return fine, Lattice(PAD + shift * k, step, patch)

    def draw(self, recipe: Recipe | None = None) -> Batch:
        """The next batch: size / parts windows of one recipe."""
        s, rng = self.settings, self.rng
        recipe = recipe or self.recipe()
        size, m = self.at_once, FINE_MARGIN
        pairs = [self._lattices(recipe, scale) for scale in recipe.scales]
        extents = [self.extent(recipe.stride * scale) for scale in recipe.scales]
        spans = []
        for fine, coarse in pairs:
            centres = fine.seen_from(coarse).centres
            inside = np.flatnonzero((centres > s.margin) & (centres < s.patch - 1 - s.margin))
            inside = inside[(inside >= m) & (inside < len(centres) - m)]  # terrain is needed around them too
            count = min(s.queries, len(inside))
            start = int(inside[0] + rng.integers(len(inside) - count + 1))
            spans.append((start, start + count))
        present = self._present(size)
        y, static, latitudes = self.fields(size, *extents)
        self._steepen(y, static, present)
        means = [f.mean(dim=(-2, -1), keepdim=True) for f in (y, static)]
        y, static = y - means[0], static - means[1]  # anomalies: pascals in float32 lose a digit in a product
        targets, operators, variant = self._matrices(recipe, pairs, extents)
        x = both(y, *operators) if recipe.clean or s.bicubic else degraded(y, variant, rng)
        x, coarse_static = x + means[0], both(static, *operators) + means[1]
        queries = [t[a:b] for t, (a, b) in zip(targets, spans, strict=True)]
        wide = [t[a - m : b + m] for t, (a, b) in zip(targets, spans, strict=True)]
        keep = (rng.random((size, len(STATIC_FIELDS))) >= s.drop_static).astype(np.float32)
        known = torch.ones(size, len(STATIC_FIELDS), device=self.device)
        spacing = self._spacing(latitudes, pairs)
        statics = Statics(coarse_static, both(static, *wide) + means[1], known, spacing)
        statics = statics.without(torch.from_numpy(keep).to(self.device))
        rows, cols = (f.part(*span).seen_from(c) for (f, c), span in zip(pairs, spans, strict=True))
        cell = self.dataset.cell * recipe.stride * float(np.sqrt(np.prod(recipe.scales)))
        seen = recipe.operator.on(cell, recipe.target)
        return Batch(x * present[:, :, None, None], present, statics, rows, cols, seen, both(y, *queries) + means[0])

    def _matrices(
        self, recipe: Recipe, pairs: list[tuple[Lattice, Lattice]], extents: list[int]
    ) -> tuple[list[Matrix], tuple[Matrix, Matrix], tuple[Matrix, Matrix]]:
        """Along both axes: pixels -> truth on the fine lattice, pixels -> input, and the input's second-order form."""
        targets, operators, variants = [], [], []
        kernel = KERNELS[int(self.rng.integers(len(KERNELS)))]
        for (fine, coarse), n in zip(pairs, extents, strict=True):
            if recipe.operator.sampling is Sampling.MEANS:
                target = degradation.means_over(fine, n)
                weights = degradation.bicubic_downscale if self.settings.bicubic else degradation.cell_means
                targets.append(target)
                operators.append(weights(fine, coarse) @ target)
                variants.append(operators[-1])
                continue
            size = recipe.operator.footprint / self.dataset.cell
            coarser = recipe.operator.footprint > 1.1 * self.dataset.footprint
            native = Native(size if coarser else 1.0, float(self.rng.random()) * size)
            operators.append(native.read(coarse.at, n))
            targets.append(native.read(fine.at, n) if recipe.target > 1.1 * self.dataset.footprint else
                           degradation.read_at(fine.at, n))  # fmt: skip
            variants.append(operators[-1] if coarser else degradation.read_at(coarse.at, n, kernel))
        return targets, (operators[0], operators[1]), (variants[0], variants[1])

    def _spacing(self, latitudes: np.ndarray, pairs: list[tuple[Lattice, Lattice]]) -> Tensor:
        """Size of the input cells in km, (B, 2, patch)."""
        rows, cols = (coarse for _, coarse in pairs)
        slope = latitudes[:, 1] - latitudes[:, 0]
        coarse = latitudes[:, :1] + slope[:, None] * rows.at
        steps = self.dataset.spacing * rows.step, self.dataset.spacing * cols.step
        return cell_sizes(coarse, *steps).to(self.device)
