"""`finescale verify`: scores against stations, of published products or of a file."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands.options import Json, Store
from flows.commands.terminal import one_line_errors, show_scores, show_steps


def verify(
    region: Annotated[str | None, typer.Argument(help="Region's name or folder; or --grid.")] = None,
    cycle: Annotated[
        str | None, typer.Option(help="Cycle, like 2026-11-22T00; default: all that observations may have come for.")
    ] = None,
    source: Annotated[str | None, typer.Option(help="Where the cycle came from; default: ifs, or all.")] = None,
    observations: Annotated[
        str | None, typer.Option(help="File or URI of observations; default: the region's sources.")
    ] = None,
    store: Store = None,
    grid: Annotated[str | None, typer.Option(help="Product, NetCDF, Zarr or GRIB file, instead of a region.")] = None,
    stations: Annotated[str | None, typer.Option(help="With --grid: file of observations.")] = None,
    coarse: Annotated[str | None, typer.Option(help="With --grid: the coarser file it was made from.")] = None,
    terrain: Annotated[str | None, typer.Option(help="With --grid: file of heights.")] = None,
    rain_interval: Annotated[
        str | None, typer.Option(help="With --grid: what its rain covers: 1h, 6h ..., start, day or step.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Score published products, or any gridded file, against stations, beside interpolation of the same input."""
    show_steps()
    with one_line_errors():
        from tasks.errors import BadInput

        if (region is None) == (grid is None) or (grid is None) != (stations is None):
            raise BadInput("give a region, or --grid FILE with --stations FILE")
        if grid is not None and stations is not None:
            _file(grid, stations, coarse, terrain, rain_interval, as_json)
        elif region is not None:
            _region(region, source, cycle, observations, store, as_json)


def _file(
    grid: str, stations: str, coarse: str | None, terrain: str | None, rain_interval: str | None, as_json: bool
) -> None:
    from flows.products.verify_file import verify_file

    found = verify_file(grid, stations, coarse, terrain, rain_interval)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        show_scores(found)


def _region(
    region: str, source: str | None, cycle: str | None, observations: str | None, store: str | None, as_json: bool
) -> None:
    from flows.server.endings import ended
    from flows.server.orchestrator import assert_prefect_usable
    from flows.verify import verify as run_verify

    assert_prefect_usable()
    report, ending = ended(
        run_verify, region, source=source, cycle=cycle, observations=observations, store=store
    )  # fmt: skip
    if cycle is not None and not as_json:
        _show_verdict(region, source, cycle, store)
    typer.echo(report.model_dump_json(indent=2) if as_json else str(report))
    if ending is not None:
        raise ending


def _show_verdict(region: str, source: str | None, cycle: str, store: str | None) -> None:
    from flows.verify import verified

    entry = verified(region, source, cycle, store)
    typer.echo(f"{entry.cycle}: {entry.quality}; report: {entry.report} in the store")
    for why in entry.scorecard.why:
        typer.echo(f"  {why}")
    if entry.scorecard.verification is not None:
        show_scores(entry.scorecard.verification)
