"""Places' forecasts out of a product: the cells that they lie in, and values in the units people use."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from types import EllipsisType
from typing import Any, cast

import numpy as np
import zarr

from flows.products.at_height import at_height, relative_humidity
from flows.products.choose import Chosen, steps_of
from flows.products.hourly import hourly, warn_of_sums_before
from flows.products.places import Place
from flows.products.sun import sun_over
from flows.products.sure import NOTHING, Sure, how_sure
from tasks.arrays import zarr_store
from tasks.errors import BadInput
from tasks.grids.grid import Grid, canonical
from tasks.grids.gridded import ALTITUDE, LAND
from tasks.present import display
from tasks.variables import WINDS

log = logging.getLogger(__name__)

EDGE = 1e-6  # of a cell: what places and coordinates are off by as they are written
CALM = 0.2  # m/s, half a knot: below it WMO's codes give no direction
# wind between and above two levels, IEC 61400-12-1's power law; a seventh is what is taken where nothing is known
LOWEST_HUB, HIGHEST_HUB = 10.0, 300.0  # m above the ground
LIGHT, SEVENTH, EXPONENTS = 1.0, 1 / 7, (-0.3, 0.6)  # m/s below which two speeds say nothing; an exponent's range
COMPASS = ["N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE", "S", "SSW", "SW", "WSW", "W", "WNW", "NW", "NNW"]


@dataclass(frozen=True)
class Cell:
    """The product's cell that a place lies in; `height` of its terrain in m, `land` as a fraction, where known."""

    row: int
    col: int
    latitude: float
    longitude: float
    height: float | None
    land: float | None


@dataclass(frozen=True)
class Series:
    """A place's forecast, lead time by lead time: valid times, hours ahead, values by variable and their units."""

    cell: Cell
    times: list[datetime]
    lead_hours: list[float]
    begins: list[float]  # hours ahead at which sums of each lead time begin
    values: dict[str, np.ndarray]
    units: dict[str, str]
    ranges: dict[str, np.ndarray]  # variable -> (lead time, LEVELS), where stations or members say how sure
    sure: Sure = NOTHING  # that they are of


def _index(position: float, count: int) -> int:
    """The cell that holds a position counted in cells; an edge belongs to the next one, the last edge to the last."""
    index = math.floor(position + 0.5 + EDGE)
    return index - 1 if index == count and position < count - 0.5 + EDGE else index


def cells_of(product: zarr.Group, places: list[Place], region: str) -> list[Cell]:
    """The cells that places lie in; BadInput outside of the product's cells."""
    grid = grid_of(product, region)
    at = [_position(grid, place, region) for place in places]
    rows, cols = (np.array(axis) for axis in zip(*at, strict=True))
    box = slice(rows.min(), rows.max() + 1), slice(cols.min(), cols.max() + 1)
    known = {n: _read(product, n, *box)[rows - rows.min(), cols - cols.min()] for n in (ALTITUDE, LAND) if n in product}
    height, land = ([float(v) for v in known[n]] if n in known else [None] * len(at) for n in (ALTITUDE, LAND))
    return [
        Cell(row, col, float(grid.latitude[row]), float(grid.longitude[col]), height[i], land[i])
        for i, (row, col) in enumerate(at)
    ]


def grid_of(product: zarr.Group, region: str) -> Grid:
    """Of a product's fields."""
    return canonical(_read(product, "latitude"), _read(product, "longitude"), region).grid


def inside(chosen: Chosen, places: list[Place]) -> list[Place]:
    """Of several places those that a product has, the others named in a warning; BadInput where that is none."""
    product = zarr.open_group(zarr_store(chosen.uri), mode="r", use_consolidated=True)
    grid, kept, outside = grid_of(product, chosen.entry.region), [], []
    for place in places:
        try:
            _position(grid, place, chosen.entry.region)
            kept.append(place)
        except BadInput as error:
            outside.append(error)
    if not kept:
        raise outside[0]
    if outside:
        more = f" and {len(outside) - 1} more" if len(outside) > 1 else ""
        log.warning("left out: %s%s", outside[0], more)
    return kept


