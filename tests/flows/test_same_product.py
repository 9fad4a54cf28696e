"""However the same fields are written, the product is the same: GRIB or NetCDF, any packing, order and direction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cfgrib
import eccodes
import numpy as np
import pytest
import xarray as xr

from tasks.arrays import open_zarr
from tasks.downscale.fields import downscale_fields
from tasks.downscale.predict import make_plan
from tasks.grids.box import Box
from tasks.packages import open_package
from tasks.prepare import prepare_files
from tasks.region import search as regions
from tasks.region.document import Region
from tasks.store.packing import round_field
from tasks.variables import VARIABLES
from tests.conftest import DEMO_GRIB, RegionMaker
from tests.flows.conftest import CommandLine, GribMaker

PACKING = 1e-3  # of each variable's standard deviation: 16 bits resolve 1e-4 of it, the network may multiply that
ROUNDING = 1e-4  # the same, where only coordinates differ: float32 in the network's queries


@dataclass(frozen=True)
class Made:
    """Fields as they were decoded for a region, and the product."""

    fields: xr.Dataset
    product: xr.Dataset


def make(files: list[Path], region: Region) -> Made:
    """What the flow makes of files, without Prefect and without a store."""
    package = open_package(region.model)
    _, prepared = prepare_files([str(file) for file in files], region, package.halo)
    network = package.load()
    plan = make_plan(prepared.grid, region.target, prepared.operator, halo=package.halo, reach=network.reach)
    return Made(prepared.fields, downscale_fields(prepared, plan, network, package.variables))


def rounded(product: xr.Dataset) -> xr.Dataset:
    """As it is published."""
    names = [n for n in VARIABLES if n in product]
    return product.assign({n: product[n].copy(data=round_field(n, product[n].values.copy())) for n in names})


def part_of_hubei() -> Region:
    """The mountains in the west and the plain, for speed."""
    return regions.load("hubei").model_copy(update={"box": Box(north=32.0, south=30.0, west=110.0, east=113.0)})


@pytest.fixture(scope="module")
def demo() -> Made:
    """The product of the demo's GRIB as it is shipped."""
    return make([DEMO_GRIB], part_of_hubei())


def assert_same(product: xr.Dataset, expected: xr.Dataset, tolerance: float) -> None:
    """Same coordinates and variables; values within `tolerance` of each variable's standard deviation."""
    names = [name for name in VARIABLES if name in expected]
    assert [name for name in VARIABLES if name in product] == names
    for name in ("step", "time", "valid_time", "latitude", "longitude", "step_bounds"):
        np.testing.assert_array_equal(product[name].values, expected[name].values, err_msg=name)
    for name in names:
        allowed = tolerance * float(expected[name].std())
        np.testing.assert_allclose(product[name].values, expected[name].values, rtol=0, atol=allowed, err_msg=name)


# --- the demo's fields, written otherwise: a folder -> files ---------------------------------------------------------

Writer = Callable[[Path, GribMaker], list[Path]]


def unpacked(handle: int) -> np.ndarray:
    """Values (rows, columns) as the message has them."""
    shape = eccodes.codes_get(handle, "Nj"), eccodes.codes_get(handle, "Ni")
    return np.asarray(eccodes.codes_get_values(handle)).reshape(shape)


def set_keys(handle: int, **keys: float | str) -> None:
    for key, value in keys.items():
        eccodes.codes_set(handle, key, value)


def rising_latitudes(folder: Path, rewrite: GribMaker) -> list[Path]:
    def change(_: str, handle: int) -> None:
        values = unpacked(handle)
        north, south = (eccodes.codes_get(handle, f"latitudeOf{w}GridPointInDegrees") for w in ("First", "Last"))
        set_keys(
            handle,
            jScansPositively=1,
            latitudeOfFirstGridPointInDegrees=south,
            latitudeOfLastGridPointInDegrees=north,
        )
        eccodes.codes_set_values(handle, values[::-1].ravel())

    return [rewrite(DEMO_GRIB, folder / "rising.grib2", change)]


