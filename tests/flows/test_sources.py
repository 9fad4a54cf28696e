"""Live sources end to end: from a service on loopback to a published product, through the command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from ecmwf.opendata.urls import URLS
from typer.testing import Result

from tasks.acquire.demo import STEP, TIME, DemoSource
from tasks.acquire.ifs import IfsSource
from tasks.handover.cycle import Cycle, RawFile
from tasks.prepare import prepare
from tasks.region import search as regions
from tasks.region.document import Region
from tests.conftest import RegionMaker
from tests.flows.conftest import CommandLine
from tests.grib import rippled
from tests.servers import opendata
from tests.servers.http import cut
from tests.servers.opendata import OpenData, open_data

QUICK = {"timeout_seconds": 5, "pause_seconds": 0.5, "poll_seconds": 0.5, "wait_minutes": 0.1}


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenData]:
    """What the mirrors' names mean: a cycle of eight hours ago, complete to 6 h, and the next one, which is not."""
    with open_data() as served:
        now = datetime.now(UTC) - timedelta(hours=8)
        time = now.replace(hour=now.hour // 6 * 6, minute=0, second=0, microsecond=0)
        served.add_demo(time, [0, 3, 6])
        served.add_demo(time + timedelta(hours=6), [0, 3])
        for name in ("ecmwf", "aws"):
            monkeypatch.setitem(URLS, name, served.url)  # as ECMWF_OPENDATA_URLS does it for a process
        yield served


Run = Callable[..., Result]


@pytest.fixture
def run(make_region: RegionMaker, finescale: CommandLine, tmp_path: Path, prefect_server: None) -> Run:
    """`finescale run REGION --source ifs` with some settings of `acquire`."""

    def command(*more: str, **acquire: Any) -> Result:
        region = make_region(lead_times={"start": 0, "stop": 6, "step": 3}, acquire=QUICK | acquire)
        return finescale("run", region, "--source", "ifs", "--store", tmp_path / "s", *more)

    return command


def test_latest_cycle_from_open_data_to_product_and_again(tmp_path: Path, mirror: OpenData, run: Run) -> None:
    mirrors = ["ecmwf", "aws"]
    first = run(mirrors=mirrors)
    assert first.exit_code == 0, first.stderr
    (entry_file,) = list((tmp_path / "s/hubei/ifs").glob("[0-9]*/*/*T*.json"))
    entry = json.loads(entry_file.read_text())
    assert (entry["lead_hours"], entry["origin"]) == ([0, 3, 6], "ifs")
    assert len(entry["inputs"]) == 20
    assert all(len(f["sha256"]) == 64 and f["confirmed"] and f["mirror"] == "ecmwf" for f in entry["inputs"])
    ds = xr.open_zarr(tmp_path / "s" / entry["product"])
    assert dict(ds.sizes) == {"step": 3, "latitude": 89, "longitude": 159, "bounds": 2}
    mirror.requests.clear()
    again = run(mirrors=mirrors)
    assert again.exit_code == 0, again.stderr
    assert "published already" in again.stdout
    assert not mirror.asked(".grib2"), "what is published is not fetched again"
    assert run("--force", mirrors=mirrors).exit_code == 0
    assert not mirror.asked(".grib2"), "nor by force: the raw folder has it"


def test_aifs_from_open_data_to_product(
    tmp_path: Path, mirror: OpenData, make_region: RegionMaker, finescale: CommandLine, prefect_server: None
) -> None:
    now = datetime.now(UTC) - timedelta(hours=8)
    time = now.replace(hour=now.hour // 6 * 6, minute=0, second=0, microsecond=0)
    mirror.add_demo(time, [0, 6], model=opendata.AIFS, followers=True, terrain=True)
    names = ["t2m", "u10", "v10", "tp", "sf", "u100", "v100", "tcc", "tcwv"]
    region = make_region(
        lead_times={"start": 0, "stop": 6, "step": 3}, variables=names, required=["t2m"],
        acquire=QUICK | {"mirrors": ["ecmwf"]},
    )  # fmt: skip
    result = finescale("run", region, "--source", "aifs", "--store", tmp_path / "s")
    assert result.exit_code == 0, result.stderr
    (entry_file,) = list((tmp_path / "s/hubei/aifs").glob("[0-9]*/*/*T*.json"))
    entry = json.loads(entry_file.read_text())
    assert (entry["cycle"], entry["origin"]) == (f"aifs/{time:%Y-%m-%dT%H}", "aifs")
    assert (entry["lead_hours"], entry["absent"]) == ([0, 6], ["tcwv"]), "every sixth hour; no column water"
    ds = xr.open_zarr(tmp_path / "s" / entry["product"])
    assert "AIFS" in ds.attrs["attribution"]
    assert xr.open_zarr(tmp_path / "s" / entry["product"], group="input").attrs["finescale_footprint_km"] == 31
    assert set(ds.data_vars) >= set(names) - {"tcwv"}
    given = xr.open_zarr(tmp_path / "s" / entry["product"], group="input").isel(step=1)
    own = rippled(*np.meshgrid(given.latitude, given.longitude, indexing="ij"))
    np.testing.assert_allclose(given.surface_altitude, own, atol=0.1, err_msg="the model's own terrain, not the file's")
    assert 1e-3 < float(given.tp.max()) < 0.1, "m: it comes in kg m-2"
    assert 0 < float(given.sf.max()) <= float(given.tp.max())


def test_aifs_says_what_it_does_not_have(
    tmp_path: Path, mirror: OpenData, make_region: RegionMaker, finescale: CommandLine
) -> None:
    region = make_region(variables=["t2m", "tcwv"], acquire=QUICK | {"mirrors": ["ecmwf"]})
    result = finescale("run", region, "--source", "aifs", "--store", tmp_path / "s", "--cycle", "2026-11-20T00")
    assert result.exit_code == 2
    assert "aifs: has no tcwv; it was asked for by `required`" in result.stderr
    before = finescale("run", region, "--source", "aifs", "--store", tmp_path / "s", "--cycle", "2024-11-20T06")
    assert "aifs begins with 2025-02-25T06; name a later cycle" in before.stderr


def test_an_old_cycle_is_made_of_what_there_was_then(
    tmp_path: Path, mirror: OpenData, make_region: RegionMaker, finescale: CommandLine, prefect_server: None
) -> None:
    mirror.add_demo(datetime(2024, 10, 1, tzinfo=UTC), [3, 6], followers=True)
    names = ["t2m", "u10", "v10", "u100", "v100", "fg10", "tcc"]
    region = make_region(
        lead_times={"start": 3, "stop": 6, "step": 3}, variables=names, required=["t2m"],
        acquire=QUICK | {"mirrors": ["ecmwf"]},
    )  # fmt: skip
    result = finescale("run", region, "--source", "ifs", "--store", tmp_path / "s", "--cycle", "2024-10-01T00")
    assert result.exit_code == 0, result.stderr
    (entry_file,) = list((tmp_path / "s/hubei/ifs").glob("[0-9]*/*/*T*.json"))
    assert json.loads(entry_file.read_text())["absent"] == ["fg10", "tcc"], "later ones, though this mirror has them"


def test_a_cycle_that_is_not_complete_ends_with_exit_3(tmp_path: Path, mirror: OpenData, run: Run) -> None:
    newest = max(datetime.strptime(p.split("/")[-1][:10], "%Y%m%d%H") for p in mirror.files)
    result = run("--cycle", f"{newest:%Y-%m-%dT%H}", mirrors=["ecmwf"], wait_minutes=0.02)
    assert result.exit_code == 3, result.stderr
    assert f"ifs/{newest:%Y-%m-%dT%H}: 7 of 20 messages are missing" in result.stderr
    assert "run it again later: what is here is kept" in result.stderr
    assert not (tmp_path / "s/hubei").exists()


@pytest.mark.fault("a message that cannot be had in time", "nothing published; what was published before stays")
def test_a_fault_that_does_not_end_publishes_nothing(tmp_path: Path, mirror: OpenData, run: Run) -> None:
    mirror.on("-3h-.*grib2", cut(100))
    result = run(mirrors=["ecmwf"], wait_minutes=0.02)
    assert result.exit_code == 1
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("finescale: ifs/")
    assert "messages are missing" in last
    assert not (tmp_path / "s/hubei").exists()


def test_demo_and_open_data_give_the_same_input_fields_byte_for_byte(tmp_path: Path) -> None:
    """The demo's cycle as a mirror would serve it, against the demo source."""
    hubei = regions.load("hubei")
    with open_data() as served:
        files = {
            p: (opendata.DEMO / p.lstrip("/")) for p in (OpenData.path(TIME, STEP) + e for e in (".grib2", ".index"))
        }
        served.files = {path: file.read_bytes() for path, file in files.items()}
        live = hubei.model_dump() | {"lead_times": {"start": STEP, "stop": STEP, "step": 3}}
        live["acquire"] = QUICK | {"mirrors": [served.url]}
        fetched = IfsSource().fetch(Cycle(source="ifs", time=TIME), Region.model_validate(live), str(tmp_path / "raw"))
    demo = DemoSource().fetch(Cycle(source="demo", time=TIME), hubei, str(tmp_path / "raw"))

    def fields(raw: list[RawFile], name: str) -> dict[str, bytes]:
        store, cycle = str(tmp_path / name), Cycle(source="demo", time=TIME)
        folder = Path(prepare.fn(raw, hubei, cycle, store, store, halo=4).product, "input")
        return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}

    a, b = fields(fetched, "live"), fields(demo, "demo")
    assert a == b
    assert len(a) > 10
