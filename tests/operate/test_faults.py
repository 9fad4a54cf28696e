"""Parts of the real thing are killed or taken away in mid-run: the product is right, or nothing was published."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from tests.conftest import RegionMaker
from tests.servers.opendata import OpenData, open_data
from tests.servers.prefect import Prefect, prefect, wait_for

pytestmark = pytest.mark.integration

STEPS = list(range(0, 46, 3))  # 16 lead times: two slabs
TIME = datetime(2026, 11, 20, 0, tzinfo=UTC)
SLOW = 0.02  # degrees: a slab takes some seconds


@pytest.fixture(scope="module")
def mirror() -> Iterator[OpenData]:
    """Open data with 20 cycles, two a day."""
    with open_data() as served:
        for i in range(20):
            served.add_demo(TIME - timedelta(hours=12 * i), [0, 3])
        served.add_demo(TIME, STEPS)
        yield served


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, mirror: OpenData) -> Iterator[Prefect]:
    """A server with a worker of each pool."""
    folder = tmp_path_factory.mktemp("office")
    urls = json.dumps(dict.fromkeys(("ecmwf", "aws"), mirror.url))
    with prefect(folder, ECMWF_OPENDATA_URLS=urls, FINESCALE_WORKSPACE=str(folder / "workspace")) as server:
        server.worker("cpu")
        server.worker("gpu")
        yield server


@pytest.fixture
def region(make_region: RegionMaker) -> Any:
    """Hubei with short patience; returns its folder as text."""

    def make(stop: int = STEPS[-1], **inference: Any) -> str:
        patience = {"wait_minutes": 0.5, "silent_minutes": 0.25} | inference
        mirrors = {"mirrors": ["ecmwf", "aws"], "pause_seconds": 0.5, "poll_seconds": 0.5, "wait_minutes": 0.2}
        return str(make_region(lead_times={"start": 0, "stop": stop, "step": 3}, acquire=mirrors, inference=patience))

    return make


def entry_of(store: Path, time: datetime = TIME) -> dict[str, Any]:
    """Ledger entry of a cycle."""
    found: dict[str, Any] = json.loads((store / f"hubei/ifs/{time:%Y/%m/%Y-%m-%dT%H}.json").read_text())
    return found


def assert_product(store: Path, time: datetime = TIME, steps: int = len(STEPS)) -> dict[str, Any]:
    """One product, whole, read by value; nothing of it is left elsewhere."""
    entry = entry_of(store, time)
    with xr.open_zarr(store / entry["product"]) as ds:
        assert ds.sizes["step"] == steps
        assert np.isfinite(ds["t2m"].values).all()
    assert len([*(store / f"hubei/ifs/{time:%Y/%m}").glob(f"{time:%Y-%m-%dT%H}*.zarr")]) == 1
    assert not [p for p in (store / "_staging").rglob("*") if p.is_file()]
    return entry


def slab_is_running(office: Prefect, since: datetime) -> int:
    """Process id of the slab that the gpu worker runs, once it computes."""
    workspace = Path(office.environment["FINESCALE_WORKSPACE"])

    def process() -> int | None:
        news = [f for f in workspace.glob("hubei/*/slabs/*.progress") if f.stat().st_mtime > since.timestamp()]
        children = office.parts["gpu"].children()
        return children[-1] if news and children else None

    return int(wait_for("a slab that computes", process, 60, 0.05))


def submit(office: Prefect, region: str, store: Path, **more: Any) -> Any:
    return office.submit(
        "downscale/hubei", region=region, source="ifs", cycle="2026-11-20T00", store=str(store), **more
    )


@pytest.mark.fault("a slab's process is killed half-way", "the slab is computed again, right product")
def test_slab_killed(office: Prefect, region: Any, tmp_path: Path) -> None:
    began = datetime.now(UTC)
    run = submit(office, region(), tmp_path, spacing=SLOW)
    os.kill(slab_is_running(office, began), signal.SIGKILL)
    assert office.finished(run)["type"] == "COMPLETED"
    entry = assert_product(tmp_path)
    assert any("attempt 2" in slab["where"] for slab in entry["slabs"]), entry["slabs"]


@pytest.mark.fault(
    "the GPU worker is killed with its slab, another starts", "the slab is computed again, right product"
)
def test_worker_killed(office: Prefect, region: Any, tmp_path: Path) -> None:
    began = datetime.now(UTC)
    run = submit(office, region(), tmp_path, spacing=SLOW)
    child = slab_is_running(office, began)
    os.kill(office.parts["gpu"].process.pid, signal.SIGKILL)
    os.killpg(os.getpgid(child), signal.SIGKILL)
    office.parts["gpu"].kill()
    office.worker("gpu")
    assert office.finished(run)["type"] == "COMPLETED"
    assert any("no news" in slab["note"] for slab in assert_product(tmp_path)["slabs"])


@pytest.mark.fault("no GPU worker at all", "computed in the run's own process, and the ledger says so")
def test_no_worker(office: Prefect, region: Any, tmp_path: Path) -> None:
    office.parts["gpu"].kill()
    try:
        run = submit(office, region(wait_minutes=0.1), tmp_path)
        assert office.finished(run)["type"] == "COMPLETED"
    finally:
        office.worker("gpu")
    for slab in assert_product(tmp_path)["slabs"]:
        assert slab["where"] == "in process"
        assert "no worker" in slab["note"]


@pytest.mark.fault("Prefect's server is killed in mid-run and started again", "the run goes on, right product")
def test_server_killed(office: Prefect, region: Any, tmp_path: Path) -> None:
    began = datetime.now(UTC)
    run = submit(office, region(), tmp_path, spacing=SLOW)
    slab_is_running(office, began)
    office.parts["server"].kill()
    office.serve()
    assert office.finished(run)["type"] == "COMPLETED"
    assert_product(tmp_path)


@pytest.mark.fault("two runs of one cycle at once", "one product; the other run finds it")
def test_two_runs_at_once(office: Prefect, region: Any, tmp_path: Path) -> None:
    place = region()
    runs = [submit(office, place, tmp_path) for _ in range(2)]
    assert [office.finished(r)["type"] for r in runs] == ["COMPLETED"] * 2
    assert assert_product(tmp_path)["revision"] == 1


@pytest.mark.fault("20 late runs after an outage", "one product of each cycle, none twice")
def test_late_runs(office: Prefect, region: Any, tmp_path: Path) -> None:
    place, due = region(stop=3, where="here"), timedelta(hours=7, minutes=45)
    runs = [
        office.submit("downscale/hubei", TIME - timedelta(hours=12 * i) + due, region=place, store=str(tmp_path))
        for i in range(20)
    ]
    assert [office.finished(r, 400)["type"] for r in runs] == ["COMPLETED"] * 20
    assert len([*tmp_path.glob("hubei/ifs/2026/11/*.zarr")]) == 20
    for i in range(20):
        assert_product(tmp_path, TIME - timedelta(hours=12 * i), steps=2)
    assert json.loads((tmp_path / "hubei/ifs/latest.json").read_text())["cycle"] == "ifs/2026-11-20T00"


@pytest.mark.fault("the same scheduled run fires twice", "the second finds the product and ends at once")
def test_fired_twice(office: Prefect, region: Any, tmp_path: Path) -> None:
    place, due = region(stop=3, where="here"), TIME + timedelta(hours=7, minutes=45)
    runs = [office.submit("downscale/hubei", due, region=place, store=str(tmp_path)) for _ in range(2)]
    states = [office.finished(r) for r in runs]
    assert [s["type"] for s in states] == ["COMPLETED"] * 2
    assert any("published already" in s["message"] for s in states)
    assert_product(tmp_path, steps=2)