def _position(grid: Grid, place: Place, region: str) -> tuple[int, int]:
    """Row and column of a place."""
    latitude, longitude = place.latitude, place.longitude
    if not (np.isfinite(latitude) and -360 <= longitude <= 360):
        raise BadInput(f"{place}: give degrees, south and west negative")
    found = _inside(grid, latitude, longitude)
    if found is None:
        swapped = _inside(grid, longitude, latitude) is not None
        raise BadInput(
            f"{place} is outside {region}, which is {grid.south:g} to {grid.north:g} "
            f"north and {grid.west:g} to {grid.east:g} east (south and west are negative)"
            + ("; are latitude and longitude swapped?" if swapped else "")
        )
    return found


def _inside(grid: Grid, latitude: float, longitude: float) -> tuple[int, int] | None:
    """Row and column; None outside of the grid's cells."""
    row = _index((grid.north - latitude) / grid.dlat, grid.rows)
    east = (longitude - grid.west + grid.dlon / 2) % 360.0 - grid.dlon / 2  # degrees from the first column
    col = _index(east / grid.dlon, grid.cols)
    inside = -90 <= latitude <= 90 and 0 <= row < grid.rows and 0 <= col < grid.cols
    return (row, col) if inside else None


def read_series(
    chosen: Chosen,
    names: list[str],
    lead_hours: str | None,
    places: list[Place],
    hub_heights: Sequence[float] = (),
    every_hour: bool = False,
) -> list[Series]:
    """Each place's forecast; of the chunks that hold them, each is read once, and no other. BadInput if one is outside.

    Wind components become speed and the direction it blows from (360 north, 0 calm), t2m and d2m relative humidity
    too. `lead_hours`: those asked for, as `steps_of`. A place with an elevation is that much above its cell's terrain
    (`at_height`); BadInput if the product does not know that. At each of `hub_heights` (m above the ground) wind's
    speed is that of the power law through 10 and 100 m; BadInput for a product without both. `every_hour`: all
    from the first of these to the last, between lead times too, as `hourly` makes them. How sure stations or members
    are comes with it.
    """
    product = zarr.open_group(zarr_store(chosen.uri), mode="r", use_consolidated=True)
    cells = cells_of(product, places, chosen.entry.region)
    raw = {n: _columns(product, n, cells).astype(np.float64) for n in names}
    hours = its_hours = chosen.entry.lead_hours
    given = raw
    begins = begins_of(product, hours)
    if every_hour:
        at = (np.array([getattr(p, axis) for p in places]) for axis in ("latitude", "longitude"))
        sun = sun_over(chosen.cycle.time, *at)
        hours, raw = hourly(hours, raw, starts := _starts(product), sun)
        begins = [max(h - 1, begins[0]) for h in hours]
    steps = steps_of(hours, lead_hours, chosen.entry.cycle)
    if every_hour:
        steps = list(range(steps[0], steps[-1] + 1))
        warn_of_sums_before(its_hours, hours[steps[0]], starts, names)
    sure = how_sure(product, its_hours, len(cells), partial(_columns, cells=cells))
    raw = {n: v[steps] for n, v in raw.items()}
    hours, begins = [hours[i] for i in steps], [begins[i] for i in steps]
    times = [chosen.cycle.time + timedelta(hours=h) for h in hours]
    found = []
    for i, (place, cell) in enumerate(zip(places, cells, strict=True)):
        values = derived({n: v[:, i] for n, v in raw.items()})
        if place.elevation is not None:
            values = _at_height(values, cell, place.elevation, chosen.entry.product)
        values = sure[i].with_medians(values, hours)
        values |= {f"wind_speed_{z:g}": _at_hub(values, z, chosen.entry.cycle) for z in hub_heights}
        units = {n: display.of(n).unit for n in values}
        its = sure[i].with_medians(derived({n: v[:, i] for n, v in given.items()}), its_hours)
        ranges = {n: display.of(n).shown(v) for n, v in sure[i].ranges(values, its, hours).items()}
        shown = {n: display.of(n).shown(v) for n, v in values.items()}
        its_sure = sure[i] if place.elevation is None else sure[i].at_another_height()
        found.append(Series(cell, times, hours, begins, shown, units, ranges, its_sure))
    return found


