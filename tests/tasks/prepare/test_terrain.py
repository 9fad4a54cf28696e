"""Heights, and land where known, on the input grid and on the target grid."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import eccodes
import numpy as np
import pytest
import xarray as xr
from scipy.optimize import brentq

from models.constants import DEGREE, GRAVITY
from models.operator import CELL_MEANS, ERA5, IFS, Operator, Sampling
from tasks.errors import CorruptField, RegionOutsideInput, UnreadableFile
from tasks.grids.grid import Grid, lattice
from tasks.prepare.terrain import margin_for, read_heights, read_statics, static_fields
from tasks.region import search as regions
from tests.conftest import DEMO_GRIB, ROOT

TARGET = lattice(33.0, 31.0, 110.0, 113.0, 0.05)
COARSE = lattice(34.5, 29.5, 108.5, 114.5, 0.25)


def hills(latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    """Heights in m between 200 and 1800."""
    return 1000.0 + 800.0 * np.sin(2.1 * latitude)[:, None] * np.cos(1.7 * longitude)[None, :]


def terrain(
    path: Path,
    *,
    units: str = "m",
    name: str = "elevation",
    factor: float = 1.0,
    grid: Grid | None = None,
) -> Path:
    """A terrain file of the hills, by default 0.05 degree and larger than the coarse grid."""
    grid = grid or lattice(36.0, 28.0, 107.0, 116.0, 0.05)
    values = hills(grid.latitude, grid.longitude) * factor
    coords = {"latitude": grid.latitude, "longitude": grid.longitude}
    xr.Dataset({name: (("latitude", "longitude"), values, {"units": units})}, coords).to_netcdf(path)
    return path


AT_ONCE = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tasks.prepare.terrain import read_statics

def read(_):
    return sum(read_statics(Path(sys.argv[1]))[0]["height"].sum() for _ in range(100))

with ThreadPoolExecutor(4) as pool:
    assert len(set(pool.map(read, range(4)))) == 1
"""


def test_cycles_that_are_made_at_once_in_one_process_read_the_same_file(tmp_path: Path) -> None:
    """As a backfill does: libnetcdf is for one thread at a time, and ended the process with a bus error."""
    file = terrain(tmp_path / "terrain.nc")
    done = subprocess.run([sys.executable, "-c", AT_ONCE, str(file)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("units", ["m2 s-2", "m**2 s**-2"])
def test_geopotential_and_metres_give_the_same_heights(units: str, tmp_path: Path) -> None:
    metres, grid = read_heights(terrain(tmp_path / "metres.nc"))
    from_geopotential, same = read_heights(terrain(tmp_path / "z.nc", units=units, name="z", factor=GRAVITY))
    assert grid == same
    assert metres.dtype == np.float32
    np.testing.assert_allclose(from_geopotential, metres, rtol=1e-6)
    np.testing.assert_allclose(metres, hills(grid.latitude, grid.longitude), rtol=1e-6)


@pytest.mark.parametrize("units", ["", "km", "ft", "Pa"])
def test_units_that_are_no_height_are_refused(units: str, tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile) as refused:
        read_heights(terrain(tmp_path / "odd.nc", units=units))
    for part in ("odd.nc", "elevation", repr(units), "m2 s-2", "or m "):
        assert part in str(refused.value)


def test_geopotential_labelled_as_metres_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorruptField, match=r"wrong\.nc: elevation: heights .* m are not on Earth \(units 'm'\)"):
        read_heights(terrain(tmp_path / "wrong.nc", factor=GRAVITY))


def test_file_without_terrain_is_refused_with_the_names_looked_for(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"sea\.nc: no terrain in it; looked for z, elevation"):
        read_heights(terrain(tmp_path / "sea.nc", name="depth"))


def test_nothing_but_missing_values_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorruptField, match=r"void\.nc"):
        read_heights(terrain(tmp_path / "void.nc", factor=float("nan")))


def test_missing_heights_are_the_sea(tmp_path: Path) -> None:
    path = terrain(tmp_path / "coast.nc")
    with xr.open_dataset(path) as ds:
        ds.where(ds.longitude > 112).to_netcdf(tmp_path / "holed.nc")
    values, grid = read_heights(tmp_path / "holed.nc")
    assert (values[:, grid.longitude <= 112] == 0).all()
    assert np.isfinite(values).all()


