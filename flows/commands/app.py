"""`finescale ...`: the commands put together; each is in a file of its name."""

from __future__ import annotations

import io
import sys
from typing import Annotated

import typer

from flows.commands import models, regions
from flows.commands.backfill import backfill
from flows.commands.calibrate import calibrate
from flows.commands.collect import collect
from flows.commands.districts import districts
from flows.commands.export import export
from flows.commands.field import field
from flows.commands.maintain import maintain
from flows.commands.point import point
from flows.commands.regrid import regrid
from flows.commands.run import run
from flows.commands.serve import serve
from flows.commands.status import status
from flows.commands.verify import verify
from flows.commands.withdraw import withdraw
from flows.server import runtime

app = typer.Typer(
    name="finescale",
    help="High-resolution weather fields from ECMWF forecasts and reanalyses.",
    epilog="A first try, without network or keys: finescale run hubei --source demo; then "
    "finescale point hubei Wuhan, or finescale serve, which shows it in a browser.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
READ = (export, point, districts, status, serve)
MAKE = (run, backfill, field, regrid, verify, calibrate, collect, withdraw, maintain)
for command in (*READ, *MAKE):
    app.command()(command)
app.add_typer(models.app, name="models")
app.add_typer(regions.app, name="regions")


def _version(asked: bool) -> None:
    if asked:
        from tasks.version import VERSION  # looks through what is installed

        typer.echo(f"finescale {VERSION}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Say it and exit.")]


@app.callback()
def _options(version: Version = False) -> None:
    pass


def main() -> None:
    """Entry point; Prefect, which a command imports when it needs it, finds the process set up."""
    for stream in (sys.stdout, sys.stderr):  # to a file or pipe: a code page of Windows has neither MJ/m² nor 武汉
        if isinstance(stream, io.TextIOWrapper) and not stream.isatty():
            stream.reconfigure(encoding="utf-8")
    runtime.set_up()
    app()


if __name__ == "__main__":
    main()
