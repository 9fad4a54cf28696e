"""docs/add-a-region.md as a new user follows it: a folder with its YAML and its terrain, and nothing else."""

from __future__ import annotations

import json
import re
import textwrap
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import yaml

from benchmarks.runs.cycles import WORLD, on_world
from flows.downscale import downscale
from tasks.region import search as regions
from tests.conftest import DEMO_GRIB, ROOT, RegionMaker
from tests.flows.conftest import CommandLine
from tests.grib import messages
from tests.servers.opendata import param_of, relabelled

DOC = (ROOT / "docs/add-a-region.md").read_text(encoding="utf-8")


def snippets(language: str) -> list[str]:
    """The doc's code in a language."""
    return [textwrap.dedent(text) for text in re.findall(rf" *```{language}\n(.*?)```", DOC, re.DOTALL)]


@pytest.fixture
def sichuan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The region of the docs in an otherwise empty folder; their lines cut its terrain out of made-up global files."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sichuan").mkdir()
    (yaml_text,) = snippets("yaml")
    Path("sichuan/region.yaml").write_text(yaml_text, encoding="utf-8")
    latitude, longitude = np.arange(90, -90.1, -0.5), np.arange(0, 360, 0.5)
    land = np.ones((latitude.size, longitude.size), dtype="f4")
    mask = xr.Dataset({"land": (("latitude", "longitude"), land)}, {"latitude": latitude, "longitude": longitude})
    mask.to_netcdf("land.nc")
    heights = (("latitude", "longitude"), 500 * land, {"units": "m"})
    xr.Dataset({"elevation": heights}, {"latitude": latitude, "longitude": longitude - 180}).to_netcdf("orography.nc")
    terrain, with_land, *_ = snippets("python")
    *before, cut = terrain.strip().splitlines()
    exec("\n".join([*before, with_land, cut]), {})
    return tmp_path / "sichuan"


def row(output: str, what: str) -> str:
    """A line of `regions check`."""
    return next(line for line in output.splitlines() if line.strip().startswith(what))


def test_the_yaml_of_the_docs_is_a_region(sichuan: Path, finescale: CommandLine) -> None:
    region = regions.load("./sichuan")
    assert (region.title, region.target.rows, region.target.cols) == ("Sichuan, China", 169, 227)
    checked = finescale("regions", "check", "./sichuan")
    assert checked.exit_code == 0, checked.output
    assert "500..500 m; with land mask " in row(checked.output, "terrain"), "and as far beyond the box as it should be"


def test_name_of_a_folder_here_is_told_to_need_a_slash(sichuan: Path, finescale: CommandLine) -> None:
    refused = finescale("regions", "check", "sichuan")
    assert (refused.exit_code, refused.output.count("\n")) == (2, 1)
    assert "unknown region 'sichuan'; known are: hubei; for the folder here write ./sichuan" in refused.output
    Path("sichuan/region.yaml").unlink()
    assert "there is no region.yaml in that folder" in finescale("regions", "check", "./sichuan").output


def test_copied_folder_whose_name_was_forgotten_is_found_out(make_region: RegionMaker, finescale: CommandLine) -> None:
    folder = make_region()
    mine = folder.rename(folder.with_name("sichuan"))
    checked = finescale("regions", "check", mine)
    assert (checked.exit_code, checked.output.count("\n")) == (2, 1)
    assert "sichuan/region.yaml: name = 'hubei' is that of " in checked.output
    assert "would replace each other; give one of them another name" in checked.output
    data = yaml.safe_load((mine / "region.yaml").read_text()) | {"name": "west"}
    (mine / "region.yaml").write_text(yaml.safe_dump(data))
    assert "west; commands find it by its folder's name, sichuan" in finescale("regions", "check", mine).output


@pytest.mark.parametrize(
    ("inside", "told", "passed"),
    [
        (1, "less than 1.5 degree beyond the box: its edge is repeated", True),
        (-1, "does not reach over the whole target grid", False),
    ],
    ids=["no margin", "not even the box"],
)
def test_terrain_that_is_too_small_is_told(
    make_region: RegionMaker, finescale: CommandLine, inside: float, told: str, passed: bool
) -> None:
    with xr.open_dataset(make_region() / "terrain.nc") as terrain:
        edge = float(terrain.latitude.max())
    box = {"north": edge - inside, "south": 30.0, "west": 111.0, "east": 114.0}
    checked = finescale("regions", "check", make_region(box=box, boundary=None))
    assert told in row(checked.output, "terrain")
    assert checked.exit_code == (0 if passed else 2)


