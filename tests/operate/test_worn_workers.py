"""A worker that has had its runs ends for a new one, and takes no run with it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from flows.server.names import CATCH_UP_DEPLOYMENT
from tests.conftest import write_region
from tests.servers.opendata import OpenData, open_data
from tests.servers.prefect import Part, Prefect, prefect, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.slow]

# the youngest that there can be: what is missing of one that is twelve hours old is not waited for
CYCLE = (now := datetime.now(UTC)).replace(hour=now.hour // 12 * 12, minute=0, second=0, microsecond=0)
WORKER = [sys.executable, "-m", "deployments.worker", "--pool", "cpu", "--name", "worn"]


@pytest.fixture(scope="module")
def mirror() -> Iterator[OpenData]:
    with open_data() as served:
        yield served


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, mirror: OpenData) -> Iterator[Prefect]:
    folder = tmp_path_factory.mktemp("office")
    write_region(
        folder / "regions" / "small", name="small", spacing=0.25, variables=["t2m"], required=None,
        lead_times={"start": 0, "stop": 3, "step": 3}, inference={"where": "here"}, schedule={"era5": None},
        acquire={"mirrors": ["ecmwf"], "pause_seconds": 0.5, "poll_seconds": 0.5, "wait_minutes": 5},
    )  # fmt: skip
    with prefect(
        folder,
        ECMWF_OPENDATA_URLS=json.dumps({"ecmwf": mirror.url}),
        FINESCALE_WORKSPACE=str(folder / "workspace"),
        FINESCALE_STORE=str(folder / "store"),
        FINESCALE_REGIONS=str(folder / "regions"),
    ) as server:
        server.pause(CATCH_UP_DEPLOYMENT)
        yield server


def start(office: Prefect, runs: int) -> Part:
    return office.start("worn", *WORKER, "--limit", "2", "--runs", str(runs))


@pytest.mark.fault("a worker has had its 100 runs while one goes on", "it ends when that has; the next run is taken")
def test_a_worn_worker_ends_when_it_runs_nothing_and_the_next_takes_the_next_run(
    office: Prefect, mirror: OpenData
) -> None:
    worker = start(office, runs=2)
    waits = office.submit("downscale/small", cycle=f"{CYCLE:%Y-%m-%dT%H}")
    wait_for("the run waits for its input", lambda: mirror.requests)
    short = office.submit("maintain/small", region="small")
    assert office.finished(short)["type"] == "COMPLETED"
    third = office.submit("maintain/small", region="small")  # the worker is worn, and takes it: it is not idle
    assert office.finished(third)["type"] == "COMPLETED"
    assert worker.process.poll() is None, worker.log.read_text()
    assert (state := office.state(waits))["type"] == "RUNNING", state
    mirror.add_demo(CYCLE, [0, 3])
    assert office.finished(waits)["type"] == "COMPLETED"
    assert worker.process.wait(60) == 0
    assert re.search(r"has had \d+ runs and is idle", worker.log.read_text())
    nobody = office.submit("maintain/small", region="small")
    start(office, runs=2)
    assert office.finished(nobody)["type"] == "COMPLETED"
