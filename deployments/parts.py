"""The processes of the stack, and the configuration that supervisor keeps them running by."""

from __future__ import annotations

import configparser
import hashlib
import io
import json
import os
import shlex
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from deployments import postgres
from deployments.settings import ROOT, Secrets, Settings, write_private
from flows.server.names import BACKFILL_QUEUE, CPU, GPU, LIVE_QUEUE, UPKEEP_QUEUE

UPKEEP_RUNS = 2  # beside those of backfill, whose queue has its own limit


@dataclass(frozen=True)
class Part:
    """One process."""

    name: str
    command: list[str]
    order: int  # started by it, ended the other way round
    stop_signal: str = "TERM"
    stop_seconds: int = 10  # then it is killed
    environment: dict[str, str] = field(default_factory=dict)  # beside that of all
    account: str | None = None


def program(name: str) -> str:
    """Path of a program of this environment."""
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.is_file() else shutil.which(name) or name


def _s3(settings: Settings) -> Part:
    port = settings.s3_port
    options = {
        "dir": settings.folder / "s3", "ip": "127.0.0.1", "ip.bind": "127.0.0.1", "master.telemetry": "false",
        "master.port": port + 1, "volume.port": port + 2, "filer.port": port + 3,
        "master.electionTimeout": "1s",  # of one master; 10 s by default, at every start
        "volume.max": 0,  # as many as the disk holds
        "master.volumeSizeLimitMB": 256,  # seven are opened at once: small, for small disks
        "s3.ip.bind": settings.host, "s3.port": port, "s3.config": settings.folder / "s3.json",
        "s3.port.iceberg": 0, "s3.port.lance": 0, "s3.localSocket": settings.folder / "s3.sock",
    }  # fmt: skip
    arguments = [f"-{name}={value}" for name, value in options.items()]
    # it ends slowly by itself; what was acknowledged is on disk
    return Part("s3", [program("weed"), "server", "-filer", "-s3", *arguments], 10, stop_seconds=1)


def _server(settings: Settings, known: Secrets) -> Part:
    environment = {
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        # slots of runs that are gone are given back after five minutes, also when the server was started anew meanwhile
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        # a run that waits for its turn is not an alarm; one that nobody takes is
        "PREFECT_SERVER_SERVICES_LATE_RUNS_AFTER_SECONDS": "300",
    }
    if settings.database is None:  # another's URL, as the API's password, is in the inherited environment
        url = f"postgresql+asyncpg://postgres:{known.postgres}@127.0.0.1:{settings.postgres_port}/postgres"
        environment["PREFECT_API_DATABASE_CONNECTION_URL"] = url
    command = [program("prefect"), "server", "start", "--host", settings.host, "--port", str(settings.ui_port)]
    return Part("server", command, 20, stop_seconds=5, environment=environment)


def _worker(
    name: str, pool: str, limit: int, environment: dict[str, str], queues: tuple[str, ...] = (), nice: int = 0
) -> Part:
    command = [program("prefect"), "worker", "start", "--pool", pool, "--type", "process", "--name", name]
    command += [word for queue in queues for word in ("--work-queue", queue)]
    first = ["nice", "-n", str(nice)] if nice else []
    return Part(name, [*first, *command, "--limit", str(limit)], 30, stop_seconds=3, environment=environment)


