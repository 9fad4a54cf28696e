"""Training data: one .npz of int16 fields with scale and offset, and random windows from it.

Needs numpy only, so that it can travel to a machine that has torch and nothing else. `tasks.datasets.training`
writes it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

MISSING = -32768  # int16 code of a missing value
STATIC_FIELDS = ("z", "land")  # height in m, land fraction: the same at every time


@dataclass(frozen=True)
class Box:
    """A latitude-longitude box, edges included; north > south, west < east, longitudes in -180..180."""

    north: float
    south: float
    west: float
    east: float


VALIDATION = Box(45, 25, 55, 80)  # never trained on, used to choose
# never trained on, whatever the data set: the test box with its margin, East China and the British Isles of ERA5
HELD_OUT = (VALIDATION, Box(42, 18, 98, 127), Box(59, 49, -11, 3))


@dataclass(frozen=True)
class Dataset:
    """Fields on one grid: name -> (T, H, W) int16; latitude falls from `north`, longitude rises from `west`."""

    name: str
    fields: dict[str, np.ndarray]
    scale: dict[str, float]
    offset: dict[str, float]
    north: float
    west: float
    spacing: float
    usable: np.ndarray  # (H, W) bool: known at every time, and outside the boxes held out

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W)."""
        return self.usable.shape[0], self.usable.shape[1]

    @property
    def variables(self) -> list[str]:
        """Names without the static fields."""
        return [n for n in self.fields if n not in STATIC_FIELDS]

    @property
    def times(self) -> int:
        """Number of times."""
        return len(self.fields[self.variables[0]])

    def latitudes(self, top: int, height: int) -> np.ndarray:
        """Latitudes of rows top..top + height."""
        return self.north - self.spacing * np.arange(top, top + height)

    def window(self, name: str, time: int, top: int, left: int, height: int, width: int) -> np.ndarray:
        """(height, width) float32 in physical units."""
        series = self.fields[name]
        raw = series[min(time, len(series) - 1), top : top + height, left : left + width]
        return (raw.astype(np.float32) * self.scale[name] + self.offset[name]).astype(np.float32)

    def box(self, box: Box) -> tuple[int, int, int, int]:
        """(top, left, height, width) of the part of a box that lies on the grid; a side may be 0."""
        top, bottom = round((self.north - box.north) / self.spacing), round((self.north - box.south) / self.spacing)
        left, right = round((box.west - self.west) / self.spacing), round((box.east - self.west) / self.spacing)
        top, left = max(top, 0), max(left, 0)
        bottom, right = min(bottom + 1, self.shape[0]), min(right + 1, self.shape[1])
        return top, left, max(bottom - top, 0), max(right - left, 0)

    def value_range(self, name: str) -> tuple[float, float]:
        """Smallest and largest value where usable."""
        known = self.fields[name][..., self.usable]
        low, high = int(known.min()), int(known.max())
        return low * self.scale[name] + self.offset[name], high * self.scale[name] + self.offset[name]


def digest(path: Path) -> str:
    """Hex sha-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load(path: Path, held_out: tuple[Box, ...] = HELD_OUT) -> dict[str, Dataset]:
    """Every data set of a pack by name; cells of the boxes held out are marked as not usable."""
    archive = np.load(path)
    out = {}
    for meta in json.loads(str(archive["meta"])):
        fields = {v: archive[f"{meta['name']}/{v}"] for v in meta["scale"]}
        usable = np.all([(f != MISSING).all(axis=0) for f in fields.values()], axis=0)
        scale, offset = meta["scale"], meta["offset"]
        dataset = Dataset(meta["name"], fields, scale, offset, meta["north"], meta["west"], meta["spacing"], usable)
        for box in held_out:
            top, left, height, width = dataset.box(box)
            usable[top : top + height, left : left + width] = False
        out[dataset.name] = dataset
    return out


def averaged(dataset: Dataset, factor: int) -> Dataset:
    """The data set in means over blocks of `factor` x `factor` cells; a block that is not usable throughout is not.

    Unlike ERA5 on such a grid, a finer model holds far more at its finest scales.
    """
    rows, cols = (n // factor for n in dataset.shape)

    def blocks(field: np.ndarray) -> np.ndarray:
        return field[..., : rows * factor, : cols * factor].reshape(*field.shape[:-2], rows, factor, cols, factor)

    half = (factor - 1) / 2 * dataset.spacing
    return replace(
        dataset,
        name=f"{dataset.name}-{factor}",
        fields={n: blocks(f).mean(axis=(-3, -1)).round().astype(np.int16) for n, f in dataset.fields.items()},
        north=dataset.north - half,
        west=dataset.west + half,
        spacing=dataset.spacing * factor,
        usable=np.asarray(blocks(dataset.usable).all(axis=(-3, -1))),
    )


class WindowSampler:
    """Draws window corners by area on the sphere, from places where the whole window is usable.

    Every second draw is the most mountainous of three candidates: terrain is where there is something to learn.
    """

    def __init__(self, dataset: Dataset, rng: np.random.Generator) -> None:
        self.dataset, self.rng = dataset, rng
        bad = (~dataset.usable).astype(np.int32)
        self._bad = np.pad(bad.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
        self._area = np.cos(np.deg2rad(dataset.latitudes(0, dataset.shape[0]))).clip(0)

    def fits(self, size: int, places: int = 100) -> bool:
        """Whether a square window of `size` cells a side lies whole in usable cells at so many places or more."""
        s = self._bad
        if size > min(self.dataset.shape):
            return False
        return int((s[size:, size:] - s[:-size, size:] - s[size:, :-size] + s[:-size, :-size] == 0).sum()) >= places

    def _one(self, height: int, width: int) -> tuple[int, int]:
        rows, cols = self.dataset.shape
        for _ in range(1000 if height <= rows and width <= cols else 0):
            p = self._area[height // 2 : height // 2 + rows - height + 1]
            top = int(self.rng.choice(len(p), p=p / p.sum()))
            left = int(self.rng.integers(cols - width + 1))
            s = self._bad
            bottom, right = top + height, left + width
            if s[bottom, right] - s[top, right] - s[bottom, left] + s[top, left] == 0:
                return top, left
        raise ValueError(f"{self.dataset.name}: no usable window of {height} x {width} found")

    def draw(self, height: int, width: int) -> tuple[int, int, int]:
        """(time, top, left) of a usable window."""
        time = int(self.rng.integers(self.dataset.times))
        if self.rng.random() < 0.5:
            return time, *self._one(height, width)
        candidates = [self._one(height, width) for _ in range(3)]
        relief = [float(self.dataset.window("z", 0, *c, height, width)[::4, ::4].std()) for c in candidates]
        return time, *candidates[int(np.argmax(relief))]