def falling_longitudes(folder: Path, rewrite: GribMaker) -> list[Path]:
    def change(_: str, handle: int) -> None:
        values = unpacked(handle)
        west, east = (eccodes.codes_get(handle, f"longitudeOf{w}GridPointInDegrees") for w in ("First", "Last"))
        set_keys(
            handle,
            iScansNegatively=1,
            longitudeOfFirstGridPointInDegrees=east,
            longitudeOfLastGridPointInDegrees=west,
        )
        eccodes.codes_set_values(handle, values[:, ::-1].ravel())

    return [rewrite(DEMO_GRIB, folder / "falling.grib2", change)]


def columns_first(folder: Path, rewrite: GribMaker) -> list[Path]:
    def change(_: str, handle: int) -> None:
        values = unpacked(handle)
        set_keys(handle, jPointsAreConsecutive=1)
        eccodes.codes_set_values(handle, values.T.ravel())

    return [rewrite(DEMO_GRIB, folder / "columns.grib2", change)]


def simple_packing(folder: Path, rewrite: GribMaker) -> list[Path]:
    def change(_: str, handle: int) -> None:
        values = unpacked(handle)
        set_keys(handle, packingType="grid_simple")
        eccodes.codes_set_values(handle, values.ravel())

    return [rewrite(DEMO_GRIB, folder / "simple.grib2", change)]


def grib1(folder: Path, rewrite: GribMaker) -> list[Path]:
    (simple,) = simple_packing(folder, rewrite)  # the edition has no other packing that is in use
    return [rewrite(simple, folder / "demo.grib1", lambda _, handle: set_keys(handle, edition=1))]


def backwards_with_others(folder: Path, rewrite: GribMaker) -> list[Path]:
    """Messages in reverse order between fields that nobody asked for."""
    plain = rewrite(DEMO_GRIB, folder / "plain.grib2", lambda *_: True, backwards=True)

    def skin(name: str, handle: int) -> bool:
        set_keys(handle, paramId=235)
        return name == "2t"

    def upper_air(name: str, handle: int) -> bool:
        set_keys(handle, typeOfLevel="isobaricInhPa", level=850, paramId=130)
        return name == "2t"

    others = [rewrite(DEMO_GRIB, folder / f"{f.__name__}.grib2", f).read_bytes() for f in (skin, upper_air)]
    mixed = folder / "mixed.grib2"
    mixed.write_bytes(others[0] + plain.read_bytes() + others[1])
    return [mixed]


def one_file_a_variable(folder: Path, rewrite: GribMaker) -> list[Path]:
    names = ["tp", "msl", "sp", "10v", "10u", "2d", "2t"]
    return [rewrite(DEMO_GRIB, folder / f"{n}.grib2", lambda name, _, n=n: name == n) for n in names]


def as_dataset() -> xr.Dataset:
    """The demo as cfgrib gives it, with single `time` and `step`."""
    with xr.set_options(use_new_combine_kwarg_defaults=True):
        parts = cfgrib.open_datasets(str(DEMO_GRIB), backend_kwargs={"indexpath": ""})
        return xr.merge(parts, compat="override").load()


def netcdf(folder: Path, rewrite: GribMaker) -> list[Path]:
    as_dataset().to_netcdf(folder / "demo.nc")
    return [folder / "demo.nc"]


def netcdf_a_turn_east(folder: Path, rewrite: GribMaker) -> list[Path]:
    ds = as_dataset()
    ds.assign_coords(longitude=ds.longitude + 360.0).to_netcdf(folder / "turn.nc")
    return [folder / "turn.nc"]


