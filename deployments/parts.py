"""The processes of the stack, and the configuration that supervisor keeps them running by."""

from __future__ import annotations

import configparser
import io
import os
import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path

from deployments import guard, postgres, prefect_server, seaweedfs
from deployments.credentials import Secrets, write_private
from deployments.processes import ROOT, socket_path
from deployments.settings import Settings
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
    needs: tuple[str, ...] = ()  # URLs that `begin` waits for


def _server(settings: Settings, known: Secrets) -> Part:
    needs = (f"tcp://127.0.0.1:{settings.postgres_port}",) if settings.database is None else ()
    command = prefect_server.command(settings.host, settings.ui_port)
    environment = prefect_server.environment(settings, known)
    return Part("server", command, 20, stop_seconds=5, environment=environment, needs=needs)


def pools_mark(folder: Path) -> Path:
    """The file that is there once the work pools are: a worker would make its own, without what `up` puts into it."""
    return folder / "pools"


def _worker(
    settings: Settings,
    name: str,
    pool: str,
    limit: int,
    environment: dict[str, str],
    queues: tuple[str, ...] = (),
    nice: int = 0,
) -> Part:
    command = [sys.executable, "-m", "deployments.worker", "--pool", pool, "--name", name, "--limit", str(limit)]
    command += [word for queue in queues for word in ("--queue", queue)]
    first = ["nice", "-n", str(nice)] if nice else []
    store = (f"tcp://{settings.endpoint.removeprefix('http://')}",) if settings.own_s3 else ()
    needs = (f"{settings.api_url}/ready", *store, f"file://{pools_mark(settings.folder)}")
    return Part(name, [*first, *command], 30, stop_seconds=3, environment=environment, needs=needs)


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
        _worker(settings, f"worker-{CPU}", CPU, settings.cpu_runs, {}, live),
        _worker(settings, "worker-backfill", CPU, settings.backfill_runs + UPKEEP_RUNS, {}, rest, nice=5),
    ]
    for i in range(count):
        card = {"CUDA_VISIBLE_DEVICES": cards[i % len(cards)]} if cards else {}
        found.append(_worker(settings, f"worker-{GPU}-{i}", GPU, 1, card))
    return found


def parts(settings: Settings, known: Secrets) -> list[Part]:
    """What this stack runs itself, in the order of starting."""
    found = []
    if settings.database is None:
        command = postgres.command(settings.folder / "postgres", settings.postgres_port)
        # INT: do not wait for clients
        found.append(Part("postgres", command, 10, stop_signal="INT", account=postgres.account()))
    if settings.own_s3:
        environment = seaweedfs.environment(settings, known)
        # it ends slowly by itself; what was acknowledged is on disk
        found.append(Part("s3", seaweedfs.command(settings), 10, stop_seconds=1, environment=environment))
    found.append(Part("watch", guard.command("watch", settings.folder), 5, stop_seconds=1))
    if settings.collect:
        command = [sys.executable, "-m", "flows.commands.app", "collect", *settings.collect]
        found.append(Part("collect", command, 40))
    return [*found, _server(settings, known), *_workers(settings)]


def _begin(part: Part, log: Path) -> list[str]:
    """The command, as it is begun."""
    options = ["--log", str(log), *(word for need in part.needs for word in ("--needs", need))]
    if part.account:
        options += ["--account", part.account]
    return [sys.executable, "-m", "deployments.begin", *options, "--", *part.command]


def supervisor_config(settings: Settings, found: list[Part]) -> str:
    """Text of supervisord.conf; holds secrets."""
    folder, socket = settings.folder, socket_path(settings.folder, "supervisor")
    config = configparser.ConfigParser(interpolation=None)
    config["unix_http_server"] = {"file": str(socket), "chmod": "0700"}
    config["rpcinterface:supervisor"] = {
        "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
    }
    config["supervisorctl"] = {"serverurl": f"unix://{socket}"}
    config["supervisord"] = {
        "pidfile": str(folder / "supervisord.pid"),
        "logfile": str(settings.logs / "supervisord.log"),
        "logfile_maxbytes": "0",  # the guard keeps all logs small
        "childlogdir": str(settings.logs),
        "umask": "077",
    }
    if os.geteuid() == 0:
        config["supervisord"]["user"] = "root"  # by name, or it warns
    for part in found:
        log = settings.logs / f"{part.name}.log"
        config[f"program:{part.name}"] = {
            "command": shlex.join(_begin(part, log)),
            "directory": str(ROOT),
            "priority": str(part.order),
            "autostart": "true",  # each waits for what it needs, also when nobody has typed `make up`
            "autorestart": "true",
            "startretries": "1000",  # it waits a second longer each time: for hours, not for ever in a hurry
            "startsecs": "3",
            "stopsignal": part.stop_signal,
            "stopwaitsecs": str(part.stop_seconds),
            "stdout_logfile": str(log),  # for what is written before the part writes there itself
            "stdout_logfile_maxbytes": "0",
            "redirect_stderr": "true",
            "environment": ",".join(f'{name}="{value}"' for name, value in part.environment.items()),
        }
        if part.name.startswith("worker"):
            config[f"program:{part.name}"]["umask"] = "022"  # products in a folder are for others to read
    text = io.StringIO()
    config.write(text)
    return text.getvalue().replace("%", "%%")  # to supervisor % begins an expansion


def config_file(settings: Settings) -> Path:
    """supervisord.conf: what the stack was started with."""
    return settings.folder / "supervisord.conf"


def write_files(settings: Settings, known: Secrets, found: list[Part]) -> None:
    """Everything that the parts read."""
    for folder in (settings.logs, settings.folder / "prefect"):
        folder.mkdir(parents=True, exist_ok=True)
    if settings.own_s3:
        seaweedfs.write_files(settings, known)
    write_private(config_file(settings), supervisor_config(settings, found))
