"""The whole stack on one machine: `python -m deployments.stack up|down|status|deploy`; `make up`, `make down`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import typer
from filelock import FileLock, Timeout

from deployments import postgres
from deployments.errors import PartFault, StackFault
from deployments.parts import Part, parts, write_files
from deployments.settings import Secrets, Settings, taken
from deployments.supervision import RUNNING, Supervisor, end, listeners, strays
from flows.server.names import DOWNSCALE, deployment
from tasks.errors import FinescaleError

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None, help=__doc__)

SERVER_SECONDS = 180  # it makes its tables the first time; minutes on a busy machine
PART_SECONDS = 60


class Stack:
    """The stack that the environment describes."""

    def __init__(self) -> None:
        inherited = dict(os.environ)
        self.settings = Settings.read()
        self.supervisor = Supervisor(self.settings.folder)
        self.settings.folder.mkdir(parents=True, exist_ok=True)
        self.known = Secrets.of(self.settings.folder)
        self.parts = parts(self.settings, self.known)
        # Prefect, obstore and botocore read the environment of this process too; before either is imported
        os.environ.update(self.settings.process_environment(self.known, inherited))
        self.ready_mark = self.settings.folder / "ready"  # written when `up` has come to its end

    def part(self, name: str) -> Part | None:
        """A part by name, None if the stack does not run it itself."""
        return next((p for p in self.parts if p.name == name), None)

    def bad_parts(self) -> list[str]:
        """Parts that do not run."""
        states = self.supervisor.states()
        return [p.name for p in self.parts if states.get(p.name, {}).get("statename") not in (RUNNING, "STARTING")]

    def server_answers(self) -> bool:
        """True if the Prefect server is healthy."""
        try:
            return httpx.get(f"{self.settings.api_url}/health", timeout=5, trust_env=False).is_success
        except httpx.HTTPError:
            return False

    def store_answers(self) -> bool:
        """True if something serves S3; whether the credentials are right is found out by `create_bucket`."""
        try:
            return httpx.get(self.settings.endpoint, timeout=5, trust_env=False).status_code < 500
        except httpx.HTTPError:
            return False

    def workers_answer(self) -> bool:
        """True if the server has heard of a worker in every pool."""
        from deployments.bootstrap import online_workers

        return all(online_workers().values())


@contextmanager
def _step(what: str) -> Iterator[None]:
    """One line when it is done, with its time."""
    began = time.monotonic()
    yield
    typer.echo(f"  {what:<46} {time.monotonic() - began:5.1f} s")


@contextmanager
def _one_line_errors() -> Iterator[None]:
    try:
        yield
    except FinescaleError as error:
        typer.echo(f"stack: {error}", err=True)
        raise typer.Exit(error.exit_code) from None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two `make up` at once would start everything twice."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "lock", timeout=0):
            yield
    except Timeout:
        raise StackFault(f"another up or down of {folder} is at work") from None


def _assert_nothing_in_the_way(stack: Stack) -> None:
    left = strays(stack.settings.folder)
    if left:
        listed = ", ".join(f"{p.name()} {p.pid}" for p in left[:6])
        raise StackFault(f"processes of an earlier stack still run ({listed}): `make down` ends them")
    for port, variable in stack.settings.ports().items():
        host = stack.settings.host if variable != "FINESCALE_POSTGRES_PORT" else "127.0.0.1"
        if taken(host, port):
            who = next(listeners(port), "another program")
            raise StackFault(f"port {port} is taken by {who}; nothing was started. {variable} chooses another")


def _start_supervisor(stack: Stack) -> None:
    settings = stack.settings
    _assert_nothing_in_the_way(stack)
    with _step("settings and secrets"):
        config = write_files(settings, stack.known, stack.parts)
        settings.write_env_file(stack.known)
    if stack.part("postgres"):
        with _step("postgres: data folder"):
            postgres.initialise(settings.folder / "postgres", stack.known.postgres)
    with _step("supervisord"):
        stack.supervisor.start(config, os.environ)


def _bring_up(stack: Stack) -> None:
    """Start what does not run, in order, each when the one before answers."""
    settings, supervisor = stack.settings, stack.supervisor
    if not supervisor.answers():
        _start_supervisor(stack)
    for name in ("postgres", "s3"):
        if stack.part(name):
            supervisor.start_part(name)
    if stack.part("postgres"):
        with _step("postgres"):
            supervisor.wait("postgres", lambda: taken("127.0.0.1", settings.postgres_port), PART_SECONDS)
    supervisor.start_part("server")  # long to start: meanwhile the store
    from deployments import bootstrap

    with _step(f"store {settings.store}"):
        if stack.part("s3"):
            supervisor.wait("s3", stack.store_answers, PART_SECONDS)
            _retry(lambda: bootstrap.create_bucket(settings.store))
        else:
            bootstrap.create_bucket(settings.store)
    with _step("server"):
        supervisor.wait("server", stack.server_answers, SERVER_SECONDS)
    with _step("work pools and queues"):
        bootstrap.create_pools(settings.backfill_runs)
    workers = [p.name for p in stack.parts if p.name.startswith("worker")]
    for name in workers:
        supervisor.start_part(name)
    with _step("alarms"):
        bootstrap.create_automations(settings.notify_url)
    with _step("deployments"):
        deployed = bootstrap.deploy(settings.folder)
    with _step(f"workers ({len(workers)})"):
        supervisor.wait(workers[-1], stack.workers_answer, SERVER_SECONDS)
        _assert_all_run(stack)
    stack.ready_mark.write_text("\n".join(deployed) + "\n", encoding="utf-8")


def _retry(make: Callable[[], None]) -> None:
    """The S3 gateway answers before the volumes behind it do."""
    deadline = time.monotonic() + PART_SECONDS
    while True:
        try:
            return make()
        except StackFault:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.3)


def _assert_all_run(stack: Stack) -> None:
    for name in stack.bad_parts():
        info: dict[str, Any] = stack.supervisor.states().get(name, {})
        log = Path(info.get("stdout_logfile", stack.settings.logs / f"{name}.log"))
        state = info.get("statename", "unknown to supervisord")
        raise PartFault(name, f"does not run ({state}), `make down up` starts everything anew", log)


def _show_addresses(stack: Stack) -> None:
    settings = stack.settings
    typer.echo(f"UI      {settings.ui_url}")
    typer.echo(f"store   {settings.store}" + (f" at {settings.endpoint}" if stack.part("s3") else ""))
    typer.echo(f"logs    {settings.logs}")
    typer.echo(
        f"next    source {settings.folder}/env\n"
        f"        prefect deployment run {deployment(DOWNSCALE, 'hubei')} --param source=demo --watch"
    )


@app.command()
def up() -> None:
    """Start everything that is not there, deploy every region, wait until all is healthy."""
    with _one_line_errors():
        began, stack = time.monotonic(), Stack()
        with _alone(stack.settings.folder):
            if stack.supervisor.answers() and stack.ready_mark.is_file():
                _assert_all_run(stack)
                if not stack.server_answers():
                    raise PartFault("server", "does not answer", stack.settings.logs / "server.log")
                typer.echo("up already, nothing was changed (`make down up` takes new settings, code and regions)")
            else:
                _bring_up(stack)
                typer.echo(f"up in {time.monotonic() - began:.0f} s")
        _show_addresses(stack)


@app.command()
def down() -> None:
    """End everything, and what a killed supervisord may have left; data stays."""
    with _one_line_errors():
        began, settings = time.monotonic(), Settings.read()
        with _alone(settings.folder):
            (settings.folder / "ready").unlink(missing_ok=True)
            supervisor = Supervisor(settings.folder)
            was_up = supervisor.answers()
            if was_up:
                supervisor.shutdown()
            left = strays(settings.folder)
            end(left)
        if was_up or left:
            typer.echo(f"down in {time.monotonic() - began:.1f} s; data stays in {settings.folder}")
        else:
            typer.echo("not up, nothing to do")


@app.command()
def status() -> None:
    """Each part, its state and log; exit code 1 if anything is not well."""
    with _one_line_errors():
        stack = Stack()
        if not stack.supervisor.answers():
            raise StackFault("not up; `make up` starts it")
        for name, info in sorted(stack.supervisor.states().items()):
            typer.echo(f"  {name:<14} {info['statename']:<9} {info['description']:<36} {info['stdout_logfile']}")
        _assert_all_run(stack)
        if not stack.server_answers():
            raise PartFault("server", "does not answer", stack.settings.logs / "server.log")
        if not stack.workers_answer():
            raise StackFault("a pool has no worker that answers; look at worker-*.log")
        if not stack.ready_mark.is_file():
            raise StackFault("`make up` did not come to its end; run it again")
        typer.echo("all is well")


@app.command()
def deploy() -> None:
    """Deploy the regions found again, on a stack that is up: after a change of a region.yaml."""
    with _one_line_errors():
        stack = Stack()
        from deployments import bootstrap

        with _step("alarms"):
            bootstrap.create_automations(stack.settings.notify_url)
        with _step("deployments"):
            deployed = bootstrap.deploy(stack.settings.folder)
        typer.echo("\n".join(deployed))


if __name__ == "__main__":
    app()
