"""Arguments and options that several commands take."""

from __future__ import annotations

from typing import Annotated

import typer

Region = Annotated[str, typer.Argument(help="Name of a region (`finescale regions list`), or path of its folder.")]
Source = Annotated[
    str | None,
    typer.Option(
        help="Where it came from; default: the first of ifs (alias hres), ens, ifs9km, aifs, era5, file, demo."
    ),
]


def _north(text: str) -> float:
    return _degrees(text, "NS")


def _east(text: str) -> float:
    return _degrees(text, "EW")


def _degrees(text: str, letters: str) -> float:
    from flows.products.places import degrees

    try:
        return degrees(text, letters)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


Latitude = Annotated[
    float | None, typer.Option(parser=_north, metavar="DEGREES", help="Of the place, north: 30.6, 30.6N or 30°36'.")
]
Longitude = Annotated[
    float | None, typer.Option(parser=_east, metavar="DEGREES", help="Of the place, east: 114.3, 114.3E or 114°18'.")
]
CycleOption = Annotated[str | None, typer.Option(help="Cycle, like 2026-11-22T00; default: the latest good one.")]
LeadHours = Annotated[str | None, typer.Option(help="Like 3,6,9 or 0-48; default: all.")]
Store = Annotated[str | None, typer.Option(help="Where products are; $FINESCALE_STORE.")]
TargetStore = Annotated[str | None, typer.Option(help="Where products go: folder or s3://; $FINESCALE_STORE.")]
Timezone = Annotated[
    str | None,
    typer.Option(help="Of the times: a name like Asia/Shanghai, or +08:00; default: that of the product's region."),
]
Utc = Annotated[bool, typer.Option("--utc", help="The same as --timezone UTC.")]
Json = Annotated[bool, typer.Option("--json", help="For programs.")]
DayStarts = Annotated[
    int, typer.Option(min=0, max=23, help="Hour at which days begin; one from 20 to 20 has the date that it ends on.")
]
