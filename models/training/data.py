"""Training data: one .npz of int16 fields with scale and offset, and random windows from it.

Needs numpy only, so that it can travel to a machine that has torch and nothing else. `tasks.datasets.training` writes
it of the files that the shipped packages are made of, `tasks.datasets.own` of anybody's.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from models.operator import cell_km

MISSING = -32768  # int16 code of a missing value
STATIC_FIELDS = ("z", "land")  # height in m, land fraction: the same at every time


@dataclass(frozen=True)
class Box:
    """A latitude-longitude box, edges included; north > south, west < east, longitudes in -180..180."""

    north: float
    south: float
    west: float
    east: float


class Mismatch(ValueError):
    """Data, statistics, settings and checkpoint that do not belong together; a line says what to do."""


EVERYWHERE = Box(90, -90, -180, 180)


@dataclass(frozen=True)
class Split:
    """What of a pack is not trained on. It lies in the pack: whatever is fitted to these data keeps to it."""

    validation: Box | None = None  # used to choose; None: everywhere, at the last times
    held_out: tuple[Box, ...] = ()  # nor used to choose
    last: float = 0.0  # share of the times, the last of a data set, that are used to choose

    @property
    def boxes(self) -> tuple[Box, ...]:
        """Where nothing is trained on."""
        return (*(() if self.validation is None else (self.validation,)), *self.held_out)

    def first(self, times: int) -> int:
        """How many of so many times are trained on, the first ones."""
        return times - min(round(self.last * times), times - 1)

    def to_json(self) -> str:
        """For the pack."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, path: Path) -> Split:
        """That of a pack; Mismatch for what is none, or says nothing."""
        if not path.is_file():
            raise Mismatch(f"{path}: is not there; python -m tasks.datasets.own makes it")
        if not zipfile.is_zipfile(path):
            raise Mismatch(f"{path}: is no pack; python -m tasks.datasets.own makes one")
        with np.load(path) as archive:
            if "split" not in archive:
                raise Mismatch(f"{path}: does not say what must not be trained on; pack its fields again")
            found = json.loads(str(archive["split"]))
        validation, held_out = found["validation"], (Box(**b) for b in found["held_out"])
        return cls(validation and Box(**validation), tuple(held_out), found["last"])


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
    footprint: float  # km over which the native field is a mean
    usable: np.ndarray  # (H, W) bool: known at every time, and outside the boxes held out

    @property
    def cell(self) -> float:
        """Size of a cell in km at the equator, which is what footprints are compared with."""
        return cell_km(self.spacing, self.spacing)

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

    def first(self, times: int) -> Dataset:
        """The same at so many times, the first ones."""
        return replace(self, fields={n: f[:times] for n, f in self.fields.items()})

    def latitudes(self, top: int, height: int) -> np.ndarray:
        """Latitudes of rows top..top + height."""
        return self.north - self.spacing * np.arange(top, top + height)

    def window(self, name: str, time: int, top: int, left: int, height: int, width: int) -> np.ndarray:
        """(height, width) float32 in physical units, NaN where missing."""
        series = self.fields[name]
        raw = series[min(time, len(series) - 1), top : top + height, left : left + width]
        values = (raw.astype(np.float32) * self.scale[name] + self.offset[name]).astype(np.float32)
        return np.where(raw == MISSING, np.float32(np.nan), values)

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


def load(path: Path, held_out: tuple[Box, ...] | None = None) -> dict[str, Dataset]:
    """Every data set of a pack by name; cells of the boxes held out, by default its own, are marked as not usable."""
    held_out = Split.of(path).boxes if held_out is None else held_out
    archive = np.load(path)
    out = {}
    for meta in json.loads(str(archive["meta"])):
        fields = {v: archive[f"{meta['name']}/{v}"] for v in meta["scale"]}
        usable = np.all([(f != MISSING).all(axis=0) for f in fields.values()], axis=0)
        scale, offset = meta["scale"], meta["offset"]
        place = meta["north"], meta["west"], meta["spacing"], meta["footprint"]
        dataset = Dataset(meta["name"], fields, scale, offset, *place, usable)
        for box in held_out:
            top, left, height, width = dataset.box(box)
            usable[top : top + height, left : left + width] = False
        out[dataset.name] = dataset
    return out


class WindowSampler:
    """Draws window corners by area on the sphere, from places where the whole window is usable.

    Every second draw is the most mountainous of three candidates: terrain is where there is something to learn.
    """

    def __init__(self, dataset: Dataset, rng: np.random.Generator) -> None:
        self.dataset, self.rng = dataset, rng
        height = dataset.window("z", 0, 0, 0, *dataset.shape).astype(np.float64) * dataset.usable
        self._bad = _summed(~dataset.usable)
        self._height, self._square = _summed(height), _summed(height**2)
        self._area = np.cos(np.deg2rad(dataset.latitudes(0, dataset.shape[0]))).clip(0)

    def fits(self, size: int, places: int = 100) -> bool:
        """Whether square windows of `size` cells a side lie in usable cells at so many places and times or more."""
        s = self._bad
        if size > min(self.dataset.shape):
            return False
        usable = s[size:, size:] - s[:-size, size:] - s[size:, :-size] + s[:-size, :-size] == 0
        return int(usable.sum()) * self.dataset.times >= places

    def _usable(self, count: int, height: int, width: int) -> np.ndarray:
        """Corners (count, 2) of usable windows."""
        rows, cols = self.dataset.shape
        found: list[np.ndarray] = []
        for _ in range(1000 if height <= rows and width <= cols else 0):
            p = self._area[height // 2 : height // 2 + rows - height + 1].cumsum()
            top = np.searchsorted(p, self.rng.random(TRIES) * p[-1], side="right").clip(0, len(p) - 1)
            left = self.rng.integers(cols - width + 1, size=TRIES)
            good = _sum(self._bad, top, left, height, width) == 0
            found.append(np.stack([top, left], axis=1)[good])
            if sum(map(len, found)) >= count:
                return np.concatenate(found)[:count]
        raise ValueError(f"{self.dataset.name}: no usable window of {height} x {width} found")

    def draw(self, height: int, width: int) -> tuple[int, int, int]:
        """(time, top, left) of a usable window."""
        time = int(self.rng.integers(self.dataset.times))
        if self.rng.random() < 0.5:
            top, left = self._usable(1, height, width)[0]
            return time, int(top), int(left)
        corners = self._usable(3, height, width)
        sums, squares = (_sum(s, corners[:, 0], corners[:, 1], height, width) for s in (self._height, self._square))
        top, left = corners[int(np.argmax(squares - sums**2 / (height * width)))]
        return time, int(top), int(left)


TRIES = 64  # candidates drawn at once


def _summed(field: np.ndarray) -> np.ndarray:
    """Integral image with a row and a column of zeros before it."""
    dtype = np.int64 if field.dtype == bool else np.float64
    return np.pad(field.astype(dtype).cumsum(0).cumsum(1), ((1, 0), (1, 0)))


def _sum(integral: np.ndarray, top: np.ndarray, left: np.ndarray, height: int, width: int) -> np.ndarray:
    """Sums over windows with these corners."""
    bottom, right = top + height, left + width
    return integral[bottom, right] - integral[top, right] - integral[bottom, left] + integral[top, left]
