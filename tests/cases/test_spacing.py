"""The grid that a product is made from is the one that was handed in, and log, product and ledger say which."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from tasks.errors import BadInput
from tasks.handover.prepared import Prepared
from tasks.prepare import prepare_files
from tasks.prepare.assemble import Assembled
from tasks.prepare.input_grid import say_spacing
from tasks.region import search
from tests.cases.demo import demo, finer, write
from tests.conftest import TRUTH, RegionMaker
from tests.flows.conftest import CommandLine

HALO = 3


def prepared(files: list[Path], folder: Path) -> tuple[Assembled, Prepared, list[str]]:
    """The input of a region, and what the log says of its spacing."""
    region, lines = search.load(str(folder)), []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("tasks.prepare.input_grid")
    logger.addHandler(handler)
    try:
        assembled, found = prepare_files([str(f) for f in files], region, HALO)
        say_spacing(region, assembled.file_grids, assembled.grid)
    finally:
        logger.removeHandler(handler)
    return assembled, found, lines


OWN = {  # rows, columns of the 0.1 degree forecast, first row and column -> spacing for people
    "0.2": (2, 2, (0, 0), "0.2"),
    "0.3": (3, 3, (0, 0), "0.3"),
    "0.4, open data before 2024": (4, 4, (0, 0), "0.4"),
    "0.4 between its multiples": (4, 4, (1, 3), "0.4"),
    "0.5": (5, 5, (0, 0), "0.5"),
    "0.5 between its multiples": (5, 5, (2, 3), "0.5"),
    "0.5x0.6, as MERRA-2": (5, 6, (0, 0), "0.5x0.6"),
    "0.2x0.5": (2, 5, (0, 0), "0.2x0.5"),
    "1": (10, 10, (0, 0), "1"),
}


@pytest.mark.parametrize(("rows", "cols", "first", "spacing"), OWN.values(), ids=OWN)
def test_a_files_own_points_are_the_input(
    tmp_path: Path, make_region: RegionMaker, rows: int, cols: int, first: tuple[int, int], spacing: str
) -> None:
    given = finer(rows, cols, first)
    _, found, lines = prepared([write(given, tmp_path / "given.nc")], make_region(variables=["t2m"]))
    assert found.grid.spacing == spacing
    here = found.fields["t2m"]
    there = given["t2m"].sel(latitude=here.latitude, longitude=here.longitude, method="nearest", tolerance=1e-4)
    np.testing.assert_allclose(here.values[0], there.values, atol=1e-4)
    box = search.load("hubei").box
    assert found.grid.north - box.north >= 0
    assert found.grid.north - HALO * found.grid.dlat < box.north + found.grid.dlat
    (line,) = lines
    assert line.startswith(
        f"input has points every {spacing} degree, where region hubei expects 0.25: used as they are"
    )


def test_the_spacing_that_a_region_expects_is_not_talked_of(tmp_path: Path, make_region: RegionMaker) -> None:
    _, found, lines = prepared([write(demo()[["t2m"]], tmp_path / "d.nc")], make_region(variables=["t2m"]))
    assert (found.grid.spacing, lines) == ("0.25", [])


def test_points_between_multiples_are_not_interpolated_to_them(tmp_path: Path, make_region: RegionMaker) -> None:
    ds = demo()[["t2m"]]
    moved = ds.assign_coords(latitude=ds.latitude + 0.125, longitude=ds.longitude + 0.125)
    _, found, lines = prepared([write(moved, tmp_path / "moved.nc")], make_region(variables=["t2m"]))
    here = found.fields["t2m"]
    np.testing.assert_allclose(here.values[0], moved["t2m"].sel(latitude=here.latitude, longitude=here.longitude))
    assert lines == []


def test_a_much_finer_file_is_averaged_and_what_the_line_says_uses_all_of_it(
    tmp_path: Path, make_region: RegionMaker
) -> None:
    file = write(finer(), tmp_path / "fine.nc")
    assembled, found, (line,) = prepared([file], make_region(variables=["t2m"]))
    assert (found.grid.spacing, assembled.means) == ("0.25", True)
    assert line == (
        "input has points every 0.1 degree, finer than the 0.25 of region hubei: averaged over its cells; set "
        "input_spacing: 0.1 in region.yaml to use all of it"
    )
    again = make_region(name="tenth", variables=["t2m"], input_spacing=0.1)
    assembled, found, lines = prepared([file], again)
    assert (found.grid.spacing, assembled.means, lines) == ("0.1", False, [])
    here = found.fields["t2m"]
    there = finer()["t2m"].sel(latitude=here.latitude, longitude=here.longitude, method="nearest", tolerance=1e-4)
    np.testing.assert_allclose(here.values[0], there.values, atol=1e-4)


def test_a_file_finer_than_the_product_is_interpolated_and_what_the_line_says_uses_its_points(
    tmp_path: Path, make_region: RegionMaker
) -> None:
    file = write(finer(2, 2), tmp_path / "fifth.nc")
    _, found, (line,) = prepared([file], make_region(variables=["t2m"], spacing=0.25))
    assert found.grid.spacing == "0.25"
    assert line == (
        "input has points every 0.2 degree, finer than the product's 0.25: interpolated to 0.25; set spacing: 0.2 or "
        "less in region.yaml"
    )
    _, found, _ = prepared([file], make_region(name="fifth", variables=["t2m"], spacing=0.2))
    assert found.grid.spacing == "0.2"


def test_fields_of_two_spacings_are_refused_and_what_the_line_says_takes_them(
    tmp_path: Path, make_region: RegionMaker
) -> None:
    quarter = write(demo()[["t2m"]], tmp_path / "quarter.nc")
    half = write(
        demo()[["tp"]].isel(latitude=slice(None, None, 2), longitude=slice(None, None, 2)), tmp_path / "half.nc"
    )
    with pytest.raises(BadInput) as caught:
        prepared([quarter, half], make_region(variables=["t2m", "tp"]))
    text = str(caught.value)
    assert "half.nc tp" in text
    assert "quarter.nc t2m" in text
    assert text.endswith("or set input_spacing: 0.5 in region.yaml: finer ones are averaged then")
    again = make_region(name="half", variables=["t2m", "tp"], input_spacing=0.5)
    assembled, found, lines = prepared([quarter, half], again)
    assert (found.grid.spacing, assembled.variables, len(lines)) == ("0.5", ["t2m", "tp"], 1)
    # and one of them alone is taken in the region as it was
    assert prepared([quarter], make_region(name="alone", variables=["t2m"]))[1].grid.spacing == "0.25"


def test_fields_of_two_spacings_that_no_setting_reconciles(tmp_path: Path, make_region: RegionMaker) -> None:
    files = [write(demo()[["t2m"]], tmp_path / "a.nc"), write(finer(3, 3, names=("sp",)), tmp_path / "b.nc")]
    with pytest.raises(BadInput, match=r"hand in fields of one area and one spacing$"):
        prepared(files, make_region(variables=["t2m", "sp"]))


def rmse(product: xr.Dataset, name: str) -> float:
    """Against the 0.1 degree forecast that the file's points are some of, at every point of it."""
    with xr.open_dataset(TRUTH) as truth:
        box = truth[name].sel(latitude=slice(33.4, 29.0), longitude=slice(108.3, 116.2))
        fine = product[name].isel(step=0).sel(latitude=box.latitude, longitude=box.longitude, method="nearest")
        return float(np.sqrt(((fine.values - box.values) ** 2).mean()))


