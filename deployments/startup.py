"""Brings the stack up from whatever state it is in, and says what state that is."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import typer

from deployments import guard, postgres
from deployments.credentials import Secrets
from deployments.errors import PartFault, StackFault
from deployments.parts import Part, config_file, parts, pools_mark, supervisor_config, write_files
from deployments.processes import end, listeners, names_of, strays
from deployments.settings import Settings, taken
from deployments.supervision import RUNNING, Supervisor

SERVER_SECONDS = 180  # it makes its tables the first time; minutes on a busy machine
PART_SECONDS = 60
KEEPER_SECONDS = 20  # a guard ends what is left of the stack before it starts a supervisord


class Stack:
    """The stack that the environment describes."""

    def __init__(self) -> None:
        inherited = dict(os.environ)
        self.settings = Settings.read()
        self.folder = self.settings.folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.supervisor = Supervisor(self.folder)
        self.known = Secrets.of(self.folder)
        if self.settings.auth and not self.supervisor.answers():  # one that runs has the password that it began with
            self.known = replace(self.known, api=self.settings.auth)
        given = self.settings.notify_url
        self.tells_another = given is not None and given != self.known.notify
        if given is not None:
            self.known = replace(self.known, notify=given)  # kept once it is set on the server
        # Prefect, obstore and botocore read the environment of this process too; before either is imported
        os.environ.update(self.settings.process_environment(self.known, inherited))
        if given is not None and self.tells_another:
            from deployments import notify

            notify.assert_known(given)
        self.ready_mark = self.folder / "ready"  # written when `up` has come to its end

    @cached_property
    def parts(self) -> list[Part]:
        """What it runs itself."""
        return parts(self.settings, self.known)

    def part(self, name: str) -> Part | None:
        """A part by name, None if the stack does not run it itself."""
        return next((p for p in self.parts if p.name == name), None)

    def bad_parts(self) -> list[str]:
        """Parts that do not run."""
        states = self.supervisor.states()
        return [p.name for p in self.parts if states.get(p.name, {}).get("statename") not in (RUNNING, "STARTING")]

    def server_answers(self) -> bool:
        """True if the Prefect server and its database do."""
        return self._answers(f"{self.settings.api_url}/ready") < 300

    def store_answers(self) -> bool:
        """True if something serves S3; whether the credentials are right is found out by `create_bucket`."""
        return self._answers(self.settings.endpoint) < 500

    @staticmethod
    def _answers(url: str) -> int:
        try:
            return httpx.get(url, timeout=5, trust_env=False).status_code
        except httpx.HTTPError:
            return 599

    def database_answers(self) -> bool:
        """True if PostgreSQL listens."""
        return taken("127.0.0.1", self.settings.postgres_port)

    def workers_answer(self) -> bool:
        """True if the server has heard of a worker in every pool."""
        from deployments.bootstrap import online_workers

        return all(online_workers().values())

    def is_changed(self) -> bool:
        """True if settings or code are not those that it was started with."""
        file = config_file(self.settings)
        return not file.is_file() or file.read_text(encoding="utf-8") != supervisor_config(self.settings, self.parts)

    def assert_well(self) -> None:
        """StackFault that names the first thing that is not."""
        self.assert_supervised()
        self.assert_all_run()
        logs = self.settings.logs
        if self.part("postgres") and not self.database_answers():
            raise PartFault("postgres", "does not answer", logs / "postgres.log")
        if self.part("s3") and not self.store_answers():
            raise PartFault("s3", "does not answer", logs / "s3.log")
        if not self.server_answers():
            raise PartFault("server", "does not answer", logs / "server.log")
        if not guard.is_guarded(self.folder):
            raise PartFault("guard", "is not there; `make up` starts it", logs / "guard.log")
        if not self.ready_mark.is_file():
            raise StackFault("`make up` did not come to its end; run it again")
        if not self.workers_answer():
            raise StackFault("a pool has no worker that answers; look at worker-*.log")

    def assert_supervised(self) -> None:
        """StackFault that says in what state the stack is, if no supervisord answers."""
        if self.supervisor.answers():
            return self._assert_same_parts()
        left = strays(self.folder)
        if guard.is_guarded(self.folder):
            raise PartFault("supervisord", "has ended, and is being started again", self.settings.logs / "guard.log")
        if left:
            raise StackFault(
                f"nobody keeps what still runs ({names_of(left)}); `make up` ends it and starts everything"
            )
        raise StackFault("not up; `make up` starts it")

    def _assert_same_parts(self) -> None:
        known = self.supervisor.states()
        missing = [p.name for p in self.parts if p.name not in known]
        if missing:
            raise StackFault(
                f"it runs with other settings or an older version, without {', '.join(missing)}; "
                "nothing was changed, `make down up` takes what there is now"
            )

    def assert_all_run(self) -> None:
        """PartFault for the first part that does not."""
        for name in self.bad_parts():
            info: dict[str, Any] = self.supervisor.states().get(name, {})
            log = Path(info.get("stdout_logfile", self.settings.logs / f"{name}.log"))
            state = info.get("statename", "unknown to supervisord")
            raise PartFault(name, f"does not run ({state}), `make up` starts it", log)


@contextmanager
def step(what: str) -> Iterator[None]:
    """One line when it is done, with its time."""
    began = time.monotonic()
    yield
    typer.echo(f"  {what:<46} {time.monotonic() - began:5.1f} s")


def _taken_ports(settings: Settings) -> dict[int, str]:
    """Ports that somebody holds, and the variables that choose others."""
    of_postgres = "FINESCALE_POSTGRES_PORT"
    return {
        port: variable
        for port, variable in settings.ports().items()
        if taken("127.0.0.1" if variable == of_postgres else settings.host, port)
    }


def _assert_ports_free(settings: Settings, seconds: float) -> None:
    """StackFault that names who holds a port; one whose holder has just been killed is free a moment later."""
    deadline = time.monotonic() + seconds
    while found := _taken_ports(settings):
        if time.monotonic() > deadline:
            port, variable = next(iter(found.items()))
            who = next(listeners(port), "another program")
            raise StackFault(f"port {port} is taken by {who}; nothing was started. {variable} chooses another")
        time.sleep(0.2)


def is_kept(stack: Stack) -> bool:
    """Whether a supervisord answers; waits where a guard is just starting one."""
    if stack.supervisor.answers():
        return True
    return guard.is_guarded(stack.folder) and stack.supervisor.answers_within(KEEPER_SECONDS)


def prepare(stack: Stack) -> None:
    """End what nobody keeps; then secrets, configuration, data folders. After it a guard can start."""
    settings = stack.settings
    left = strays(stack.folder)
    if left:
        with step(f"ended {len(left)} processes that nobody kept"):
            end(left)
    _assert_ports_free(settings, 10 if left else 0)
    with step("settings and secrets"):
        stack.known.keep(stack.folder)
        write_files(settings, stack.known, stack.parts)
        settings.write_env_file(stack.known)
    if stack.part("postgres"):
        with step("postgres: data folder"):
            postgres.initialise(settings.folder / "postgres", stack.known.postgres)
    guard.wanted(stack.folder).touch()


def start_keepers(stack: Stack) -> None:
    """A guard, which starts a supervisord, which starts the parts."""
    if is_kept(stack):
        stack.assert_supervised()
        if not guard.is_guarded(stack.folder):
            guard.start(stack.folder)
        return
    prepare(stack)
    with step("supervisord"):
        guard.start(stack.folder)
        if not stack.supervisor.answers_within(KEEPER_SECONDS):
            guard.wanted(stack.folder).unlink(missing_ok=True)
            end(strays(stack.folder))
            raise PartFault("supervisord", "does not answer", stack.settings.logs / "guard.log")


def bring_up(stack: Stack) -> None:
    """Start what does not run, and wait for each part in the order in which they need each other."""
    settings, supervisor = stack.settings, stack.supervisor
    start_keepers(stack)
    workers = [p.name for p in stack.parts if p.name.startswith("worker")]
    for name in stack.bad_parts():
        supervisor.start_part(name)
    if stack.part("postgres"):
        with step("postgres"):
            supervisor.wait("postgres", stack.database_answers, PART_SECONDS)
    from deployments import bootstrap

    with step(f"store {settings.store}"):
        if stack.part("s3"):
            supervisor.wait("s3", stack.store_answers, PART_SECONDS)
            _retry(lambda: bootstrap.create_bucket(settings.store))
        else:
            bootstrap.create_bucket(settings.store)
    with step("server"):
        supervisor.wait("server", stack.server_answers, SERVER_SECONDS)
    with step("work pools and queues"):
        bootstrap.create_pools(settings.backfill_runs)
        pools_mark(stack.folder).touch()
    set_alarms(stack)
    with step("deployments"):
        deployed = bootstrap.deploy(settings.folder)
    with step(f"workers ({len(workers)})"):
        supervisor.wait(workers[-1], stack.workers_answer, SERVER_SECONDS)
        stack.assert_all_run()
    stack.ready_mark.write_text("\n".join(deployed) + "\n", encoding="utf-8")


def set_alarms(stack: Stack) -> None:
    """The alarms as they should be; who is told of them is kept, for shells that do not know it."""
    from deployments import bootstrap

    with step("alarms"):
        bootstrap.create_automations(stack.known.notify or None, stack.settings.ui_url)
    stack.known.keep(stack.folder)


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