def netcdf_of_other_names_and_units(folder: Path, rewrite: GribMaker) -> list[Path]:
    """Rising latitudes, transposed, a `step` dimension, lat and lon, °C, hPa and mm."""
    ds = as_dataset().rename(latitude="lat", longitude="lon", t2m="2t")
    for name, units, factor, offset in (("2t", "degC", 1, -273.15), ("sp", "hPa", 0.01, 0), ("tp", "mm", 1000, 0)):
        ds[name] = (ds[name].astype("float64") * factor + offset).assign_attrs(units=units)
    ds = ds.isel(lat=slice(None, None, -1)).drop_vars("valid_time").expand_dims("step").transpose("lon", "step", "lat")
    ds.to_netcdf(folder / "names.nc")
    return [folder / "names.nc"]


def zarr(folder: Path, rewrite: GribMaker) -> list[Path]:
    as_dataset().to_zarr(folder / "demo.zarr")
    return [folder / "demo.zarr"]


@pytest.mark.parametrize(
    "write", [backwards_with_others, one_file_a_variable, netcdf, netcdf_a_turn_east, zarr], ids=lambda f: f.__name__
)
def test_the_same_numbers_give_the_same_product_bit_for_bit(
    write: Writer, demo: Made, rewrite: GribMaker, tmp_path: Path
) -> None:
    made = make(write(tmp_path, rewrite), part_of_hubei())
    xr.testing.assert_equal(made.fields, demo.fields)
    assert_same(made.product, demo.product, tolerance=0.0)


@pytest.mark.parametrize(
    "write",
    [
        rising_latitudes,
        falling_longitudes,
        columns_first,
        simple_packing,
        grib1,
        netcdf_of_other_names_and_units,
    ],
    ids=lambda f: f.__name__,
)
def test_fields_packed_anew_give_the_same_product_within_the_packing(
    write: Writer, demo: Made, rewrite: GribMaker, tmp_path: Path
) -> None:
    assert_same(make(write(tmp_path, rewrite), part_of_hubei()).product, demo.product, PACKING)


def test_a_region_across_0_degrees_is_read_from_longitudes_of_0_to_360(
    rewrite: GribMaker, make_region: RegionMaker, tmp_path: Path
) -> None:
    """The demo moved west so that the region lies across Greenwich, where a file of 0..360 falls into two parts."""
    west = 112.25  # a multiple of both spacings: the target's points keep their places among the input's

    def change(_: str, handle: int) -> None:
        for end in ("First", "Last"):
            key = f"longitudeOf{end}GridPointInDegrees"
            eccodes.codes_set(handle, key, (eccodes.codes_get(handle, key) - west) % 360.0)

    file = rewrite(DEMO_GRIB, tmp_path / "greenwich.grib2", change)
    box = {"north": 32.0, "south": 30.0, "west": 110.0, "east": 114.5}
    moved = box | {"west": box["west"] - west, "east": box["east"] - west}
    here = make([DEMO_GRIB], regions.load(str(make_region(name="here", box=box, terrain=None))))
    there = make([file], regions.load(str(make_region(name="there", box=moved, terrain=None))))
    np.testing.assert_allclose(there.product.longitude, here.product.longitude - west, rtol=0, atol=1e-9)
    assert float(there.product.longitude[0]) < 0 < float(there.product.longitude[-1])
    assert_same(there.product.assign_coords(longitude=here.product.longitude), here.product, ROUNDING)


# --- through the command line ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("write", [one_file_a_variable, netcdf_a_turn_east], ids=lambda f: f.__name__)
def test_run_publishes_the_same_product_from_files_written_otherwise(
    write: Writer, rewrite: GribMaker, finescale: CommandLine, prefect_server: None, tmp_path: Path
) -> None:
    expected = make([DEMO_GRIB], regions.load("hubei")).product
    inputs = [part for file in write(tmp_path, rewrite) for part in ("--input", file)]
    store = tmp_path / "store"
    result = finescale("run", "hubei", *inputs, "--store", store)
    assert result.exit_code == 0, result.output
    published = open_zarr(str(store / "hubei/file/2021/12/2021-12-10T12.zarr")).load()
    assert_same(published, rounded(expected), tolerance=0.0)
