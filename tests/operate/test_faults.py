"""Parts of the real thing are killed or taken away in mid-run: the product is right, or nothing was published."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import s3fs
import torch
import xarray as xr
from safetensors.torch import load_file, save_file

from flows.dispatch import NO_PROGRESS, NO_WORKER
from models.package import SUMS
from tasks.packages import SHIPPED
from tests.conftest import ROOT, RegionMaker
from tests.servers.opendata import OpenData, open_data
from tests.servers.prefect import Prefect, prefect, wait_for
from tests.servers.s3 import BUCKET, S3Server, s3_server

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
    with prefect(
        folder,
        ECMWF_OPENDATA_URLS=urls,
        FINESCALE_WORKSPACE=str(folder / "workspace"),
        FINESCALE_MODELS=str(folder / "models"),
    ) as server:
        server.worker("cpu")
        server.worker("gpu")
        yield server


@pytest.fixture
def region(make_region: RegionMaker) -> Any:
    """Hubei with short patience; returns its folder as text."""

    def make(stop: int = STEPS[-1], **inference: Any) -> str:
        patience = {"wait_minutes": 0.5, "silent_minutes": 0.25, "slab_steps": 8} | inference
        mirrors = {"mirrors": ["ecmwf", "aws"], "pause_seconds": 0.5, "poll_seconds": 0.5, "wait_minutes": 0.2}
        steps, off = {"start": 0, "stop": stop, "step": 3}, {"ifs_days": 0}  # each run makes its own cycle
        return str(make_region(lead_times=steps, acquire=mirrors, inference=patience, catch_up=off))

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
        children = office.parts["gpu"].runs()
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


@pytest.mark.slow
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
    assert any(NO_PROGRESS in slab["note"] for slab in assert_product(tmp_path)["slabs"])


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
        assert NO_WORKER in slab["note"]


@pytest.mark.fault("Prefect's server is killed in mid-run and started again", "the run goes on, right product")
def test_server_killed(office: Prefect, region: Any, tmp_path: Path) -> None:
    began = datetime.now(UTC)
    run = submit(office, region(), tmp_path, spacing=SLOW)
    slab_is_running(office, began)
    office.parts["server"].kill()
    office.serve()
    assert office.finished(run)["type"] == "COMPLETED"
    assert_product(tmp_path)


@pytest.mark.slow
@pytest.mark.fault("two runs of one cycle at once", "one product; the other run finds it")
def test_two_runs_at_once(office: Prefect, region: Any, tmp_path: Path) -> None:
    place = region()
    runs = [submit(office, place, tmp_path) for _ in range(2)]
    assert [office.finished(r)["type"] for r in runs] == ["COMPLETED"] * 2
    assert assert_product(tmp_path)["revision"] == 1


@pytest.mark.slow
@pytest.mark.fault("20 late runs after an outage, without catch-up", "one product of each cycle, none twice")
def test_late_runs(office: Prefect, region: Any, tmp_path: Path) -> None:
    place, due = region(stop=3, where="here"), timedelta(hours=7, minutes=45)
    office.limit("downscale/hubei", 2)  # for speed alone: what ships runs one at a time
    runs = [
        office.submit("downscale/hubei", TIME - timedelta(hours=12 * i) + due, region=place, store=str(tmp_path))
        for i in range(20)
    ]
    assert [office.finished(r, 400)["type"] for r in runs] == ["COMPLETED"] * 20
    office.limit("downscale/hubei", 1)
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


def refused(office: Prefect, run: Any) -> str:
    """The message of a run that failed."""
    state = office.finished(run)
    assert state["type"] == "FAILED", state
    return str(state["message"])


@pytest.mark.slow
@pytest.mark.fault("a poisoned slab: the model gives NaN", "refused by the gate; the last good product stays")
def test_poisoned_slab(office: Prefect, region: Any, tmp_path: Path) -> None:
    before = TIME - timedelta(hours=12)
    place = region(stop=3)
    good = office.submit("downscale/hubei", region=place, cycle=f"{before:%Y-%m-%dT%H}", store=str(tmp_path))
    assert office.finished(good)["type"] == "COMPLETED"
    latest = (tmp_path / "hubei/ifs/latest.json").read_bytes()
    poison(Path(office.environment["FINESCALE_MODELS"]) / "poisoned")
    message = refused(office, submit(office, place, tmp_path, model="poisoned"))
    assert "finite share 0" in message
    assert "the last good product stays" in message
    assert (tmp_path / "hubei/ifs/latest.json").read_bytes() == latest
    assert_product(tmp_path, before, steps=2)


def poison(folder: Path) -> None:
    """A package whose last layer gives NaN, with sums that say that all is well."""
    shutil.copytree(SHIPPED / "inr-hres", folder)
    weights = load_file(folder / "weights.safetensors")
    name = [n for n in weights if n.endswith("bias")][-1]
    save_file(weights | {name: torch.full_like(weights[name], float("nan"))}, folder / "weights.safetensors")
    lines = [line.split() for line in (folder / SUMS).read_text().splitlines()]
    sums = [f"{hashlib.sha256((folder / file).read_bytes()).hexdigest()}  {file}" for _, file in lines]
    (folder / SUMS).write_text("\n".join(sums) + "\n")


@pytest.mark.fault("a run is killed between staging and publishing", "nothing published; the next run makes it whole")
def test_run_killed_before_publishing(office: Prefect, region: Any, tmp_path: Path) -> None:
    place, workspace = region(stop=3, where="here"), Path(office.environment["FINESCALE_WORKSPACE"])
    before = set(workspace.glob("hubei/*/slabs/0-0.json"))
    run = submit(office, place, tmp_path)
    wait_for("a computed slab", lambda: set(workspace.glob("hubei/*/slabs/0-0.json")) - before, 60, 0.01)
    for child in office.parts["cpu"].runs():
        os.kill(child, signal.SIGKILL)
    assert office.finished(run)["type"] == "CRASHED"
    assert not (tmp_path / "hubei").exists()
    shutil.rmtree(tmp_path / "_staging")  # as maintain does it after a day
    assert office.finished(submit(office, place, tmp_path))["type"] == "COMPLETED"
    assert_product(tmp_path, steps=2)


@pytest.mark.fault("disk full in the workspace", "one line that says where; nothing published")
def test_disk_full(office: Prefect, region: Any, tmp_path: Path) -> None:
    place = region(stop=3, where="here")
    limit = ["bash", "-c", 'ulimit -f 60; trap "" XFSZ; exec "$@"', "-"]
    done = command_line(office, place, tmp_path / "store", *limit, FINESCALE_WORKSPACE=str(tmp_path / "small"))
    assert done.returncode == 1
    assert "no room (File too large); free some" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "store/hubei").exists()
    assert command_line(office, place, tmp_path / "store").returncode == 0
    assert_product(tmp_path / "store", steps=2)


@pytest.mark.fault("a wrong clock on a worker", "refused before anything is done: how far it is off, and what to do")
@pytest.mark.parametrize("off", ["-1d", "+2h"])
def test_wrong_clock(office: Prefect, region: Any, tmp_path: Path, off: str) -> None:
    libfaketime = pytest.importorskip("libfaketime", reason="there is none for this system")
    library = Path(libfaketime.__file__).parent / "vendor/libfaketime/src/libfaketime.so.1"
    done = command_line(
        office, region(stop=3), tmp_path, LD_PRELOAD=str(library), FAKETIME=off, FAKETIME_DONT_FAKE_MONOTONIC="1"
    )
    assert done.returncode == 1
    assert re.search(r"clock is \d+ min (behind|ahead of) that of Prefect's server .*timedatectl", done.stderr)
    assert not (tmp_path / "hubei").exists()


def command_of(region: str) -> list[str]:
    """`finescale run` of the cycle."""
    return [sys.executable, "-m", "flows.commands.app", "run", region, "--cycle", f"{TIME:%Y-%m-%dT%H}"]


def command_line(
    office: Prefect, region: str, store: Path | str, *before: str, **more: str
) -> subprocess.CompletedProcess[str]:
    """`finescale run` against the office's server, in a process of its own."""
    words = [*before, *command_of(region), "--store", str(store)]
    environment = office.environment | more
    return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240)


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[S3Server]:
    """A real S3 server with an empty bucket."""
    folder = tmp_path / "s3"
    folder.mkdir()
    with s3_server(folder) as server:
        s3fs.S3FileSystem(**server.options, skip_instance_cache=True).mkdir(BUCKET)
        yield server


