"""Alarms are delivered: each is caused for real and heard by a listener, with what, which and what to do.

Those that `test_stack.py` causes on its way are not here again: drift, run failed, no product in time.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from deployments.supervision import Supervisor
from flows.server.names import ALARM_PREFIX
from tests.conftest import ROOT, write_region
from tests.servers.stack import Stack, eventually

pytestmark = [pytest.mark.integration, pytest.mark.slow]

WORKER = "worker-backfill"
NOBODY = {"source": "ifs", "start": "2026-11-20", "end": "2026-11-20", "hours": [0]}  # whose input never comes


def heard(stack: Stack, alarm: str, seconds: float, words: str = "") -> str:
    """The message of an alarm that is told, and has the words."""
    name = ALARM_PREFIX + alarm

    def find() -> str | None:
        return next((t["message"] for t in stack.told if t["title"] == name and words in t["message"]), None)

    return str(eventually(find, seconds))


def start(stack: Stack, job: str, at: datetime | None = None, **parameters: Any) -> dict[str, Any]:
    """A run of a deployment, due now or since a while."""
    found = stack.get(f"/deployments/name/{job}")
    state: dict[str, Any] = {"type": "SCHEDULED"}
    if at is not None:
        state["state_details"] = {"scheduled_time": at.isoformat()}
    run: dict[str, Any] = stack.post(f"/deployments/{found['id']}/create_flow_run", parameters=parameters, state=state)
    return run


def change(stack: Stack, method: str, path: str, **body: Any) -> None:
    answer = httpx.request(method, f"{stack.ui}/api{path}", json=body, headers=stack.headers, trust_env=False)
    answer.raise_for_status()


@contextmanager
def waits_only(stack: Stack, alarm: str, seconds: float) -> Iterator[None]:
    """An alarm that waits for minutes, or for a schedule's longest pause, waits for seconds."""
    (found,) = stack.post("/automations/filter", automations={"name": {"any_": [ALARM_PREFIX + alarm]}})
    whole = {k: found[k] for k in ("name", "description", "enabled", "tags", "trigger", "actions") if k in found}
    change(stack, "PUT", f"/automations/{found['id']}", **whole | {"trigger": found["trigger"] | {"within": seconds}})
    try:
        yield
    finally:
        change(stack, "PUT", f"/automations/{found['id']}", **whole)


def process_of(stack: Stack, run: dict[str, Any]) -> psutil.Process:
    """The process of a run that a worker has taken and that has begun."""

    def find() -> psutil.Process | None:
        found = stack.get(f"/flow_runs/{run['id']}")
        if found["state"]["type"] != "RUNNING":
            return None
        children = psutil.Process(stack.pids()[WORKER]).children(recursive=True)
        return next((p for p in children if str(p.pid) == found["infrastructure_pid"]), None)

    found: psutil.Process = eventually(find, 300)
    return found


def kill(process: psutil.Process) -> None:
    """It and all that it started."""
    for one in [*process.children(recursive=True), process]:
        one.kill()


def assert_says(message: str, *words: str) -> None:
    assert not [w for w in words if w not in message], message


@pytest.mark.fault("a backfill's process is killed", 'alarm "run crashed": which run, and what to do')
def test_a_run_that_is_killed_is_told(stack: Stack) -> None:
    run = start(stack, "backfill/small", **NOBODY)
    kill(process_of(stack, run))
    message = heard(stack, "run crashed", 60, run["id"])
    assert_says(message, "backfill/small", "Crashed", f"{stack.ui}/runs/flow-run/{run['id']}", "dmesg | grep -i kill")


@pytest.mark.fault("a run and its worker are killed at once", 'crashed after five minutes; alarm "run crashed"')
def test_a_run_that_vanished_with_its_worker_is_told(stack: Stack) -> None:
    with waits_only(stack, "run vanished", 45):  # heartbeats come every thirty seconds
        run = start(stack, "backfill/small", **NOBODY)
        process = process_of(stack, run)
        eventually(lambda: heartbeat(stack, run), 120)
        worker = psutil.Process(stack.pids()[WORKER])
        os.kill(worker.pid, signal.SIGSTOP)  # it must not say that its run has crashed
        kill(process)
        kill(worker)
        message = heard(stack, "run crashed", 180, run["id"])
    assert_says(message, "backfill/small", "no sign of life", "process or machine is gone", "start it again")
    assert stack.get(f"/flow_runs/{run['id']}")["state"]["type"] == "CRASHED"


def heartbeat(stack: Stack, run: dict[str, Any]) -> bool:
    query = {"event": {"name": ["prefect.flow-run.heartbeat"]}, "resource": {"id": [f"prefect.flow-run.{run['id']}"]}}
    return bool(stack.post("/events/filter", filter=query)["events"])


@pytest.mark.fault("no worker takes a run", 'alarm "run late": which run, and what says what it waits for')
def test_a_run_that_no_worker_takes_is_told(stack: Stack) -> None:
    supervisor = Supervisor(stack.folder)
    supervisor.stop_part(WORKER)
    try:
        run = start(stack, "backfill/small", datetime.now(UTC) - timedelta(minutes=6), **NOBODY)
        message = heard(stack, "run late", 60, run["id"])
        waits = stack.finescale("status", "small").stdout
    finally:
        change(stack, "DELETE", f"/flow_runs/{run['id']}")
        supervisor.start_part(WORKER)
    assert_says(message, "backfill/small", "Late", "finescale status small says it", "its turn", "make status")
    assert "for a worker of pool cpu" in waits


