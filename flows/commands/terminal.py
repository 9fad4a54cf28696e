"""What the commands share: the log on standard error, errors as one line, tables."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from flows.commands.language import localised

if TYPE_CHECKING:
    from tasks.errors import FinescaleError
    from tasks.handover.scorecard import Verification

NUMBER = re.compile(r"[-+]?\d+(\.\d+)?(e[-+]?\d+)?")
LONGEST = 1100  # characters of an error
WIDEST = 100_000  # characters: no row is cut or folded, whatever the terminal; it can be copied and piped


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
    """Errors of ours become one line and their exit code; anything else is a bug and keeps its traceback.

    What a disk refuses, and what a library raises of a product that is damaged, is no bug: a line says what it is.
    """
    from tasks.errors import FinescaleError

    try:
        yield
    except FinescaleError as error:
        raise _shown(error) from None
    except KeyboardInterrupt:
        typer.echo("finescale: interrupted; what was published before stays as it was", err=True)
        raise typer.Exit(130) from None
    except (typer.Exit, typer.Abort):
        raise
    except Exception as error:
        from flows.products.damaged import damage_behind
        from tasks.disk import refusal

        found = refusal(error, "the disk of the store or the workspace") or damage_behind(error)
        if found is None:
            raise
        raise _shown(found) from None


def _shown(error: FinescaleError) -> typer.Exit:
    """Say what is wrong, in a line; the exit to raise."""
    typer.echo(f"finescale: {_line(str(error))}", err=True)
    return typer.Exit(error.exit_code)


def _line(text: str) -> str:
    """One line, without the middle of one that somebody's input made endless: the remedy is at its end."""
    line = "".join(c if c.isprintable() else " " for c in text)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 400]} ... {line[-400:]}"


def show_line(line: str) -> None:
    """A line for people, in the language of the shell."""
    typer.echo(localised(line))


def show_table(header: Sequence[str], rows: Sequence[Sequence[str]], local: bool = False) -> None:
    """Plain columns, those of numbers to the right; as wide as they are, without frames or trailing blanks.

    `local`: in the language of the shell.
    """
    from rich.console import Console
    from rich.table import Table

    word = localised if local else str
    table = Table(box=None, padding=(0, 0, 0, 2), header_style="bold")
    for title, cells in zip(header, zip(*rows, strict=True) if rows else [()] * len(header), strict=True):
        filled = [c for c in cells if c]
        numbers = bool(filled) and all(NUMBER.fullmatch(c) for c in filled)
        table.add_column(word(title), justify="right" if numbers else "left", no_wrap=True)
    for row in rows:
        table.add_row(*map(word, row))
    # bold on a terminal; nothing in a cell is markup, an emoji or to be coloured
    console = Console(width=WIDEST, highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        typer.echo(line.rstrip())


def show_scores(found: Verification) -> None:
    """Table of a verification."""
    from tasks.present.score_rows import COLUMNS, rows

    typer.echo(f"{found.count} pairs at {found.stations} stations, {found.first} to {found.last}")
    rejected = ", ".join(f"{n} {why}" for why, n in found.rejected.items())
    typer.echo(f"rejected    {rejected or 'none'}")
    show_table(COLUMNS, rows(found))
