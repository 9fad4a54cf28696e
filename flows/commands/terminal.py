"""What the commands share: the log on standard error, errors as one line, tables."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from tasks.handover.scorecard import Verification

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


def show_scores(found: Verification, as_json: bool) -> None:
    """Table of a verification."""
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    typer.echo(f"{found.count} pairs at {found.stations} stations, {found.first} to {found.last}")
    lost = ", ".join(f"{n} {why}" for why, n in found.rejected.items())
    typer.echo(f"rejected    {lost or 'none'}")
    from tasks.present.score_rows import COLUMNS, rows

    table(COLUMNS, rows(found))


def show_cycles(region: str, found: dict[str, Any]) -> None:
    """Table of the cycles in the ledger."""
    if not found["cycles"]:
        typer.echo(f"{region}: nothing published in {found['store']}")
        return
    rows = [
        [c["cycle"], c["state"], c["quality"], f"{c['lead_times']}", c["age"], c["model"], c["product"]]
        for c in found["cycles"]
    ]
    table(["cycle", "state", "quality", "lead times", "published", "model", "product"], rows)
    for c in found["cycles"]:
        if c["why"]:
            typer.echo(f"{c['cycle']} is {c['state']}: {c['why']}")
    early = [c["cycle"] for c in found["cycles"] if c["preliminary"]]
    due = [c["cycle"] for c in found["cycles"] if c["final_due"]]
    if early:
        typer.echo(f"preliminary (ERA5T): {len(early)}, of these final by now: {', '.join(due) or 'none'}")
    if due:
        typer.echo(f"make them anew: finescale backfill {region} --source era5 --refresh-preliminary")
