"""Files of fields in the ways that people have them: read as what they say, or refused in words that help."""

from collections.abc import Callable
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import xarray as xr
import zarr

from tasks.errors import FinescaleError
from tasks.prepare.amounts import parse_rule
from tasks.prepare.assemble import Assembled, assemble
from tasks.prepare.decode import scanned
from tasks.variables import VARIABLES
from tests.conftest import DEMO_GRIB

GRIB = DEMO_GRIB.read_bytes()
START = np.datetime64("2026-05-30T00", "ns")
HOUR = np.timedelta64(1, "h").astype("timedelta64[ns]")
LAT, LON = np.arange(35.0, 33.0, -0.25), np.arange(110.0, 112.5, 0.25)
SHAPE = (3, len(LAT), len(LON))
T2M = (290 + np.arange(np.prod(SHAPE)).reshape(SHAPE) / 100).astype(np.float32)


def series(**variables: np.ndarray) -> xr.Dataset:
    """Fields (time, latitude, longitude) at three hours."""
    units = {"t2m": "K", "tas": "K", "u10": "m s-1", "uas": "m s-1", "vas": "m s-1", "ps": "Pa", "psl": "Pa", "tp": "m"}
    fields = {n: (("time", "latitude", "longitude"), v, {"units": units.get(n, "1")}) for n, v in variables.items()}
    return xr.Dataset(fields, {"time": START + np.arange(3) * HOUR, "latitude": LAT, "longitude": LON})


def read(path: Path) -> tuple[Assembled, xr.Dataset]:
    with scanned([path], set(VARIABLES)) as scan:
        assembled = assemble(scan, lambda grid: grid, list(VARIABLES), [], parse_rule(None))
        return assembled, assembled.load()


def times(fields: xr.Dataset) -> list[str]:
    return [str(t)[:13] for t in fields["valid_time"].values]


HOURS = ["2026-05-30T00", "2026-05-30T01", "2026-05-30T02"]


def absolute_time_of_cdo(path: Path) -> None:
    days = 20260530 + np.arange(3) / 24
    series(t2m=T2M).assign_coords(time=("time", days, {"units": "day as %Y%m%d.%f"})).to_netcdf(path)


def time_as_one_number(path: Path) -> None:
    series(t2m=T2M).assign_coords(time=("time", 2026053000 + np.arange(3))).to_netcdf(path)


def time_as_text(path: Path) -> None:
    texts = np.array([f"2026-05-30_0{h}:00:00" for h in range(3)])
    series(t2m=T2M).assign_coords(time=("time", texts)).to_netcdf(path)


def names_in_capitals(path: Path) -> None:
    names = {"latitude": "LATITUDE", "longitude": "LONGITUDE", "time": "TIME"}
    series(t2m=T2M).rename(names).to_netcdf(path)


def one_group(path: Path) -> None:
    with netCDF4.Dataset(path, "w") as file:
        file.title = "fields lie in a group"
    series(t2m=T2M).to_netcdf(path, group="surface", mode="a")


def dimensions_of_longitude_first(path: Path) -> None:
    series(t2m=T2M).transpose("time", "longitude", "latitude").to_netcdf(path)


def celsius_as_cf_spells_it(path: Path) -> None:
    ds = series(t2m=T2M - np.float32(273.15))
    ds.t2m.attrs["units"] = "degree_Celsius"
    ds.to_netcdf(path)


def names_of_weatherbench(path: Path) -> None:
    series(t2m=T2M).rename(t2m="2m_temperature").to_netcdf(path)


def names_of_dynamical(path: Path) -> None:
    series(t2m=T2M).rename(t2m="temperature_2m").to_netcdf(path)


def by_standard_name_and_height(path: Path) -> None:
    ds = series(t2m=T2M).rename(t2m="field").assign_coords(height=2.0)
    ds.field.attrs["standard_name"] = "air_temperature"
    ds.to_netcdf(path)