def _starts(product: zarr.Group) -> np.ndarray | None:
    """Hours since the start of the forecast at which the sums of each lead time begin; None where nobody knows."""
    if "step_bounds" not in product:
        return None
    bounds = np.asarray(cast("zarr.Array[Any]", product["step_bounds"])[:])
    return np.asarray(bounds[:, 0], dtype=np.float64)


def begins_of(product: zarr.Group, hours: list[float]) -> list[float]:
    """The same of every product: where nothing is said, sums begin at the lead time before, first with the forecast."""
    starts = _starts(product)
    return [0.0, *hours[:-1]] if starts is None else [float(s) for s in starts]


def derived(raw: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What people ask for, in SI, of a product's values, whatever their shape."""
    columns = dict(raw)
    if {"t2m", "d2m"} <= raw.keys():
        columns["rh"] = relative_humidity(raw["t2m"], raw["d2m"])
    for speed, (u, v) in WINDS.items():
        if {u, v} <= raw.keys():
            columns[speed] = np.hypot(raw[u], raw[v])
            direction = 360.0 - np.rad2deg(np.arctan2(raw[u], -raw[v])) % 360.0
            columns[speed.replace("speed", "direction")] = np.where(columns[speed] < CALM, 0.0, direction)
            del columns[u], columns[v]
    return columns


def _at_height(values: dict[str, np.ndarray], cell: Cell, elevation: float, product: str) -> dict[str, np.ndarray]:
    """Of a place above or below its cell's terrain."""
    if not np.isfinite(elevation):
        raise BadInput(f"--elevation {elevation:g}: give metres above the sea")
    if "t2m" not in values:
        return values
    if cell.height is None:
        raise BadInput(f"--elevation: {product} does not know the height of its terrain; leave it out")
    return at_height(values, elevation - cell.height)


def _at_hub(values: dict[str, np.ndarray], height: float, cycle: str) -> np.ndarray:
    """Speed by the power law, (z / 100)^a with a from both levels at each time; where it is calm, a seventh."""
    if not LOWEST_HUB <= height <= HIGHEST_HUB:
        raise BadInput(f"--hub-height {height:g}: give {LOWEST_HUB:g} to {HIGHEST_HUB:g} m above the ground")
    if not {"wind_speed", "wind_speed_100"} <= values.keys():
        raise BadInput(
            f"--hub-height: {cycle} has no wind at 10 and at 100 m; a region that asks for u10, v10, u100, v100 has it"
        )
    low, high = values["wind_speed"], values["wind_speed_100"]
    calm = np.minimum(low, high) < LIGHT
    exponent = np.log10(np.where(calm, 1.0, high) / np.where(calm, 1.0, low))
    return high * (height / 100.0) ** np.where(calm, SEVENTH, np.clip(exponent, *EXPONENTS))


def _columns(product: zarr.Group, name: str, cells: list[Cell]) -> np.ndarray:
    """(..., step, place) of a field, chunk by chunk."""
    array = cast("zarr.Array[Any]", product[name])
    found = np.empty((*array.shape[:-2], len(cells)), array.dtype)
    by_chunk: dict[tuple[int, int], list[int]] = {}
    for i, cell in enumerate(cells):
        by_chunk.setdefault((cell.row // array.chunks[-2], cell.col // array.chunks[-1]), []).append(i)
    for places in by_chunk.values():
        rows, cols = (np.array([getattr(cells[i], axis) for i in places]) for axis in ("row", "col"))
        top, west = rows.min(), cols.min()
        part = _read(product, name, ..., slice(top, rows.max() + 1), slice(west, cols.max() + 1))
        found[..., places] = part[..., rows - top, cols - west]
    return found


def _read(product: zarr.Group, name: str, *at: slice | int | EllipsisType) -> np.ndarray:
    """Values of an array, by numpy's rules: a product's are numbers as they are, without offset or scale."""
    return np.asarray(cast("zarr.Array[Any]", product[name])[at])


def compass(degrees: float) -> str:
    """N, NNE, ... of a direction; 0 is no wind."""
    return "calm" if degrees == 0 else COMPASS[round(degrees / 22.5) % 16]
