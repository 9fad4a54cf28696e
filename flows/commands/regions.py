"""`finescale regions`: what regions there are, and whether they may be used."""

from __future__ import annotations

import typer

from flows.commands.options import Region
from flows.commands.terminal import one_line_errors, show_table

app = typer.Typer(help="Regions: list them, check one.", no_args_is_help=True)


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
def check(region: Region) -> None:
    """Check a region's YAML and files, and print what was checked."""
    with one_line_errors():
        from flows.products.check_region import check_region

        rows, passed = check_region(region)
    show_table(["checked", "found", ""], [[r.what, r.found, "ok" if r.passed else "WRONG"] for r in rows])
    if not passed:
        raise typer.Exit(2)
