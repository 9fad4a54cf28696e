"""Training batches: windows of fine fields, degraded to coarse ones at a random scale and phase."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.data import Dataset, WindowSampler
from models.degradation import degrade
from models.downscaler import FINE_MARGIN
from models.geometry import Axis
from models.interpolation import area_mean

MIRRORED = {0: "v10", 1: "u10"}  # component that changes sign when the field is mirrored north-south, east-west


@dataclass(frozen=True)
class Batch:
    """One training step's tensors; shapes as in `Downscaler.forward`, `target` (B, V, Qy, Qx)."""

    x: Tensor
    present: Tensor
    z_coarse: Tensor | None
    z_fine: Tensor | None
    rows: Axis
    cols: Axis
    target: Tensor


@dataclass(frozen=True)
class BatchSettings:
    """Sizes and probabilities of training batches."""

    size: int = 8
    patch: int = 32  # input cells a side
    margin: int = 5  # input cells at the patch's edge without queries: there the network sees zero padding
    queries: int = 64  # at most, a side
    scale_low: float = 1.0
    scale_high: float = 8.0
    scale_two: float = 0.25
    anisotropic: float = 0.2
    drop_variable: float = 0.1
    drop_terrain: float = 0.1
    clean: float = 0.5


def fine_axis(count: int, scale: float, phase: float) -> Axis:
    """Axis of `count` fine pixels whose input grid starts `phase` pixels after their edge."""
    return Axis((np.arange(count) + 0.5 - phase) / scale - 0.5, 1.0 / scale)


class Batches:
    """Endless batches from one data set; a missing variable of the network's list is a zero channel."""

    def __init__(self, dataset: Dataset, names: list[str], settings: BatchSettings, rng: np.random.Generator) -> None:
        self.dataset, self.names, self.settings, self.rng = dataset, names, settings, rng
        self.known = [n in dataset.fields for n in names]
        self.sampler = WindowSampler(dataset, rng)

    def _scales(self) -> tuple[float, float]:
        s, rng = self.settings, self.rng
        draw = lambda: float(rng.uniform(s.scale_low, s.scale_high))  # noqa: E731
        if rng.random() < s.scale_two:
            return 2.0, 2.0
        first = draw()
        return (first, draw()) if rng.random() < s.anisotropic else (first, first)

    def _fields(self, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
        """Fine fields (V, height, width) and heights (height, width), mirrored at random."""
        top, left = self.sampler.draw(height, width)
        y = np.zeros((len(self.names), height, width), dtype=np.float32)
        for i, name in enumerate(self.names):
            if self.known[i]:
                y[i] = self.dataset.window(name, top, left, height, width)
        z = self.dataset.window("z", top, left, height, width)
        for axis, component in MIRRORED.items():
            if self.rng.random() < 0.5:
                y, z = np.flip(y, axis + 1), np.flip(z, axis)
                y = y.copy()
                y[self.names.index(component)] *= -1
        return y, z

    def _present(self) -> Tensor:
        """(B, V): known variables, some dropped at random, never all."""
        known = np.array(self.known)
        present = np.tile(known, (self.settings.size, 1))
        present &= self.rng.random(present.shape) >= self.settings.drop_variable
        for row in present:
            if not row.any() or self.rng.random() < self.settings.drop_variable:
                row[:] = False
                row[self.rng.choice(np.flatnonzero(known))] = True
        return torch.from_numpy(present.astype(np.float32))

    def draw(self) -> Batch:
        """The next batch."""
        s, rng = self.settings, self.rng
        scales = self._scales()
        axes, parts = [], []
        for scale in scales:
            count = int(np.ceil(s.patch * scale)) + 1
            axis = fine_axis(count, scale, float(rng.random()))
            axes.append(axis)
            inside = np.flatnonzero((axis.centres > s.margin) & (axis.centres < s.patch - 1 - s.margin))
            size = min(s.queries, len(inside))
            start = int(inside[0] + rng.integers(len(inside) - size + 1))
            parts.append((start, start + size))
        fields = [self._fields(len(axes[0]), len(axes[1])) for _ in range(s.size)]
        y = torch.from_numpy(np.stack([f[0] for f in fields]))
        z = torch.from_numpy(np.stack([f[1] for f in fields]))[:, None]
        x = degrade(y, axes[0], axes[1], s.patch, s.patch, rng, s.clean)
        (r0, r1), (c0, c1) = parts
        present = self._present()
        z_coarse: Tensor | None = area_mean(z, axes[0], axes[1], s.patch, s.patch)
        m = FINE_MARGIN
        z_fine: Tensor | None = z[:, :, r0 - m : r1 + m, c0 - m : c1 + m]
        if rng.random() < s.drop_terrain:
            z_coarse = z_fine = None
        rows, cols = axes[0].part(r0, r1), axes[1].part(c0, c1)
        return Batch(x * present[:, :, None, None], present, z_coarse, z_fine, rows, cols, y[:, :, r0:r1, c0:c1])
