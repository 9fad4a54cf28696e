"""`finescale point`: one place's forecast."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands.options import CycleOption, Json, LeadHours, Region, Source, Store
from flows.commands.terminal import one_line_errors, show_steps, show_table


def point(
    region: Region,
    lat: Annotated[float, typer.Option(help="Degrees north.")],
    lon: Annotated[float, typer.Option(help="Degrees east.")],
    source: Source = "ifs",
    cycle: CycleOption = None,
    store: Store = None,
    lead_hours: LeadHours = None,
    elevation: Annotated[
        float | None, typer.Option(help="Height of the place in m: temperature is brought there by 6.5 K/km.")
    ] = None,
    utc_offset: Annotated[float, typer.Option(help="Show times so many hours ahead of UTC.")] = 0.0,
    as_json: Json = False,
) -> None:
    """What is forecast for a place."""
    show_steps()
    with one_line_errors():
        from flows.products.point import heading_lines, table_of
        from flows.products.point import point as forecast_at

        found = forecast_at(
            region, lat, lon, source=source, cycle=cycle, store=store, lead_hours=lead_hours, elevation=elevation,
            utc_offset=utc_offset,
        )  # fmt: skip
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    for line in heading_lines(found):
        typer.echo(line)
    show_table(*table_of(found))