@pytest.mark.parametrize("rows_first", [True, False])
def test_other_orders_and_a_time_dimension_are_read(rows_first: bool, tmp_path: Path) -> None:
    with xr.open_dataset(terrain(tmp_path / "plain.nc")) as ds:
        turned = ds.isel(latitude=slice(None, None, -1)).assign_coords(longitude=ds.longitude + 360.0)
        turned = turned.expand_dims(time=[0])
        turned = turned if rows_first else turned.transpose("longitude", "time", "latitude")
        turned.to_netcdf(tmp_path / "turned.nc")
    values, grid = read_heights(tmp_path / "turned.nc")
    np.testing.assert_allclose(values, hills(grid.latitude, grid.longitude), rtol=1e-6)
    assert grid.west == 107.0


def grib_terrain(path: Path) -> Path:
    """The demo's first message as geopotential of hills."""
    with DEMO_GRIB.open("rb") as file:
        handle = eccodes.codes_grib_new_from_file(file)
    eccodes.codes_set(handle, "paramId", 129)
    values = hills(40.0 - 0.25 * np.arange(81), 100.0 + 0.25 * np.arange(101)) * GRAVITY
    eccodes.codes_set_values(handle, values.ravel())
    path.write_bytes(eccodes.codes_get_message(handle))
    eccodes.codes_release(handle)
    return path


def test_geopotential_in_grib_is_read(tmp_path: Path) -> None:
    values, grid = read_heights(grib_terrain(tmp_path / "z.grib2"))
    assert grid == lattice(40.0, 20.0, 100.0, 125.0, 0.25)
    np.testing.assert_allclose(values, hills(grid.latitude, grid.longitude), atol=0.05)


@pytest.mark.parametrize("kept", [4, 100, -1])
def test_truncated_grib_terrain_is_refused(kept: int, tmp_path: Path) -> None:
    path = grib_terrain(tmp_path / "z.grib2")
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UnreadableFile, match=r"z\.grib2"):
        read_heights(path)


def test_coarse_height_is_the_mean_of_the_fine_heights_in_its_cell(tmp_path: Path) -> None:
    found = static_fields(terrain(tmp_path / "terrain.nc"), COARSE, TARGET, TARGET, CELL_MEANS)
    fine = TARGET.extended(*[found.margin] * 4)
    row, col = COARSE.latitude.tolist().index(32.0), COARSE.longitude.tolist().index(111.5)
    rows = np.abs(fine.latitude - 32.0) < 0.125
    cols = np.abs(fine.longitude - 111.5) < 0.125
    assert (rows.sum(), cols.sum()) == (5, 5)
    assert found.coarse["height"][row, col] == pytest.approx(found.fine["height"][np.ix_(rows, cols)].mean(), rel=1e-6)
    inner = [i for i, v in enumerate(COARSE.latitude) if fine.south + 0.1 <= v <= fine.north - 0.1]
    means = [found.fine["height"][np.abs(fine.latitude - COARSE.latitude[i]) < 0.125][:, cols].mean() for i in inner]
    np.testing.assert_allclose(found.coarse["height"][inner, col], means, rtol=1e-6)


def test_fine_heights_are_those_of_the_file_with_a_margin_on_every_side(tmp_path: Path) -> None:
    found = static_fields(terrain(tmp_path / "terrain.nc"), COARSE, TARGET, TARGET, CELL_MEANS)
    assert found.margin == margin_for(5.0)
    fine = TARGET.extended(*[found.margin] * 4)
    assert found.fine["height"].shape == (fine.rows, fine.cols)
    assert found.coarse["height"].shape == (COARSE.rows, COARSE.cols)
    assert found.fine["height"].dtype == found.coarse["height"].dtype == np.float32
    np.testing.assert_allclose(found.fine["height"], hills(fine.latitude, fine.longitude), rtol=1e-5)


@pytest.mark.parametrize("scale", [1.0, 2.5, 5.0, 7.3])
def test_margin_holds_the_input_cells_that_the_target_cuts(scale: float) -> None:
    assert margin_for(scale) >= scale
    assert margin_for(scale + 1) == margin_for(scale) + 1


