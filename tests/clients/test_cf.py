"""The exported NetCDF in the IOOS compliance checker, CF-1.11, with the tables of names that it brings along."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import xarray as xr

from flows.products.export import export
from flows.products.field import super_resolve_file


@pytest.mark.parametrize(
    "kind", ["export", "export in common units", "export of every hour", "field", "field of a series"]
)
def test_netcdf_passes_the_cf_checker_without_an_error_or_a_warning(
    kind: str, published: Path, demo_grib: Path, tmp_path: Path
) -> None:
    if kind.startswith("export"):
        units = "common" if "common" in kind else "si"
        (file,) = export(
            "hubei",
            "netcdf",
            source="file",
            store=str(published),
            output=str(tmp_path),
            units=units,
            every_hour="hour" in kind,
        )
    else:
        source, file = demo_grib if kind == "field" else rain_of_era5(tmp_path), tmp_path / "fine.nc"
        super_resolve_file(str(source), str(file), scale="2", method="bilinear")
    checker = str(Path(sys.executable).with_name("compliance-checker"))
    command = [checker, "--test", "cf:1.11", "--format", "json", "--output", str(tmp_path / "report.json"), str(file)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False
    )  # its exit code is 1 for advice
    assert (tmp_path / "report.json").is_file(), done.stderr
    report = json.loads((tmp_path / "report.json").read_text())["cf:1.11"]
    priorities = [report[f"{level}_priorities"] for level in ("high", "medium", "low")]
    assert [group["msgs"] for groups in priorities for group in groups if group["msgs"]] == []
    assert report["scored_points"] == report["possible_points"] > 100


def rain_of_era5(folder: Path) -> Path:
    """Every sixth hour, of one hour each."""
    times = np.arange(4) * np.timedelta64(6, "h") + np.datetime64("2026-05-30T00", "ns")
    rain = np.linspace(0, 4e-3, 4 * 8 * 9).reshape(4, 8, 9)[::-1]
    coords = {"valid_time": times, "latitude": np.arange(34, 32, -0.25), "longitude": np.arange(110, 112.25, 0.25)}
    ds = xr.Dataset({"tp": (("valid_time", "latitude", "longitude"), rain, {"units": "m"})}, coords)
    ds.assign_attrs(history="reanalysis-era5-single-levels").to_netcdf(folder / "era5.nc")
    return folder / "era5.nc"


def test_bounds_are_read_in_their_times_unit_by_whoever_reads_cf(tmp_path: Path) -> None:
    """Bounds have no unit of their own: CDO and iris take their time's, whatever is written beside them."""
    super_resolve_file(str(rain_of_era5(tmp_path)), str(tmp_path / "fine.nc"), scale="2", method="bilinear")
    with netCDF4.Dataset(tmp_path / "fine.nc") as file:
        time, bounds = file["time"], file["time_bounds"]
        assert time.bounds == "time_bounds"
        assert getattr(bounds, "units", time.units) == time.units
        np.testing.assert_array_equal(bounds[:, 1], time[:])
        np.testing.assert_array_equal(bounds[:, 1] - bounds[:, 0], 1.0)
    with xr.open_dataset(tmp_path / "fine.nc") as ds:
        assert (ds.time_bounds[:, 1].values == ds.time.values).all()