def final_and_preliminary_side_by_side(path: Path) -> None:
    both = np.stack([T2M, T2M], axis=1)
    both[2, 0] = both[:2, 1] = np.nan
    dims = ("time", "expver", "latitude", "longitude")
    ds = series(t2m=T2M).drop_vars("t2m").assign_coords(expver=[1, 5])
    ds.assign(t2m=(dims, both, {"units": "K"})).to_netcdf(path)


@pytest.mark.parametrize(
    "made",
    [
        absolute_time_of_cdo, time_as_one_number, time_as_text, names_in_capitals, one_group,
        dimensions_of_longitude_first, celsius_as_cf_spells_it, names_of_weatherbench, names_of_dynamical,
        by_standard_name_and_height, final_and_preliminary_side_by_side,
    ],
)  # fmt: skip
def test_these_are_read_as_what_they_say(made: Callable[[Path], None], tmp_path: Path) -> None:
    made(tmp_path / "file.nc")
    _, fields = read(tmp_path / "file.nc")
    assert times(fields) == HOURS
    np.testing.assert_allclose(fields.t2m, T2M, atol=4e-5)


def test_months_are_counted(tmp_path: Path) -> None:
    ds = series(t2m=T2M).assign_coords(time=("time", np.arange(3.0), {"units": "months since 2000-11-01"}))
    ds.to_netcdf(tmp_path / "file.nc")
    assert times(read(tmp_path / "file.nc")[1]) == ["2000-11-01T00", "2000-12-01T00", "2001-01-01T00"]


@pytest.mark.parametrize("calendar", ["noleap", "360_day"])
def test_dates_of_a_climate_models_calendar_are_dates(calendar: str, tmp_path: Path) -> None:
    units = {"units": "days since 2000-01-01", "calendar": calendar}
    series(t2m=T2M).assign_coords(time=("time", np.array([14.0, 44.0, 73.0]), units)).to_netcdf(tmp_path / "file.nc")
    assert times(read(tmp_path / "file.nc")[1])[0] == "2000-01-15T00"


def test_date_that_no_other_calendar_has_is_refused_and_the_remedy_works(tmp_path: Path) -> None:
    units = {"units": "days since 2000-01-01", "calendar": "360_day"}
    ds = series(t2m=T2M).assign_coords(time=("time", np.array([58.0, 59.0, 60.0]), units))
    ds.to_netcdf(tmp_path / "file.nc")  # 29 and 30 February, 1 March
    with pytest.raises(FinescaleError, match=r"file\.nc: calendar 360_day has a 2000-02-30.*convert_calendar"):
        read(tmp_path / "file.nc")
    with xr.open_dataset(tmp_path / "file.nc") as opened:
        opened.convert_calendar("standard", align_on="date").to_netcdf(tmp_path / "standard.nc")
    assert times(read(tmp_path / "standard.nc")[1]) == ["2000-02-29T00", "2000-03-01T00"]


def test_half_hours_belong_to_their_hour(tmp_path: Path) -> None:
    ds = series(t2m=T2M)
    ds.assign_coords(time=ds.time + HOUR / 2).to_netcdf(tmp_path / "file.nc")
    assembled, fields = read(tmp_path / "file.nc")
    assert (assembled.init.minute, assembled.lead_hours) == (0, [0.5, 1.5, 2.5])
    assert str(fields["valid_time"].values[0])[:16] == "2026-05-30T00:30"


def test_several_names_of_a_model_are_all_read(tmp_path: Path) -> None:
    wind, pressure = np.zeros(SHAPE, np.float32), np.full(SHAPE, 1e5, np.float32)
    ds = series(tas=T2M, uas=wind, vas=wind, ps=pressure, psl=pressure, clt=wind, clivi=wind)
    ds.to_netcdf(tmp_path / "file.nc")
    assembled, fields = read(tmp_path / "file.nc")
    assert set(fields.data_vars) == {"t2m", "u10", "v10", "sp", "msl", "tcc"}
    assert assembled.others == ["clivi"], "what is not used is named"