def test_finer_terrain_is_averaged_over_the_targets_cells(tmp_path: Path) -> None:
    fine = lattice(36.0, 28.0, 107.0, 116.0, 0.01)
    checkerboard = (np.indices((fine.rows, fine.cols)).sum(axis=0) % 2) * 1000.0
    coords = {"latitude": fine.latitude, "longitude": fine.longitude}
    xr.Dataset({"z": (("latitude", "longitude"), checkerboard, {"units": "m"})}, coords).to_netcdf(tmp_path / "fine.nc")
    found = static_fields(tmp_path / "fine.nc", COARSE, TARGET, TARGET, CELL_MEANS)
    np.testing.assert_allclose(found.fine["height"], 500.0, atol=25.0)
    np.testing.assert_allclose(found.coarse["height"], 500.0, atol=5.0)


def rough(path: Path, spacing: float) -> tuple[Path, np.ndarray, Grid]:
    """Terrain that is another in every cell, and its heights (rows, cols)."""
    grid = lattice(36.0, 28.0, 107.0, 116.0, spacing)
    heights = np.random.default_rng(0).uniform(0, 2000, (grid.rows, grid.cols))
    coords = {"latitude": grid.latitude, "longitude": grid.longitude}
    ds = xr.Dataset({"z": (("latitude", "longitude"), heights, {"units": "m"})}, coords)
    ds.to_netcdf(path)
    return path, heights, grid


def degrees(width: float) -> Operator:
    """Samples of a model with cells of so many degrees."""
    return Operator(Sampling.SAMPLES, width * DEGREE)


def around(heights: np.ndarray, grid: Grid, latitude: float, longitude: float, cells: int) -> float:
    """The mean of `cells` a side about a point of the grid; an odd number."""
    i, j = np.abs(grid.latitude - latitude).argmin(), np.abs(grid.longitude - longitude).argmin()
    half = cells // 2
    return float(heights[i - half : i + half + 1, j - half : j + half + 1].mean())


@pytest.mark.parametrize("cells", [5, 7, 9])
def test_heights_of_an_elevation_model_are_averaged_as_the_input_s_model_smooths_them(
    cells: int, tmp_path: Path
) -> None:
    path, heights, grid = rough(tmp_path / "rough.nc", 0.05)
    footprint = brentq(lambda f: Operator(Sampling.SAMPLES, f).terrain - cells * 0.05 * DEGREE, 0.0, 100.0)
    found = static_fields(path, COARSE, TARGET, TARGET, Operator(Sampling.SAMPLES, footprint)).coarse["height"]
    assert found.shape == (COARSE.rows, COARSE.cols)
    for i, j in ((0, 0), (7, 11), (20, 24)):
        want = around(heights, grid, COARSE.latitude[i], COARSE.longitude[j], cells)
        assert found[i, j] == pytest.approx(want, rel=1e-4), (i, j)


def test_a_model_s_terrain_is_smoother_than_its_cells() -> None:
    assert IFS.terrain == pytest.approx(25, abs=1)
    assert ERA5.terrain == pytest.approx(55, abs=1)


def test_heights_as_coarse_as_a_model_s_cells_are_its_own_and_land_is_never_smoothed(tmp_path: Path) -> None:
    """Heights are read, no wider than their own points."""
    path, heights, grid = rough(tmp_path / "rough.nc", 0.15)
    with xr.open_dataset(path) as ds:
        ds.assign(lsm=(("latitude", "longitude"), heights / 2000)).to_netcdf(tmp_path / "both.nc")
    found = static_fields(tmp_path / "both.nc", COARSE, TARGET, TARGET, degrees(0.15)).coarse["height"]
    fine, _, small = rough(tmp_path / "fine.nc", 0.05)
    with xr.open_dataset(fine) as ds:
        ds.assign(lsm=ds["z"] / 2000).drop_attrs().assign(z=ds["z"]).to_netcdf(tmp_path / "fine_both.nc")
    i, j = COARSE.latitude.tolist().index(32.0), COARSE.longitude.tolist().index(111.5)
    near = np.abs(grid.latitude - 32.0) <= 0.15, np.abs(grid.longitude - 111.5) <= 0.15
    assert heights[np.ix_(*near)].min() <= found[i, j] <= heights[np.ix_(*near)].max()
    land = static_fields(tmp_path / "fine_both.nc", COARSE, TARGET, TARGET, degrees(0.15)).coarse["land"]
    with xr.open_dataset(fine) as ds:
        want = around(ds["z"].values, small, 32.0, 111.5, 3) / 2000
    assert land[i, j] == pytest.approx(want, rel=1e-4)


