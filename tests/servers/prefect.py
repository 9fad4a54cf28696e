"""A real Prefect server with worker pools on loopback, for tests that kill parts of it."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from deployments import postgres

ROOT = Path(__file__).parents[2]
PREFECT = str(Path(sys.executable).with_name("prefect"))
WORKER = [sys.executable, "-m", "deployments.worker"]
# as `make up` does it: pools, queues, deployments of deployments/prefect.yaml
BOOTSTRAP = "from pathlib import Path; from deployments import bootstrap as b; b.create_pools(1); b.deploy(Path('{}'))"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: str, ready: Callable[[], Any], seconds: float = 60.0, every: float = 0.1) -> Any:
    """The first true answer of `ready`."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if answer := ready():
            return answer
        time.sleep(every)
    raise AssertionError(f"{what}: not within {seconds:.0f} s")


def _children(process: int) -> list[int]:
    with suppress(FileNotFoundError):  # it has ended meanwhile
        return [int(p) for p in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    return []


@dataclass
class Part:
    """A process, and all that it starts."""

    process: subprocess.Popen[bytes]
    log: Path

    def kill(self) -> None:
        """SIGKILL to all of it."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def runs(self) -> list[int]:
        """Ids of the processes of a worker's runs, which its fork server has started."""
        return [run for server in _children(self.process.pid) for run in _children(server)]


@dataclass
class Prefect:
    """Server and workers; the environment that they, and clients, run in."""

    folder: Path
    port: int
    environment: dict[str, str]
    parts: dict[str, Part] = field(default_factory=dict)

    @property
    def api(self) -> str:
        """Address of the API."""
        return f"http://127.0.0.1:{self.port}/api"

    def start(self, name: str, *command: str, account: str | None = None, **more: str) -> Part:
        """A part of it, in a session of its own, so that killing it ends all."""
        log = self.folder / f"{name}.log"
        with log.open("ab") as out:
            process = subprocess.Popen(
                list(command), cwd="/" if account else ROOT, env=self.environment | more, stdout=out, stderr=out,
                start_new_session=True, user=account,
            )  # fmt: skip
        self.parts[name] = Part(process, log)
        return self.parts[name]

    def serve(self) -> None:
        """Start the server, or start it again."""
        self.start("server", PREFECT, "server", "start", "--port", str(self.port), "--no-ui")
        wait_for("Prefect's server", self.answers, 120)

    def answers(self) -> bool:
        """Whether the server does."""
        try:
            return bool(httpx.get(f"{self.api}/health", timeout=2).is_success)
        except httpx.HTTPError:
            return False

    def worker(self, pool: str, name: str = "", **more: str) -> Part:
        """Start a worker as `make up` does; one run at a time in pool gpu."""
        limit = "1" if pool == "gpu" else "8"
        name = name or pool
        return self.start(name, *WORKER, "--pool", pool, "--name", name, "--limit", limit, **more)

    def plain_worker(self, pool: str, **more: str) -> Part:
        """Start a worker of Prefect's own."""
        return self.start(pool, PREFECT, "worker", "start", "--pool", pool, "--name", pool, **more)

    def run(self, *command: str) -> str:
        """A command to its end."""
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def submit(self, deployment: str, scheduled: datetime | None = None, **parameters: Any) -> UUID:
        """A run of a deployment, due now or at some time."""
        found = self.get(f"/deployments/name/{deployment}")
        state: dict[str, Any] = {"type": "SCHEDULED"}
        if scheduled is not None:
            state["state_details"] = {"scheduled_time": scheduled.isoformat()}
        body = {"parameters": parameters, "state": state}
        answer = httpx.post(f"{self.api}/deployments/{found['id']}/create_flow_run", json=body, timeout=30)
        answer.raise_for_status()
        return UUID(answer.json()["id"])

    def limit(self, deployment: str, runs: int) -> None:
        """How many runs of a deployment there may be at once."""
        found = self.get(f"/deployments/name/{deployment}")
        httpx.patch(f"{self.api}/deployments/{found['id']}", json={"concurrency_limit": runs}).raise_for_status()

    def pause(self, deployment: str) -> None:
        """Let no schedule start runs of a deployment."""
        found = self.get(f"/deployments/name/{deployment}")
        httpx.patch(f"{self.api}/deployments/{found['id']}", json={"paused": True}).raise_for_status()

    def make_older(self, deployment: str, by: timedelta) -> None:
        """As if a deployment had been made so long before it was."""
        url = self.environment["PREFECT_API_DATABASE_CONNECTION_URL"].replace("+asyncpg", "")
        found = self.get(f"/deployments/name/{deployment}")

        async def update() -> None:
            connection = await asyncpg.connect(url)
            await connection.execute(
                "UPDATE deployment SET created = created - $1::interval WHERE id = $2", by, found["id"]
            )
            await connection.close()

        asyncio.run(update())

    def ask(self, path: str, body: dict[str, Any]) -> Any:
        """The answer to a question that is posted."""
        answer = httpx.post(f"{self.api}{path}", json=body, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def get(self, path: str) -> Any:
        """An answer of the API."""
        answer = httpx.get(f"{self.api}{path}", timeout=30)
        answer.raise_for_status()
        return answer.json()

    def find(self, what: str, **query: Any) -> list[dict[str, Any]]:
        """Objects that a filter finds."""
        found: list[dict[str, Any]] = self.ask(f"/{what}/filter", query)
        return found

    def state(self, run: UUID) -> dict[str, Any]:
        """Type, name and message of a run's state."""
        found: dict[str, Any] = self.get(f"/flow_runs/{run}")["state"]
        return found

    def finished(self, run: UUID, seconds: float = 180) -> dict[str, Any]:
        """The last state of a run."""

        def ended() -> dict[str, Any] | None:
            try:
                state = self.state(run)
            except httpx.HTTPError:
                return None
            return state if state["type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED") else None

        result: dict[str, Any] = wait_for(f"run {run}", ended, seconds, 0.5)
        return result


@contextmanager
def prefect(folder: Path, **environment: str) -> Iterator[Prefect]:
    """Server, pools and deployments; workers are started by the test. All is killed at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    port, database = free_port(), free_port()
    settings = {
        "PREFECT_API_DATABASE_CONNECTION_URL": f"postgresql+asyncpg://postgres:secret@127.0.0.1:{database}/postgres",
        "PREFECT_HOME": str(folder / "home"),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "1",
        "PREFECT_LOGGING_EXTRA_LOGGERS": "tasks,flows",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
        "FINESCALE_HOME": str(ROOT),
    }
    server = Prefect(folder, port, os.environ | settings | environment)
    data = Path(tempfile.mkdtemp(prefix="finescale-postgres-"))  # pytest's own folders are closed to its account
    try:
        data.chmod(0o755)
        postgres.initialise(data / "data", "secret")
        server.start("postgres", *postgres.command(data / "data", database), account=postgres.account())
        server.serve()
        server.run(sys.executable, "-c", BOOTSTRAP.format(folder))
        yield server
    finally:
        for part in server.parts.values():
            part.kill()
        shutil.rmtree(data, ignore_errors=True)