def gpus() -> list[str]:
    """Ids of this machine's GPUs, as CUDA_VISIBLE_DEVICES takes them."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [c for c in chosen.split(",") if c]
    import torch

    return [str(i) for i in range(torch.cuda.device_count())]


def _workers(settings: Settings) -> list[Part]:
    """Two for the cpu pool; one a GPU for the gpu pool, which runs on the CPU where there is none.

    Live runs may wait for hours for their input, in all places of their worker: backfill and upkeep have one of their
    own, which gives way to the others where the processor is short.
    """
    cards = gpus()
    count = settings.gpu_workers or max(len(cards), 1)
    live, rest = (LIVE_QUEUE, "default"), (UPKEEP_QUEUE, BACKFILL_QUEUE)  # default: of runs that name no queue
    found = [
        _worker(f"worker-{CPU}", CPU, settings.cpu_runs, {}, live),
        _worker("worker-backfill", CPU, settings.backfill_runs + UPKEEP_RUNS, {}, rest, nice=5),
    ]
    for i in range(count):
        card = {"CUDA_VISIBLE_DEVICES": cards[i % len(cards)]} if cards else {}
        found.append(_worker(f"worker-{GPU}-{i}", GPU, 1, card))
    return found


def parts(settings: Settings, known: Secrets) -> list[Part]:
    """What this stack runs itself, in the order of starting."""
    found = []
    if settings.database is None:
        command = postgres.command(settings.folder / "postgres", settings.postgres_port)
        # INT: do not wait for clients
        found.append(Part("postgres", command, 10, stop_signal="INT", account=postgres.account()))
    if settings.own_s3:
        found.append(_s3(settings))
    return [*found, _server(settings, known), *_workers(settings)]


def control_socket(folder: Path) -> Path:
    """Where supervisord listens; elsewhere if the folder's path is longer than a socket's may be."""
    here = folder / "supervisor.sock"
    if len(str(here)) < 100:
        return here
    return Path(tempfile.gettempdir()) / f"finescale-{hashlib.sha256(str(folder).encode()).hexdigest()[:12]}.sock"


def supervisor_config(settings: Settings, found: list[Part]) -> str:
    """Text of supervisord.conf; holds secrets."""
    folder, socket = settings.folder, control_socket(settings.folder)
    config = configparser.ConfigParser(interpolation=None)
    config["unix_http_server"] = {"file": str(socket), "chmod": "0700"}
    config["rpcinterface:supervisor"] = {
        "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
    }
    config["supervisorctl"] = {"serverurl": f"unix://{socket}"}
    config["supervisord"] = {
        "pidfile": str(folder / "supervisord.pid"),
        "logfile": str(settings.logs / "supervisord.log"),
        "childlogdir": str(settings.logs),
        "umask": "077",
    }
    if os.geteuid() == 0:
        config["supervisord"]["user"] = "root"  # said aloud, or it warns
    for part in found:
        config[f"program:{part.name}"] = {
            "command": shlex.join(part.command),
            "directory": "/" if part.account else str(ROOT),
            "priority": str(part.order),
            "autostart": "false",  # `up` waits for each before the next
            "autorestart": "true",
            "startretries": "1000",  # it waits a second longer each time: for hours, not for ever in a hurry
            "startsecs": "3",
            "stopsignal": part.stop_signal,
            "stopwaitsecs": str(part.stop_seconds),
            "stdout_logfile": str(settings.logs / f"{part.name}.log"),
            "stdout_logfile_maxbytes": "10MB",
            "stdout_logfile_backups": "5",
            "redirect_stderr": "true",
            "environment": ",".join(f'{k}="{v}"' for k, v in part.environment.items()),
        }
        if part.name.startswith("worker"):
            config[f"program:{part.name}"]["umask"] = "022"  # products in a folder are for others to read
        if part.account:
            config[f"program:{part.name}"]["user"] = part.account
    text = io.StringIO()
    config.write(text)
    return text.getvalue()


def write_files(settings: Settings, known: Secrets, found: list[Part]) -> Path:
    """Everything that the parts read; returns supervisord.conf's path."""
    for folder in (settings.logs, settings.folder / "s3", settings.folder / "prefect"):
        folder.mkdir(parents=True, exist_ok=True)
    credentials = [{"accessKey": known.s3_key, "secretKey": known.s3_secret}]
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    identities = [{"name": "finescale", "credentials": credentials, "actions": actions}]
    write_private(settings.folder / "s3.json", json.dumps({"identities": identities}))
    config = settings.folder / "supervisord.conf"
    write_private(config, supervisor_config(settings, found).replace("%", "%%"))  # to supervisor % begins an expansion
    return config