def test_a_model_s_own_terrain_at_the_input_s_points_is_taken_as_it_is(tmp_path: Path) -> None:
    """ERA5's is of 31 km on points 0.25 degree apart: averaged over its footprint it would be another's."""
    path, heights, grid = rough(tmp_path / "rough.nc", 0.25)
    found = static_fields(path, COARSE, TARGET, TARGET, degrees(0.279)).coarse["height"]
    rows, cols = ([axis.tolist().index(v) for v in there] for axis, there in (
        (grid.latitude, COARSE.latitude), (grid.longitude, COARSE.longitude)))  # fmt: skip
    np.testing.assert_allclose(found, heights[np.ix_(rows, cols)], rtol=1e-5)


def test_where_terrain_is_coarser_than_the_footprint_heights_of_samples_are_read_linearly(tmp_path: Path) -> None:
    path, heights, grid = rough(tmp_path / "rough.nc", 0.5)
    found = static_fields(path, COARSE, lattice(33.0, 31.0, 110.0, 113.0, 0.5), TARGET, degrees(0.1)).coarse["height"]
    i, j = COARSE.latitude.tolist().index(32.0), COARSE.longitude.tolist().index(111.0)
    row, col = grid.latitude.tolist().index(32.0), grid.longitude.tolist().index(111.0)
    assert found[i, j] == pytest.approx(heights[row, col], rel=1e-5)
    assert found[i, j + 1] == pytest.approx(heights[row, col : col + 2].mean(), rel=1e-5)
    assert found[i + 1, j + 1] == pytest.approx(heights[row : row + 2, col : col + 2].mean(), rel=1e-5)


def test_heights_at_the_target_are_not_wider_than_the_footprint(tmp_path: Path) -> None:
    """A target of 0.15 degree asks for samples of a 0.05 degree field all the same; of cell means, for its cells."""
    path, heights, grid = rough(tmp_path / "rough.nc", 0.05)
    target = lattice(33.0, 31.5, 110.0, 112.4, 0.15)
    lat, lon = target.latitude[4], target.longitude[6]
    for operator, cells in ((degrees(0.05), 1), (degrees(0.45), 3), (CELL_MEANS, 3)):
        found = static_fields(path, COARSE, target, target, operator)
        m = found.margin
        height = found.fine["height"][4 + m, 6 + m]
        assert height == pytest.approx(around(heights, grid, lat, lon, cells), rel=1e-4), operator


@pytest.mark.parametrize("spacing", [0.05, 0.1, 0.3])
def test_where_the_target_lies_changes_little_in_the_input_s_heights(spacing: float, tmp_path: Path) -> None:
    path = terrain(tmp_path / "terrain.nc", grid=lattice(36.0, 28.0, 107.0, 116.0, spacing))
    shifted = Grid(TARGET.north - 0.021, TARGET.west + 0.017, TARGET.dlat, TARGET.dlon, TARGET.rows, TARGET.cols)
    for operator, change in ((IFS, 1e-5), (ERA5, 1e-5), (CELL_MEANS, 0.01)):
        one, other = (static_fields(path, COARSE, t, t, operator).coarse["height"] for t in (TARGET, shifted))
        assert np.abs(one - other).max() < change * one.std(), operator


def test_finer_targets_of_samples_go_through_the_terrain_s_own_points(tmp_path: Path) -> None:
    """As fields go through their samples; of means the cells' means are kept instead."""
    path, heights, grid = rough(tmp_path / "rough.nc", 0.25)
    at = [np.flatnonzero(np.isclose((v / 0.25) % 1, 0)) for v in (TARGET.latitude, TARGET.longitude)]
    rows, cols = (np.abs(a[:, None] - b).argmin(axis=1) for a, b in (
        (TARGET.latitude[at[0]], grid.latitude), (TARGET.longitude[at[1]], grid.longitude)
    ))  # fmt: skip
    assert (len(rows), len(cols)) == (9, 13)
    for operator, passes in ((IFS, True), (CELL_MEANS, False)):
        found = static_fields(path, COARSE, TARGET, TARGET, operator)
        m = found.margin
        fine = found.fine["height"][m:-m, m:-m][np.ix_(*at)]
        assert np.allclose(fine, heights[np.ix_(rows, cols)], atol=0.1) == passes, operator


