"""Training batches: windows of fine fields, degraded to coarse ones at a random scale and phase."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.geometry import Axis
from models.statics import FINE_MARGIN, Statics, cell_sizes
from models.training.data import STATIC_FIELDS, Dataset, WindowSampler
from models.training.degradation import bicubic_downscale, cell_means, degrade

MIRRORED = {0: "v10", 1: "u10"}  # component that changes sign when the field is mirrored north-south, east-west


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
    target: Tensor

    def to(self, device: torch.device | str) -> Batch:
        """On a device."""
        x, present, target = (t.to(device, non_blocking=True) for t in (self.x, self.present, self.target))
        return Batch(x, present, self.statics.to(device), self.rows, self.cols, target)


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
    scale_two: float = 0.25
    anisotropic: float = 0.2
    # share of batches whose cells begin where a fine pixel does. Elsewhere a cell cuts pixels, and is smoother for it:
    # at x2 another problem, that a network learns at the cost of this one
    aligned: float = 0.5
    ratio: int = 0  # a fixed scale, for networks that know one only
    drop_variable: float = 0.1
    drop_static: float = 0.1
    clean: float = 0.5  # share of batches without degradation beyond the area mean
    bicubic: bool = False  # degrade by bicubic alone, as the published methods do


def fine_axis(count: int, scale: float, phase: float) -> Axis:
    """Axis of `count` fine pixels whose input grid starts `phase` pixels after their edge."""
    return Axis((np.arange(count) + 0.5 - phase) / scale - 0.5, 1.0 / scale)


class Batches:
    """Endless batches from one data set; a missing variable of the network's list is a zero channel."""

    def __init__(self, dataset: Dataset, names: list[str], settings: BatchSettings, rng: np.random.Generator) -> None:
        self.dataset, self.names, self.settings, self.rng = dataset, names, settings, rng
        self.known = [n in dataset.fields for n in names]
        self.sampler = WindowSampler(dataset, rng)
        self.scale_high = settings.scale_high
        while self.scale_high > 1 and not self.sampler.fits(int(self.scale_high * settings.patch) + 2):
            self.scale_high = round(self.scale_high - 0.1, 6)  # a small domain holds no large window

    @property
    def at_once(self) -> int:
        """Windows that are drawn together."""
        return max(self.settings.size // self.settings.parts, 1)

    def _scales(self) -> tuple[float, float]:
        s, rng = self.settings, self.rng
        if s.ratio:
            return float(s.ratio), float(s.ratio)
        # as many between 1 and 2 as between 4 and 8: by the difference, half of all would be above 4.5
        draw = lambda: float(np.exp(rng.uniform(np.log(s.scale_low), np.log(self.scale_high))))  # noqa: E731
        if rng.random() < s.scale_two:
            return 2.0, 2.0
        first = draw()
        return (first, draw()) if rng.random() < s.anisotropic else (first, first)

    def fields(self, height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Fine fields (V, h, w), statics (S, h, w) and latitudes (h,), mirrored at random."""
        time, top, left = self.sampler.draw(height, width)
        window = lambda name: self.dataset.window(name, time, top, left, height, width)  # noqa: E731
        y = np.zeros((len(self.names), height, width), dtype=np.float32)
        for i, name in enumerate(self.names):
            if self.known[i]:
                y[i] = window(name)
        static = np.stack([window(name) for name in STATIC_FIELDS])
        latitudes = self.dataset.latitudes(top, height)
        for axis, component in MIRRORED.items():
            if self.rng.random() < 0.5:
                y, static = np.flip(y, axis + 1).copy(), np.flip(static, axis + 1)
                latitudes = latitudes[::-1] if axis == 0 else latitudes
                if component in self.names:
                    y[self.names.index(component)] *= -1
        return y, static, latitudes

    def _present(self, size: int) -> Tensor:
        """(B, V): known variables, some dropped at random, never all."""
        known = np.array(self.known)
        present = np.tile(known, (size, 1))
        present &= self.rng.random(present.shape) >= self.settings.drop_variable
        for row in present:
            if not row.any() or self.rng.random() < self.settings.drop_variable:
                row[:] = False
                row[self.rng.choice(np.flatnonzero(known))] = True
        return torch.from_numpy(present.astype(np.float32))

    def draw(self) -> Batch:
        """The next batch: size / parts windows at one scale."""
        s, rng = self.settings, self.rng
        size = self.at_once
        axes, spans = [], []
        aligned = bool(s.ratio) or rng.random() < s.aligned
        for scale in self._scales():
            count = int(np.ceil(s.patch * scale)) + (0 if s.ratio else 1)
            axis = fine_axis(count, scale, 0.0 if aligned else float(rng.random()))
            axes.append(axis)
            inside = np.flatnonzero((axis.centres > s.margin) & (axis.centres < s.patch - 1 - s.margin))
            count = min(s.queries, len(inside))
            start = int(inside[0] + rng.integers(len(inside) - count + 1))
            spans.append((start, start + count))
        drawn = [self.fields(len(axes[0]), len(axes[1])) for _ in range(size)]
        y, static = (torch.from_numpy(np.stack([d[i] for d in drawn])) for i in (0, 1))
        if s.bicubic:
            x = bicubic_downscale(y, axes[0], axes[1], s.patch, s.patch)
        else:
            x = degrade(y, axes[0], axes[1], s.patch, s.patch, rng, s.clean)
        present = self._present(size)
        (r0, r1), (c0, c1) = spans
        m = FINE_MARGIN
        coarse = cell_means(static, axes[0], axes[1], s.patch, s.patch)
        spacing = self._spacing([d[2] for d in drawn], axes[0], axes[1])
        fine = static[:, :, r0 - m : r1 + m, c0 - m : c1 + m]
        keep = (rng.random((size, len(STATIC_FIELDS))) >= s.drop_static).astype(np.float32)
        statics = Statics(coarse, fine, torch.ones(size, len(STATIC_FIELDS)), spacing).without(torch.from_numpy(keep))
        rows, cols = axes[0].part(r0, r1), axes[1].part(c0, c1)
        return Batch(x * present[:, :, None, None], present, statics, rows, cols, y[:, :, r0:r1, c0:c1])

    def _spacing(self, latitudes: list[np.ndarray], rows: Axis, cols: Axis) -> Tensor:
        """Size of the input cells in km, (B, 2, patch)."""
        out = []
        for fine in latitudes:
            coarse = np.interp(np.arange(self.settings.patch), rows.centres, fine)
            out.append(cell_sizes(coarse, self.dataset.spacing * rows.scale, self.dataset.spacing * cols.scale))
        return torch.cat(out)
