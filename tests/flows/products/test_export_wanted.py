"""What of a product is exported: a box of it, and in the units people use."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import eccodes
import numpy as np
import pytest
import rasterio
import xarray as xr

from flows.products.export import export
from flows.products.export.netcdf import _attributes
from flows.products.places import Place, read_places
from flows.products.point import forecasts
from models.operator import Sampling
from tasks.errors import BadInput
from tasks.observations.networks.files import read_observations
from tasks.present import display
from tasks.store.paths import in_store
from tasks.store.product import variable_attributes
from tests.flows.conftest import CommandLine
from tests.grib import messages
from tests.published import cycle_of, publish


def test_a_box_is_cut_out_and_one_outside_is_told(tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    new = publish(store, cycle_of(datetime(2026, 11, 22, tzinfo=UTC)))
    (file,) = export("hubei", "netcdf", store=store, output=f"{tmp_path}/b/", box="32.1,110.4,31.5,111.3")
    at = xr.open_zarr(in_store(store, new.product)).sel(latitude=slice(32.1, 31.5), longitude=slice(110.4, 111.3))
    assert at.t2m.shape == (3, 3, 4)
    with xr.open_dataset(file) as nc:
        np.testing.assert_array_equal(nc.t2m.values, at.t2m.values)
        np.testing.assert_allclose(nc.longitude, at.longitude)
    tifs = export("hubei", "geotiff", store=store, output=f"{tmp_path}/b/", box="32.1,110.4,31.5,111.3")
    with rasterio.open(tifs[0]) as tif:
        assert (tif.bounds.left, tif.bounds.top) == (110.375, 32.125)
        np.testing.assert_array_equal(tif.read(2), at.t2m.values[1])
    (grib,) = export("hubei", "grib2", store=store, output=f"{tmp_path}/b/", box="32.1,110.4,31.5,111.3")
    assert {eccodes.codes_get(eccodes.codes_new_from_message(m), "Ni") for m in messages(grib)} == {4}
    for box, why in (
        (
            "40,110,39,111",
            r"0.25 and 0.25 degrees apart; --box is 39 to 40 north and 110 to 111 east: write n",
        ),
        ("40,110,39,111", "no block of cells of hubei lies in it, which is 30.25 to 33 north"),
        ("31,110,32,111", r"write it as north,west,south,east like 32,110,30,112 \(.*must be above south"),
        ("32,110,31", "has 3 of four numbers; write"),
        ("31,110,32,111", "that looks like south,west,north,east: did you mean 32,110,31,111?"),
        ("110,31,111,32", "that looks like west,south,east,north: did you mean 32,110,31,111?"),
        ("32,111,31,110", "did you mean 32,110,31,111, or, across the date line, 32,111,31,470?"),
        ("32,110,31", "write it as north,west,south,east like 32,110,30,112$"),
        ("32,110,31,east", "write it as north,west,south,east like 32,110,30,112$"),
    ):
        with pytest.raises(BadInput, match=why):
            export("hubei", "netcdf", store=store, output=str(tmp_path), box=box)


def test_common_units_are_those_of_point_with_wind_as_speed_and_direction(tmp_path: Path, demo_store: Path) -> None:
    store = str(demo_store)
    (file,) = export("hubei", "netcdf", source="demo", store=store, output=f"{tmp_path}/c/", units="common")
    (here,) = forecasts("hubei", [Place(30.6, 114.3)], source="demo", store=store)
    with xr.open_dataset(file, decode_timedelta=True) as nc:
        assert set(here.units) <= set(nc.data_vars)
        assert not {"u10", "v10"} & set(nc.data_vars)
        at = nc.sel(latitude=here.cell.latitude, longitude=here.cell.longitude, method="nearest").isel(time=0)
        for name in here.units:
            assert float(at[name]) == pytest.approx(here.series[0].__pydantic_extra__[name], abs=2e-3), name
        assert {n: nc[n].units for n in ("t2m", "sp", "tp", "rh", "wind_speed", "wind_direction")} == {
            "t2m": "degC", "sp": "hPa", "tp": "mm", "rh": "%", "wind_speed": "m s-1", "wind_direction": "degree",
        }  # fmt: skip
        with xr.open_zarr(next(demo_store.glob("hubei/demo/*/*/*.zarr"))) as product:
            for name, scale in (("sp", 0.01), ("tp", 1000), ("t2m", 1)):
                assert nc[name].rounding_largest_error == product[name].rounding_largest_error * scale
        assert "rounding_relative_error" not in nc["t2m"].attrs, "a share of kelvins is none of degrees"
        assert not [a for n in ("rh", "wind_direction") for a in nc[n].attrs if a.startswith(("rounding", "quant"))]
        names = {n: nc[n].standard_name for n in ("wind_speed", "wind_direction", "rh")}
        assert names == {
            "wind_speed": "wind_speed", "wind_direction": "wind_from_direction", "rh": "relative_humidity",
        }  # fmt: skip
    tifs = export("hubei", "geotiff", source="demo", store=store, output=f"{tmp_path}/c/", units="common")
    (speed,) = [t for t in tifs if t.stem.endswith("wind_speed")]
    with rasterio.open(speed) as tif:
        assert tif.units == ("m s-1",)
        row, col = tif.index(here.cell.longitude, here.cell.latitude)
        assert tif.read(1)[row, col] == pytest.approx(here.series[0].__pydantic_extra__["wind_speed"], abs=2e-3)
    for format, units, why in (("micaps", "common", "goes with netcdf and geotiff"), ("netcdf", "imperial", "not one")):
        with pytest.raises(BadInput, match=why):
            export("hubei", format, source="demo", store=store, units=units)


def test_micaps_points_are_read_back_as_stations(tmp_path: Path) -> None:
    store, stations = str(tmp_path / "store"), tmp_path / "stations.csv"
    publish(store, cycle_of(datetime(2026, 11, 22, tzinfo=UTC)), hours=[6, 12])
    stations.write_text("name,latitude,longitude,elevation\n57494,30.6,114.05,223.1\n57461,30.74,111.36,\n")
    options = {"store": store, "places": stations}
    files = export("hubei", "micaps-points", output=f"{tmp_path}/m/", **options)
    assert [str(f.relative_to(tmp_path / "m")) for f in files] == [
        f"hubei-ifs-2026-11-22T00/{name}/26112208.{hour}" for name in ("t2m", "tp") for hour in ("006", "012")
    ]
    places = read_places(stations)
    wanted = forecasts("hubei", places, store=store)
    assert [f.cell.height for f in wanted] == [100.0, 100.0]
    for file, name, i in zip(files, ("t2m", "t2m", "tp", "tp"), (0, 1, 0, 1), strict=True):
        found = read_observations(str(file)).set_index("station").loc[["57494", "57461"]]
        assert found["time"].unique().tolist() == [np.datetime64(f"2026-11-22T{6 + 6 * i:02d}")]
        assert found["elevation"].tolist() == [223.1, 100.0]
        assert set(found["variable"]) == {name}
        assert set(found["period"]) == {0.0 if name == "t2m" else 6.0}
        shown = display.of(name).shown(found["value"].to_numpy())
        values = [one.series[i].__pydantic_extra__[name] for one in wanted]
        np.testing.assert_allclose(shown, values, atol=0.11)  # less than a gauge measures is none
    assert files[0].read_text().splitlines()[1] == "2026 11 22 14 -3", "06 UTC is 14 in Beijing"
    stations.write_text(
        "station,name,latitude,longitude\n57494,武汉,30.6,114.05\n57461,宜昌,30.74,111.36\n1,拉萨,29.6,91.1\n"
    )
    (numbered,) = export("hubei", "micaps-points", output=f"{tmp_path}/o/", variables="tp", lead_hours="6", **options)
    assert [line.split()[0] for line in numbered.read_text().splitlines()[-2:]] == ["57494", "57461"]
    stations.write_text("latitude,longitude\n30.6,114.05\n")
    unnamed = export("hubei", "micaps-points", output=f"{tmp_path}/n/", variables="tp", lead_hours="6", **options)
    assert unnamed[0].read_text().splitlines()[-1].startswith("1 114.0500 30.6000 100.0 ")
    with pytest.raises(BadInput, match="goes with csv-point and micaps-points"):
        export("hubei", "micaps", **options)
    with pytest.raises(BadInput, match="micaps-points needs --places FILE"):
        export("hubei", "micaps-points", store=store)


def bounded(store: str, hours: list[int]) -> str:
    """A store with a product whose sums are of the time since the lead time before."""
    uri = in_store(store, publish(store, cycle_of(datetime(2026, 11, 22, tzinfo=UTC)), hours=hours).product)
    bounds = np.stack([[0, *hours[:-1]], hours], axis=1).astype("timedelta64[h]").astype("timedelta64[ns]")
    ds = xr.Dataset({"step_bounds": (("step", "bounds"), bounds)})
    encoding = {"step_bounds": {"units": "hours", "dtype": "float64"}}
    ds.to_zarr(uri, mode="a", zarr_format=3, consolidated=True, encoding=encoding)
    return store


def test_sums_over_uneven_steps_have_their_bounds_and_gaps_are_said(tmp_path: Path, finescale: CommandLine) -> None:
    store = bounded(str(tmp_path / "store"), [3, 6, 9, 12, 18, 24])
    options = ("export", "hubei", "--format", "netcdf", "--store", store, "--output", f"{tmp_path}/g.nc", "--force")
    done = finescale(*options, "--lead-hours", "3,6,24")
    assert done.exit_code == 0, done.output
    assert "gaps between lead times: tp of 6 to 18 h is in no sum that is written" in done.stderr
    with xr.open_dataset(tmp_path / "g.nc", decode_timedelta=True) as nc:
        begins, ends = ((nc.time_bounds[:, i] - nc.forecast_reference_time) / np.timedelta64(1, "h") for i in (0, 1))
        assert (begins.values.tolist(), ends.values.tolist()) == ([0, 3, 18], [3, 6, 24])
        assert [n for n in nc.variables if n not in ("crs", "time_bounds") and not nc[n].attrs.get("long_name")] == []
    assert "gaps" not in finescale(*options).stderr
    assert "gaps" not in finescale(*options, "--lead-hours", "3,6,24", "--variables", "t2m").stderr


def test_hours_say_which_sums_they_do_not_have(tmp_path: Path, finescale: CommandLine) -> None:
    store = bounded(str(tmp_path / "store"), [3, 6, 9])
    point = ("point", "hubei", "--lat", "31", "--lon", "112", "--store", store, "--hourly")
    told = "--hourly: tp of 0 to 2 h, before the first lead time's last hour, is in no hour: hours begin at 3 h"
    assert told in finescale(*point).stderr
    assert "is in no hour" not in finescale(*point, "--lead-hours", "6-9").stderr
    file = ("export", "hubei", "--format", "netcdf", "--store", store, "--hourly", "--output", f"{tmp_path}/h.nc")
    assert told in finescale(*file).stderr


def test_radiation_says_that_it_is_a_sum_and_how_it_becomes_a_mean() -> None:
    skeleton = xr.Dataset(coords={"time": [0], "height": 1.0})
    of = variable_attributes("ssrd", Sampling.SAMPLES, bounded=True)
    found = _attributes(of, skeleton, hourly=True)
    assert found["cell_methods"] == "area: point time: sum"
    assert found["long_name"] == "Solar radiation downwards at the surface in the hour before"
    assert found["comment"].endswith("divided by the seconds between its time_bounds it is the mean flux in W m-2")
    assert "times 1e6 and divided" in _attributes(of | {"units": "MJ m-2"}, skeleton, hourly=False)["comment"]
    assert "comment" not in _attributes(variable_attributes("tp", Sampling.SAMPLES, bounded=True), skeleton, False)
    unknown = variable_attributes("strd", Sampling.SAMPLES, bounded=False)
    assert unknown["long_name"] == "Thermal radiation downwards at the surface of a time that its input does not state"