def test_around_the_earth_heights_of_samples_have_no_seam(tmp_path: Path) -> None:
    globe = Grid(89.5, -180.0, 1.0, 1.0, 180, 360)
    wave = np.sin(np.deg2rad(globe.longitude))[None, :] * np.cos(np.deg2rad(globe.latitude))[:, None]
    coords = {"latitude": globe.latitude, "longitude": globe.longitude}
    path = tmp_path / "globe.nc"
    ds = xr.Dataset({"z": (("latitude", "longitude"), 1000 + 900 * wave, {"units": "m"})}, coords)
    ds.to_netcdf(path)
    coarse, target = Grid(88.0, -180.0, 2.0, 2.0, 89, 180), Grid(60.0, -180.0, 1.0, 1.0, 121, 360)
    for footprint in (0.5, 3.0):
        found = static_fields(path, coarse, target, target, degrees(footprint)).coarse["height"]
        assert found.shape == (89, 180)
        np.testing.assert_allclose(found[:, 1:] + found[:, :0:-1], 2000, atol=0.1)  # east as west of Greenwich
        np.testing.assert_allclose(found[:, 0], 1000, atol=0.1)  # amid a slope of 16 m a degree


@pytest.mark.parametrize("operator", [CELL_MEANS, IFS, ERA5])
def test_terrain_that_ends_inside_the_halo_repeats_its_edge(operator: Operator, tmp_path: Path) -> None:
    short = terrain(tmp_path / "short.nc", grid=lattice(33.2, 30.8, 109.8, 113.2, 0.05))
    found = static_fields(short, COARSE, TARGET, TARGET, operator)
    assert np.isfinite(found.coarse["height"]).all()
    m = found.margin
    np.testing.assert_allclose(found.fine["height"][m:-m, m:-m], hills(TARGET.latitude, TARGET.longitude), rtol=1e-5)
    assert found.coarse["height"][0, 0] == pytest.approx(found.coarse["height"][1, 0], rel=1e-6)


def test_terrain_that_does_not_cover_is_refused_with_both_areas(tmp_path: Path) -> None:
    short = terrain(tmp_path / "short.nc", grid=lattice(32.5, 30.0, 109.0, 114.0, 0.05))
    with pytest.raises(RegionOutsideInput) as refused:
        static_fields(short, COARSE, TARGET, TARGET, IFS)
    for part in ("short.nc", "30..32.5N", "31..33N"):
        assert part in str(refused.value)


def with_land(path: Path, factor: float = 1.0, name: str = "lsm") -> Path:
    """The hills with land east of 111E."""
    with xr.open_dataset(terrain(path)) as ds:
        ds = ds.load()
    land = np.broadcast_to(ds.longitude.values > 111, ds.elevation.shape) * factor
    path.unlink()
    ds.assign({name: (("latitude", "longitude"), land)}).to_netcdf(path)
    return path


@pytest.mark.parametrize("name", ["lsm", "land"])
def test_land_is_read_where_the_file_has_it(name: str, tmp_path: Path) -> None:
    found = static_fields(with_land(tmp_path / "coast.nc", name=name), COARSE, TARGET, TARGET, CELL_MEANS)
    assert sorted(found.fine) == ["height", "land"]
    fine = TARGET.extended(*[found.margin] * 4)
    np.testing.assert_allclose(found.fine["land"][0], fine.longitude > 111, atol=1e-6)
    col = COARSE.longitude.tolist().index(111.0)
    assert found.coarse["land"][5, [col - 1, col + 1]].tolist() == [0.0, 1.0]
    assert 0.3 < found.coarse["land"][5, col] < 0.7
    assert list(read_statics(terrain(tmp_path / "inland.nc"))[0]) == ["height"]


def test_land_in_percent_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorruptField, match=r"percent\.nc: lsm: land fractions have to lie in 0\.\.1"):
        read_statics(with_land(tmp_path / "percent.nc", factor=100.0))


def test_shipped_terrain_fits_the_shipped_region() -> None:
    hubei = regions.load("hubei")
    assert hubei.terrain_file is not None
    coarse = lattice(36.0, 26.0, 105.0, 119.0, 0.25)
    found = static_fields(hubei.terrain_file, coarse, hubei.target, hubei.target, IFS)
    m = found.margin
    inside = found.fine["height"][m:-m, m:-m]
    assert inside.shape == (hubei.target.rows, hubei.target.cols)
    assert -30 < inside.min() < 50  # the Yangtze's plain, with the ripples of a spectral model's terrain
    assert 1800 < inside.max() < 3200  # Shennongjia