OUTAGE = 30  # seconds, as a server takes that is started again


@pytest.mark.slow
@pytest.mark.fault("S3 is gone for 30 s during publishing", "publishing waits for it, right product")
def test_s3_gone_for_a_while(office: Prefect, region: Any, tmp_path: Path, bucket: S3Server) -> None:
    store, log = f"s3://{BUCKET}/products", tmp_path / "run.log"
    environment = office.environment | bucket.environment | {"FINESCALE_WORKSPACE": str(tmp_path / "workspace")}
    command = [*command_of(region(stop=3, where="here")), "--store", store]
    seen = s3fs.S3FileSystem(**bucket.options, skip_instance_cache=True, use_listings_cache=False)
    with log.open("wb") as out:
        run = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out, start_new_session=True)

    def publishing() -> bool:
        """Whether the run has claimed a revision, which is what publishing begins with."""
        assert run.poll() is None, log.read_text()
        return bool(seen.find(f"{BUCKET}/products/_staging/claims"))

    wait_for("a run that publishes", publishing, 120, 0.02)
    bucket.kill()
    with pytest.raises(subprocess.TimeoutExpired):
        run.wait(OUTAGE)
    bucket.start()
    assert run.wait(240) == 0, log.read_text()
    ds = xr.open_zarr(f"{store}/hubei/ifs/2026/11/2026-11-20T00.zarr", storage_options=bucket.options, chunks=None)
    assert ds.sizes["step"] == 2
    assert np.isfinite(ds["t2m"].values).all()


@pytest.mark.fault("S3 refuses the credentials", "refused (exit 2) before any work: which store, and what to mend")
def test_s3_refuses(office: Prefect, region: Any, bucket: S3Server) -> None:
    wrong = bucket.environment | {"AWS_SECRET_ACCESS_KEY": "not-the-right-one"}
    done = command_line(office, region(stop=3), f"s3://{BUCKET}/products", **wrong)
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert f"store s3://{BUCKET}/products: cannot be written (" in last
    assert "not-the-right-one" not in done.stderr
