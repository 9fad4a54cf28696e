"""`finescale maintain`: upkeep of a region's store."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands.options import Json, Region, Store
from flows.commands.terminal import one_line_errors, show_steps


def maintain(
    region: Region,
    store: Store = None,
    keep_days: Annotated[int | None, typer.Option(min=1, help="Default: the region's `keep: days`.")] = None,
    check_days: Annotated[int, typer.Option(min=0, help="Read again what was published within so many days.")] = 3,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Remove old cycles and left-overs of killed runs, and read products again by value."""
    show_steps()
    with one_line_errors():
        from flows.maintain import maintain as run_maintain
        from flows.server.endings import ended
        from flows.server.orchestrator import assert_prefect_usable

        assert_prefect_usable()
        report, ending = ended(
            run_maintain, region, store=store, keep_days=keep_days, check_days=check_days, dry_run=dry_run
        )  # fmt: skip
        typer.echo(report.model_dump_json(indent=2) if as_json else str(report))
        if ending is not None:
            raise ending
