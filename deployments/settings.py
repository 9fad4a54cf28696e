"""Where the stack lives, what it listens on and what its processes are told: from the environment, read once."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tasks.errors import BadInput

ROOT = Path(__file__).parents[1]
BUCKET = "finescale"
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
GRPC_OFFSET = 10_000  # weed opens this much above each of its ports too


@dataclass(frozen=True)
class Secrets:
    """Made once for the parts that the stack starts itself."""

    s3_key: str
    s3_secret: str
    postgres: str

    @classmethod
    def of(cls, folder: Path) -> Secrets:
        """Those of a stack folder; made at the first call, for its owner's eyes only."""
        file = folder / "secrets.json"
        if not file.is_file():
            made = cls(f"finescale-{secrets.token_hex(4)}", secrets.token_urlsafe(30), secrets.token_urlsafe(24))
            write_private(file, json.dumps(made.__dict__, indent=2) + "\n")
        return cls(**json.loads(file.read_text()))


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner can read, at no moment anybody else."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.write(text)


def _number(environ: Mapping[str, str], name: str, default: int, highest: int) -> int:
    text = environ.get(name, "")
    if not text:
        return default
    if not text.isdigit() or not 0 < int(text) <= highest:
        raise BadInput(f"{name}={text}: give a whole number from 1 to {highest}")
    return int(text)


