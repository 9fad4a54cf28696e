"""`finescale field`: any file on its own whole domain."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from flows.commands.terminal import one_line_errors, show_steps


def field(
    input: Annotated[str, typer.Argument(help="NetCDF, Zarr or GRIB file on a latitude-longitude grid.")],
    output: Annotated[str, typer.Argument(help="File to write, .nc or .zarr.")],
    scale: Annotated[str | None, typer.Option(help="Subdivide cells: 2, 2.5, or 2x3 for y and x.")] = None,
    spacing: Annotated[float | None, typer.Option(help="Points at whole multiples of this many degrees.")] = None,
    like: Annotated[str | None, typer.Option(help="Take the coordinates of this file.")] = None,
    variables: Annotated[str | None, typer.Option(help="Comma-separated, like t2m,d2m; default: all known.")] = None,
    terrain: Annotated[
        str | None, typer.Option(help="File with z in m2 s-2 or an elevation in m that covers the domain.")
    ] = None,
    method: Annotated[str, typer.Option(help="inr, bilinear, bicubic or bicubic-conservative.")] = "inr",
    model: Annotated[str, typer.Option(help="Model package for --method inr.")] = "inr-hres",
    input_is: Annotated[
        str | None, typer.Option(help="samples (at its points) or means (over its cells); default: as it says.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file that is there.")] = False,
    most_gb: Annotated[float, typer.Option(min=0, help="Refuse what takes more memory than that.")] = 8.0,
    rain_interval: Annotated[
        str | None,
        typer.Option(help="What the input's rain covers, if it does not say: 1h, 6h ..., start, day or step."),
    ] = None,
) -> None:
    """Super-resolve a file on its own whole domain, global ones with the wrap-around included."""
    show_steps()
    with one_line_errors():
        began = time.monotonic()
        from flows.products.field import super_resolve_file

        names = [v.strip() for v in variables.split(",")] if variables else None
        report = super_resolve_file(
            input, output, scale=scale, spacing=spacing, like=like, variables=names, terrain=terrain, method=method,
            model=model, input_is=input_is, rain_interval=rain_interval, force=force, most_gb=most_gb,
        )  # fmt: skip
    typer.echo(f"{report.output}: {', '.join(report.variables)}; {report.lead_times} times; {report.target}")
    if report.intervals:
        typer.echo(f"rain's intervals are by {report.intervals}")
    if report.others:
        typer.echo(f"not used: {', '.join(report.others)}")
    typer.echo(f"scale {report.scale[0]:g} x {report.scale[1]:g} from {report.coarse}")
    typer.echo(f"{time.monotonic() - began:.1f} s")