SQUARE = [[110, 30], [120, 30], [120, 31], [110, 31], [110, 30]]


@pytest.mark.parametrize(
    ("geometry", "told", "passed"),
    [
        ({"type": "Polygon", "coordinates": [SQUARE]}, "30..31N 110..120E, reaches beyond the box, is cut there", True),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}, "nowhere near the box", False),
        ({"type": "LineString", "coordinates": SQUARE}, "not a GeoJSON FeatureCollection of polygons", False),
        (None, "no polygon in it", False),
    ],
    ids=["larger", "elsewhere", "line", "empty"],
)
def test_outline_is_checked_as_it_will_be_drawn(
    make_region: RegionMaker, finescale: CommandLine, geometry: dict[str, object] | None, told: str, passed: bool
) -> None:
    folder = make_region()
    features = [{"type": "Feature", "properties": {}, "geometry": geometry}] if geometry else []
    (folder / "boundary.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    checked = finescale("regions", "check", folder)
    assert told in row(checked.output, "boundary")
    assert checked.exit_code == (0 if passed else 2)


TIME = datetime(2026, 11, 20, tzinfo=UTC)
FIJI = {"north": -15, "south": -20, "west": 176, "east": 184}


def warmth(latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    """Made-up temperature in K (rows, columns), smooth over the date line."""
    rows, columns = np.deg2rad(latitude)[:, None], np.deg2rad(longitude)[None, :]
    return np.asarray(300 - 45 * np.sin(rows) ** 2 + 3 * np.sin(4 * columns))


@pytest.fixture
def fiji(tmp_path: Path) -> Path:
    """A region across the date line; its terrain's longitudes go on beyond 180."""
    folder = tmp_path / "fiji"
    folder.mkdir()
    axes = {"latitude": np.arange(-13, -22.1, -0.1), "longitude": np.arange(174, 186.1, 0.1)}
    sea = np.zeros((axes["latitude"].size, axes["longitude"].size))
    xr.Dataset({"elevation": (("latitude", "longitude"), sea, {"units": "m"})}, axes).to_netcdf(folder / "terrain.nc")
    data = {"name": "fiji", "title": "Fiji", "box": FIJI, "variables": ["t2m"], "terrain": "terrain.nc"}
    (folder / "region.yaml").write_text(yaml.safe_dump(data | {"observations": {"sources": []}}))
    return folder


@pytest.fixture
def forecast(tmp_path: Path) -> Path:
    """A global field as open data has it, which begins at 180 degrees."""
    form = next(m for m in messages(DEMO_GRIB) if param_of(m) == "2t")
    file = tmp_path / "forecast.grib2"
    file.write_bytes(relabelled(on_world(form, warmth(WORLD.latitude, WORLD.longitude + 360.0)), TIME, 24))
    return file


@pytest.mark.usefixtures("prefect_server")
def test_region_at_the_other_end_of_the_world(
    fiji: Path, forecast: Path, tmp_path: Path, finescale: CommandLine
) -> None:
    store = str(tmp_path / "store")
    outcome = downscale(str(fiji), inputs=[str(forecast)], store=store)
    ds = xr.open_zarr(outcome.product)
    assert (ds.attrs["title"], ds.attrs["finescale_region"]) == ("Fiji: file/2026-11-20T00 at 0.05 degree", "fiji")
    assert (float(ds.longitude[0]), float(ds.longitude[-1]), ds.sizes["longitude"]) == (176.0, 184.0, 161)
    assert float(np.abs(ds.t2m[0] - warmth(ds.latitude.values, ds.longitude.values)).max()) < 0.1
    asked = ["point", fiji, "--store", store, "--lat", "-17.8", "--lon"]
    east, west = (finescale(*asked, lon, "--source", "file").output for lon in ("181", "-179"))
    assert "t2m °C" in east
    assert east.splitlines()[-1] == west.splitlines()[-1]
    assert finescale(*asked, "181").output == finescale(*asked, "181", "--source", "file").output, "all there is"
    none = finescale(*asked, "181", "--source", "ifs")
    assert (none.exit_code, none.output.count("\n")) == (3, 1)
    assert f"fiji: no good product of ifs in {store}; there is one of file: --source file; " in none.output
    assert f"`finescale status {fiji}`" in none.output, "as the region was typed, which finds it"
