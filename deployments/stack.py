"""The whole stack on one machine: `python -m deployments.stack up|down|status|deploy|unit`; `make up`, `make down`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer
from filelock import FileLock, Timeout

from deployments import access, guard, units
from deployments.errors import StackFault
from deployments.processes import ROOT, end, strays
from deployments.room import room_line
from deployments.settings import Settings
from deployments.startup import Stack, bring_up, is_kept, prepare, set_alarms, step
from deployments.supervision import Supervisor
from flows.server.names import DOWNSCALE, deployment
from tasks.counted import counted
from tasks.errors import FinescaleError

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None, help=__doc__)

PATIENCE = 120  # seconds for another up or down to come to its end


@contextmanager
def _one_line_errors() -> Iterator[None]:
    try:
        yield
    except FinescaleError as error:
        typer.echo(f"stack: {error}", err=True)
        raise typer.Exit(error.exit_code) from None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two `make up` at once would start everything twice: the second waits for the first."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "lock", timeout=PATIENCE):
            yield
    except Timeout:
        raise StackFault(f"another up or down of {folder} has been at work for {PATIENCE} s") from None


def _show_addresses(stack: Stack) -> None:
    from deployments import bootstrap

    settings = stack.settings
    typer.echo(f"UI      {settings.ui_url}   log in with the value of PREFECT_API_AUTH_STRING in {settings.folder}/env")
    typer.echo(f"store   {settings.store}" + (f" at {settings.endpoint}" if stack.part("s3") else ""))
    typer.echo(f"logs    {settings.logs}")
    typer.echo(bootstrap.alarms_line())
    typer.echo("\n".join(access.lines(settings)))
    typer.echo(
        f"next    source {settings.folder}/env\n"
        f"        prefect deployment run {deployment(DOWNSCALE, 'hubei')} --param source=demo --watch"
    )


def _is_well(stack: Stack) -> bool:
    try:
        stack.assert_well()
    except StackFault:
        return False
    return True


@app.command()
def up(
    if_wanted: Annotated[
        bool,
        typer.Option("--if-wanted", help="Nothing, unless it was up and nobody has typed `down` since: for cron."),
    ] = False,
) -> None:
    """Start everything that is not there, from any state; deploy every region, wait until all is healthy."""
    with _one_line_errors():
        if if_wanted and not guard.wanted(Settings.read().folder).exists():
            return
        began = time.monotonic()
        with _alone(Settings.read().folder):
            stack = Stack()
            if stack.supervisor.answers() and _is_well(stack):
                if if_wanted:
                    return
                if stack.tells_another:
                    set_alarms(stack)
                what = "nothing else" if stack.tells_another else "nothing"
                typer.echo(f"up already, {what} was changed (`make down up` takes new settings, code and regions)")
            else:
                bring_up(stack)
                typer.echo(f"up in {time.monotonic() - began:.0f} s")
            if stack.is_changed():
                typer.echo("it runs with other settings or code than there are now: `make down up` takes these")
        _show_addresses(stack)


@app.command()
def keep() -> None:
    """Be the guard of the stack, in the foreground: what systemd runs. `up` beside it waits until all is healthy."""
    with _one_line_errors():
        with _alone(Settings.read().folder):
            stack = Stack()
            if not is_kept(stack):
                prepare(stack)
            guard.wanted(stack.folder).touch()
        os.chdir(ROOT)
        os.execve(sys.executable, [*guard.command("keep", stack.folder), "--standby"], dict(os.environ))  # noqa: S606


@app.command()
def down(
    if_asked: Annotated[
        bool,
        typer.Option(
            "--if-asked", help="Nothing, if systemd says that its process has ended by itself: it is revived."
        ),
    ] = False,
) -> None:
    """End everything, from any state, and what a killed supervisord may have left; data stays."""
    if if_asked and os.environ.get("EXIT_CODE"):
        return
    with _one_line_errors():
        began, settings = time.monotonic(), Settings.read()
        with _alone(settings.folder):
            (settings.folder / "ready").unlink(missing_ok=True)
            guard.wanted(settings.folder).unlink(missing_ok=True)
            supervisor = Supervisor(settings.folder)
            was_up = supervisor.answers()
            if was_up:
                with suppress(StackFault):  # it hangs, or has died meanwhile: what it leaves is ended below
                    supervisor.shutdown()
            guard.leave(settings.folder)
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
        stack.assert_supervised()
        for name, info in sorted(stack.supervisor.states().items()):
            typer.echo(f"  {name:<14} {info['statename']:<9} {info['description']:<36} {info['stdout_logfile']}")
        stack.assert_well()
        from deployments import bootstrap

        typer.echo(bootstrap.alarms_line())
        typer.echo(room_line(stack.folder))
        typer.echo("all is well")
        if stack.tells_another:
            typer.echo("FINESCALE_NOTIFY_URL is another here: `make up` takes it")
        if stack.is_changed():
            typer.echo("it runs with other settings or code than there are now: `make down up` takes these")


@app.command()
def deploy() -> None:
    """Deploy the regions found again, on a stack that is up: after a change of a region.yaml."""
    with _one_line_errors():
        stack = Stack()
        from deployments import bootstrap

        set_alarms(stack)
        with step("deployments"):
            deployed = bootstrap.deploy(stack.settings.folder)
        typer.echo("\n".join(deployed))


@app.command()
def alarm(
    test: Annotated[bool, typer.Option("--test", help="Send one message, and say whether it was taken.")] = False,
) -> None:
    """Who is told of alarms; whether a message gets there."""
    with _one_line_errors():
        stack = Stack()
        from deployments import bootstrap

        stack.assert_well()
        if test:
            typer.echo(f"taken by {bootstrap.try_alarm()}")
        else:
            typer.echo(bootstrap.alarms_line())


@app.command()
def backup(file: Annotated[Path, typer.Argument(help="Written whole or not at all: .tar.gz")]) -> None:
    """Keep what cannot be made again: ledger, scores, pairs of calibration, Prefect's database; no products."""
    with _one_line_errors():
        from deployments.backup import backup

        stack = Stack()
        backup(stack, file)
        typer.echo(f"{file}: {file.stat().st_size / 1e6:.1f} MB; keep stack/secrets.json and your regions beside it")


@app.command()
def restore(file: Annotated[Path, typer.Argument(help="That `backup` wrote.")]) -> None:
    """Put a backup back: books that are not there, and the database as it was; what is newer in the store stays."""
    with _one_line_errors(), _alone(Settings.read().folder):
        from deployments.backup import restore

        found = restore(Stack(), file)
        typer.echo(f"restored: {counted(found['written'], 'file')} of the store; {found['there']} there already")


@app.command()
def unit(
    user: Annotated[bool, typer.Option("--user", help="For `systemctl --user`, without root.")] = False,
    cron: Annotated[bool, typer.Option("--cron", help="Lines for `crontab -e`, where there is no systemd.")] = False,
) -> None:
    """Print what keeps this checkout's stack through kills of everything, and starts it at boot."""
    with _one_line_errors():
        typer.echo(units.crontab() if cron else units.service(user=user), nl=False)


if __name__ == "__main__":
    app()
