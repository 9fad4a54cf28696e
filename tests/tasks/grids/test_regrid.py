"""Regridding: what bilinear and conservative weights promise, and which part of a grid another one holds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tasks.grids.grid import Grid
from tasks.grids.regrid import clip_to, covers, regrid, weights

SOURCE = Grid(40.0, 100.0, 0.25, 0.25, 81, 101)
GLOBE = Grid(90.0, -180.0, 1.0, 1.0, 181, 360)

inside = st.builds(
    Grid,
    st.floats(32.0, 38.0),
    st.floats(102.0, 110.0),
    st.sampled_from([0.05, 0.1, 0.25, 0.3]),
    st.sampled_from([0.05, 0.1, 0.25, 0.3]),
    st.integers(1, 30),
    st.integers(1, 40),
)


def plane(grid: Grid, a: float, b: float, c: float) -> np.ndarray:
    return a + b * grid.latitude[:, None] + c * grid.longitude[None, :]


def cell_areas(grid: Grid) -> np.ndarray:
    """Area of every cell on the unit sphere, (rows, cols)."""
    edges = np.clip(grid.north + grid.dlat * (0.5 - np.arange(grid.rows + 1)), -90, 90)
    bands = -np.diff(np.sin(np.deg2rad(edges)))
    return np.repeat(bands[:, None] * np.deg2rad(grid.dlon), grid.cols, axis=1)


@given(target=inside, a=st.floats(-10, 10), b=st.floats(-2, 2), c=st.floats(-2, 2))
@settings(deadline=None)
def test_bilinear_reproduces_linear_functions(target: Grid, a: float, b: float, c: float) -> None:
    out = regrid(plane(SOURCE, a, b, c), SOURCE, target, conservative=False)
    np.testing.assert_allclose(out, plane(target, a, b, c), atol=1e-8)


def test_bilinear_at_a_cell_corner_is_the_mean_of_four() -> None:
    field = np.random.default_rng(1).normal(size=(2, 2))
    corner = Grid(39.875, 100.125, 0.25, 0.25, 1, 1)
    out = regrid(field, Grid(40.0, 100.0, 0.25, 0.25, 2, 2), corner, conservative=False)
    np.testing.assert_allclose(out, [[field.mean()]])


@given(target=inside, constant=st.floats(-1e5, 1e5), conservative=st.booleans())
@settings(deadline=None)
def test_constants_stay_what_they_are(target: Grid, constant: float, conservative: bool) -> None:
    out = regrid(np.full((81, 101), constant), SOURCE, target, conservative=conservative)
    np.testing.assert_allclose(out, constant, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("conservative", [True, False])
def test_the_same_grid_changes_nothing(conservative: bool) -> None:
    field = np.random.default_rng(2).normal(size=(81, 101)).astype(np.float32)
    np.testing.assert_allclose(regrid(field, SOURCE, SOURCE, conservative=conservative), field, rtol=1e-6)


@pytest.mark.parametrize(
    "target",
    [
        pytest.param(Grid(90.0, -180.0, 2.5, 2.5, 73, 144), id="coarser"),
        pytest.param(Grid(90.0, 0.0, 0.5, 0.75, 361, 480), id="finer, from Greenwich"),
        pytest.param(Grid(88.75, -178.75, 2.5, 2.5, 72, 144), id="cells beside the poles"),
    ],
)
def test_conservative_keeps_the_area_weighted_mean_of_the_earth(target: Grid) -> None:
    field = np.random.default_rng(3).gamma(0.3, size=(GLOBE.rows, GLOBE.cols))
    out = regrid(field, GLOBE, target, conservative=True)
    assert (cell_areas(target) * out).sum() == pytest.approx((cell_areas(GLOBE) * field).sum(), rel=1e-12)
    assert out.min() >= 0.0
    assert out.max() <= field.max()


def test_conservative_mean_weights_rows_by_area_not_by_count() -> None:
    source = Grid(85.0, 0.5, 10.0, 1.0, 2, 2)  # cells 90..80N and 80..70N
    target = Grid(80.0, 1.0, 20.0, 2.0, 1, 1)  # both
    sine = np.sin(np.deg2rad([90.0, 80.0, 70.0]))
    out = regrid(np.array([[1.0, 1.0], [0.0, 0.0]]), source, target, conservative=True)
    assert out[0, 0] == pytest.approx((sine[0] - sine[1]) / (sine[0] - sine[2]))
    assert out[0, 0] < 0.3


def test_cells_that_tile_a_source_cell_average_back_to_it() -> None:
    field = np.random.default_rng(4).gamma(0.5, size=(4, 6))
    source = Grid(33.0, 110.0, 0.25, 0.25, 4, 6)
    fine = Grid(33.1, 109.9, 0.05, 0.05, 20, 30)
    out = regrid(field, source, fine, conservative=True)
    np.testing.assert_allclose(out.reshape(4, 5, 6, 5).mean(axis=(1, 3)), field)


@pytest.mark.parametrize("conservative", [True, False])
def test_a_target_across_the_date_line_sees_both_sides(conservative: bool) -> None:
    lon = np.deg2rad(GLOBE.longitude)
    field = np.cos(lon)[None, :] * np.ones((GLOBE.rows, 1))
    target = Grid(10.0, 170.25, 0.5, 0.5, 5, 40)
    out = regrid(field, GLOBE, target, conservative=conservative)
    expected = np.broadcast_to(np.cos(np.deg2rad(target.longitude)), out.shape)
    np.testing.assert_allclose(out, expected, atol=5e-3)
    moved = Grid(10.0, 170.25 - 360.0, 0.5, 0.5, 5, 40)
    np.testing.assert_array_equal(regrid(field, GLOBE, moved, conservative=conservative), out)


@pytest.mark.parametrize("conservative", [True, False])
def test_values_between_the_last_and_the_first_column_use_both(conservative: bool) -> None:
    field = np.zeros((GLOBE.rows, GLOBE.cols))
    field[:, 0] = 1.0  # 180 W
    between = Grid(10.0, 179.5, 1.0, 1.0, 3, 1)
    np.testing.assert_allclose(regrid(field, GLOBE, between, conservative=conservative), 0.5)


def test_bilinear_beyond_the_edge_repeats_it_and_conservative_knows_nothing_there() -> None:
    field = np.arange(6.0).reshape(2, 3)
    source = Grid(30.0, 110.0, 1.0, 1.0, 2, 3)
    beyond = Grid(32.0, 112.0, 1.0, 1.0, 4, 3)
    np.testing.assert_allclose(regrid(field, source, beyond, conservative=False)[:, 0], [2.0, 2.0, 2.0, 5.0])
    np.testing.assert_allclose(regrid(field, source, beyond, conservative=False)[2], 2.0)
    conservative = regrid(field, source, beyond, conservative=True)
    np.testing.assert_array_equal(np.isfinite(conservative), [[False] * 3] * 2 + [[True, False, False]] * 2)


@pytest.mark.parametrize("conservative", [True, False])
def test_a_missing_value_spreads_to_all_it_touches_and_no_further(conservative: bool) -> None:
    field = np.ones((9, 9))
    field[4, 4] = np.nan
    source = Grid(40.0, 100.0, 1.0, 1.0, 9, 9)
    target = Grid(39.7, 100.3, 0.5, 0.5, 16, 16)
    out = regrid(field, source, target, conservative=conservative)
    lat, lon = target.latitude[:, None], target.longitude[None, :]
    reach = 0.75 if conservative else 1.0  # half a cell of each grid; one source spacing
    touched = (np.abs(lat - 36.0) < reach - 1e-9) & (np.abs(lon - 104.0) < reach - 1e-9)
    np.testing.assert_array_equal(np.isnan(out), touched)
    np.testing.assert_allclose(out[~touched], 1.0)


def test_a_coarser_target_gets_means_even_for_states() -> None:
    checkerboard = np.indices((81, 101)).sum(axis=0) % 2.0
    out = regrid(checkerboard, SOURCE, Grid(38.0, 102.0, 1.0, 1.0, 10, 12), conservative=False)
    np.testing.assert_allclose(out, 0.5, atol=0.1)


def test_leading_dimensions_and_dtype_are_kept() -> None:
    field = np.random.default_rng(5).normal(size=(2, 3, 81, 101)).astype(np.float32)
    target = Grid(35.0, 105.0, 0.1, 0.1, 7, 8)
    out = regrid(field, SOURCE, target, conservative=False)
    assert out.shape == (2, 3, 7, 8)
    assert out.dtype == np.float32
    np.testing.assert_array_equal(out[1, 2], regrid(field[1, 2], SOURCE, target, conservative=False))


def test_weights_are_made_once_for_equal_grids() -> None:
    target = Grid(34.4, 104.4, 0.05, 0.05, 5, 6)
    first = weights(SOURCE, target, False)
    before = weights.cache_info()
    regrid(
        np.zeros((81, 101)),
        Grid(40.0, 100.0, 0.25, 0.25, 81, 101),
        Grid(34.4, 104.4, 0.05, 0.05, 5, 6),
        conservative=False,
    )
    after = weights.cache_info()
    assert (after.hits, after.misses) == (before.hits + 1, before.misses)
    assert weights(SOURCE, target, True) is not first


@pytest.mark.parametrize(
    ("target", "held"),
    [
        pytest.param(Grid(40.0, 100.0, 0.25, 0.25, 81, 101), True, id="itself"),
        pytest.param(Grid(40.12, 99.88, 0.05, 0.05, 403, 505), True, id="to the cells' edges"),
        pytest.param(Grid(40.2, 105.0, 0.05, 0.05, 20, 20), False, id="north of the cells"),
        pytest.param(Grid(20.5, 105.0, 0.05, 0.05, 12, 20), True, id="in the south"),
        pytest.param(Grid(20.5, 105.0, 0.05, 0.05, 40, 20), False, id="south of the cells"),
        pytest.param(Grid(35.0, 99.8, 0.05, 0.05, 20, 20), False, id="west of the cells"),
        pytest.param(Grid(35.0, 124.5, 0.05, 0.05, 20, 20), False, id="east of the cells"),
        pytest.param(Grid(35.0, -255.0, 0.05, 0.05, 20, 20), True, id="a turn away"),
        pytest.param(Grid(35.0, -105.0, 0.05, 0.05, 20, 20), False, id="other side of the Earth"),
    ],
)
def test_a_grid_is_covered_when_its_points_lie_in_the_sources_cells(target: Grid, held: bool) -> None:
    assert covers(SOURCE, target) is held


def test_the_globe_covers_every_longitude() -> None:
    assert covers(GLOBE, Grid(10.0, 170.0, 0.05, 0.05, 20, 400))
    assert covers(GLOBE, Grid(10.0, -190.0, 0.05, 0.05, 20, 400))


@given(
    top=st.integers(-60, 60), left=st.integers(-80, 80), rows=st.integers(1, 200), cols=st.integers(1, 200),
    turns=st.integers(-1, 1),
)  # fmt: skip
@settings(deadline=None)
def test_clipping_keeps_exactly_the_points_inside(top: int, left: int, rows: int, cols: int, turns: int) -> None:
    target = Grid(40.0 - 0.25 * top, 100.0 + 0.25 * left + 360.0 * turns, 0.25, 0.25, rows, cols)
    lat, lon = target.latitude, target.longitude - 360.0 * turns
    lat, lon = lat[(lat <= 40) & (lat >= 20)], lon[(lon >= 100) & (lon <= 125)]
    assume(len(lat) > 0 and len(lon) > 0)
    clipped = clip_to(target, SOURCE)
    np.testing.assert_allclose(clipped.latitude, lat)
    np.testing.assert_allclose(clipped.longitude - 360.0 * turns, lon, atol=1e-6)


def test_clipping_to_the_globe_keeps_all_columns() -> None:
    target = Grid(92.0, 170.0, 0.5, 0.5, 20, 100)
    clipped = clip_to(target, GLOBE)
    assert (clipped.north, clipped.west, clipped.cols) == (90.0, 170.0, 100)
