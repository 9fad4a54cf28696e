"""Where the stack lives, what it listens on and what its processes are told: from the environment, read once."""

from __future__ import annotations

import os
import re
import shlex
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AliasChoices, BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from deployments.credentials import Secrets, write_private
from deployments.processes import MARK, ROOT
from flows.server.runtime import LOOPBACK, without_proxy
from tasks.errors import BadInput

BUCKET = "finescale"
GRPC_OFFSET = 10_000  # weed opens this much above each of its ports too
OWN_STORE = f"s3://{BUCKET}/products"
# In stack/env: the endpoint that is the stack's own S3 server, and not another's, whatever address it has next.
OWN_S3 = "FINESCALE_OWN_S3"


def _up_to(highest: int) -> BeforeValidator:
    def whole(value: object) -> object:
        if isinstance(value, str) and not (value.isdecimal() and 0 < int(value) <= highest):
            raise ValueError(f"give a whole number from 1 to {highest}")
        return value

    return BeforeValidator(whole)


Port = Annotated[int, _up_to(65535)]


API_HOSTS = "FINESCALE_API_HOSTS"  # operator -> make up, with more names; make up -> deployments/prefect_server.py
ORIGINS = "PREFECT_SERVER_CORS_ALLOWED_ORIGINS"


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


class Environment(BaseSettings):
    """The variables that `make up` reads (docs/operate.md), as they are set; one that is empty is not set."""

    model_config = SettingsConfigDict(case_sensitive=True, env_ignore_empty=True, extra="ignore", frozen=True)

    stack: Path = Field(default=ROOT / "stack", validation_alias="FINESCALE_STACK")
    host: str = Field(default="127.0.0.1", validation_alias="FINESCALE_HOST")
    ui_port: Port = Field(default=4200, validation_alias="FINESCALE_UI_PORT")
    postgres_port: Port = Field(default=15432, validation_alias="FINESCALE_POSTGRES_PORT")
    s3_port: Annotated[int, _up_to(65535 - GRPC_OFFSET - 3)] = Field(default=8333, validation_alias="FINESCALE_S3_PORT")
    cpu_runs: Annotated[int, _up_to(1000)] = Field(default=2, validation_alias="FINESCALE_CPU_RUNS")
    gpu_workers: Annotated[int | None, _up_to(64)] = Field(default=None, validation_alias="FINESCALE_GPU_WORKERS")
    database: str | None = Field(
        default=None,
        validation_alias=AliasChoices("PREFECT_API_DATABASE_CONNECTION_URL", "PREFECT_SERVER_DATABASE_CONNECTION_URL"),
    )
    endpoint: str | None = Field(default=None, validation_alias=AliasChoices("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"))
    own_endpoint: str | None = Field(default=None, validation_alias=OWN_S3)
    store: str = Field(default=OWN_STORE, validation_alias="FINESCALE_STORE")
    workspace: str | None = Field(default=None, validation_alias="FINESCALE_WORKSPACE")
    auth: str | None = Field(default=None, validation_alias="PREFECT_SERVER_API_AUTH_STRING")
    api_hosts: str | None = Field(default=None, validation_alias=API_HOSTS)
    origins: str | None = Field(default=None, validation_alias=ORIGINS)
    ui_api_url: str | None = Field(default=None, validation_alias="PREFECT_UI_API_URL")
    notify_url: str | None = Field(default=None, validation_alias="FINESCALE_NOTIFY_URL")
    regions: str | None = Field(default=None, validation_alias="FINESCALE_REGIONS")
    collect: str = Field(default="", validation_alias="FINESCALE_COLLECT")

    @classmethod
    def read(cls) -> Environment:
        """Of this process; BadInput, one line, for a value that cannot be."""
        try:
            return cls()
        except ValidationError as error:
            wrong = error.errors()[0]
            remedy = wrong.get("ctx", {}).get("error", wrong["msg"])
            raise BadInput(f"{wrong['loc'][0]}={wrong['input']}: {remedy}") from None

    def assert_reachable(self) -> None:
        """BadInput for a host that nobody can reach, or a password that Prefect's UI cannot take."""
        if self.auth is not None and not re.fullmatch(r"[^\s:'\"]+:[^\s'\"]+", self.auth):
            raise BadInput("PREFECT_SERVER_API_AUTH_STRING: give user:password, without spaces and quotes")
        if self.host in ("0.0.0.0", "::"):  # noqa: S104
            raise BadInput(f"FINESCALE_HOST={self.host}: give the address at which other machines reach this one")

    def hosts(self) -> tuple[str, ...]:
        """Names of this machine, of the address that the UI asks, and those given."""
        asked = urlsplit(self.ui_api_url or "").hostname
        more = (name.strip() for name in (self.api_hosts or "").split(","))
        return tuple(dict.fromkeys(name for name in (self.host, *LOOPBACK, asked, *more) if name))

    def allowed_origins(self) -> tuple[str, ...]:
        """Those given, else the UI's own: its page may be opened by one name of this machine and ask by another."""
        if self.origins:
            return tuple(origin.strip() for origin in self.origins.split(","))
        found = [f"http://{_in_url(host)}:{self.ui_port}" for host in (self.host, *LOOPBACK)]
        if self.ui_api_url:
            parts = urlsplit(self.ui_api_url)
            found.append(f"{parts.scheme}://{parts.netloc}")
        return tuple(dict.fromkeys(found))

    @property
    def own_s3(self) -> bool:
        """Whether the stack's own S3 server is meant: what `stack/env` says of it is no other server."""
        # where it listens now, and where it did when env was made
        mine = {f"http://{_in_url(self.host)}:{self.s3_port}", self.own_endpoint}
        return self.endpoint in mine if self.endpoint else self.store == OWN_STORE


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
    auth: str | None  # None: a password of the stack's own making
    hosts: tuple[str, ...]  # names by which the API may be asked: any other is a page that plays with DNS
    origins: tuple[str, ...]  # of pages that may read its answers
    ui_api_url: str | None  # that the UI asks, where a proxy has another address than the server
    notify_url: str | None
    regions: str | None
    collect: tuple[str, ...]  # regions whose stations are collected from WIS2; nobody's by default

    @classmethod
    def read(cls) -> Settings:
        """From this process's environment; BadInput for a value that cannot be."""
        given = Environment.read()
        given.assert_reachable()
        folder = given.stack.absolute()
        paths = [str(Path(p).absolute()) for p in (given.regions or "").split(os.pathsep) if p]
        return cls(
            folder=folder,
            host=given.host,
            ui_port=given.ui_port,
            postgres_port=given.postgres_port,
            s3_port=given.s3_port,
            cpu_runs=given.cpu_runs,
            gpu_workers=given.gpu_workers,
            database=given.database,
            own_s3=given.own_s3,
            store=given.store,
            workspace=given.workspace or str(folder / "workspace"),
            auth=given.auth,
            hosts=given.hosts(),
            origins=given.allowed_origins(),
            ui_api_url=given.ui_api_url,
            notify_url=given.notify_url,
            regions=os.pathsep.join(paths) or None,
            collect=tuple(given.collect.replace(",", " ").split()),
        )

    @property
    def backfill_runs(self) -> int:
        """How many backfills at once."""
        return max(self.cpu_runs - 1, 1)

    @property
    def api_url(self) -> str:
        """Of the Prefect server."""
        return f"http://{_in_url(self.host)}:{self.ui_port}/api"

    @property
    def ui_url(self) -> str:
        """For a browser, and in what alarms say."""
        if self.ui_api_url:
            return self.ui_api_url.rstrip("/").removesuffix("/api")
        return f"http://{_in_url(self.host)}:{self.ui_port}"

    @property
    def endpoint(self) -> str:
        """Of the stack's own S3 server."""
        return f"http://{_in_url(self.host)}:{self.s3_port}"

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
            "PREFECT_API_AUTH_STRING": known.api,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "PREFECT_LOGGING_EXTRA_LOGGERS": "flows,tasks",  # so that the UI shows what the steps say
            "PREFECT_WORKER_QUERY_SECONDS": "2",  # a run starts within seconds; 15 by default
            "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",  # the alarm "run vanished" listens to it
            "FINESCALE_STORE": self.store,
            "FINESCALE_WORKSPACE": self.workspace,
        }
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
        mine = {
            "PREFECT_HOME": str(self.folder / "prefect"),  # a person's profiles must not change what the stack does
            "FINESCALE_HOME": str(ROOT),
            MARK: str(self.folder),
        } | without_proxy(inherited, self.host)
        return {**inherited, **self.client_environment(known), **mine}

    def write_env_file(self, known: Secrets) -> Path:
        """`stack/env`, for `source`."""
        file = self.folder / "env"
        lines = [f"export {k}={shlex.quote(v)}\n" for k, v in self.client_environment(known).items()]
        # beside what whoever sources it has: no proxy stands between people and this stack
        direct = ",".join(dict.fromkeys([self.host, *LOOPBACK]))
        lines.append(
            f'no_proxy="${{no_proxy:-${{NO_PROXY-}}}}"; no_proxy="${{no_proxy:+$no_proxy,}}{direct}"; '
            "NO_PROXY=$no_proxy; export no_proxy NO_PROXY\n"
        )
        write_private(file, "# Made by make up: what reaches this stack. Holds secrets.\n" + "".join(lines))
        return file


def taken(host: str, port: int) -> bool:
    """True if somebody listens there."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False
