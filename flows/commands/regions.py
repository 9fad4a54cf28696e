"""`finescale regions`: what regions there are, whether they may be used, and a new one."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands.options import Region
from flows.commands.terminal import one_line_errors, show_table

app = typer.Typer(help="Regions: list them, check one, make one.", no_args_is_help=True)


@app.command("list")
def list_regions() -> None:
    """Every region that can be named."""
    with one_line_errors():
        from tasks.errors import InvalidRegion
        from tasks.region import search

        rows = []
        for name in search.names():
            try:
                region = search.load(name)
                rows.append([region.name, str(region.target), region.title])
            except InvalidRegion as error:
                rows.append([name, "INVALID", str(error)])
    show_table(["region", "target grid", "title"], rows)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Lower case, digits, dashes; names the folder.")],
    box: Annotated[str, typer.Option(help="North,west,south,east of the product's points, degrees.")],
    title: Annotated[str | None, typer.Option(help="For people; default: the name.")] = None,
    timezone: Annotated[str, typer.Option(help="Of who reads, like Asia/Shanghai; default UTC.")] = "UTC",
    spacing: Annotated[float, typer.Option(help="Degrees between the product's points.")] = 0.05,
    terrain: Annotated[str | None, typer.Option(help="Heights to cut terrain.nc out of: NetCDF or GRIB.")] = None,
    boundary: Annotated[str | None, typer.Option(help="GeoJSON of the outline, copied.")] = None,
    places: Annotated[str | None, typer.Option(help="Table of places, copied.")] = None,
    folder: Annotated[str, typer.Option(help="Where its folder is made.")] = ".",
) -> None:
    """Make a region's folder: its YAML, and terrain cut out of a larger file; then check it."""
    with one_line_errors():
        from flows.products.check_region import check_region
        from flows.products.new_region import new_region

        given = {"terrain": terrain, "boundary": boundary, "places": places}
        made, missing = new_region(name, box, given, title=title, timezone=timezone, spacing=spacing, parent=folder)
        rows, passed = check_region(f"{made.parent}/{made.name}")
    show_table(["checked", "found", ""], [[r.what, r.found, "ok" if r.passed else "WRONG"] for r in rows])
    for line in missing:
        typer.echo(line)
    if not passed:
        raise typer.Exit(2)
    typer.echo(f"{made} is made; next: finescale run {made.parent}/{made.name} --input FILE, or --source ifs")


@app.command()
def check(region: Region) -> None:
    """Check a region's YAML and files, and print what was checked."""
    with one_line_errors():
        from flows.products.check_region import check_region

        rows, passed = check_region(region)
    show_table(["checked", "found", ""], [[r.what, r.found, "ok" if r.passed else "WRONG"] for r in rows])
    if not passed:
        raise typer.Exit(2)
