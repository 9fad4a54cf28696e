"""`finescale backfill`: past cycles."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer

from flows.commands.options import Json, Region, TargetStore
from flows.commands.terminal import one_line_errors, show_steps


def backfill(
    region: Region,
    source: Annotated[
        str, typer.Option(help="Where the cycles come from: era5, or ifs for the days it keeps.")
    ] = "era5",
    start: Annotated[str | None, typer.Option(help="First day, like 2024-01-01.")] = None,
    end: Annotated[str | None, typer.Option(help="Last day; default: the first.")] = None,
    hours: Annotated[str, typer.Option(help="Cycles of each day, like 0,12; ERA5 has one, 0.")] = "0",
    store: TargetStore = None,
    model: Annotated[str | None, typer.Option(help="Model package; default: the region's.")] = None,
    in_flight: Annotated[int, typer.Option(min=1, max=16, help="Cycles at once.")] = 2,
    refresh_preliminary: Annotated[
        bool, typer.Option("--refresh-preliminary", help="Make anew what was made of ERA5T and is final by now.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make every cycle of a span of days that is not published yet; goes on past failed ones and lists them."""
    show_steps()
    with one_line_errors():
        from flows.backfill import backfill as run_backfill
        from flows.server.endings import ended
        from flows.server.orchestrator import assert_prefect_usable

        first, last, cycles = _day(start, "--start"), _day(end, "--end"), _hours(hours)
        assert_prefect_usable()
        report, ending = ended(
            run_backfill, region, source=source, start=first, end=last, hours=cycles, store=store, model=model,
            in_flight=in_flight, refresh_preliminary=refresh_preliminary,
        )  # fmt: skip
        typer.echo(report.model_dump_json(indent=2) if as_json else str(report))
        if ending is not None:
            raise ending


def _day(text: str | None, option: str) -> date | None:
    from tasks.errors import BadInput

    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise BadInput(f"{option} {text!r} is not a day; write it like 2024-01-31") from None


def _hours(text: str) -> list[int]:
    from tasks.errors import BadInput

    try:
        return [int(h) for h in text.split(",")]
    except ValueError:
        raise BadInput(f"--hours {text!r}: write them like 0,12") from None
