"""What the commands share: the log on standard error, errors as one line, tables."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

Region = Annotated[str, typer.Argument(help="Name of a region (`finescale regions list`), or path of its folder.")]


def show_steps() -> None:
    """One line a step on standard error."""
    handler = logging.StreamHandler(sys.stderr)
    style = "%(message)s" if sys.stderr.isatty() else "%(asctime)s %(levelname)s %(message)s"
    handler.setFormatter(logging.Formatter(style))
    for name in ("tasks", "flows"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(logging.INFO)
        logger.propagate = False


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Errors of ours become one line and their exit code; anything else is a bug and keeps its traceback."""
    from tasks.errors import FinescaleError

    try:
        yield
    except FinescaleError as error:
        typer.echo(f"finescale: {error}", err=True)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        typer.echo("finescale: interrupted; what was published before stays as it was", err=True)
        raise typer.Exit(130) from None


def table(header: list[str], rows: list[list[str]]) -> None:
    """Plain columns, those of numbers to the right."""
    columns = list(zip(*[header, *rows], strict=True))
    shown = []
    for cells in columns:
        width = max(map(len, cells))
        numbers = bool(cells[1:]) and all(c.replace(".", "").replace("e-", "").isdigit() for c in cells[1:])
        shown.append([c.rjust(width) if numbers else c.ljust(width) for c in cells])
    for row in zip(*shown, strict=True):
        typer.echo("  " + "  ".join(row).rstrip())
