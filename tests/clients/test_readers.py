"""A published product in clients that nobody here wrote: each finds the values that the ledger has the sha-256 of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import xarray as xr

from benchmarks.runs.clients import with_gdal, with_netcdf4, with_xarray, with_zarrita, with_zarrs
from flows.products.export import export
from tasks.variables import VARIABLES

Digests = dict[str, list[str]]
NAMES = ["t2m", "tp"]


@pytest.mark.parametrize("name", NAMES)
def test_xarray(product: str, digests: Digests, name: str) -> None:
    found = with_xarray(product, name)
    assert (found.shape, found.digests) == ((3, 89, 159), digests[name])


@pytest.mark.parametrize("name", NAMES)
def test_zarrs_in_rust(product: str, digests: Digests, name: str) -> None:
    found = with_zarrs(product, name)
    assert (found.shape, found.digests) == ((3, 89, 159), digests[name])


@pytest.mark.usefixtures("node")
@pytest.mark.parametrize("name", NAMES)
def test_zarrita_in_javascript_from_a_folder(product: str, digests: Digests, name: str) -> None:
    found = with_zarrita(product, name)
    assert (found.shape, found.digests) == ((3, 89, 159), digests[name])


@pytest.mark.usefixtures("node")
def test_zarrita_in_javascript_over_http(url: str, latest: dict[str, Any], digests: Digests) -> None:
    found = with_zarrita(f"{url}/{latest['product']}", "t2m")
    assert (found.shape, found.digests) == ((3, 89, 159), digests["t2m"])


def test_gdal_reads_the_geotiff_and_places_it_right(
    published: Path, product: str, digests: Digests, tmp_path: Path
) -> None:
    files = export("hubei", "geotiff", source="file", store=str(published), variables="t2m,tp", output=str(tmp_path))
    assert [f.name[-7:] for f in files] == ["t2m.tif", "-tp.tif"]
    assert [with_gdal(str(f)).digests for f in files] == [digests["t2m"], digests["tp"]]
    ds = xr.open_zarr(product)
    with rasterio.open(files[0]) as tif:
        for latitude, longitude in ((33.4, 108.3), (30.6, 114.3), (29.0, 116.2)):
            expected = ds.t2m.sel(latitude=latitude, longitude=longitude, method="nearest").values
            (sampled,) = tif.sample([(longitude, latitude)])
            np.testing.assert_array_equal(sampled, expected)
        assert np.allclose(tuple(tif.bounds), (108.275, 28.975, 116.225, 33.425), atol=1e-9)
        assert (tif.crs.to_epsg(), tif.profile["tiled"], tif.profile["compress"]) == (4326, True, "deflate")
        assert tif.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert tif.descriptions[1] == "t2m [K] 2021-12-10 23:00 UTC (+11 h)"
        assert tif.tags(2)["VALID_TIME"] == "2021-12-10T23:00:00Z"
        assert tif.units == ("K", "K", "K")
        assert np.isnan(tif.nodata)
        assert "6371229" in tif.tags()["COORDINATES"]


def test_netcdf_holds_the_same_with_valid_time_as_its_axis(
    published: Path, product: str, digests: Digests, tmp_path: Path
) -> None:
    (file,) = export("hubei", "netcdf", source="file", store=str(published), output=str(tmp_path / "a.nc"))
    for name in (n for n in digests if n in VARIABLES):
        assert with_netcdf4(str(file), name).digests == digests[name]
    ds = xr.open_zarr(product)
    with xr.open_dataset(file, decode_timedelta=True) as nc:
        assert nc.t2m.dims == ("time", "latitude", "longitude")
        for theirs, ours in (
            ("time", "valid_time"), ("forecast_period", "step"), ("forecast_reference_time", "time"),
            ("latitude", "latitude"), ("longitude", "longitude"), ("surface_altitude", "surface_altitude"),
            ("land_area_fraction", "land_area_fraction"),
        ):  # fmt: skip
            np.testing.assert_array_equal(nc[theirs].values, ds[ours].values)
            assert theirs in nc.coords
        bounds = nc["time_bounds"].values - nc["forecast_reference_time"].values
        np.testing.assert_array_equal(bounds, ds["step_bounds"].values)
        assert nc.attrs["attribution"] == ds.attrs["attribution"]
    assert file.stat().st_size < 89 * 159 * 4 * 3 * len(digests), "compressed"