def test_extreme_of_a_day_is_no_field_of_a_moment(tmp_path: Path) -> None:
    ds = series(t2m=T2M)
    ds.t2m.attrs["cell_methods"] = "time: maximum"
    ds.to_netcdf(tmp_path / "file.nc")
    with pytest.raises(FinescaleError, match=r"it has t2m \(maximum\)"):
        read(tmp_path / "file.nc")


def test_spread_in_cell_methods_is_no_wind(tmp_path: Path) -> None:
    ds = series(u10=np.full(SHAPE, 0.5, np.float32))
    ds.u10.attrs["cell_methods"] = "realization: standard_deviation"
    ds.to_netcdf(tmp_path / "file.nc")
    with pytest.raises(FinescaleError, match=r"it has u10 \(standard_deviation\)"):
        read(tmp_path / "file.nc")


def test_offset_of_a_time_is_taken_off(tmp_path: Path) -> None:
    texts = np.array([f"2026-05-30T{8 + h:02d}:00:00+08:00" for h in range(3)])
    series(t2m=T2M).assign_coords(time=("time", texts)).to_netcdf(tmp_path / "file.nc")
    assert times(read(tmp_path / "file.nc")[1]) == HOURS


def test_numbers_of_rows_are_no_latitudes(tmp_path: Path) -> None:
    y, x = np.arange(len(LAT)), np.arange(len(LON))
    curved = np.meshgrid(LAT, LON, indexing="ij")
    ds = series(t2m=T2M).rename(latitude="y", longitude="x").assign_coords(y=y, x=x)
    ds.assign_coords(lat=(("y", "x"), curved[0]), lon=(("y", "x"), curved[1])).to_netcdf(tmp_path / "file.nc")
    with pytest.raises(FinescaleError, match=r"no grid of latitudes and longitudes"):
        read(tmp_path / "file.nc")


@pytest.mark.parametrize("name", ["t", "date", "datetime", "Times"])
def test_time_by_any_name(name: str, tmp_path: Path) -> None:
    series(t2m=T2M).rename(time=name).to_netcdf(tmp_path / "file.nc")
    assert times(read(tmp_path / "file.nc")[1]) == HOURS


def test_fields_of_a_group_beside_the_roots_are_named(tmp_path: Path) -> None:
    series(t2m=T2M).to_netcdf(tmp_path / "file.nc")
    series(tp=T2M).to_netcdf(tmp_path / "file.nc", group="rain", mode="a")
    assert read(tmp_path / "file.nc")[0].others == ["fields of group /rain"]


@pytest.mark.parametrize("name", ["file.nc", "file.zarr"])
def test_group_of_a_tree_is_read_and_two_are_refused(name: str, tmp_path: Path) -> None:
    write = xr.Dataset.to_zarr if name.endswith("zarr") else xr.Dataset.to_netcdf
    write(series(t2m=T2M), tmp_path / name, group="a/b")
    np.testing.assert_array_equal(read(tmp_path / name)[1].t2m, T2M)
    write(series(t2m=T2M), tmp_path / name, group="c", mode="a")
    with pytest.raises(FinescaleError, match="fields lie in groups /a/b, /c"):
        read(tmp_path / name)


def test_text_that_is_no_date_names_its_file(tmp_path: Path) -> None:
    series(t2m=T2M).assign_coords(time=("time", np.array(["a", "b", "c"]))).to_netcdf(tmp_path / "file.nc")
    with pytest.raises(FinescaleError, match=r"file\.nc: time 'a' is no date; write it like"):
        read(tmp_path / "file.nc")


def test_mean_over_time_stays_one(tmp_path: Path) -> None:
    ds = series(t2m=T2M)
    ds.t2m.attrs["cell_methods"] = "area: time: mean"
    ds.to_netcdf(tmp_path / "file.nc")
    assembled, _ = read(tmp_path / "file.nc")
    assert (assembled.averaged, assembled.means) == (["t2m"], True)


