"""`finescale districts`: the forecast over counties, catchments, fields."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.options import CycleOption, DayStarts, Json, LeadHours, Region, Source, Store, Timezone, Utc
from flows.commands.terminal import one_line_errors, show_steps


def districts(
    region: Region,
    polygons: Annotated[Path, typer.Argument(help="GeoJSON of polygons, degrees: counties, catchments, fields.")],
    name: Annotated[
        str | None, typer.Option(help="The property that names them; default: name, or one like it.")
    ] = None,
    source: Source = None,
    cycle: CycleOption = None,
    store: Store = None,
    variables: Annotated[str | None, typer.Option(help="Comma-separated, like t2m,tp; default: all.")] = None,
    lead_hours: LeadHours = None,
    by_day: Annotated[bool, typer.Option("--daily", help="Extremes and sums of each day, in the zone.")] = False,
    day_starts: DayStarts = 0,
    share: Annotated[
        list[str] | None,
        typer.Option(help="Which part of the area passes a value, as 'tp/24h>50'; by day 'tp_sum>50'; repeatable."),
    ] = None,
    timezone: Timezone = None,
    utc: Utc = False,
    as_json: Json = False,
) -> None:
    """Mean, lowest and highest value in each of a file's polygons, as a CSV table."""
    show_steps()
    with one_line_errors():
        from flows.products.districts import csv_lines, over_districts
        from tasks.errors import BadInput

        if utc and timezone is not None:
            raise BadInput("--utc and --timezone: give one of them")
        if by_day and lead_hours is not None:
            raise BadInput("--daily is of all lead times; leave --lead-hours out")
        if day_starts and not by_day:
            raise BadInput("--day-starts goes with --daily")
        found = over_districts(
            region, polygons, key=name, source=source, cycle=cycle, store=store, variables=variables,
            lead_hours=lead_hours, timezone="UTC" if utc else timezone, daily=by_day, day_starts=day_starts,
            shares=share,
        )  # fmt: skip
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        for line in csv_lines(found):
            typer.echo(line, nl=False)
