"""Training data: one .npz of int16 fields with scale and offset, and random windows from it.

Needs numpy only, so that it can travel to a machine that has torch and nothing else. `tasks.prepare.training_data`
writes it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

MISSING = -32768  # int16 code of a missing value


@dataclass(frozen=True)
class Dataset:
    """Fields of one grid and time: name -> (H, W) int16; latitude falls from `north`, longitude rises from `west`."""

    name: str
    fields: dict[str, np.ndarray]
    scale: dict[str, float]
    offset: dict[str, float]
    north: float
    west: float
    spacing: float
    usable: np.ndarray  # (H, W) bool: known, and outside the validation box

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W)."""
        return self.usable.shape[0], self.usable.shape[1]

    def window(self, name: str, top: int, left: int, height: int, width: int) -> np.ndarray:
        """(height, width) float32 in physical units."""
        raw = self.fields[name][top : top + height, left : left + width]
        return (raw.astype(np.float32) * self.scale[name] + self.offset[name]).astype(np.float32)

    def box(self, north: float, south: float, west: float, east: float) -> tuple[int, int, int, int]:
        """(top, left, height, width) of a latitude-longitude box, edges included."""
        top, bottom = round((self.north - north) / self.spacing), round((self.north - south) / self.spacing)
        left, right = round((west - self.west) / self.spacing), round((east - self.west) / self.spacing)
        return top, left, bottom - top + 1, right - left + 1


def load(path: Path, validation_box: tuple[float, float, float, float]) -> list[Dataset]:
    """Every data set of a pack; cells of the validation box (north, south, west, east) are marked as not usable."""
    archive = np.load(path)
    out = []
    for meta in json.loads(str(archive["meta"])):
        fields = {v: archive[f"{meta['name']}/{v}"] for v in meta["scale"]}
        usable = np.all([f != MISSING for f in fields.values()], axis=0)
        dataset = Dataset(
            meta["name"], fields, meta["scale"], meta["offset"], meta["north"], meta["west"], meta["spacing"], usable
        )
        top, left, height, width = dataset.box(*validation_box)
        usable[max(top, 0) : top + height, max(left, 0) : left + width] = False
        out.append(dataset)
    return out


class WindowSampler:
    """Draws window corners by area on the sphere, from places where the whole window is usable.

    Every second draw is the more mountainous of three candidates: terrain is where there is something to learn.
    """

    def __init__(self, dataset: Dataset, rng: np.random.Generator) -> None:
        self.dataset, self.rng = dataset, rng
        bad = (~dataset.usable).astype(np.int32)
        self._bad = np.pad(bad.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
        latitudes = dataset.north - dataset.spacing * np.arange(dataset.shape[0])
        self._area = np.cos(np.deg2rad(latitudes)).clip(0)

    def _one(self, height: int, width: int) -> tuple[int, int]:
        rows, cols = self.dataset.shape
        for _ in range(1000):
            p = self._area[height // 2 : height // 2 + rows - height + 1]
            top = int(self.rng.choice(len(p), p=p / p.sum()))
            left = int(self.rng.integers(cols - width + 1))
            s = self._bad
            bottom, right = top + height, left + width
            if s[bottom, right] - s[top, right] - s[bottom, left] + s[top, left] == 0:
                return top, left
        raise ValueError(f"{self.dataset.name}: no usable window of {height} x {width} found")

    def draw(self, height: int, width: int) -> tuple[int, int]:
        """(top, left) of a usable window."""
        if self.rng.random() < 0.5:
            return self._one(height, width)
        candidates = [self._one(height, width) for _ in range(3)]
        relief = [float(self.dataset.window("z", *c, height, width)[::4, ::4].std()) for c in candidates]
        return candidates[int(np.argmax(relief))]
