"""The terrain that comes with an input is its height, whatever an elevation model says of the same place."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from models.constants import GRAVITY
from tasks.acquire.files import local_files
from tasks.arrays import open_zarr
from tasks.packages import open_package
from tasks.prepare import prepare, prepare_files
from tasks.region import search
from tasks.region.document import Region
from tests.conftest import DEMO_GRIB, RegionMaker
from tests.grib import messages, rippled, terrain_message

HALO = 5


@pytest.fixture
def region(make_region: RegionMaker) -> Region:
    return search.load(str(make_region()))


def high(latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    return 3000.0 + 0 * latitude


def beyond(latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    return 20_000.0 + 0 * latitude


def heights_of(files: list[Path], region: Region) -> tuple[np.ndarray, np.ndarray]:
    """Heights (rows, cols) of the input that preparation hands on, and `rippled` at the same points."""
    assembled, prepared = prepare_files([str(f) for f in files], region, HALO)
    assert prepared.statics is not None
    grid = assembled.grid
    return prepared.statics.coarse["height"], rippled(*np.meshgrid(grid.latitude, grid.longitude, indexing="ij"))


@pytest.fixture
def grib(tmp_path: Path) -> Path:
    path = tmp_path / "terrain.grib2"
    path.write_bytes(terrain_message(messages(DEMO_GRIB)[0], rippled))
    return path


def test_of_grib_it_is_the_geopotential_at_the_surface(grib: Path, region: Region) -> None:
    found, want = heights_of([DEMO_GRIB, grib], region)
    np.testing.assert_allclose(found, want, atol=0.05)
    without, _ = heights_of([DEMO_GRIB], region)
    assert np.abs(without - want).max() > 50, "what the region's file says is another"


def test_a_product_says_whose_heights_it_started_from(grib: Path, region: Region, tmp_path: Path) -> None:
    halo = open_package(region.model).halo
    for files, source in (
        ([DEMO_GRIB, grib], "terrain of the model that made the input"),
        ([DEMO_GRIB], "elevations of the region, read at the points of the input"),
    ):
        raw = local_files([str(f) for f in files])
        info = prepare.fn(raw, region, None, str(tmp_path / "store"), str(tmp_path), halo)
        assert open_zarr(info.product, "input")["surface_altitude"].attrs["source"] == source
        assert "source" not in open_zarr(info.product)["surface_altitude"].attrs


def test_fields_and_what_is_wanted_at_the_target_stay_as_they_are(grib: Path, region: Region) -> None:
    one, other = (prepare_files([str(f) for f in files], region, HALO) for files in ([DEMO_GRIB, grib], [DEMO_GRIB]))
    xr.testing.assert_equal(one[1].fields, other[1].fields)
    assert one[0].others == other[0].others, "it is no field that is left over"
    assert one[1].statics is not None
    assert other[1].statics is not None
    for name in ("height", "land"):
        np.testing.assert_array_equal(one[1].statics.fine[name][:], other[1].statics.fine[name][:])
    np.testing.assert_array_equal(one[1].statics.coarse["land"], other[1].statics.coarse["land"])


def netcdf(path: Path, name: str, units: str, factor: float, **more: object) -> Path:
    """Temperature and terrain on the grid of Hubei and around, every 0.25 degree."""
    latitude, longitude = np.arange(36.0, 26.0, -0.25), np.arange(105.0, 120.0, 0.25)
    coords = {"latitude": latitude, "longitude": longitude, "time": np.datetime64("2026-01-01T00", "ns")}
    heights = rippled(*np.meshgrid(latitude, longitude, indexing="ij"))
    ds = xr.Dataset({"t2m": (("latitude", "longitude"), 290.0 - 0.0065 * heights, {"units": "K"})}, coords)
    ds[name] = (("latitude", "longitude"), factor * heights, {"units": units, **more})
    ds.to_netcdf(path)
    return path


@pytest.mark.parametrize(
    ("name", "units", "factor", "more"),
    [
        ("z", "m**2 s**-2", GRAVITY, {}),
        ("orog", "m", 1.0, {}),
        ("geopotential_at_surface", "m^2/s^2", GRAVITY, {}),
        ("hgt_sfc", "m", 1.0, {"standard_name": "surface_altitude"}),
    ],
)
def test_of_netcdf_it_is_what_is_called_so(
    name: str, units: str, factor: float, more: dict[str, object], make_region: RegionMaker, tmp_path: Path
) -> None:
    region = search.load(str(make_region(variables=["t2m"], required=["t2m"])))
    found, want = heights_of([netcdf(tmp_path / "a.nc", name, units, factor, **more)], region)
    np.testing.assert_allclose(found, want, atol=0.01)


def test_geopotential_of_a_pressure_level_is_none(make_region: RegionMaker, tmp_path: Path) -> None:
    region = search.load(str(make_region(variables=["t2m"], required=["t2m"])))
    file = netcdf(tmp_path / "a.nc", "z", "m**2 s**-2", GRAVITY)
    with xr.open_dataset(file) as ds:
        level = ds.assign_coords(level=850).load()
    level["z"] = level["z"].expand_dims(level=[850])
    level.to_netcdf(tmp_path / "b.nc")
    found, want = heights_of([tmp_path / "b.nc"], region)
    assert np.abs(found - want).max() > 50


def test_terrain_unlike_the_region_s_is_left_aside_with_a_warning(
    tmp_path: Path, region: Region, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "high.grib2"
    file.write_bytes(terrain_message(messages(DEMO_GRIB)[0], high))
    with caplog.at_level(logging.WARNING):
        found, _ = heights_of([DEMO_GRIB, file], region)
    np.testing.assert_array_equal(found, heights_of([DEMO_GRIB], region)[0])
    assert "from the region's, and is not used" in caplog.text


def test_heights_that_are_not_on_earth_are_left_aside_and_named(
    tmp_path: Path, region: Region, caplog: pytest.LogCaptureFixture
) -> None:
    """Geopotential of 50 hPa that does not say so, for instance: its fields are as good as without it."""
    file = tmp_path / "beyond.grib2"
    file.write_bytes(terrain_message(messages(DEMO_GRIB)[0], beyond))
    with caplog.at_level(logging.WARNING):
        found, _ = heights_of([DEMO_GRIB, file], region)
    np.testing.assert_array_equal(found, heights_of([DEMO_GRIB], region)[0])
    assert re.search(r"beyond.grib2 message 1 \(z\): heights 20000.*not on Earth.*its terrain is not used", caplog.text)


def test_a_unit_of_no_height_is_named_too(
    make_region: RegionMaker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    region = search.load(str(make_region(variables=["t2m"], required=["t2m"])))
    with caplog.at_level(logging.WARNING):
        found, want = heights_of([netcdf(tmp_path / "a.nc", "z", "K", 1.0)], region)
    assert np.abs(found - want).max() > 50
    assert "z has units 'K'" in caplog.text
