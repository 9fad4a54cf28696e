"""`finescale regions new`: a folder that runs, or none, and a line that says why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from tasks.region import search
from tests.conftest import HUBEI
from tests.flows.conftest import CommandLine

BOX = "29.2,107.1,24.7,111.8"


def test_a_folder_with_terrain_cut_out_of_a_larger_file_and_the_files_that_were_given(
    tmp_path: Path, finescale: CommandLine
) -> None:
    made = finescale(
        "regions", "new", "guizhou", "--box", BOX, "--title", "贵州: 一", "--timezone", "Asia/Shanghai",
        "--terrain", HUBEI / "terrain.nc", "--places", HUBEI / "places.csv", "--folder", tmp_path,
    )  # fmt: skip
    assert made.exit_code == 0, made.stderr
    region = search.load(str(tmp_path / "guizhou"))
    assert (region.title, region.timezone) == ("贵州: 一", "Asia/Shanghai")
    assert (region.box.north, region.box.west, region.box.south, region.box.east) == (29.2, 107.1, 24.7, 111.8)
    assert {f.name for f in region.folder.iterdir()} == {"region.yaml", "terrain.nc", "places.csv"}
    with xr.open_dataset(region.folder / "terrain.nc") as cut, xr.open_dataset(HUBEI / "terrain.nc") as whole:
        same = whole.sel(latitude=cut.latitude, longitude=cut.longitude, method="nearest")
        np.testing.assert_allclose(cut.elevation, same.z / 9.80665, atol=0.01)
        np.testing.assert_allclose(cut.land, same.land)
        assert float(cut.latitude.max()) >= 30.7, "1.5 degrees around the box"
        assert float(cut.longitude.min()) <= 105.6
        assert cut.sizes["latitude"] < 100
    assert "no boundary: geoBoundaries" in made.stdout
    assert "no terrain" not in made.stdout
    assert "or put boundary.geojson there, take the # from its line in region.yaml" in made.stdout


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (
            ("guizhou", "--box", "29,107,24"),
            "--box '29,107,24': has 3 of four numbers; write it as north,west,south,east",
        ),
        (("guizhou", "--box", "107,24,112,29"), "west,south,east,north: did you mean 29,107,24,112?"),
        (("Guizhou", "--box", BOX), "String should match pattern"),
        (("a: b", "--box", BOX), "String should match pattern"),
        (("guizhou", "--box", BOX, "--timezone", "UTC\nmodel: x"), "timezone"),
        (("hubei", "--box", BOX), "hubei is a region already, in "),
        (("guizhou", "--box", BOX, "--terrain", "none.nc"), "--terrain none.nc: no such file"),
        (("alps", "--box", "48,5,44,15", "--terrain", str(HUBEI / "terrain.nc")), "terrain.nc covers "),
        (("guizhou", "--box", BOX, "--timezone", "Asia/Guiyang"), "timezone"),
        (("guizhou", "--box", BOX, "--places", str(HUBEI / "boundary.geojson")), "places"),
    ],
)
def test_what_is_wrong_is_one_line_and_leaves_no_half_folder(
    more: tuple[str, ...], why: str, tmp_path: Path, finescale: CommandLine
) -> None:
    refused = finescale("regions", "new", *more, "--folder", tmp_path)
    assert refused.exit_code == 2
    assert why in refused.output
    assert not any(".partial" in f.name for f in tmp_path.iterdir())


def test_what_is_there_is_left_alone(tmp_path: Path, finescale: CommandLine) -> None:
    (tmp_path / "guizhou").mkdir()
    (tmp_path / "guizhou/mine").write_text("mine")
    refused = finescale("regions", "new", "guizhou", "--box", BOX, "--folder", tmp_path)
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
    assert "is there already" in refused.stderr
    assert f"finescale regions check {tmp_path}/guizhou" in refused.stderr
    assert [f.name for f in (tmp_path / "guizhou").iterdir()] == ["mine"]
