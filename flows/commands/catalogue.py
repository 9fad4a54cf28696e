"""`finescale models` and `finescale regions`: what there is, and whether it may be used."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands.terminal import Region, one_line_errors, table

models_app = typer.Typer(help="Model packages: list them, look into one, prove one.", no_args_is_help=True)
regions_app = typer.Typer(help="Regions: list them, check one.", no_args_is_help=True)


@models_app.command("list")
def models_list() -> None:
    """Every model package that can be named."""
    with one_line_errors():
        from tasks.downscale.packages import names, open_package

        rows = []
        for name in names():
            package = open_package(name)
            low, high = package.scale_range
            rows.append([name, ",".join(package.variables), f"{low:g}-{high:g}", f"{package.metadata['parameters']}"])
    table(["package", "variables", "scales", "parameters"], rows)


@models_app.command("info")
def models_info(name: Annotated[str, typer.Argument(help="Name of a package, or path of its folder.")]) -> None:
    """The card of a package: what it was trained on, how good it is, what it cannot do."""
    with one_line_errors():
        from tasks.downscale.packages import open_package

        package = open_package(name)
    typer.echo((package.folder / "CARD.md").read_text().rstrip())
    typer.echo(f"\nsha-256 {package.digest}")


@models_app.command("check")
def models_check(name: Annotated[str, typer.Argument(help="Name of a package, or path of its folder.")]) -> None:
    """Prove every file of a package by its sha-256 and load its weights."""
    with one_line_errors():
        from tasks.downscale.packages import open_package

        package = open_package(name)
        package.load()
    typer.echo(f"{name}: files as released, weights load; sha-256 {package.digest}")


@regions_app.command("list")
def regions_list() -> None:
    """Every region that can be named."""
    with one_line_errors():
        from tasks.errors import InvalidRegion
        from tasks.region import search as regions

        rows = []
        for name in regions.names():
            try:
                region = regions.load(name)
                rows.append([region.name, str(region.target), region.title])
            except InvalidRegion as error:
                rows.append([name, "INVALID", str(error)])
    table(["region", "target grid", "title"], rows)


@regions_app.command("check")
def regions_check(region: Region) -> None:
    """Check a region's YAML and files, and print what was checked."""
    with one_line_errors():
        from flows.products.check_region import check_region

        rows, passed = check_region(region)
    table(["checked", "found", ""], [[r.what, r.found, "ok" if r.passed else "WRONG"] for r in rows])
    if not passed:
        raise typer.Exit(2)
