"""Fields over a lattice are what every point would be by itself, in mountains and at a coast too."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.calibrate.field import COLUMNS, FieldSpread
from tasks.calibrate.spread import Places, Spread, Structure
from tasks.grids.grid import Grid

GRID = Grid(33.0, 109.0, 0.05, 0.05, 61, 81)
MOUNTAINS = Structure(1.5, 0.7, 100.0, 600.0)
USUAL, LARGEST = 0.03, 0.35  # root mean square and greatest error of the lattice, in K of values that vary by 1 K


def terrain(grid: Grid) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mountains up to 2,500 m beside a plain, a coast with islands, and a level that falls with height."""
    latitude, longitude = np.meshgrid(grid.latitude, grid.longitude, indexing="ij")
    east = (longitude - grid.west) / (grid.east - grid.west)
    ridges = 1 + np.sin(9 * latitude) * np.cos(11 * longitude)
    height = 1250.0 * np.clip(1.5 - 2.5 * east, 0, 1) * ridges
    land = np.clip(8 * (0.75 - east) + 2 * np.sin(5 * latitude), 0, 1)
    height = np.where(land > 0, height, 0.0)
    return height, land, 288.0 - 0.0065 * height - 0.4 * (latitude - grid.south)


def at_every_point(spread: Spread, grid: Grid, over: tuple[np.ndarray, ...], values: np.ndarray) -> np.ndarray:
    latitude, longitude = np.meshgrid(grid.latitude, grid.longitude, indexing="ij")
    points = Places(*(v.ravel() for v in (latitude, longitude, *over)))
    return spread.at(points, values).T.reshape(-1, grid.rows, grid.cols)


def network(grid: Grid, structure: Structure, count: int = 70, seed: int = 0) -> tuple[Spread, np.ndarray]:
    """Stations at some of the grid's points, more in the valleys, and values of some lead times."""
    rng = np.random.default_rng(seed)
    height, land, level = terrain(grid)
    odds = np.exp(-height / 800.0).ravel()
    at = rng.choice(height.size, count, replace=False, p=odds / odds.sum())
    row, col = np.unravel_index(at, height.shape)
    where = grid.latitude[row], grid.longitude[col]
    stations = Places(*where, *(v.ravel()[at] for v in (height, land, level)))
    time = np.arange(COLUMNS + 2)
    wave = np.sin(1.1 * stations.latitude[:, None] + time) * np.cos(0.9 * stations.longitude[:, None])
    values = wave + 0.0005 * stations.height[:, None] + rng.normal(0, 0.4, wave.shape)
    return Spread(stations, np.full(count, 0.2), structure), values


def close(found: np.ndarray, right: np.ndarray, usual: float = USUAL) -> None:
    """The greatest error is beside a station, where the estimate has a cusp that a lattice has not."""
    assert found.shape == right.shape
    assert found.dtype == np.float32
    away = np.abs(found - right)
    assert np.sqrt((away**2).mean()) < usual
    assert away.max() < LARGEST
    assert right.std() > 0.3


@pytest.mark.parametrize(
    "structure",
    [
        MOUNTAINS, Structure(1.5, 0.6, 50.0, 200.0), Structure(1.5, 0.85, 200.0, 400.0),
        Structure(1.5, 0.85, 400.0, 1600.0),
    ],
    ids=["usual", "near alone", "far", "farthest"],
)  # fmt: skip
def test_over_mountains_and_a_coast_a_field_is_what_every_point_would_be_by_itself(structure: Structure) -> None:
    spread, values = network(GRID, structure)
    over = terrain(GRID)
    assert over[0].max() > 2000
    assert 0 == over[1].min() < over[1].max() == 1
    found = np.stack(list(FieldSpread(spread, GRID, *over)(values)))
    close(found, at_every_point(spread, GRID, over, values))


@pytest.mark.parametrize("count", [1, COLUMNS - 1, COLUMNS, COLUMNS + 1])
def test_one_lead_time_or_many_are_the_same(count: int) -> None:
    spread, values = network(GRID, MOUNTAINS)
    field = FieldSpread(spread, GRID, *terrain(GRID))
    every = list(field(values))
    assert len(every) == COLUMNS + 2
    some = list(field(values[:, :count]))
    assert len(some) == count
    for one, whole in zip(some, every, strict=False):
        np.testing.assert_allclose(one, whole, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("land", [0.0, 1.0, 0.4])
def test_flat_ground_of_one_kind_is_no_special_case(land: float) -> None:
    spread, values = network(GRID, MOUNTAINS)
    shape = GRID.rows, GRID.cols
    over = np.full(shape, 120.0), np.full(shape, land), np.full(shape, 285.0)
    found = np.stack(list(FieldSpread(spread, GRID, *over)(values)))
    close(found, at_every_point(spread, GRID, over, values))


@pytest.mark.parametrize(
    "grid",
    [
        Grid(-15.0, 177.0, 0.1, 0.1, 41, 61), Grid(-33.0, 150.0, 0.1, 0.1, 31, 31), Grid(71.0, 20.0, 0.1, 0.1, 41, 81),
        Grid(33.0, 109.0, 0.5, 0.5, 9, 9), Grid(31.0, 111.0, 0.01, 0.01, 51, 51),
    ],
    ids=["date line", "south", "far north", "coarse", "fine"],
)  # fmt: skip
def test_a_grid_may_be_anywhere_and_of_any_spacing(grid: Grid) -> None:
    spread, values = network(grid, MOUNTAINS, count=40)
    over = terrain(grid)
    found = np.stack(list(FieldSpread(spread, grid, *over)(values)))
    close(found, at_every_point(spread, grid, over, values), usual=0.05)  # few points, every second beside a station


def test_without_seams_the_lattice_adds_none_where_the_ground_is_even() -> None:
    """Steps between neighbouring points are no larger than those of the estimate itself."""
    spread, values = network(GRID, MOUNTAINS)
    shape = GRID.rows, GRID.cols
    over = np.full(shape, 120.0), np.ones(shape), np.full(shape, 285.0)
    found = np.stack(list(FieldSpread(spread, GRID, *over)(values)))
    right = at_every_point(spread, GRID, over, values)
    for axis in (1, 2):
        assert np.abs(np.diff(found, axis=axis)).max() < 1.1 * np.abs(np.diff(right, axis=axis)).max()


def test_beyond_the_stations_heights_a_field_is_held_as_an_estimate_is() -> None:
    """A plain's stations, and a summit twenty times as high."""
    rng = np.random.default_rng(1)
    stations = Places(
        rng.uniform(30, 33, 50), rng.uniform(109, 113, 50), rng.uniform(20, 150, 50), np.ones(50),
        rng.normal(287, 0.5, 50),
    )  # fmt: skip
    spread, values = Spread(stations, np.full(50, 0.05), MOUNTAINS), 0.03 * stations.height[:, None]
    over = terrain(GRID)
    found = np.stack(list(FieldSpread(spread, GRID, *over)(values)))
    close(found, at_every_point(spread, GRID, over, values), usual=0.05)
    assert found.max() < 2 * values.max()
