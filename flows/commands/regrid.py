"""`finescale regrid`: a model's own grid to latitudes and longitudes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.terminal import one_line_errors, show_steps


def regrid(
    input: Annotated[str, typer.Argument(help="GRIB file on a reduced Gaussian grid (O1280, N320 ...) or spectral.")],
    output: Annotated[str, typer.Argument(help="GRIB file to write.")],
    spacing: Annotated[float, typer.Option(help="Degrees between points of the global grid.")] = 0.1,
    force: Annotated[bool, typer.Option("--force", help="Replace the file that is there.")] = False,
) -> None:
    """Bring a GRIB file from its model's own grid to one that every other command reads, by ECMWF's MIR."""
    show_steps()
    with one_line_errors():
        from tasks.errors import BadInput
        from tasks.outputs import assert_not_given
        from tasks.prepare.gaussian import to_latitudes

        assert_not_given(output, input)
        if Path(output).exists() and not force:
            raise BadInput(f"{output} is there already; --force replaces it")
        count = to_latitudes(Path(input), Path(output), spacing)
    typer.echo(f"{output}: {count} fields, every {spacing:g} degree")