def test_rain_without_a_unit_is_refused_and_the_remedy_works(tmp_path: Path) -> None:
    ds = series(tp=np.full(SHAPE, 2.0, np.float32))
    del ds.tp.attrs["units"]
    ds.to_netcdf(tmp_path / "file.nc")
    with pytest.raises(FinescaleError, match=r"tp has no units.*ds\['tp'\]\.attrs\['units'\] = 'mm'"):
        read(tmp_path / "file.nc")
    ds["tp"].attrs["units"] = "mm"
    ds.to_netcdf(tmp_path / "file.nc")
    assert float(read(tmp_path / "file.nc")[1].tp[0, 0, 0]) == pytest.approx(0.002)


def test_map_in_kilometres_is_no_grid_of_degrees(tmp_path: Path) -> None:
    ds = series(t2m=T2M).rename(latitude="y", longitude="x")
    ds["y"].attrs["units"] = ds["x"].attrs["units"] = "km"
    ds.to_netcdf(tmp_path / "file.nc")
    with pytest.raises(FinescaleError, match=r"latitude y has dimensions .* units 'km'.*cdo remapbil"):
        read(tmp_path / "file.nc")


def test_value_that_nobody_wrote_is_missing_though_no_attribute_says_so(tmp_path: Path) -> None:
    values = T2M.copy()
    values[1, 2, 3] = 9.96921e36
    series(t2m=values).to_netcdf(tmp_path / "file.nc", encoding={"t2m": {"_FillValue": None}})
    with pytest.raises(FinescaleError, match=r"1 of \d+ needed values are missing"):
        read(tmp_path / "file.nc")


def test_chunk_of_a_zarr_store_that_is_not_there_is_no_calm(tmp_path: Path) -> None:
    path = tmp_path / "store.zarr"
    wind = series(u10=np.full(SHAPE, 3.0, np.float32))
    wind.to_zarr(path, zarr_format=3, encoding={"u10": {"chunks": (1, len(LAT), len(LON)), "fill_value": 0.0}})
    assert float(read(path)[1].u10.min()) == 3.0
    (path / "u10/c/1/0/0").unlink()
    with pytest.raises(FinescaleError, match="1 of 3 chunks of u10 are not there"):
        read(path)


def test_dry_points_of_zarr_2_are_dry(tmp_path: Path) -> None:
    """Format 2 has one fill value, by default zero, and xarray takes it for missing."""
    group = zarr.open_group(tmp_path / "store.zarr", mode="w", zarr_format=2)
    ds = series(t2m=T2M)
    rain = np.zeros(SHAPE, np.float32)
    rain[:, 0, 0] = 0.004
    for name, values, dims in (
        ("tp", rain, ["time", "latitude", "longitude"]), ("latitude", LAT, ["latitude"]),
        ("longitude", LON, ["longitude"]), ("time", np.arange(3), ["time"]),
    ):  # fmt: skip
        array = group.create_array(name, shape=values.shape, dtype=values.dtype, fill_value=0 if name == "tp" else None)
        array[:] = values
        array.attrs["_ARRAY_DIMENSIONS"] = dims
    group["tp"].attrs["units"], group["time"].attrs["units"] = "m", "hours since 2026-05-30"
    _, fields = read(tmp_path / "store.zarr")
    np.testing.assert_array_equal(fields.tp, rain)
    assert times(fields) == times(read_back(ds, tmp_path))


def read_back(ds: xr.Dataset, folder: Path) -> xr.Dataset:
    ds.to_netcdf(folder / "file.nc")
    return read(folder / "file.nc")[1]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"****0000013072****\nYKAB06 KWBN 101200\n", b""),
        (b"\x01\r\r\n123\r\r\nHTXA11 ECMW 101200\r\r\n", b"\r\r\n\x03"),
    ],
)
def test_bulletin_is_the_message_in_it(before: bytes, after: bytes, tmp_path: Path) -> None:
    (tmp_path / "file.grib").write_bytes(before + GRIB + after)
    (tmp_path / "plain.grib").write_bytes(GRIB)
    xr.testing.assert_identical(read(tmp_path / "file.grib")[1], read(tmp_path / "plain.grib")[1])
