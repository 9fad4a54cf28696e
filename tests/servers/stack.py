"""A stack of the tests' own, as `make up` starts it: on free ports, in a folder of its own."""

from __future__ import annotations

import base64
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from deployments.errors import StackFault
from deployments.guard import is_guarded
from deployments.processes import end, strays
from deployments.supervision import Supervisor
from tests.conftest import ROOT
from tests.servers.s3 import free_ports


def eventually(what: Callable[[], Any], seconds: float = 90) -> Any:
    """The first true value of `what`."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)
    return found


@dataclass
class Stack:
    """Its commands, and what it answers."""

    folder: Path
    environ: dict[str, str]
    told: list[dict[str, Any]] = field(default_factory=list)  # to whom FINESCALE_NOTIFY_URL names
    first: subprocess.CompletedProcess[str] | None = None  # the `up` that made it

    def __call__(self, *command: str, timeout: float = 240) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "deployments.stack", *command],
            cwd=ROOT, env=self.environ, capture_output=True, text=True, timeout=timeout,
        )  # fmt: skip

    def prefect(self, *command: str) -> subprocess.CompletedProcess[str]:
        return self._typed("prefect", *command)

    def finescale(self, *command: str) -> subprocess.CompletedProcess[str]:
        return self._typed("finescale", *command)

    def _typed(self, *command: str) -> subprocess.CompletedProcess[str]:
        """By a person who has sourced `stack/env`."""
        words = [Path(sys.executable).with_name(command[0]), *command[1:]]
        environ = self.environ | self.env_file()
        return subprocess.run(words, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120)

    def env_file(self) -> dict[str, str]:
        lines = re.findall(r"export (\w+)=(.*)", (self.folder / "env").read_text())
        return {name: value.strip("'") for name, value in lines}

    @property
    def ui(self) -> str:
        return f"http://127.0.0.1:{self.environ['FINESCALE_UI_PORT']}"

    @property
    def headers(self) -> dict[str, str]:
        password = self.env_file()["PREFECT_API_AUTH_STRING"].encode()
        return {"Authorization": f"Basic {base64.b64encode(password).decode()}"}

    def get(self, path: str) -> Any:
        return httpx.get(f"{self.ui}/api{path}", headers=self.headers, trust_env=False).raise_for_status().json()

    def post(self, path: str, **body: Any) -> Any:
        answer = httpx.post(f"{self.ui}/api{path}", json=body, headers=self.headers, trust_env=False)
        return answer.raise_for_status().json()

    def s3(self) -> Any:
        """botocore's client of the stack's store."""
        from botocore.session import get_session

        known = self.env_file()
        return get_session().create_client(
            "s3", endpoint_url=known["AWS_ENDPOINT_URL"], region_name="us-east-1",
            aws_access_key_id=known["AWS_ACCESS_KEY_ID"], aws_secret_access_key=known["AWS_SECRET_ACCESS_KEY"],
        )  # fmt: skip

    def pids(self) -> dict[str, int]:
        """Parts that supervisord says run."""
        try:
            states = Supervisor(self.folder).states()
        except StackFault:
            return {}
        return {name: info["pid"] for name, info in states.items() if info["statename"] in ("RUNNING", "STARTING")}

    def is_well(self) -> bool:
        return self("status").returncode == 0

    def is_whole(self) -> bool:
        """Well, and with its guard."""
        return self.is_well() and is_guarded(self.folder)


def clean_environ(folder: Path, **more: str) -> dict[str, str]:
    """This process's environment without what would reach another stack."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT", "AWS_", "FINESCALE"))}
    s3 = next(p for p in free_ports(200) if not any(taken(q + o) for q in range(p, p + 4) for o in (0, 10000)))
    ui, database = [p for p in free_ports(200) if p % 10000 not in {q % 10000 for q in range(s3, s3 + 4)}][:2]
    ports = {"FINESCALE_S3_PORT": s3, "FINESCALE_UI_PORT": ui, "FINESCALE_POSTGRES_PORT": database}
    return (
        kept | {k: str(v) for k, v in ports.items()} | {"FINESCALE_STACK": str(folder), "OMP_NUM_THREADS": "1"} | more
    )


def taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def stack_folder() -> Iterator[Path]:
    """Not pytest's own, which nobody but its owner may enter: started by root, PostgreSQL is another."""
    made = Path(tempfile.mkdtemp(prefix="finescale-"))
    made.chmod(0o755)
    try:
        yield made / "stack"
    finally:
        (made / "stack" / "wanted").unlink(missing_ok=True)
        end(strays(made / "stack"))
        shutil.rmtree(made, ignore_errors=True)
