"""make up and make down, for real: all parts are started, killed and ended here, on free ports, in own folders."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import psutil
import pytest
import yaml

from deployments.settings import Settings
from deployments.supervision import Supervisor, end, strays
from tests.conftest import HUBEI, ROOT
from tests.servers.s3 import free_ports
from tests.truth_stations import DEMO, truth_at_stations

pytestmark = pytest.mark.integration

NOBODY = '{"ecmwf": "http://127.0.0.1:9", "aws": "http://127.0.0.1:9", "google": "http://127.0.0.1:9"}'
AUTH = "operator:not-a-secret"


def eventually(what: Callable[[], Any], seconds: float = 60) -> Any:
    """The first true value of `what`."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)
    return found


@dataclass
class Run:
    """A stack of the tests' own."""

    folder: Path
    environ: dict[str, str]
    told: list[dict[str, Any]] = field(default_factory=list)  # to whom FINESCALE_NOTIFY_URL names

    def __call__(self, *command: str, timeout: float = 240) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "deployments.stack", *command],
            cwd=ROOT, env=self.environ, capture_output=True, text=True, timeout=timeout,
        )  # fmt: skip

    def prefect(self, *command: str) -> subprocess.CompletedProcess[str]:
        words = [Path(sys.executable).with_name("prefect"), *command]
        environ = self.environ | self.env_file()
        return subprocess.run(words, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120)

    def env_file(self) -> dict[str, str]:
        lines = re.findall(r"export (\w+)=(.*)", (self.folder / "env").read_text())
        return {name: value.strip("'") for name, value in lines}

    def get(self, path: str) -> httpx.Response:
        user, password = AUTH.split(":")
        return httpx.get(f"{self.env_file()['PREFECT_API_URL']}{path}", auth=(user, password), trust_env=False)

    def post(self, path: str) -> Any:
        user, password = AUTH.split(":")
        url = f"{self.env_file()['PREFECT_API_URL']}{path}"
        return httpx.post(url, json={}, auth=(user, password), trust_env=False).raise_for_status().json()

    def pids(self) -> dict[str, int]:
        states = Supervisor(self.folder).states()
        return {name: info["pid"] for name, info in states.items() if info["statename"] in ("RUNNING", "STARTING")}


