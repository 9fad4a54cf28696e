"""Arguments and options that several commands take."""

from __future__ import annotations

from typing import Annotated

import typer

Region = Annotated[str, typer.Argument(help="Name of a region (`finescale regions list`), or path of its folder.")]
Source = Annotated[
    str | None,
    typer.Option(
        help="Where the cycle came from; default: the first of ifs (alias hres), aifs, era5, file, demo that has one."
    ),
]
CycleOption = Annotated[str | None, typer.Option(help="Cycle, like 2026-11-22T00; default: the latest good one.")]
LeadHours = Annotated[str | None, typer.Option(help="Like 3,6,9 or 0-48; default: all.")]
Store = Annotated[str | None, typer.Option(help="Where products are; $FINESCALE_STORE.")]
TargetStore = Annotated[str | None, typer.Option(help="Where products go: folder or s3://; $FINESCALE_STORE.")]
Json = Annotated[bool, typer.Option("--json", help="For programs.")]
