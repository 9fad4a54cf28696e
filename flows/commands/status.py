"""`finescale status`: whether a region is well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.options import Json, Region, Store
from flows.commands.terminal import one_line_errors, show_line, show_table

if TYPE_CHECKING:
    from flows.products.status import RegionStatus

SCORES = ["source", "variable", "cycles", "pairs", "bias", "RMSE", "best other", "unit", "which"]
CYCLES = ["cycle", "state", "quality", "lead times", "published", "model", "product"]


def status(
    region: Region,
    store: Store = None,
    as_json: Json = False,
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 if something needs looking after.")] = False,
) -> None:
    """Is it well: newest product of each source, last runs, pools; and every cycle published, the newest first."""
    with one_line_errors():
        from flows.products.status import region_status

        found = region_status(region, store)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        _show(region, found)
    if check and not found.ok:
        raise typer.Exit(1)


def _show(region: str, found: RegionStatus) -> None:
    from flows.products.status import cycle_notes, cycle_rows, health_lines, score_rows

    for line in health_lines(found):
        show_line(line)
    if scores := score_rows(found):
        show_line("against stations, the last 30 days:")
        show_table(SCORES, scores, local=True)
    if not found.cycles:
        show_line(f"{region}: nothing published in {found.store}")
        return
    show_table(CYCLES, cycle_rows(found), local=True)
    for note in cycle_notes(found, region):
        show_line(note)