def clean_environ(folder: Path, **more: str) -> dict[str, str]:
    """This process's environment without what would reach another stack."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT", "AWS_", "FINESCALE"))}
    s3 = next(p for p in free_ports(200) if not any(taken(q + o) for q in range(p, p + 4) for o in (0, 10000)))
    ui, database = [p for p in free_ports(200) if p > s3 + 3][:2]
    ports = {"FINESCALE_S3_PORT": s3, "FINESCALE_UI_PORT": ui, "FINESCALE_POSTGRES_PORT": database}
    return (
        kept | {k: str(v) for k, v in ports.items()} | {"FINESCALE_STACK": str(folder), "OMP_NUM_THREADS": "1"} | more
    )


def taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def folder() -> Iterator[Path]:
    yield from _folder()


def _folder() -> Iterator[Path]:
    """Not pytest's own, which nobody but its owner may enter: started by root, PostgreSQL is another."""
    made = Path(tempfile.mkdtemp(prefix="finescale-"))
    made.chmod(0o755)
    try:
        yield made / "stack"
    finally:
        end(strays(made / "stack"))
        shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def listener() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Somebody who is told of alarms."""
    import json

    told: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/alarm", told
    server.shutdown()


@pytest.fixture(scope="module")
def stack(listener: tuple[str, list[dict[str, Any]]]) -> Iterator[tuple[Run, subprocess.CompletedProcess[str]]]:
    """A stack that is up with two regions, and what `up` said."""
    url, told = listener
    for place in _folder():
        region = place.parent / "regions" / "small"
        shutil.copytree(HUBEI, region)
        data = yaml.safe_load((region / "region.yaml").read_text())
        never = {"ifs": "0 0 1 1 *", "era5": None, "maintain": None, "verify": None, "deadline_minutes": 0.2}
        (region / "region.yaml").write_text(yaml.safe_dump(data | {"name": "small", "schedule": never}))
        run = Run(
            place,
            clean_environ(
                place,
                PREFECT_SERVER_API_AUTH_STRING=AUTH,
                FINESCALE_REGIONS=str(region.parent),
                FINESCALE_NOTIFY_URL=url,
                ECMWF_OPENDATA_URLS=NOBODY,
            ),
            told,
        )
        try:
            yield run, run("up")
        finally:
            run("down")


def test_up_starts_everything_and_says_what_to_type_next(
    stack: tuple[Run, subprocess.CompletedProcess[str]],
) -> None:
    run, said = stack
    assert said.returncode == 0, said.stdout + said.stderr
    for step in ("postgres", "store s3://finescale/products", "server", "work pools", "deployments", "workers (3)"):
        assert re.search(rf"^  {re.escape(step)}.* \d+\.\d s$", said.stdout, re.MULTILINE), step
    assert f"UI      http://127.0.0.1:{run.environ['FINESCALE_UI_PORT']}" in said.stdout
    assert "prefect deployment run downscale/hubei --param source=demo --watch" in said.stdout
    assert run("status").stdout.rstrip().endswith("all is well")


def test_all_that_runs_need_is_on_the_server(stack: tuple[Run, subprocess.CompletedProcess[str]]) -> None:
    run, _ = stack
    flows = {f["id"]: f["name"] for f in run.post("/flows/filter")}
    deployed = {f"{flows[d['flow_id']]}/{d['name']}" for d in run.post("/deployments/filter")}
    assert {
        "downscale/hubei",
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
    stack: tuple[Run, subprocess.CompletedProcess[str]],
) -> None:
    run, _ = stack
    for name in ("env", "secrets.json", "s3.json", "supervisord.conf"):
        assert (run.folder / name).stat().st_mode & 0o077 == 0, name
    assert httpx.post(f"{run.env_file()['PREFECT_API_URL']}/flows/filter", json={}, trust_env=False).status_code == 401
    assert httpx.get(run.env_file()["AWS_ENDPOINT_URL"] + "/finescale", trust_env=False).status_code == 403


def test_up_again_says_so_and_changes_nothing(stack: tuple[Run, subprocess.CompletedProcess[str]]) -> None:
    run, _ = stack
    before = run.pids()
    again = run("up")
    assert again.returncode == 0
    assert again.stdout.startswith("up already, nothing was changed")
    assert run.pids() == before


def test_a_run_makes_its_product_on_s3(stack: tuple[Run, subprocess.CompletedProcess[str]]) -> None:
    import xarray

    run, _ = stack
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


def test_a_verdict_is_given_by_a_run_of_its_own_and_drift_is_told(
    stack: tuple[Run, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    run, _ = stack
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


def test_a_run_that_fails_is_told(stack: tuple[Run, subprocess.CompletedProcess[str]]) -> None:
    run, _ = stack
    for job in ("backfill/small", "downscale/small"):
        run.prefect("deployment", "run", job, "--param", "source=nowhere", "--watch")
    failed = eventually(lambda: [t for t in run.told if t["title"] == "finescale: run failed"])
    assert ["backfill/small" in f["message"] for f in failed] == [True], "a due cycle is made again, nobody is told"
    assert "nowhere" in failed[0]["message"]
    # the region's deadline is twelve seconds
    late = eventually(lambda: [t for t in run.told if t["title"] == "finescale: small: no product in time"])
    assert "finescale status small" in late[0]["message"]


def test_a_backfill_moves_beside_live_runs_that_wait_for_their_input(
    stack: tuple[Run, subprocess.CompletedProcess[str]],
) -> None:
    run, _ = stack

    def start(job: str, **parameters: str) -> str:
        words = [word for k, v in parameters.items() for word in ("--param", f"{k}={v}")]
        shown = run.prefect("deployment", "run", job, *words).stdout
        return re.search(r"UUID: ([0-9a-f-]{36})", shown).group(1)

    def state(which: str) -> dict[str, Any]:
        return run.get(f"/flow_runs/{which}").json()["state"]

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


@pytest.mark.parametrize("part", ["postgres", "s3", "server", "worker-gpu-0", "worker-backfill"])
def test_a_killed_part_starts_again(stack: tuple[Run, subprocess.CompletedProcess[str]], part: str) -> None:
    run, _ = stack
    killed = run.pids()[part]
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: run.pids().get(part, killed) != killed)
    eventually(lambda: run("status").returncode == 0)


def test_down_leaves_nothing_running_and_up_finds_the_data(
    stack: tuple[Run, subprocess.CompletedProcess[str]],
) -> None:
    run, _ = stack
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


def test_processes_that_a_killed_supervisor_left_are_named_and_ended(
    stack: tuple[Run, subprocess.CompletedProcess[str]],
) -> None:
    run, _ = stack
    run("down")
    began = datetime.now(UTC)
    assert run("up").returncode == 0  # again, from the data that is there
    changed = [a["name"] for a in run.post("/automations/filter") if datetime.fromisoformat(a["updated"]) > began]
    assert not changed  # an alarm that is made anew has forgotten what it has seen
    psutil.Process(int((run.folder / "supervisord.pid").read_text())).kill()
    eventually(lambda: not Supervisor(run.folder).answers())
    refused = run("up")
    assert refused.returncode == 1
    assert "processes of an earlier stack still run" in refused.stderr
    assert "make down" in refused.stderr
    assert run("down").returncode == 0
    assert not strays(run.folder)


@pytest.mark.parametrize("variable", ["FINESCALE_UI_PORT", "FINESCALE_POSTGRES_PORT", "FINESCALE_S3_PORT"])
def test_a_port_that_is_taken_is_named_before_anything_is_started(folder: Path, variable: str) -> None:
    environ = clean_environ(folder)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", int(environ[variable])))
        other.listen()
        said = Run(folder, environ)("up")
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
    run = Run(folder, environ)
    try:
        said = run("up")
        assert said.returncode == 1
        assert re.search(r"stack: server: does not start \(.*\); its log is .*/logs/server.log\n", said.stderr)
        assert "Connect call failed ('127.0.0.1', 1)" in said.stderr
        assert run("status").returncode == 1
    finally:
        run("down")
    assert not strays(folder)
