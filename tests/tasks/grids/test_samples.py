"""Reading fields at stations, held to plain definitions and to xarray."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from models.constants import STANDARD_LAPSE_RATE
from tasks.grids.grid import Grid
from tasks.grids.samples import FLAT, LIMITS, LapseRate, Sampler

GRID = Grid(34.0, 108.0, 0.25, 0.25, 17, 33)
GLOBE = Grid(90.0, -180.0, 1.0, 1.0, 181, 360)


def field_on(grid: Grid, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(280, 5, (grid.rows, grid.cols))


@given(st.lists(st.tuples(st.floats(30.0, 34.0), st.floats(108.0, 116.0)), min_size=1, max_size=20))
def test_bilinear_is_what_xarray_interpolates(places: list[tuple[float, float]]) -> None:
    lat, lon = np.array(places).T
    field = field_on(GRID)
    wanted = xr.DataArray(field, {"y": GRID.latitude, "x": GRID.longitude}, ("y", "x")).interp(
        y=xr.DataArray(lat, dims="s"), x=xr.DataArray(lon, dims="s")
    )
    np.testing.assert_allclose(Sampler(GRID, lat, lon).bilinear(field), wanted.values, atol=1e-6)


@given(st.floats(30.0, 34.0), st.floats(108.0, 116.0))
def test_nearest_is_the_point_at_least_distance(lat: float, lon: float) -> None:
    field = field_on(GRID)
    found = Sampler(GRID, np.array([lat]), np.array([lon])).nearest(field)[0]
    away = np.maximum(np.abs(GRID.latitude - lat)[:, None], np.abs(GRID.longitude - lon)[None])
    assert found in field[away <= 0.125 + 1e-6]


def test_stations_outside_have_no_value() -> None:
    lat, lon = np.array([34.2, 29.9, 32.0, 32.0, 32.0]), np.array([110.0, 110.0, 107.9, 116.1, 110.0])
    sampler = Sampler(GRID, lat, lon)
    assert sampler.inside.tolist() == [False, False, False, False, True]
    for read in (sampler.nearest, sampler.bilinear, sampler.similar(None, None, np.zeros(5))):
        assert np.isfinite(read(field_on(GRID))).tolist() == [False, False, False, False, True]


def test_around_the_globe_the_last_column_joins_the_first() -> None:
    field = np.tile(np.arange(360.0), (181, 1))
    field[:, 0] = 360.0  # what follows 359
    found = Sampler(GLOBE, np.array([10.0, 10.0]), np.array([179.5, -179.75])).bilinear(field)
    np.testing.assert_allclose(found, [359.5, 360.0 - 0.25 * 359.0])


def test_longitudes_may_be_counted_either_way() -> None:
    across = Grid(10.0, 170.0, 1.0, 1.0, 5, 21)  # to 190
    field = np.tile(np.arange(21.0), (5, 1))
    np.testing.assert_allclose(Sampler(across, np.full(2, 8.0), np.array([-175.5, 184.5])).bilinear(field), 14.5)


def test_similar_takes_the_land_point_of_most_similar_height() -> None:
    height = np.zeros((17, 33))
    land = np.ones((17, 33))
    height[8, 8], height[7, 9], height[9, 7] = 10.0, 480.0, 500.0
    land[9, 7] = 0.0  # of the right height, but a lake
    field = np.arange(17 * 33, dtype=float).reshape(17, 33)
    at = (np.array([GRID.latitude[8]]), np.array([GRID.longitude[8]]))
    assert Sampler(GRID, *at).similar(height, land, np.array([500.0]))(field)[0] == field[7, 9]
    assert Sampler(GRID, *at).similar(height, None, np.array([500.0]))(field)[0] == field[9, 7]
    assert Sampler(GRID, *at).similar(height, land, np.array([np.nan]))(field)[0] == field[8, 8]
    assert Sampler(GRID, *at).similar(height, land * 0, np.array([500.0]))(field)[0] == field[9, 7]


@pytest.mark.parametrize("rate", [-9e-3, -3.9e-3, 2e-3])
def test_lapse_rate_is_found_again_over_mountains(rate: float) -> None:
    height = np.random.default_rng(1).gamma(2.0, 300.0, (17, 33))
    field = 290.0 + rate * height
    found = LapseRate(GRID, height)(field)[3:-3, 3:-3]
    variance = height.var()
    shrunk = (rate * variance + FLAT * STANDARD_LAPSE_RATE) / (variance + FLAT)
    assert np.abs(found - rate).max() < 1e-3
    assert abs(found.mean() - shrunk) < 2e-4


def test_lapse_rate_is_the_standard_one_over_flat_land_and_limited_elsewhere() -> None:
    noise = np.random.default_rng(2).normal(280, 3, (17, 33))
    np.testing.assert_allclose(LapseRate(GRID, np.full((17, 33), 40.0))(noise), STANDARD_LAPSE_RATE)
    steep = LapseRate(GRID, np.random.default_rng(3).gamma(2.0, 300.0, (17, 33)))(noise * 50)
    assert steep.min() >= LIMITS[0]
    assert steep.max() <= LIMITS[1]


def test_holes_in_a_field_do_not_spread_beyond_the_window() -> None:
    height = np.random.default_rng(4).gamma(2.0, 300.0, (17, 33))
    field = 290.0 - 5e-3 * height
    whole = LapseRate(GRID, height)(field)
    field[2, 2] = np.nan
    holed = LapseRate(GRID, height)(field)
    assert np.isfinite(holed).all()
    np.testing.assert_allclose(holed[8:, 8:], whole[8:, 8:], atol=1e-9)
