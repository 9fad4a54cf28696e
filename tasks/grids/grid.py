"""Regular latitude-longitude grids in one canonical form: latitude falls, longitude rises from -180..180.

A grid that crosses the date line keeps rising past 180. Point values stand for cells of one grid spacing around them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from models.geometry import Axis
from tasks.errors import UnreadableFile

TOLERANCE = 0.02  # of a spacing: float32 and millidegree coordinates (GRIB1) are off the lattice by up to this
MILLIDEGREE_NOISE = 1.1e-3  # degree, between two coordinates that are rounded to 0.001


@dataclass(frozen=True)
class Grid:
    """Regular grid: first point (north, west), spacings in degrees, rows x cols points."""

    north: float
    west: float
    dlat: float
    dlon: float
    rows: int
    cols: int

    @property
    def latitude(self) -> np.ndarray:
        """(rows,) float64, falling."""
        return np.round(self.north - self.dlat * np.arange(self.rows), 9)

    @property
    def longitude(self) -> np.ndarray:
        """(cols,) float64, rising."""
        return np.round(self.west + self.dlon * np.arange(self.cols), 9)

    @property
    def south(self) -> float:
        """Last latitude."""
        return float(self.latitude[-1])

    @property
    def east(self) -> float:
        """Last longitude."""
        return float(self.longitude[-1])

    @property
    def spacing(self) -> str:
        """For people, in degrees: 0.25, or 0.5x0.625 north-south and west-east."""
        return f"{self.dlat:g}" if abs(self.dlat - self.dlon) < 1e-9 else f"{self.dlat:g}x{self.dlon:g}"

    @property
    def wraps(self) -> bool:
        """True if the columns go once around the Earth."""
        return abs(self.cols * self.dlon - 360.0) < self.dlon * TOLERANCE

    @property
    def reaches_north_pole(self) -> bool:
        """True if the next row would lie beyond the pole."""
        return self.north + self.dlat > 90.0 + 1e-9

    @property
    def reaches_south_pole(self) -> bool:
        """True if the row after the last would lie beyond the pole."""
        return self.south - self.dlat < -90.0 - 1e-9

    def __str__(self) -> str:
        return (
            f"{self.rows}x{self.cols} points of {self.dlat:g}x{self.dlon:g} degree, "
            f"{self.south:g}..{self.north:g}N {self.west:g}..{self.east:g}E"
        )

    def extended(self, top: int, bottom: int, left: int, right: int) -> Grid:
        """The grid with more rows and columns around it (fewer where negative)."""
        return Grid(
            round(self.north + top * self.dlat, 9),
            round(self.west - left * self.dlon, 9),
            self.dlat,
            self.dlon,
            self.rows + top + bottom,
            self.cols + left + right,
        )

    def part(self, rows: slice, cols: slice) -> Grid:
        """Some of its rows and columns."""
        return self.extended(-rows.start, rows.stop - self.rows, -cols.start, cols.stop - self.cols)

    def around(self, area: Grid, more: int = 2) -> tuple[slice, np.ndarray, Grid]:
        """(rows, columns, their grid): the part of this grid that holds an area's cells and so many more around.

        All of it if the area lies elsewhere: whoever asked says so.
        """
        shift = 360.0 * round((self.west + self.east - area.west - area.east) / 720.0)
        more += int(np.ceil(max(area.dlat / self.dlat, area.dlon / self.dlon)))
        top = max(math.floor((self.north - area.north) / self.dlat) - more, 0)
        bottom = min(math.ceil((self.north - area.south) / self.dlat) + more + 1, self.rows)
        left = math.floor((area.west + shift - self.west) / self.dlon) - more
        right = math.ceil((area.east + shift - self.west) / self.dlon) + more + 1
        if not self.wraps:
            left, right = max(left, 0), min(right, self.cols)
        elif right - left >= self.cols:
            left, right = 0, self.cols
        if top >= bottom or left >= right:
            top, bottom, left, right = 0, self.rows, 0, self.cols
        part = self.extended(-top, bottom - self.rows, -left, right - self.cols)
        return slice(top, bottom), np.arange(left, right) % self.cols, part

    def axes_in(self, coarse: Grid) -> tuple[Axis, Axis]:
        """This grid's cells as query axes on `coarse`, in its cell units; longitudes are taken modulo 360."""
        shift = 360.0 * round((coarse.west + coarse.east - self.west - self.east) / 720.0)
        rows = Axis((coarse.north - self.latitude) / coarse.dlat, self.dlat / coarse.dlat)
        cols = Axis((self.longitude + shift - coarse.west) / coarse.dlon, self.dlon / coarse.dlon)
        return rows, cols


def lattice(north: float, south: float, west: float, east: float, spacing: float) -> Grid:
    """Grid of whole multiples of `spacing` inside the box, edges included."""
    first_row, last_row = math.floor(north / spacing + 1e-6), math.ceil(south / spacing - 1e-6)
    first_col, last_col = math.ceil(west / spacing - 1e-6), math.floor(east / spacing + 1e-6)
    return Grid(
        round(first_row * spacing, 9),
        round(first_col * spacing, 9),
        spacing,
        spacing,
        first_row - last_row + 1,
        last_col - first_col + 1,
    )


