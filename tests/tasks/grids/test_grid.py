"""Grids in canonical form, padding around the Earth, cells of one grid on another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import UnreadableFile
from tasks.grids.grid import Canonical, Grid, canonical, lattice, pad

GLOBE = Grid(90.0, -180.0, 0.25, 0.25, 721, 1440)
COARSE_GLOBE = Grid(90.0, -180.0, 30.0, 30.0, 7, 12)
CELL_CENTRED_GLOBE = Grid(75.0, -165.0, 30.0, 30.0, 6, 12)
HUBEI = Grid(34.0, 108.0, 0.25, 0.25, 21, 34)


def wrapped(longitude: np.ndarray) -> np.ndarray:
    return (longitude + 180.0) % 360.0 - 180.0


def position_field(latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    """A field that tells where on the Earth each value belongs, the same in every way to write longitudes."""
    return latitude[:, None] * 1000.0 + wrapped(longitude.astype(np.float64))[None, :]


def assert_in_place(layout: Canonical, latitude: np.ndarray, longitude: np.ndarray) -> None:
    """Values moved with their coordinates."""
    grid = layout.grid
    moved = layout(position_field(latitude, longitude))
    np.testing.assert_allclose(moved, position_field(grid.latitude, grid.longitude), atol=0.01)


FALLING = np.linspace(90, -90, 721)


@pytest.mark.parametrize(
    "longitude",
    [
        pytest.param(np.arange(1440) * 0.25 - 180.0, id="-180..179.75"),
        pytest.param(np.arange(1440) * 0.25, id="0..359.75"),
        pytest.param(np.arange(1440) * 0.25 + 180.0, id="180..539.75 as in IFS open data"),
        pytest.param(np.arange(1441) * 0.25, id="0 repeated as 360"),
        pytest.param(np.arange(1441) * 0.25 - 180.0, id="-180 repeated as 180"),
        pytest.param((np.arange(1440) * 0.25).astype(np.float32), id="float32"),
        pytest.param(wrapped(np.arange(1440) * 0.25), id="0..180 then -180..0"),
    ],
)
@pytest.mark.parametrize("latitude", [FALLING, FALLING[::-1]], ids=["north first", "south first"])
def test_every_way_to_write_the_globe_gives_one_grid(latitude: np.ndarray, longitude: np.ndarray) -> None:
    layout = canonical(latitude, longitude, "file")
    assert layout.grid == GLOBE
    assert layout.grid.wraps
    assert_in_place(layout, latitude, longitude)


@pytest.mark.parametrize(
    ("longitude", "west", "east"),
    [
        pytest.param(np.arange(170.0, 190.5, 0.5), 170.0, 190.0, id="rising past 180"),
        pytest.param(wrapped(np.arange(170.0, 190.5, 0.5)), 170.0, 190.0, id="jumping to -180"),
        pytest.param(np.arange(-190.0, -169.5, 0.5), 170.0, 190.0, id="below -180"),
        pytest.param(np.arange(350.0, 370.5, 0.5) % 360.0, -10.0, 10.0, id="across Greenwich in 0..360"),
        pytest.param(np.arange(350.0, 370.5, 0.5), -10.0, 10.0, id="across Greenwich past 360"),
        pytest.param(np.arange(-10.0, 10.5, 0.5), -10.0, 10.0, id="across Greenwich in -180..180"),
        pytest.param(np.array([179.5, -180.0]), 179.5, 180.0, id="two columns beside the date line"),
        pytest.param(np.array([10.0, 10.5]), 10.0, 10.5, id="two columns"),
        pytest.param(np.arange(180.0, 190.5, 0.5), -180.0, -170.0, id="from the date line on"),
        pytest.param(np.arange(170.0, 180.5, 0.5), 170.0, 180.0, id="up to the date line"),
    ],
)
def test_a_region_keeps_rising_across_the_date_line(longitude: np.ndarray, west: float, east: float) -> None:
    latitude = np.arange(10.0, -5.5, -0.5)
    layout = canonical(latitude, longitude, "file")
    assert (layout.grid.west, layout.grid.east) == (west, east)
    assert layout.grid.cols == len(longitude)
    assert not layout.grid.wraps
    assert (np.diff(layout.grid.longitude) > 0).all()
    assert_in_place(layout, latitude, longitude)


@given(
    spacing=st.sampled_from([0.1, 0.25, 0.5, 1.0]),
    first_row=st.integers(-80, 50),
    rows=st.integers(2, 40),  # at 1 degree the last row is at 89N
    first_col=st.integers(-1800, 1800),
    cols=st.integers(2, 100),
    turns=st.integers(-1, 1),
    southward=st.booleans(),
    eastward=st.booleans(),
    single=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_canonical_form_does_not_depend_on_how_a_region_is_written(
    spacing: float,
    first_row: int,
    rows: int,
    first_col: int,
    cols: int,
    turns: int,
    southward: bool,
    eastward: bool,
    single: bool,
) -> None:
    latitude = (first_row + np.arange(rows)[::-1]) * spacing
    longitude = wrapped((first_col + np.arange(cols)) * spacing) + 360.0 * turns
    latitude, longitude = latitude[:: 1 if southward else -1], longitude[:: 1 if eastward else -1]
    if single:
        latitude, longitude = latitude.astype(np.float32), longitude.astype(np.float32)
    grid = canonical(latitude, longitude, "file").grid
    assert (grid.rows, grid.cols, grid.dlat, grid.dlon) == (rows, cols, spacing, spacing)
    assert grid.north == pytest.approx((first_row + rows - 1) * spacing, abs=1e-6)
    assert -180.0 <= grid.west < 180.0
    assert (grid.west - first_col * spacing) % 360.0 == pytest.approx(0.0, abs=1e-6) or (
        grid.west - first_col * spacing
    ) % 360.0 == pytest.approx(360.0, abs=1e-6)
    assert_in_place(canonical(latitude, longitude, "file"), latitude, longitude)


def test_float32_coordinates_and_exact_ones_are_one_grid() -> None:
    latitude, longitude = np.arange(400, 199, -1) / 10, np.arange(1000, 1251) / 10
    exact = canonical(latitude, longitude, "file").grid
    noisy = canonical(latitude.astype(np.float32), longitude.astype(np.float32), "file").grid
    assert exact == noisy
    assert exact == noisy
    assert exact != exact.extended(0, 1, 0, 0)


def test_millidegree_coordinates_of_a_twelfth_of_a_degree_are_regular() -> None:
    longitude = np.round(np.arange(4320) / 12.0, 3)
    grid = canonical(np.round(90.0 - np.arange(2161) / 12.0, 3), longitude, "file").grid
    assert grid.wraps
    assert grid.dlon == pytest.approx(1 / 12, abs=1e-12)
    assert grid.south == pytest.approx(-90.0, abs=2e-3)


@pytest.mark.parametrize(
    ("latitude", "longitude", "said"),
    [
        pytest.param([60.0, 59.0, 57.5, 57.0], [0.0, 1.0, 2.0], "latitudes are not evenly spaced", id="reduced rows"),
        pytest.param([60.0, 59.0], [0.0, 1.0, 2.5, 3.0], "longitudes are not evenly spaced", id="stretched columns"),
        pytest.param([60.0, 59.0, 60.0], [0.0, 1.0], "latitudes are not evenly spaced", id="back and forth"),
        pytest.param([60.0, 60.0], [0.0, 1.0], "latitudes are not evenly spaced", id="all the same"),
        pytest.param([60.0], [0.0, 1.0], "1 latitude", id="one row"),
        pytest.param([60.0, 59.0], [5.0], "1 longitude", id="one column"),
        pytest.param([60.0, 59.0], [0.0, 360.0], "1 longitude", id="one column, twice"),
        pytest.param([5000.0, 4000.0], [0.0, 1.0], "leave the Earth", id="metres"),
        pytest.param([60.0, float("nan"), 58.0], [0.0, 1.0], "evenly spaced", id="NaN latitude"),
        pytest.param([60.0, 59.0], [0.0, float("nan"), 2.0], "evenly spaced", id="NaN longitude"),
    ],
)
def test_irregular_grid_is_refused_with_the_file_named(
    latitude: list[float], longitude: list[float], said: str
) -> None:
    with pytest.raises(UnreadableFile, match=rf"^odd\.nc: .*{said}"):
        canonical(np.array(latitude), np.array(longitude), "odd.nc")


def test_grid_lists_its_edges() -> None:
    assert (HUBEI.south, HUBEI.east) == (29.0, 116.25)
    assert "21x34 points of 0.25x0.25 degree, 29..34N 108..116.25E" in str(HUBEI)


@given(st.lists(st.integers(0, 20), min_size=4, max_size=4))
def test_extended_and_cut_again_is_the_same_grid(sides: list[int]) -> None:
    top, bottom, left, right = sides
    larger = HUBEI.extended(top, bottom, left, right)
    assert (larger.rows, larger.cols) == (HUBEI.rows + top + bottom, HUBEI.cols + left + right)
    np.testing.assert_allclose(larger.latitude[top : top + HUBEI.rows], HUBEI.latitude)
    assert larger.extended(-top, -bottom, -left, -right) == HUBEI


def test_poles_are_reached_by_grids_with_and_without_a_row_on_them() -> None:
    for grid in (GLOBE, CELL_CENTRED_GLOBE):
        assert grid.reaches_north_pole
        assert grid.reaches_south_pole
    assert not HUBEI.reaches_north_pole
    assert not HUBEI.reaches_south_pole


def neighbours(field: np.ndarray, grid: Grid, component: bool = False) -> np.ndarray:
    return pad(field, grid, top=2, bottom=2, left=3, right=3, component=component)


@pytest.mark.parametrize("grid", [COARSE_GLOBE, CELL_CENTRED_GLOBE], ids=["rows on the poles", "rows beside the poles"])
def test_padding_continues_around_the_earth_and_across_the_poles(grid: Grid) -> None:
    lat, lon = np.deg2rad(grid.latitude)[:, None], np.deg2rad(grid.longitude)[None, :]
    smooth = np.cos(lat) * np.cos(lon) + 2 * np.sin(lat)  # x + 2 z of the unit sphere: one value a place
    larger = grid.extended(2, 2, 3, 3)
    lat, lon = np.deg2rad(larger.latitude)[:, None], np.deg2rad(larger.longitude)[None, :]
    beyond = np.cos(lat) * np.cos(lon) + 2 * np.sin(lat)  # the same formula holds past the pole: cos(lat) is negative
    np.testing.assert_allclose(neighbours(smooth, grid), beyond, atol=1e-12)


@pytest.mark.parametrize("grid", [COARSE_GLOBE, CELL_CENTRED_GLOBE], ids=["rows on the poles", "rows beside the poles"])
def test_wind_changes_sign_across_a_pole_and_only_there(grid: Grid) -> None:
    field = np.random.default_rng(3).normal(size=(grid.rows, grid.cols)).astype(np.float32)
    scalar, component = neighbours(field, grid), neighbours(field, grid, component=True)
    np.testing.assert_array_equal(component[2:-2], scalar[2:-2])
    np.testing.assert_array_equal(component[:2], -scalar[:2])
    np.testing.assert_array_equal(component[-2:], -scalar[-2:])
    assert component.dtype == np.float32


def test_uniform_flow_over_the_pole_stays_uniform_when_padded() -> None:
    """A wind along one direction of space has u = -sin(lon), v = -sin(lat) cos(lon)."""
    lat, lon = np.deg2rad(COARSE_GLOBE.latitude)[:, None], np.deg2rad(COARSE_GLOBE.longitude)[None, :]
    u = -np.sin(lon) + 0 * lat
    padded = neighbours(u, COARSE_GLOBE, component=True)
    # past the pole the frame turns with the meridian, so that u continues as the sine of the unturned longitude
    np.testing.assert_allclose(padded[0, 3:-3], u[2], atol=1e-12)


def test_padding_of_a_region_repeats_its_edges() -> None:
    field = np.random.default_rng(5).normal(size=(4, 5))
    region = Grid(34.0, 108.0, 0.25, 0.25, 4, 5)
    np.testing.assert_array_equal(
        pad(field, region, top=1, bottom=2, left=3, right=4, component=True),
        np.pad(field, ((1, 2), (3, 4)), mode="edge"),
    )


def test_padding_of_a_hemisphere_crosses_its_pole_and_repeats_its_equator() -> None:
    hemisphere = Grid(90.0, -180.0, 30.0, 30.0, 4, 12)
    field = np.random.default_rng(6).normal(size=(4, 12))
    padded = pad(field, hemisphere, top=1, bottom=2, left=0, right=0)
    np.testing.assert_array_equal(padded[0], np.roll(field[1], 6))
    np.testing.assert_array_equal(padded[-2:], np.stack([field[-1]] * 2))


def test_padding_takes_leading_dimensions_and_leaves_its_input_alone() -> None:
    field = np.random.default_rng(7).normal(size=(2, 3, COARSE_GLOBE.rows, COARSE_GLOBE.cols))
    before = field.copy()
    padded = neighbours(field, COARSE_GLOBE, component=True)
    np.testing.assert_array_equal(padded[1, 2], neighbours(field[1, 2], COARSE_GLOBE, component=True))
    np.testing.assert_array_equal(field, before)


def test_axes_place_each_cell_in_units_of_the_coarse_grid() -> None:
    coarse = Grid(40.0, 100.0, 0.25, 0.25, 81, 101)
    rows, cols = Grid(33.4, 108.3, 0.05, 0.05, 89, 159).axes_in(coarse)
    assert rows.scale == pytest.approx(5.0)
    assert cols.scale == pytest.approx(5.0)
    np.testing.assert_allclose(rows.centres[[0, -1]], [26.4, 44.0])
    np.testing.assert_allclose(cols.centres[[0, -1]], [33.2, 64.8])


@given(turns=st.integers(-1, 1), west=st.floats(-20.0, 40.0))
def test_axes_are_the_same_for_longitudes_a_turn_away(turns: int, west: float) -> None:
    coarse = Grid(10.0, 160.0, 0.25, 0.25, 41, 200)
    target = Grid(8.0, 170.0 + west / 10, 0.05, 0.05, 21, 41)
    moved = Grid(8.0, 170.0 + west / 10 + 360.0 * turns, 0.05, 0.05, 21, 41)
    np.testing.assert_allclose(moved.axes_in(coarse)[1].centres, target.axes_in(coarse)[1].centres, atol=1e-6)
    assert moved.axes_in(coarse)[1].centres[0] == pytest.approx((10.0 + west / 10) * 4, abs=1e-6)


def test_lattice_holds_whole_multiples_with_both_edges() -> None:
    grid = lattice(33.4, 29.0, 108.3, 116.2, 0.05)
    assert (grid.north, grid.south, grid.west, grid.east) == (33.4, 29.0, 108.3, 116.2)
    assert (grid.rows, grid.cols) == (89, 159)


@given(
    north=st.floats(-79, 89),
    height=st.floats(1.0, 10.0),
    west=st.floats(-180, 179),
    width=st.floats(1.0, 40.0),
    spacing=st.sampled_from([0.05, 0.1, 0.25, 0.3, 1 / 3]),
)
def test_lattice_fills_a_box_and_stays_inside(
    north: float, height: float, west: float, width: float, spacing: float
) -> None:
    south, east = north - height, west + width
    grid = lattice(north, south, west, east, spacing)
    slack = spacing * 1e-5
    assert north - spacing - slack < grid.north <= north + slack
    assert south - slack <= grid.south < south + spacing + slack
    assert west - slack <= grid.west < west + spacing + slack
    assert east - spacing - slack < grid.east <= east + slack
    assert grid.west / spacing == pytest.approx(round(grid.west / spacing), abs=1e-5)
