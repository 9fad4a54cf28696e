"""`finescale models`: what packages there are, and whether they may be used."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands.terminal import one_line_errors, show_table

app = typer.Typer(help="Model packages: list them, look into one, prove one.", no_args_is_help=True)

Package = Annotated[str, typer.Argument(help="Name of a package, or path of its folder.")]


@app.command("list")
def list_packages() -> None:
    """Every model package that can be named."""
    with one_line_errors():
        from tasks.packages import names, open_package

        rows = []
        for name in names():
            package = open_package(name, weights=False)
            low, high = package.scale_range
            rows.append([name, ",".join(package.variables), f"{low:g}-{high:g}", f"{package.metadata['parameters']}"])
    show_table(["package", "variables", "scales", "parameters"], rows)


@app.command()
def info(name: Package) -> None:
    """The card of a package: what it was trained on, how good it is, what it cannot do."""
    with one_line_errors():
        from tasks.packages import open_package

        package = open_package(name)
    typer.echo((package.folder / "CARD.md").read_text().rstrip())
    typer.echo(f"\nsha-256 {package.digest}")


@app.command()
def check(name: Package) -> None:
    """Prove every file of a package by its sha-256 and load its weights."""
    with one_line_errors():
        from tasks.packages import open_package

        package = open_package(name)
        package.load()
    typer.echo(f"{name}: files as released, weights load; sha-256 {package.digest}")
