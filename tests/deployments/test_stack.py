"""make up and make down, for real: all parts are started, killed and ended here, on free ports, in own folders."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import psutil
import pytest

from deployments.processes import strays
from deployments.settings import Settings
from tests.conftest import ROOT
from tests.servers.stack import Stack, clean_environ, eventually, taken
from tests.truth_stations import DEMO, truth_at_stations

pytestmark = pytest.mark.integration


def test_up_starts_everything_and_says_what_to_type_next(
    stack: Stack,
) -> None:
    run, said = stack, stack.first
    assert said is not None
    assert said.returncode == 0, said.stdout + said.stderr
    for step in ("postgres", "store s3://finescale/products", "server", "work pools", "deployments", "workers (3)"):
        assert re.search(rf"^  {re.escape(step)}.* \d+\.\d s$", said.stdout, re.MULTILINE), step
    assert f"UI      http://127.0.0.1:{run.environ['FINESCALE_UI_PORT']}" in said.stdout
    assert "prefect deployment run downscale/hubei --param source=demo --watch" in said.stdout
    assert run("status").stdout.rstrip().endswith("all is well")


def test_all_that_runs_need_is_on_the_server(stack: Stack) -> None:
    run = stack
    flows = {f["id"]: f["name"] for f in run.post("/flows/filter")}
    deployed = {f"{flows[d['flow_id']]}/{d['name']}" for d in run.post("/deployments/filter")}
    assert {
        "downscale/hubei",
        "downscale/hubei-ens",
        "downscale/hubei-aifs",
        "downscale/hubei-era5",
        "backfill/small",
        "maintain/small",
        "verify/small",
        "catch-up/all",
        "super-resolve/gpu",
    } <= deployed
    queues = {(q["work_pool_name"], q["name"]): q["priority"] for q in run.post("/work_queues/filter")}
    assert queues[("cpu", "live")] < queues[("cpu", "backfill")]
    assert queues[("gpu", "live")] < queues[("gpu", "backfill")]
    alarms = {a["name"] for a in run.post("/automations/filter")}
    assert {
        "finescale: run crashed",
        "finescale: cycle given up",
        "finescale: gpu pool not ready",
        "finescale: small: no product in time",
    } <= alarms
    pulled = next(d for d in run.post("/deployments/filter") if d["name"] == "gpu")["pull_steps"]
    assert "{{ $FINESCALE_HOME }}" in str(pulled)  # each worker's own checkout


def test_secrets_are_for_their_owner_and_the_api_is_closed(
    stack: Stack,
) -> None:
    run = stack
    for name in ("env", "secrets.json", "s3.json", "s3.key", "supervisord.conf", "logs/server.log"):
        assert (run.folder / name).stat().st_mode & 0o077 == 0, name
    assert re.fullmatch(r"operator:.{30,}", run.env_file()["PREFECT_API_AUTH_STRING"])  # nobody has chosen one
    assert httpx.post(f"{run.env_file()['PREFECT_API_URL']}/flows/filter", json={}, trust_env=False).status_code == 401
    assert httpx.get(run.env_file()["AWS_ENDPOINT_URL"] + "/finescale", trust_env=False).status_code == 403


def test_a_shell_without_the_password_is_told_so_in_one_line(stack: Stack) -> None:
    environ = stack.environ | stack.env_file()
    status = [sys.executable, "-m", "flows.commands.app", "status", "small"]
    good = subprocess.run(status, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120)
    assert "pool cpu    ready, 2 workers online" in good.stdout, good.stdout + good.stderr
    del environ["PREFECT_API_AUTH_STRING"]
    shut = subprocess.run(status, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120)
    assert f"Prefect server {stack.ui}/api wants a password: `source stack/env`" in shut.stdout
    run = [sys.executable, "-m", "flows.commands.app", "run", "small", "--source", "demo"]
    refused = subprocess.run(run, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120)
    assert refused.returncode != 0
    assert refused.stderr.startswith(f"finescale: Prefect server {stack.ui}/api wants a password"), refused.stderr
    assert refused.stderr.count("\n") == 1


def test_up_says_what_is_open_to_whom(stack: Stack) -> None:
    assert stack.first is not None
    opened = stack.first.stdout.split("\nopen ")[1].split("\nnext ")[0]
    for behind in ("Prefect's UI and API, to this machine", "S3, to this machine", "PostgreSQL, to this machine"):
        assert behind in opened
    with patch.dict(os.environ, stack.environ, clear=True):
        ports = Settings.read().ports()
    held = {p.laddr.port for p in psutil.net_connections("tcp") if p.status == "LISTEN" and p.pid in pids(stack)}
    assert "each worker" in opened  # on a port that the system chooses
    assert held <= set(ports)  # what is open is in the list, and nothing else
    listed = {
        port
        for first, last in re.findall(r"(\d{4,5})(?:-(\d{4,5}))?", opened)
        for port in range(int(first), int(last or first) + 1)
    }
    assert set(ports) <= listed


def pids(stack: Stack) -> set[int]:
    """Of its processes but the workers and what they run."""
    theirs = re.compile(r"deployments\.worker|multiprocessing\.forkserver|prefect\.engine")
    return {p.pid for p in strays(stack.folder) if not theirs.search(" ".join(p.cmdline()))}


def test_up_again_says_so_and_changes_nothing(stack: Stack) -> None:
    run = stack
    before = run.pids()
    again = run("up")
    assert again.returncode == 0
    assert again.stdout.startswith("up already, nothing was changed")
    assert run.pids() == before


def test_a_run_makes_its_product_on_s3(stack: Stack) -> None:
    import xarray

    run = stack
    done = run.prefect("deployment", "run", "downscale/small", "--param", "source=demo", "--watch")
    assert "'Completed'" in done.stdout, done.stdout + done.stderr
    known = run.env_file()
    options = {
        "key": known["AWS_ACCESS_KEY_ID"], "secret": known["AWS_SECRET_ACCESS_KEY"],
        "endpoint_url": known["AWS_ENDPOINT_URL"], "client_kwargs": {"region_name": "us-east-1"},
    }  # fmt: skip
    product = f"{known['FINESCALE_STORE']}/small/demo/2021/12/2021-12-10T12.zarr"
    with xarray.open_zarr(product, storage_options=options, chunks=None) as ds:
        assert ds.t2m.shape == (1, 89, 159)
        assert bool(ds.t2m.notnull().all())


def test_a_verdict_is_given_by_a_run_of_its_own_and_drift_is_told(stack: Stack, tmp_path: Path) -> None:
    run = stack
    stations = truth_at_stations(tmp_path / "truth.csv")
    given = ["source=demo", f"cycle={DEMO}", f"observations={stations}"]
    parameters = [word for value in given for word in ("--param", value)]
    done = run.prefect("deployment", "run", "verify/small", *parameters, "--watch")
    assert "'Completed'" in done.stdout, done.stdout + done.stderr
    environ = run.environ | run.env_file()
    code = (
        "import json, s3fs; fs = s3fs.S3FileSystem(); "
        "print(json.loads(fs.cat('finescale/products/small/demo/latest.json'))['quality'])"
    )
    seen = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, timeout=60)
    assert seen.stdout.strip() == "verified", seen.stderr
    # what the flow does when scores are above their range
    emit = "from flows.verify import emit_drift; from tasks.region import search as regions; "
    emit += "emit_drift(regions.load('small'), ['t2m: RMSE 9 K'])"
    subprocess.run([sys.executable, "-c", emit], env=environ, cwd=ROOT, check=True, timeout=60)
    (told,) = eventually(lambda: [t for t in run.told if t["title"] == "finescale: drift"])
    assert "small: t2m: RMSE 9 K" in told["message"]


def test_a_run_that_fails_is_told(stack: Stack) -> None:
    run = stack
    for job in ("backfill/small", "downscale/small"):
        run.prefect("deployment", "run", job, "--param", "source=nowhere", "--watch")
    failed = eventually(lambda: [t for t in run.told if t["title"] == "finescale: run failed"])
    assert ["backfill/small" in f["message"] for f in failed] == [True], "a due cycle is made again, nobody is told"
    assert "nowhere" in failed[0]["message"]
    # the region's deadline is twelve seconds
    late = eventually(lambda: [t for t in run.told if t["title"] == "finescale: small: no product in time"])
    assert "finescale status small" in late[0]["message"]


def test_a_backfill_moves_beside_live_runs_that_wait_for_their_input(
    stack: Stack,
) -> None:
    run = stack

    def start(job: str, **parameters: str) -> str:
        words = [word for k, v in parameters.items() for word in ("--param", f"{k}={v}")]
        shown = run.prefect("deployment", "run", job, *words).stdout
        return re.search(r"UUID: ([0-9a-f-]{36})", shown).group(1)

    def state(which: str) -> dict[str, Any]:
        return run.get(f"/flow_runs/{which}")["state"]

    # nobody answers there: both wait, in both places of their worker
    live = [start(job, source="ifs", cycle="2026-11-20T00") for job in ("downscale/small", "downscale/hubei")]
    try:
        eventually(lambda: all(state(r)["type"] == "RUNNING" for r in live), 120)
        third = start("downscale/hubei", source="demo")
        backfill = start("backfill/small", source="demo", start="2021-12-10", hours="[12]")
        environ = run.environ | run.env_file()
        command = [sys.executable, "-m", "flows.commands.app", "status", "hubei"]
        eventually(lambda: "for a free place at a worker of queue live; now: " in shown_by(command, environ))
        eventually(lambda: state(backfill)["type"] == "COMPLETED", 120)
        assert [state(r)["type"] for r in live] == ["RUNNING"] * 2, "they were there all the time"
    finally:
        for one in [*live, third]:
            run.prefect("flow-run", "cancel", one)


def shown_by(command: list[str], environ: dict[str, str]) -> str:
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60).stdout


def test_down_leaves_nothing_running_and_up_finds_the_data(
    stack: Stack,
) -> None:
    run = stack
    began = time.monotonic()
    down = run("down")
    assert down.returncode == 0
    assert time.monotonic() - began < 30
    assert not strays(run.folder)
    with patch.dict(os.environ, run.environ, clear=True):
        ports = Settings.read().ports()
    assert not [p for p in ports if taken(p)]
    assert run("down").stdout == "not up, nothing to do\n"
    assert (run.folder / "postgres" / "PG_VERSION").is_file()


def test_up_from_data_that_is_there_forgets_no_alarm(stack: Stack) -> None:
    assert stack("down").returncode == 0
    began = datetime.now(UTC)
    assert stack("up").returncode == 0
    changed = [a["name"] for a in stack.post("/automations/filter") if datetime.fromisoformat(a["updated"]) > began]
    assert not changed  # an alarm that is made anew has forgotten what it has seen


@pytest.mark.parametrize("variable", ["FINESCALE_UI_PORT", "FINESCALE_POSTGRES_PORT", "FINESCALE_S3_PORT"])
def test_a_port_that_is_taken_is_named_before_anything_is_started(folder: Path, variable: str) -> None:
    environ = clean_environ(folder)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", int(environ[variable])))
        other.listen()
        said = Stack(folder, environ)("up")
    assert said.returncode == 1
    assert re.fullmatch(
        rf"stack: port {environ[variable]} is taken by .*\(process {os.getpid()}\); nothing was started. "
        rf"{variable} chooses another\n",
        said.stderr,
    ), said.stderr
    assert not strays(folder)


def test_a_part_that_does_not_start_is_named_with_the_end_of_its_log(folder: Path) -> None:
    closed = "postgresql+asyncpg://prefect:word@127.0.0.1:1/prefect"
    environ = clean_environ(
        folder, PREFECT_API_DATABASE_CONNECTION_URL=closed, FINESCALE_STORE=str(folder / "products")
    )
    run = Stack(folder, environ)
    try:
        said = run("up")
        assert said.returncode == 1
        assert re.search(r"stack: server: does not start \(.*\); its log is .*/logs/server.log\n", said.stderr)
        assert "Connect call failed ('127.0.0.1', 1)" in said.stderr
        assert run("status").returncode == 1
    finally:
        run("down")
    assert not strays(folder)
