"""The made-up forecast is one that the pipeline takes, and the plain script makes what it should of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from benchmarks.runs import plain
from benchmarks.runs.cycles import LEAD_HOURS, PARAMETERS, WORLD, write_cycle, write_region
from tasks.prepare import prepare_files
from tasks.prepare.checks import assert_physical, assert_smooth
from tasks.prepare.decode import decode
from tasks.prepare.fields import DecodedField
from tasks.region import search as regions


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_cycle(tmp_path_factory.mktemp("cycle"), LEAD_HOURS[:3])


def fields(file: Path) -> dict[str, DecodedField]:
    return {f.header.variable.name: f for f in decode(file, set(PARAMETERS.values()))}


def test_fields_are_physical_and_global(files: list[Path]) -> None:
    for name, field in fields(files[1]).items():
        assert_physical(field)
        assert_smooth(field)
        assert field.grid == WORLD, name
    assert len(fields(files[1])) == len(PARAMETERS)


def test_rain_adds_up_and_is_mostly_absent(files: list[Path]) -> None:
    assert "tp" not in fields(files[0])
    first, second = (fields(f)["tp"].values for f in files[1:])
    assert ((second - first) > -1e-4).all()
    assert second.mean() > first.mean() > 0
    assert (first < 1e-6).mean() > 0.5


def test_dew_point_is_below_temperature_and_fields_move(files: list[Path]) -> None:
    first, second = (fields(f) for f in files[1:])
    assert (first["d2m"].values <= first["t2m"].values + 0.05).all()
    difference = (second["u10"].values - first["u10"].values).std() / first["u10"].values.std()
    assert 0.2 < difference < 1.5


def test_messages_are_as_large_as_real_ones(files: list[Path]) -> None:
    assert 0.4e6 < files[1].stat().st_size / len(PARAMETERS) < 1.0e6


def test_plain_script_interpolates_what_preparation_reads(tmp_path: Path, files: list[Path]) -> None:
    place = write_region(tmp_path, "hubei")
    region = regions.load(place)
    box = region.box.model_dump()
    grid = plain.target(box, region.spacing)
    np.testing.assert_allclose(grid["latitude"], region.target.latitude, atol=1e-9)
    np.testing.assert_allclose(grid["longitude"], region.target.longitude, atol=1e-9)
    given = [str(f) for f in files]
    plain.at_once(given, box, grid, str(tmp_path / "at-once.zarr"))
    plain.one_by_one(given, box, grid, str(tmp_path / "one-by-one.zarr"))
    both = [xr.open_zarr(tmp_path / f"{n}.zarr", chunks=None).load() for n in ("at-once", "one-by-one")]
    prepared = prepare_files(given, region, 2)[1].fields
    for name in PARAMETERS.values():
        np.testing.assert_allclose(both[0][name], both[1][name], rtol=1e-5, atol=1e-6)
        where = {"latitude": [31.0], "longitude": [112.0]}  # a point of both grids
        expected = prepared[name].sel(where, method="nearest").values
        np.testing.assert_allclose(both[0][name].sel(where, method="nearest").values, expected, rtol=1e-4, atol=2e-6)
