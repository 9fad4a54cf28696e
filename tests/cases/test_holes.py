"""What is missing around a region is edge, as of a file that is cut there; what is missing within it is refused."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from tasks.errors import CorruptField
from tasks.grids.grid import Grid
from tasks.prepare import prepare_files
from tasks.prepare.edges import cells_of, repeat_edge
from tasks.region import search
from tests.cases.demo import demo, finer, write
from tests.conftest import RegionMaker
from tests.flows.conftest import CommandLine

BOX = {"north": 31.0, "south": 29.5, "west": 112.0, "east": 114.0}
HALO = 3


@pytest.fixture
def folder(make_region: RegionMaker) -> Path:
    return make_region(name="inland", box=BOX, spacing=0.125, variables=["t2m", "tp"], terrain=None, boundary=None)


def given(path: Path, holes: xr.DataArray | None = None, names: tuple[str, ...] = ("t2m", "tp")) -> Path:
    """The demo's fields with what is `holes` missing, as sea is in data of land alone."""
    ds = demo()[list(names)]
    return write(ds if holes is None else ds.where(~holes), path)


def at(*places: tuple[float, float]) -> xr.DataArray:
    like = demo()["t2m"]
    out = xr.zeros_like(like, dtype=bool)
    for lat, lon in places:
        out.loc[{"latitude": lat, "longitude": lon}] = True
    return out


CORNER = [(31.5, 114.5), (31.5, 114.75), (31.75, 114.5), (31.75, 114.75)]
HALOES = {  # missing -> of a place among it, where the value may come from
    "one point": (
        [(31.5, 113.0)],
        (31.5, 113.0),
        [(31.75, 113.0), (31.25, 113.0), (31.5, 112.75), (31.5, 113.25)],
    ),
    "a corner": (CORNER, (31.5, 114.5), [(31.25, 114.5), (31.5, 114.25)]),
    "beside the box": (
        [(31.25, 112.5)],
        (31.25, 112.5),
        [(31.0, 112.5), (31.5, 112.5), (31.25, 112.25), (31.25, 112.75)],
    ),
}


@pytest.mark.parametrize(("missing", "place", "nearest"), HALOES.values(), ids=HALOES)
def test_a_hole_in_the_halo_is_the_nearest_value(
    tmp_path: Path,
    folder: Path,
    caplog: pytest.LogCaptureFixture,
    missing: list[tuple[float, float]],
    place: tuple[float, float],
    nearest: list[tuple[float, float]],
) -> None:
    region = search.load(str(folder))
    with caplog.at_level("WARNING", "tasks.prepare.assemble"):
        _, found = prepare_files([str(given(tmp_path / "sea.nc", at(*missing)))], region, HALO)
    _, whole = prepare_files([str(given(tmp_path / "whole.nc"))], region, HALO)
    assert found.grid == whole.grid
    for name in ("t2m", "tp"):
        here, there = found.fields[name][0], whole.fields[name][0]
        holes = at(*missing).sel(latitude=here.latitude, longitude=here.longitude).values
        np.testing.assert_array_equal(here.values[~holes], there.values[~holes])
        value = float(here.sel(latitude=place[0], longitude=place[1]))
        assert value in [float(there.sel(latitude=lat, longitude=lon)) for lat, lon in nearest]
    (line,) = [r.getMessage() for r in caplog.records]
    assert line == (
        f"beyond the region up to {len(missing)} of {found.grid.rows * found.grid.cols} input points are missing "
        "(t2m, tp): the nearest is repeated there, as at a file's edge"
    )


def test_a_sea_beside_the_box_is_as_a_file_that_is_cut_there(tmp_path: Path, folder: Path) -> None:
    like = demo()["t2m"]
    region = search.load(str(folder))
    _, found = prepare_files([str(given(tmp_path / "sea.nc", like.longitude + 0 * like > 114.25))], region, HALO)
    _, cut = prepare_files(
        [str(write(demo()[["t2m", "tp"]].sel(longitude=slice(None, 114.25)), tmp_path / "c.nc"))], region, HALO
    )
    more = found.grid.cols - cut.grid.cols
    assert more == 2
    for name in ("t2m", "tp"):
        padded = np.pad(cut.fields[name].values, ((0, 0), (0, 0), (0, more)), mode="edge")
        np.testing.assert_array_equal(found.fields[name].values, padded)