@dataclass(frozen=True)
class Canonical:
    """How to bring arrays of one file into canonical order: flip rows, skip so many, then take these columns."""

    grid: Grid
    flip: bool
    columns: np.ndarray
    skip: int = 0

    def __call__(self, field: np.ndarray) -> np.ndarray:
        """(..., H, W) in file order -> (..., rows, cols) in canonical order."""
        if self.flip:
            field = field[..., ::-1, :]
        field = field[..., self.skip : self.skip + self.grid.rows, :]
        return np.ascontiguousarray(field[..., self.columns])

    def around(self, area: Grid) -> Canonical:
        """Only the part that holds an area's cells, with some more on each side: what regridding to it needs."""
        rows, columns, part = self.grid.around(area)
        return Canonical(part, self.flip, self.columns[columns], self.skip + rows.start)


def _spacing(values: np.ndarray, what: str, label: str) -> float:
    """Common spacing of rising values; UnreadableFile if there is none."""
    if len(values) < 2:
        raise UnreadableFile(f"{label}: {len(values)} {what}; a grid needs at least 2")
    step = float(values[-1] - values[0]) / (len(values) - 1)
    off = float(np.abs(values - values[0] - step * np.arange(len(values))).max())
    if not (step > 0 and off <= max(step * TOLERANCE, MILLIDEGREE_NOISE)):  # so written, NaN is refused
        raise UnreadableFile(f"{label}: {what}s are not evenly spaced; only regular latitude-longitude grids are read")
    for plain in (round(step, 3), 1.0 / max(1, round(1.0 / step))):  # 0.1, 0.25 or a twelfth, written in few digits
        if abs(plain - step) * (len(values) - 1) < min(step * TOLERANCE, MILLIDEGREE_NOISE):
            return plain
    return round(step, 6)


def _snap(value: float, step: float) -> float:
    """A coordinate without float32 or millidegree noise, if it lies on a lattice of the step."""
    snapped = round(value / step) * step
    return round(snapped if abs(snapped - value) < 1e-4 else value, 6)


def canonical(latitude: np.ndarray, longitude: np.ndarray, label: str) -> Canonical:
    """Canonical form of a file's coordinates: any direction, 0..360 or -180..180, with or without a repeated end."""
    lat = np.asarray(latitude, dtype=np.float64)
    flip = bool(lat[0] < lat[-1])
    falling = lat[::-1] if flip else lat
    dlat = _spacing(-falling, "latitude", label)
    if falling[0] > 90 + 1e-3 or falling[-1] < -90 - 1e-3:
        raise UnreadableFile(f"{label}: latitudes {falling[-1]:g}..{falling[0]:g} leave the Earth")
    east = (np.asarray(longitude, dtype=np.float64) + 180.0) % 360.0 - 180.0
    east = np.where(east > 180.0 - 1e-6, east - 360.0, east)
    _, columns = np.unique(np.round(east, 5), return_index=True)  # sorted, a repeated 0/360 column dropped
    lon = east[columns]
    if len(lon) > 1:
        gaps = np.diff(np.append(lon, lon[0] + 360.0))
        widest = int(gaps.argmax())
        if gaps[widest] > 1.5 * np.median(gaps) and widest != len(lon) - 1:
            # crosses the date line: start after the gap
            lon = np.concatenate([lon[widest + 1 :], lon[: widest + 1] + 360.0])
            columns = np.concatenate([columns[widest + 1 :], columns[: widest + 1]])
    dlon = _spacing(lon, "longitude", label)
    if abs(round(360.0 / dlon) * dlon - 360.0) < 1e-3:
        dlon = 360.0 / round(360.0 / dlon)
    grid = Grid(_snap(float(falling[0]), dlat), _snap(float(lon[0]), dlon), dlat, dlon, len(lat), len(lon))
    return Canonical(grid, flip, columns)


def pad(
    field: np.ndarray, grid: Grid, *, top: int, bottom: int, left: int, right: int, component: bool = False
) -> np.ndarray:
    """Values around a grid: across 0/360 and the poles where it goes around the Earth, else the edge repeated.

    Across a pole a row continues half way around; a wind component (`component`) changes sign there.
    field (..., rows, cols) -> (..., rows + top + bottom, cols + left + right).
    """
    rows = np.arange(-top, grid.rows + bottom)
    sign = np.ones(len(rows), dtype=field.dtype)
    turned = np.zeros(len(rows), dtype=bool)
    if grid.wraps:
        latitude = grid.north - rows * grid.dlat
        over_north = (latitude > 90 + 1e-9) & grid.reaches_north_pole
        over_south = (latitude < -90 - 1e-9) & grid.reaches_south_pole
        turned = over_north | over_south
        mirrored = np.where(over_north, 180.0 - latitude, np.where(over_south, -180.0 - latitude, latitude))
        rows = np.round((grid.north - mirrored) / grid.dlat).astype(int)
        if component:
            sign[turned] = -1
    rows = np.clip(rows, 0, grid.rows - 1)
    out = field[..., rows, :]
    if turned.any():
        out[..., turned, :] = np.roll(out[..., turned, :], grid.cols // 2, axis=-1)
        out = out * sign[:, None]
    cols = np.arange(-left, grid.cols + right)
    cols = cols % grid.cols if grid.wraps else np.clip(cols, 0, grid.cols - 1)
    return np.ascontiguousarray(out[..., cols])