@pytest.mark.fault("a region's schedule is off", 'alarm "no product at all": which region, and what to look at')
def test_a_region_without_any_product_is_told(stack: Stack) -> None:
    with waits_only(stack, "small: no product at all", 20):  # instead of the year between two starts of its schedule
        message = heard(stack, "small: no product at all", 120)
    assert_says(message, "downscale/small", "prefect deployment schedule ls downscale/small", "finescale status small")


@pytest.mark.fault("the last GPU worker is gone", 'alarm "gpu pool not ready"; inference goes on on the CPU')
def test_a_pool_without_a_worker_is_told(stack: Stack) -> None:
    supervisor = Supervisor(stack.folder)
    eventually(lambda: stack.get("/work_pools/gpu")["status"] == "READY", 120)
    supervisor.stop_part("worker-gpu-0")
    try:
        message = heard(stack, "gpu pool not ready", 400)
    finally:
        supervisor.start_part("worker-gpu-0")
    assert_says(message, "gpu pool", "make status")


def test_a_cycle_that_is_given_up_is_told(stack: Stack) -> None:
    """The event is the flow's (`tests/operate/test_catch_up.py` has it after the last try); here it is told."""
    code = (
        "from types import SimpleNamespace as N; from flows.catch_up import _announce; "
        "from prefect.client.orchestration import get_client; "
        "_announce(get_client(sync_client=True).__enter__(), N(name='small'), "
        "N(cycle='ifs/2026-11-20T00', tries=5, why='no mirror answers'))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=stack.environ | stack.env_file(), check=True, timeout=60)
    message = heard(stack, "cycle given up", 60)
    assert_says(message, "small ifs/2026-11-20T00", "after 5 more tries", "no mirror answers")
    assert_says(message, "finescale run small --source ifs --cycle 2026-11-20T00")


@pytest.mark.fault("a run of a region without catch-up fails", 'alarm "run crashed or failed": which run, and why')
def test_a_failed_run_that_nothing_makes_again_is_told(stack: Stack) -> None:
    folder = Path(stack.environ["FINESCALE_REGIONS"]) / "alone"
    never = {"ifs": "0 0 1 1 *", "era5": None, "maintain": None, "verify": None}
    write_region(folder, name="alone", schedule=never, catch_up={"ifs_days": 0})
    assert stack("deploy").returncode == 0
    run = start(stack, "downscale/alone", source="nowhere")
    message = heard(stack, "alone: run crashed or failed", 300, run["id"])
    assert_says(message, "downscale/alone", "Failed", "nowhere", "start it again")


def actions(stack: Stack) -> set[str]:
    return {a["actions"][0]["type"] for a in stack.post("/automations/filter")} - {"change-flow-run-state"}


@pytest.mark.fault("a shell that has only sourced `stack/env` deploys or starts", "alarms go to who was told before")
def test_alarms_stay_on_where_a_shell_does_not_know_their_url(stack: Stack) -> None:
    url = stack.environ["FINESCALE_NOTIFY_URL"]
    silent = Stack(stack.folder, {k: v for k, v in stack.environ.items() if k != "FINESCALE_NOTIFY_URL"})
    for command in ("deploy", "up", "status"):
        done = silent(command)
        assert done.returncode == 0, done.stderr
        assert actions(stack) == {"send-notification"}
    assert f"alarms  go to a web hook at {url.split('/')[2]}" in done.stdout
    other = Stack(stack.folder, stack.environ | {"FINESCALE_NOTIFY_URL": "none"})
    assert "`make up` takes it" in other("status").stdout
    done = other("up")
    assert "nothing else was changed" in done.stdout
    assert "nobody is told" in done.stdout
    assert actions(stack) == {"do-nothing"}
    assert "nothing else was changed" in stack("up").stdout
    assert actions(stack) == {"send-notification"}


def test_an_alarm_is_tried(stack: Stack) -> None:
    done = stack("alarm", "--test")
    assert (done.returncode, done.stdout.startswith("taken by a web hook at 127.0.0.1:")) == (0, True), done.stderr
    assert_says(heard(stack, "test", 5), "This is a test", f"-- finescale on {socket.gethostname()}, {stack.ui}")


@pytest.mark.fault("nobody takes alarms any more", "`alarm --test` says so, and what to mend; exit code 1")
def test_an_alarm_that_nobody_takes_is_found_by_trying(stack: Stack) -> None:
    other = Stack(stack.folder, stack.environ | {"FINESCALE_NOTIFY_URL": "http://127.0.0.1:9/hook/secret"})
    try:
        assert other("up").returncode == 0
        done = other("alarm", "--test")
        assert done.returncode == 1
        assert_says(done.stderr, "a web hook at 127.0.0.1:9 has not taken it: Notification failed", "mend")
        assert "secret" not in done.stdout + done.stderr
        assert Stack(stack.folder, stack.environ | {"FINESCALE_NOTIFY_URL": "none"})("up").returncode == 0
        done = other("alarm", "--test")
        assert (done.returncode, "nobody is told of alarms" in done.stderr) == (1, True)
    finally:
        assert stack("up").returncode == 0


def test_every_alarm_is_delivered_by_a_test(stack: Stack) -> None:
    alarms = {a["name"].removeprefix(ALARM_PREFIX).split(": ")[-1] for a in stack.post("/automations/filter")}
    assert alarms == {
        "run crashed", "run failed", "run late", "run vanished", "gpu pool not ready", "cycle given up", "drift",
        "no product in time", "no product at all", "run crashed or failed", "test",
    }  # fmt: skip