@pytest.mark.parametrize("place", [(31.0, 112.0), (30.25, 113.0), (29.5, 114.0)])
def test_a_hole_within_the_box_is_refused(tmp_path: Path, folder: Path, place: tuple[float, float]) -> None:
    file = given(tmp_path / "hole.nc", at(place, (31.75, 113.0)))
    with pytest.raises(CorruptField) as caught:
        prepare_files([str(file)], search.load(str(folder)), HALO)
    text = str(caught.value)
    assert text.startswith("hole.nc ")
    assert "2021-12-10T12 +8 h: 1 of " in text  # the one in the halo is none
    assert f"first at {place[0]:g}N {place[1]:g}E; hand in a file without holes there" in text
    assert "\n" not in text
    assert re.search(r"(t2m|tp)", text)


def test_a_hole_beside_a_box_between_points_is_refused_as_a_file_cut_there_would_be(
    tmp_path: Path, make_region: RegionMaker
) -> None:
    """The box ends at 30.65: that lies in the cell of the point 30.75, which has to be there."""
    box = BOX | {"north": 30.65}
    folder = make_region(name="between", box=box, spacing=0.05, variables=["t2m"], terrain=None, boundary=None)
    region = search.load(str(folder))
    with pytest.raises(CorruptField, match=r"first at 30\.75N 113E"):
        prepare_files([str(given(tmp_path / "a.nc", at((30.75, 113.0)), ("t2m",)))], region, HALO)
    _, found = prepare_files([str(given(tmp_path / "b.nc", at((31.0, 113.0)), ("t2m",)))], region, HALO)
    assert np.isfinite(found.fields["t2m"].values).all()


def test_a_finer_file_with_a_hole_in_the_halo(tmp_path: Path, make_region: RegionMaker) -> None:
    folder = make_region(name="inland", box=BOX, spacing=0.125, variables=["t2m"], terrain=None, boundary=None)
    ds = finer()
    sea = write(ds.where(~((ds.latitude > 31.6) & (ds.longitude > 113))), tmp_path / "sea.nc")
    _, found = prepare_files([str(sea)], search.load(str(folder)), HALO)
    assert np.isfinite(found.fields["t2m"].values).all()


def test_nearest_counts_kilometres_and_whole_fields_stay_what_they_are() -> None:
    grid, inside = Grid(70.0, 0.0, 1.0, 1.0, 7, 7), Grid(67.0, 3.0, 0.5, 0.5, 1, 1)
    values = np.arange(49.0).reshape(7, 7)
    holed = values.copy()
    holed[0, :] = np.nan
    holed[1, 0] = np.nan
    out, count = repeat_edge(holed, grid, inside)
    assert count == 8
    assert out[0, 3] == values[1, 3]
    assert out[1, 0] == values[1, 1]  # a degree of longitude is shorter up there
    assert repeat_edge(values, grid, inside)[0] is values
    assert repeat_edge(holed, grid, None) == (holed, 0)
    assert cells_of(grid, inside) == (slice(3, 4), slice(3, 4))
    nothing = np.full((7, 7), np.nan)
    assert repeat_edge(nothing, grid, inside) == (nothing, 0)


@pytest.mark.usefixtures("prefect_server")
def test_the_product_is_that_of_the_file_cut_there(tmp_path: Path, folder: Path, finescale: CommandLine) -> None:
    like = demo()["t2m"]
    sea = given(tmp_path / "sea.nc", like.longitude + 0 * like > 114.25)
    cut = write(demo()[["t2m", "tp"]].sel(longitude=slice(None, 114.25)), tmp_path / "cut.nc")
    made = []
    for file in (sea, cut):
        result = finescale("run", folder, "--input", file, "--store", tmp_path / file.stem)
        assert result.exit_code == 0, result.stderr
        assert ("beyond the region up to" in result.stderr) is (file == sea)
        made.append(xr.open_zarr(tmp_path / file.stem / "inland/file/2021/12/2021-12-10T12.zarr"))
    for name in ("t2m", "tp"):
        np.testing.assert_allclose(made[0][name].values, made[1][name].values, rtol=1e-5)
