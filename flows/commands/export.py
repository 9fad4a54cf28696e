"""`finescale export`: products in other formats."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.options import CycleOption, Latitude, LeadHours, Longitude, Region, Source, Store
from flows.commands.terminal import one_line_errors, show_steps


def export(
    region: Region,
    format: Annotated[
        str,
        typer.Option(
            help="netcdf, geotiff (a file a variable), grib2, micaps, micaps-points (a lead time), csv-point."
        ),
    ],
    source: Source = None,
    cycle: CycleOption = None,
    store: Store = None,
    variables: Annotated[str | None, typer.Option(help="Comma-separated, like t2m,tp; default: all.")] = None,
    lead_hours: LeadHours = None,
    units: Annotated[
        str,
        typer.Option(help="si, or common: °C, mm, hPa, wind as speed and direction, humidity; of netcdf and geotiff."),
    ] = "si",
    box: Annotated[
        str | None, typer.Option(help="North,west,south,east of what is wanted, like 32,110,30,112.")
    ] = None,
    places: Annotated[
        Path | None,
        typer.Option(help="A CSV table of places, as for point --places: csv-point, micaps-points."),
    ] = None,
    hourly: Annotated[
        bool, typer.Option("--hourly", help="Hours between lead times too, interpolated; of netcdf and csv-point.")
    ] = False,
    hub_height: Annotated[
        list[float] | None, typer.Option(help="Wind at so many m above the ground too; of csv-point; repeatable.")
    ] = None,
    lat: Latitude = None,
    lon: Longitude = None,
    output: Annotated[str | None, typer.Option(help="File, or folder; default: here.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
) -> None:
    """Write a published product as NetCDF, GeoTIFF, GRIB2, MICAPS or a table of one place."""
    show_steps()
    with one_line_errors():
        from flows.products.export import export as run_export

        written = run_export(
            region, format, source=source, cycle=cycle, store=store, variables=variables, lead_hours=lead_hours,
            latitude=lat, longitude=lon, output=output, force=force, units=units, box=box, places=places,
            every_hour=hourly, hub_heights=hub_height or (),
        )  # fmt: skip
    for path in written:
        typer.echo(str(path))