@dataclass(frozen=True)
class Settings:
    """One stack."""

    folder: Path
    host: str
    ui_port: int
    postgres_port: int
    s3_port: int
    cpu_runs: int
    gpu_workers: int | None  # None: one a GPU
    database: str | None  # None: the stack's own PostgreSQL
    own_s3: bool
    store: str
    workspace: str
    auth: str | None
    notify_url: str | None
    regions: str | None

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Settings:
        """From environment variables; BadInput for a value that cannot be."""
        folder = Path(environ.get("FINESCALE_STACK") or ROOT / "stack").absolute()
        host = environ.get("FINESCALE_HOST") or "127.0.0.1"
        auth = environ.get("PREFECT_SERVER_API_AUTH_STRING") or None
        if host not in LOOPBACK and auth is None:
            raise BadInput(
                f"FINESCALE_HOST={host} opens the Prefect API to other machines: "
                "set PREFECT_SERVER_API_AUTH_STRING=user:password too (docs/operate.md, Secrets)"
            )
        if host in ("0.0.0.0", "::"):  # noqa: S104
            raise BadInput(f"FINESCALE_HOST={host}: give the address at which other machines reach this one")
        s3_port = _number(environ, "FINESCALE_S3_PORT", 8333, 65535 - GRPC_OFFSET - 3)
        own_store = f"s3://{BUCKET}/products"
        # what `stack/env` says of the stack's own S3 server is no other server
        endpoint = environ.get("AWS_ENDPOINT_URL") or environ.get("AWS_ENDPOINT_URL_S3")
        store = environ.get("FINESCALE_STORE") or own_store
        mine = {f"http://{host}:{s3_port}", environ.get(OWN_S3)}  # where it listens now, where it did when env was made
        own_s3 = endpoint in mine if endpoint else store == own_store
        regions = environ.get("FINESCALE_REGIONS") or None
        return cls(
            folder=folder,
            host=host,
            ui_port=_number(environ, "FINESCALE_UI_PORT", 4200, 65535),
            postgres_port=_number(environ, "FINESCALE_POSTGRES_PORT", 15432, 65535),
            s3_port=s3_port,
            cpu_runs=_number(environ, "FINESCALE_CPU_RUNS", 2, 1000),
            gpu_workers=_number(environ, "FINESCALE_GPU_WORKERS", 0, 64) or None,
            database=environ.get("PREFECT_API_DATABASE_CONNECTION_URL")
            or environ.get("PREFECT_SERVER_DATABASE_CONNECTION_URL")
            or None,
            own_s3=own_s3,
            store=store,
            workspace=environ.get("FINESCALE_WORKSPACE") or str(folder / "workspace"),
            auth=auth,
            notify_url=environ.get("FINESCALE_NOTIFY_URL") or None,
            regions=os.pathsep.join(str(Path(p).absolute()) for p in regions.split(os.pathsep) if p)
            if regions
            else None,
        )

    @property
    def api_url(self) -> str:
        """Of the Prefect server."""
        return f"http://{self.host}:{self.ui_port}/api"

    @property
    def ui_url(self) -> str:
        """For a browser."""
        return f"http://{self.host}:{self.ui_port}"

    @property
    def endpoint(self) -> str:
        """Of the stack's own S3 server."""
        return f"http://{self.host}:{self.s3_port}"

    @property
    def logs(self) -> Path:
        """Folder of the parts' logs."""
        return self.folder / "logs"

    def ports(self) -> dict[int, str]:
        """Every port that the stack opens, and the variable that changes it."""
        found = {self.ui_port: "FINESCALE_UI_PORT"}
        if self.database is None:
            found[self.postgres_port] = "FINESCALE_POSTGRES_PORT"
        if self.own_s3:
            inner = range(self.s3_port, self.s3_port + 4)
            found |= {port + offset: "FINESCALE_S3_PORT" for offset in (0, GRPC_OFFSET) for port in inner}
        return found

    def client_environment(self, known: Secrets) -> dict[str, str]:
        """For people and workers, here or on another machine: how to reach server and store."""
        found = {
            "PREFECT_API_URL": self.api_url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "PREFECT_LOGGING_EXTRA_LOGGERS": "flows,tasks",  # so that the UI shows what the steps say
            "PREFECT_WORKER_QUERY_SECONDS": "2",  # a run starts within seconds; 15 by default
            "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",  # the alarm "run vanished" listens to it
            "FINESCALE_STORE": self.store,
            "FINESCALE_WORKSPACE": self.workspace,
        }
        if self.auth:
            found["PREFECT_API_AUTH_STRING"] = self.auth
        if self.regions:
            found["FINESCALE_REGIONS"] = self.regions
        if self.own_s3:
            found |= {
                OWN_S3: self.endpoint,
                "AWS_ENDPOINT_URL": self.endpoint,
                "AWS_ACCESS_KEY_ID": known.s3_key,
                "AWS_SECRET_ACCESS_KEY": known.s3_secret,
                "AWS_DEFAULT_REGION": "us-east-1",
            }
        return found

    def process_environment(self, known: Secrets, inherited: Mapping[str, str]) -> dict[str, str]:
        """For every process of the stack: what the caller has, how to reach the rest, and whose process it is."""
        direct = ",".join(
            filter(None, [inherited.get("no_proxy") or inherited.get("NO_PROXY"), self.host, "127.0.0.1"])
        )
        mine = {
            "PREFECT_HOME": str(self.folder / "prefect"),  # a person's profiles must not change what the stack does
            "FINESCALE_HOME": str(ROOT),
            MARK: str(self.folder),
            "no_proxy": direct,
            "NO_PROXY": direct,
        }
        return {**inherited, **self.client_environment(known), **mine}

    def write_env_file(self, known: Secrets) -> Path:
        """`stack/env`, for `source`."""
        file = self.folder / "env"
        lines = [f"export {k}={shlex.quote(v)}\n" for k, v in self.client_environment(known).items()]
        write_private(file, "# Made by make up: what reaches this stack. Holds secrets.\n" + "".join(lines))
        return file


# In stack/env: the endpoint that is the stack's own S3 server, and not another's, whatever address it has next.
OWN_S3 = "FINESCALE_OWN_S3"
# In the environment of every process that a stack started, and of theirs: `down` leaves none of them behind.
MARK = "FINESCALE_STACK_PROCESS"


def taken(host: str, port: int) -> bool:
    """True if somebody listens there."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False
