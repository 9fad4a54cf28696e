"""IFS on its own 9 km grid, from the bucket to the product."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy.interpolate import LinearNDInterpolator

from tasks.acquire.catalogue import LACKING
from tasks.acquire.native import GRID, HEIGHTS, STORED, beside
from tasks.acquire.om import BLOCK
from tasks.grids.grid import Grid
from tasks.region.settings import AcquireSettings
from tasks.store.ledger import LedgerEntry
from tasks.variables import VARIABLES
from tests.flows.conftest import CommandLine
from tests.grib import rippled
from tests.servers.http import cut, status
from tests.servers.open_meteo import CIRCLES, TRUTH, add_run, heights_file, on_grid, open_meteo, places
from tests.servers.opendata import OpenData

NAMES = ["t2m", "d2m", "u10", "v10", "msl", "tp", "mx2t", "ssrd"]
HOURS = [0, 1, 2, 3, 4]
BOX = {"north": 32, "south": 30, "west": 110, "east": 112.5}


@pytest.fixture(scope="module")
def run() -> datetime:
    """A run that began ten hours ago."""
    now = datetime.now(UTC) - timedelta(hours=10)
    return now.replace(hour=now.hour // 6 * 6, minute=0, second=0, microsecond=0)


@pytest.fixture(scope="module")
def bucket(run: datetime, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenData]:
    with open_meteo(run, HOURS, tmp_path_factory.mktemp("om")) as mirror:
        yield mirror


@pytest.fixture
def region(make_region: Callable[..., Path], bucket: OpenData) -> Path:
    bucket.rules.clear()
    return make_region(
        variables=NAMES, box=BOX, lead_times={"start": 2, "stop": 4, "step": 2},
        acquire={"native": bucket.url, "pause_seconds": 0.1, "poll_seconds": 0.2, "wait_minutes": 0.05},
    )  # fmt: skip


def entry_of(store: Path) -> LedgerEntry:
    (file,) = (store / "hubei/ifs9km").glob("[0-9]*/*/*T*.json")
    return LedgerEntry.model_validate_json(file.read_text())


def test_a_product_is_made_of_nine_kilometres(
    region: Path, bucket: OpenData, run: datetime, finescale: CommandLine, tmp_path: Path
) -> None:
    bucket.requests.clear()
    result = finescale("run", region, "--source", "ifs-9km", "--store", tmp_path / "s")
    assert result.exit_code == 0, result.stderr
    entry = entry_of(tmp_path / "s")
    assert (entry.cycle, entry.lead_hours) == (f"ifs9km/{run:%Y-%m-%dT%H}", [2, 4])
    assert entry.input_spacing == [0.1, 0.1]
    assert entry.variables == NAMES
    ds, given = (xr.open_zarr(tmp_path / "s" / entry.product, group=g).load() for g in (None, "input"))
    assert "Open-Meteo.com, CC-BY-4.0" in ds.attrs["attribution"]
    with xr.open_dataset(TRUTH) as truth:
        near = given.sel(latitude=slice(32, 30), longitude=slice(110, 112.5))
        true = truth.sel(latitude=near.latitude, longitude=near.longitude, method="nearest")
        for name, allowed in (("t2m", 0.3), ("d2m", 0.3), ("u10", 0.3), ("msl", 15.0)):
            assert float(np.sqrt(((near[name][0] - true[name].values) ** 2).mean())) < allowed
        # what has fallen in the hours since the lead time before: 1 + 2, and 3 + 4 parts
        for i, parts in enumerate((3, 7)):
            assert float(near.tp[i].mean()) == pytest.approx(parts * float(true.tp.mean()), rel=0.03)
    np.testing.assert_allclose(near.mx2t, near.t2m + 1.0, atol=0.06)
    np.testing.assert_allclose(near.ssrd, near.d2m * 2 * 3600.0, rtol=5e-3)
    spans = [r.removeprefix("bytes=").split("-") for _, path, r in bucket.requests if path.endswith(".om")]
    assert max(int(last) - int(first) for first, last in spans) < BLOCK
    assert len(spans) < 4 * 4 * len(NAMES), "some blocks of each variable and hour"


def test_values_are_those_of_the_grid_s_points(run: datetime) -> None:
    """At a point of the grid a sample is its value, and half way along a circle the mean of two."""
    circle = 800
    start, count = int(GRID.starts[circle]), int(GRID.counts[circle])
    step = 360.0 / count
    own = on_grid("t2m")[0, start : start + count]
    first = round(110 / step)
    grid = Grid(float(GRID.latitude[circle]), first * step, 0.05, step / 2, 2, 21)
    circles = GRID.circles(grid)
    found = GRID.sampled(on_grid("t2m")[0, GRID.points(circles)], circles, grid)[0]
    np.testing.assert_allclose(found[::2], own[first : first + 11], atol=1e-4)
    np.testing.assert_allclose(found[1::2], (own[first : first + 10] + own[first + 1 : first + 11]) / 2, atol=1e-4)


def test_what_was_fetched_is_not_fetched_again(
    region: Path, bucket: OpenData, finescale: CommandLine, tmp_path: Path
) -> None:
    for store in ("a", "b"):
        bucket.requests.clear()
        assert finescale("run", region, "--source", "ifs9km", "--store", tmp_path / store).exit_code == 0
    assert {path.rsplit("/", 1)[-1] for _, path, _ in bucket.requests} == {"meta.json"}


def test_fields_have_the_heights_of_their_own_model(
    region: Path, bucket: OpenData, finescale: CommandLine, tmp_path: Path
) -> None:
    bucket.files[f"/{HEIGHTS}"] = heights_file(tmp_path / "heights.om")
    try:
        assert finescale("run", region, "--source", "ifs9km", "--store", tmp_path / "s").exit_code == 0
    finally:
        del bucket.files[f"/{HEIGHTS}"]
    given = xr.open_zarr(tmp_path / "s" / entry_of(tmp_path / "s").product, group="input").load()
    latitude, longitude = places(CIRCLES)
    near = (abs(latitude - 31) < 1.7) & (abs(longitude - 111.25) < 2)
    heights = rippled(latitude, longitude)[near]
    between = LinearNDInterpolator(np.column_stack([latitude[near], longitude[near]]), heights)
    own = between(*np.meshgrid(given.latitude, given.longitude, indexing="ij"))
    inner = (slice(3, -3), slice(3, -3))  # to the last row scipy has other triangles
    assert given.surface_altitude.attrs["source"] == "terrain of the model that made the input"
    off = np.abs(given.surface_altitude.values - own)[inner]
    assert np.median(off) < 2.0, "whole metres; between a circle's points and the next one's linear"
    assert np.quantile(off, 0.95) < 25.0, "where two triangles are as good"


def test_where_heights_lie_in_open_meteo_s_bucket() -> None:
    default = AcquireSettings().native
    assert f"{beside(default)}/{HEIGHTS}" == "https://openmeteo.s3.amazonaws.com/data/ecmwf_ifs/static/HSURF.om"


@pytest.mark.fault(
    "a file of the 9 km bucket that is refused or cut", "asked for again; what was fetched of the run is kept"
)
@pytest.mark.parametrize(
    "fault",
    [status(503), pytest.param(status(429, Retry_After="0"), marks=pytest.mark.slow), cut(300)],
    ids=["503", "429", "cut"],
)
def test_a_bucket_that_fails_for_a_while_is_asked_again(
    region: Path, bucket: OpenData, finescale: CommandLine, tmp_path: Path, fault: Callable[..., bool]
) -> None:
    bucket.on(r"\.om$", fault, 3)
    result = finescale("run", region, "--source", "ifs9km", "--store", tmp_path / "s")
    assert result.exit_code == 0, result.stderr


def test_what_does_not_come_is_named(
    region: Path, bucket: OpenData, run: datetime, finescale: CommandLine, tmp_path: Path
) -> None:
    bucket.on(r"\.om$", status(404))
    result = finescale("run", region, "--source", "ifs9km", "--store", tmp_path / "s")
    assert result.exit_code != 0
    valid = f"{run + timedelta(hours=1):%Y-%m-%dT%H%M}.om"
    assert f"ifs9km/{run:%Y-%m-%dT%H} +2 h: {run:%Y/%m/%d/%H%MZ}/{valid}: not there (404)" in result.stderr
    assert "what is here is kept" in result.stderr


def test_a_bucket_that_does_not_answer_is_no_cycle_that_is_late(
    region: Path, bucket: OpenData, finescale: CommandLine, tmp_path: Path
) -> None:
    bucket.on(r"meta\.json$", status(503))
    result = finescale("run", region, "--source", "ifs9km", "--store", tmp_path / "s")
    assert f"ifs9km: {bucket.url} does not answer" in result.stderr
    assert "HTTP 503" in result.stderr


def test_a_run_that_is_not_whole_yet_is_not_the_latest(
    region: Path, bucket: OpenData, run: datetime, finescale: CommandLine, tmp_path: Path
) -> None:
    newer = run + timedelta(hours=6)
    folder = add_run(bucket, newer, [], tmp_path)
    try:
        result = finescale("run", region, "--source", "ifs9km", "--store", tmp_path / "s")
        assert result.exit_code == 0, result.stderr
        assert entry_of(tmp_path / "s").cycle.endswith(f"{run:%Y-%m-%dT%H}")
    finally:
        del bucket.files[f"{folder}/meta.json"]


def test_a_region_that_requires_what_is_not_there_is_told(
    make_region: Callable[..., Path], bucket: OpenData, finescale: CommandLine, tmp_path: Path
) -> None:
    region = make_region(variables=["t2m", "sp"], acquire={"native": bucket.url})
    result = finescale("run", region, "--source", "ifs9km", "--store", tmp_path / "s", "--cycle", "2026-11-20T00")
    assert "ifs9km: has no sp; it was asked for by `required`" in result.stderr


def test_without_the_reader_of_its_files_a_run_says_what_to_install(
    region: Path, finescale: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    result = finescale("run", region, "--source", "ifs9km", "--store", tmp_path / "s")
    assert "pip install 'finescale[native]'" in result.stderr


def test_the_table_of_what_is_there_is_whole() -> None:
    assert STORED.keys() | LACKING["ifs9km"] == VARIABLES.keys()
    assert not STORED.keys() & LACKING["ifs9km"]
    assert json.dumps(sorted(s.name for s in STORED.values()))  # names are plain text
