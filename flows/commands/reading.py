"""`finescale export` and `finescale point`: published products for whoever uses them."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from flows.commands.terminal import Region, one_line_errors, show_steps, table

Source = Annotated[str, typer.Option(help="Where the cycle came from: ifs (alias hres), era5, demo or file.")]
CycleOption = Annotated[str | None, typer.Option(help="Cycle, like 2026-11-22T00; default: the latest good one.")]
Store = Annotated[str | None, typer.Option(help="Where products are; $FINESCALE_STORE.")]
LeadHours = Annotated[str | None, typer.Option(help="Like 3,6,9 or 0-48; default: all.")]


def export(
    region: Region,
    format: Annotated[str, typer.Option(help="netcdf, geotiff (a file a variable) or csv-point.")],
    source: Source = "ifs",
    cycle: CycleOption = None,
    store: Store = None,
    variables: Annotated[str | None, typer.Option(help="Comma-separated, like t2m,tp; default: all.")] = None,
    lead_hours: LeadHours = None,
    lat: Annotated[float | None, typer.Option(help="With csv-point: degrees north.")] = None,
    lon: Annotated[float | None, typer.Option(help="With csv-point: degrees east.")] = None,
    output: Annotated[str | None, typer.Option(help="File, or folder; default: here.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
) -> None:
    """Write a published product as NetCDF, GeoTIFF or a table of one place."""
    show_steps()
    with one_line_errors():
        from flows.products.export import export as run_export

        written = run_export(
            region, format, source=source, cycle=cycle, store=store, variables=variables, lead_hours=lead_hours,
            latitude=lat, longitude=lon, output=output, force=force,
        )  # fmt: skip
    for path in written:
        typer.echo(str(path))


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
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
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
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for line in heading_lines(found):
        typer.echo(line)
    table(*table_of(found))
