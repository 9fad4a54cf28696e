"""`finescale point`: the forecast of one place, or of many."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, cast

import typer

from flows.commands.options import (
    CycleOption,
    DayStarts,
    Json,
    Latitude,
    LeadHours,
    Longitude,
    Region,
    Source,
    Store,
    Timezone,
    Utc,
)
from flows.commands.terminal import one_line_errors, show_line, show_steps, show_table
from tasks.errors import BadInput


def point(
    region: Region,
    place: Annotated[
        str | None, typer.Argument(help="Name of a place that the region knows, like Wuhan or 武汉.")
    ] = None,
    lat: Latitude = None,
    lon: Longitude = None,
    places: Annotated[
        Path | None,
        typer.Option(help="A CSV table of places (name, latitude, longitude, elevation), for a table of all of them."),
    ] = None,
    source: Source = None,
    cycle: CycleOption = None,
    store: Store = None,
    lead_hours: LeadHours = None,
    elevation: Annotated[
        float | None,
        typer.Option(help="Height of the place in m: temperature, humidity and pressure are brought there."),
    ] = None,
    hub_height: Annotated[
        list[float] | None,
        typer.Option(help="Wind at so many m above the ground too, from that at 10 and 100 m; repeatable."),
    ] = None,
    hourly: Annotated[bool, typer.Option("--hourly", help="Hours between lead times too, interpolated.")] = False,
    by_day: Annotated[bool, typer.Option("--daily", help="Highest, lowest and sum of each day, in the zone.")] = False,
    day_starts: DayStarts = 0,
    runs: Annotated[int, typer.Option(help="What so many earlier runs forecast for the same times, too.")] = 0,
    chance: Annotated[
        list[str] | None, typer.Option(help="How likely it is, as 't2m<0' or 'wind_speed>10.8'; repeatable.")
    ] = None,
    timezone: Timezone = None,
    utc: Utc = False,
    as_json: Json = False,
) -> None:
    """What is forecast for a place, or for each of a file's."""
    show_steps()
    with one_line_errors():
        from pydantic import RootModel

        from flows.products.places import Place, named, read_places
        from flows.products.point import PointForecast, forecasts
        from flows.products.point_tables import csv_days, csv_lines, heading_lines, table_of, table_of_days

        _assert_consistent(
            place=place, at=(lat, lon), places=places, elevation=elevation, runs=runs, chance=chance, by_day=by_day,
            zones=(utc, timezone), as_json=as_json, day_starts=day_starts,
        )  # fmt: skip
        if places is not None:
            asked = read_places(places)
        elif place is not None:
            asked = [replace(named(region, place), elevation=elevation)]
        else:
            asked = [Place(cast("float", lat), cast("float", lon), elevation)]
        found = forecasts(
            region, asked, source=source, cycle=cycle, store=store, lead_hours=lead_hours,
            timezone="UTC" if utc else timezone, hub_heights=hub_height or (), every_hour=hourly, chances=chance,
            runs=runs, with_days=by_day or as_json, day_starts=day_starts,
        )  # fmt: skip
        table = None if as_json else table_of_days(found[0]) if by_day else table_of(found[0])
    if as_json:
        whole = found[0] if places is None else RootModel[list[PointForecast]](found)
        typer.echo(whole.model_dump_json(indent=2))
    elif places is not None:
        for line in csv_days(found) if by_day else csv_lines(found):
            typer.echo(line, nl=False)
    else:
        for line in heading_lines(found[0], by_day):
            show_line(line)
        if len(found[0].earlier) < runs:
            show_line(f"{len(found[0].earlier)} of {runs} earlier runs are there")
        assert table is not None
        show_table(*table, local=True)


def _assert_consistent(
    *, place: str | None, at: tuple[float | None, float | None], places: Path | None, elevation: float | None,
    runs: int, chance: list[str] | None, by_day: bool, zones: tuple[bool, str | None], as_json: bool,
    day_starts: int,
) -> None:  # fmt: skip
    """BadInput for options that contradict each other, or of which one would not be heard."""
    from flows.products.places import HIGHEST, LOWEST

    ways = [place is not None, None not in at, places is not None]
    if sum(ways) != 1 or (at[0] is None) != (at[1] is None) or (places is not None and elevation is not None):
        raise BadInput("give a place's name, or --lat and --lon, with --elevation if you like; or --places and a file")
    if (runs or chance) and by_day and not as_json:
        raise BadInput("--daily has neither --runs nor --chance in its table; leave them out, or ask for --json")
    if day_starts and not (by_day or as_json):
        raise BadInput("--day-starts goes with --daily")
    if runs and places is not None and not as_json:
        raise BadInput("--runs of many places goes with --json")
    if zones[0] and zones[1] is not None:
        raise BadInput("--utc and --timezone: give one of them")
    if elevation is not None and not LOWEST <= elevation <= HIGHEST:
        raise BadInput(f"--elevation {elevation:g}: from {LOWEST:g} to {HIGHEST:g} m")