@pytest.mark.usefixtures("prefect_server")
def test_a_product_of_half_degree_input_is_as_good_as_where_the_region_says_so(
    tmp_path: Path, make_region: RegionMaker, finescale: CommandLine
) -> None:
    half = write(finer(5, 5, names=("t2m", "sp")), tmp_path / "half.nc")
    found: dict[str, xr.Dataset] = {}
    for name, changes in {"quarter": {}, "half": {"input_spacing": 0.5}}.items():
        folder = make_region(name=name, variables=["t2m", "sp"], **changes)
        result = finescale("run", folder, "--input", half, "--store", tmp_path / "store")
        assert result.exit_code == 0, result.stderr
        assert ("where region quarter expects 0.25" in result.stderr) is (name == "quarter")
        found[name] = xr.open_zarr(tmp_path / f"store/{name}/file/2021/12/2021-12-10T12.zarr")
    for name in ("t2m", "sp"):
        np.testing.assert_array_equal(found["quarter"][name].values, found["half"][name].values)
    assert rmse(found["quarter"], "t2m") < 0.72  # K; 0.83 where it was interpolated to 0.25 first
    assert rmse(found["quarter"], "sp") < 800  # Pa; 1217
    attributes: dict[str, Any] = found["quarter"].attrs
    assert attributes["finescale_input_spacing"] == attributes["finescale_file_spacing"] == [0.5, 0.5]
    entry = json.loads((tmp_path / "store/quarter/file/2021/12/2021-12-10T12.json").read_text())
    assert (entry["input_spacing"], entry["file_spacing"], entry["spacing"]) == ([0.5, 0.5], [0.5, 0.5], 0.05)
