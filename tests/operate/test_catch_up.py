"""What a crash took is made again by itself: the cycle is published without a human, once."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import psutil
import pytest
import xarray as xr

from flows.dispatch import NOT_BEGUN
from flows.products.gaps import due_cycles
from flows.server.names import CATCH_UP_DEPLOYMENT, CAUGHT_UP, CYCLE_RESOURCE, GIVEN_UP
from tasks.handover.cycle import Cycle
from tasks.region import search as regions
from tests.conftest import write_region
from tests.servers.opendata import OpenData, open_data
from tests.servers.prefect import Prefect, prefect, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.slow]

STEPS = [0, 3]
DAYS = 2.0  # that are caught up with
NEWEST = "newest"  # a region that looks back for half a day, in which one cycle is due
Due = dict[Cycle, datetime]


@pytest.fixture(scope="module")
def mirror() -> Iterator[OpenData]:
    with open_data() as served:
        yield served


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, mirror: OpenData) -> Iterator[Prefect]:
    """A server, a worker of each pool, and two regions that were deployed a week ago."""
    folder = tmp_path_factory.mktemp("office")
    changes: dict[str, Any] = {
        "lead_times": {"start": 0, "stop": 3, "step": 3},
        "acquire": {"mirrors": ["ecmwf", "aws"], "pause_seconds": 0.5, "poll_seconds": 0.5, "wait_minutes": 0.05},
        "inference": {"wait_minutes": 1, "silent_minutes": 0.25, "slab_steps": 8},
        "schedule": {"era5": None},
    }
    for name, days in ((NEWEST, 0.5), ("outage", DAYS)):
        settings = {"ifs_days": days, "tries": 2, "pause_minutes": 0.01}
        write_region(folder / "regions" / name, name=name, catch_up=settings, **changes)
    with prefect(
        folder,
        ECMWF_OPENDATA_URLS=json.dumps(dict.fromkeys(("ecmwf", "aws"), mirror.url)),
        FINESCALE_WORKSPACE=str(folder / "workspace"),
        FINESCALE_STORE=str(folder / "store"),
        FINESCALE_REGIONS=str(folder / "regions"),
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY="30",
    ) as server:
        server.pause(CATCH_UP_DEPLOYMENT)  # each test starts it itself
        for name in (NEWEST, "outage"):
            server.make_older(f"downscale/{name}", timedelta(days=7))
        server.worker("cpu")
        server.worker("gpu")
        yield server


@pytest.fixture
def due(office: Prefect, mirror: OpenData) -> Callable[[str], Due]:
    """Cycles of a region that are due, the newest first; all are open."""

    def find(name: str) -> Due:
        region = regions.load(str(office.folder / "regions" / name) + os.sep)
        now = datetime.now(UTC)
        found = due_cycles(region, "ifs", now - timedelta(days=region.catch_up.ifs_days), now)
        for cycle in found:
            mirror.add_demo(cycle.time, STEPS)
        return found

    return find


def catch_up(office: Prefect, region: str, store: Path, **more: Any) -> str:
    """Look once for what is missing, and wait for the runs that it starts; what it says."""
    given = {"silent_minutes": 0.2, "unbegun_minutes": 0.2, "listen_seconds": 40} | more
    run = office.submit(CATCH_UP_DEPLOYMENT, only=[region], store=str(store), **given)
    state = office.finished(run)
    assert state["type"] == "COMPLETED", state
    for started in again(office, store):
        office.finished(UUID(started["id"]), 400)  # the slot of a run that is gone is free after five minutes
    return str(state["message"])


def again(office: Prefect, store: Path) -> list[dict[str, Any]]:
    """Runs that were started because a cycle was missing, for this store."""
    found = office.find("flow_runs", flow_runs={"tags": {"all_": [CAUGHT_UP]}})
    return [run for run in found if run["parameters"].get("store") == str(store)]


def kill_run(office: Prefect) -> None:
    """SIGKILL to the process of the run that the cpu worker has, with all that it started."""
    for child in office.parts["cpu"].runs():
        for process in [*psutil.Process(child).children(recursive=True), psutil.Process(child)]:
            process.kill()


def assert_published_once(store: Path, region: str, cycle: Cycle) -> dict[str, Any]:
    """One product, whole, read by value, and `latest.json` names it or a newer one."""
    place = store / f"{region}/ifs/{cycle.time:%Y/%m}"
    assert len([*place.glob(f"{cycle.stamp}*.zarr")]) == 1
    entry: dict[str, Any] = json.loads((place / f"{cycle.stamp}.json").read_text())
    with xr.open_zarr(store / entry["product"]) as ds:
        assert ds.sizes["step"] == len(STEPS)
        assert np.isfinite(ds["t2m"].values).all()
    assert json.loads((store / f"{region}/ifs/latest.json").read_text())["cycle"] >= str(cycle)
    return entry


def reached(phase: str, mirror: OpenData, store: Path, workspace: Path) -> bool:
    """Whether the run has come to a phase."""
    match phase:
        case "acquire":
            return bool(mirror.requests)
        case "prepare":
            return any((store / "_staging").glob("*.zarr"))
        case "inference":
            return any(workspace.glob(f"{NEWEST}/*/slabs/*"))
        case _:
            return any((store / "_staging/claims").glob("*"))


@pytest.mark.fault(
    "a scheduled run is killed while it fetches, prepares, computes or publishes",
    "crashed in seconds; its cycle is published by another run, once; until then `latest.json` names the one before",
)
@pytest.mark.parametrize("phase", ["acquire", "prepare", "inference", "publish"])
def test_run_killed(phase: str, office: Prefect, mirror: OpenData, due: Callable[[str], Due], tmp_path: Path) -> None:
    (cycle, when), *_ = due(NEWEST).items()
    workspace = Path(office.environment["FINESCALE_WORKSPACE"])
    shutil.rmtree(workspace, ignore_errors=True)  # what was fetched before too
    mirror.requests.clear()
    mirror.latency = 0.5 if phase == "acquire" else 0.0
    run = office.submit(f"downscale/{NEWEST}", when, store=str(tmp_path))
    wait_for(phase, lambda: reached(phase, mirror, tmp_path, workspace), 90, 0.005)
    kill_run(office)
    mirror.latency = 0.0
    assert office.finished(run)["type"] == "CRASHED"
    assert not (tmp_path / f"{NEWEST}/ifs/latest.json").exists()
    assert f"run again: {NEWEST} {cycle}" in catch_up(office, NEWEST, tmp_path)
    assert_published_once(tmp_path, NEWEST, cycle)
    if phase == "publish":
        assert catch_up(office, NEWEST, tmp_path) == "nothing is missing"
    assert len(again(office, tmp_path)) == 1


@pytest.mark.fault(
    "run, workers and server are killed at once, and started again",
    "the run is found to be gone, its cycle is published by another, once",
)
def test_machine_off(office: Prefect, due: Callable[[str], Due], tmp_path: Path) -> None:
    (cycle, when), *_ = due(NEWEST).items()
    run = office.submit(f"downscale/{NEWEST}", when, store=str(tmp_path))
    wait_for("a staged product", lambda: any((tmp_path / "_staging").glob("*.zarr")), 90, 0.005)
    for pool in ("cpu", "gpu"):
        os.kill(office.parts[pool].process.pid, signal.SIGSTOP)  # it must not say that its run has crashed
    kill_run(office)
    for part in ("cpu", "gpu", "server"):
        office.parts[part].kill()
    office.serve()
    for pool in ("cpu", "gpu"):
        office.worker(pool)
    assert office.state(run)["type"] == "RUNNING", "as far as the server knows"
    wait_for("silence", lambda: "were gone" in catch_up(office, NEWEST, tmp_path), 180, 1)
    assert office.state(run)["type"] == "CRASHED"
    assert "no sign of life" in office.state(run)["message"]
    wait_for("a run again", lambda: again(office, tmp_path) or catch_up(office, NEWEST, tmp_path) == "", 90, 1)
    catch_up(office, NEWEST, tmp_path)
    assert_published_once(tmp_path, NEWEST, cycle)


@pytest.mark.fault(
    "a slab is taken, and worker and process are killed before its first step",
    "found after `silent_minutes`, sent again, right product",
)
def test_slab_taken_and_never_begun(office: Prefect, due: Callable[[str], Due], tmp_path: Path) -> None:
    (cycle, when), *_ = due(NEWEST).items()
    run = office.submit(f"downscale/{NEWEST}", when, store=str(tmp_path))
    (child,) = wait_for("a slab's process", office.parts["gpu"].runs, 90, 0.005)
    os.kill(office.parts["gpu"].process.pid, signal.SIGKILL)
    psutil.Process(child).kill()
    office.parts["gpu"].kill()
    slabs = office.find("flow_runs", flow_runs={"parent_task_run_id": {"is_null_": False}}, sort="START_TIME_DESC")
    assert any(s["state"]["type"] == "PENDING" for s in slabs), "taken, and for ever so as far as the server knows"
    office.worker("gpu")
    assert office.finished(run)["type"] == "COMPLETED"
    entry = assert_published_once(tmp_path, NEWEST, cycle)
    assert any(NOT_BEGUN in slab["note"] for slab in entry["slabs"]), entry["slabs"]
    assert not again(office, tmp_path)


@pytest.mark.fault(
    "nothing ran for two days", "the newest cycle comes first, the others after it, each once; late runs give way"
)
def test_two_days_off(office: Prefect, due: Callable[[str], Due], tmp_path: Path) -> None:
    found = due("outage")
    late = [office.submit("downscale/outage", when, store=str(tmp_path)) for when in reversed(found.values())]
    states = [office.finished(run) for run in late]
    assert [s["type"] for s in states] == ["CANCELLED"] * (len(late) - 1) + ["COMPLETED"]
    assert "is due by now and goes first" in states[0]["message"]
    for _ in late:
        if catch_up(office, "outage", tmp_path) == "nothing is missing":
            break
    entries = [assert_published_once(tmp_path, "outage", cycle) for cycle in found]
    made = [entry["published_at"] for entry in entries]
    assert made == sorted(made), "the newest first"
    assert len(again(office, tmp_path)) == len(found) - 1


@pytest.mark.fault(
    "a cycle fails again and again", "given up after `catch_up: tries:`, an alarm, once; `finescale status` names it"
)
def test_given_up(office: Prefect, mirror: OpenData, due: Callable[[str], Due], tmp_path: Path) -> None:
    (cycle, _), *_ = due(NEWEST).items()
    shutil.rmtree(Path(office.environment["FINESCALE_WORKSPACE"]), ignore_errors=True)  # what was fetched before
    files, mirror.files = mirror.files, {}
    try:
        looks = [catch_up(office, NEWEST, tmp_path) for _ in range(4)]
    finally:
        mirror.files = files
    assert [look.split(":")[0] for look in looks] == ["run again", "run again", "given up", "given up"]
    assert len(again(office, tmp_path)) == 2
    resource = f"{CYCLE_RESOURCE}{NEWEST}.{str(cycle).replace('/', '.')}"

    def events() -> list[Any]:
        query = {"event": {"name": [GIVEN_UP]}, "resource": {"id": [resource]}}
        return list(office.ask("/events/filter", {"filter": query})["events"])

    wait_for("the event", events, 30)
    assert [e["payload"]["tries"] for e in events()] == [2], "once"
    shown = office.run(sys.executable, "-m", "flows.commands.app", "status", NEWEST, "--store", str(tmp_path))
    assert f"{cycle} is missing" in shown
    assert "2 of 2 tries, given up" in shown
