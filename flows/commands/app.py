"""`finescale ...`: parses, calls, prints; no logic."""

from __future__ import annotations

import json
import os
import time
import warnings
from datetime import date
from typing import Annotated

import typer

from flows.commands.catalogue import models_app, regions_app
from flows.commands.reading import export, point
from flows.commands.terminal import Region, one_line_errors, show_cycles, show_scores, show_steps, table

# Before Prefect is imported: nothing is sent anywhere, and its own log stays quiet beside ours.
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")
os.environ.setdefault("PREFECT_LOGGING_TO_API_ENABLED", "true")
# Its server makes its database at the first start: longer than the default of 20 s where all cores are busy.
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")

warnings.filterwarnings("ignore", message="Failed to create the Prefect home")  # said in one line of ours

app = typer.Typer(
    name="finescale",
    help="High-resolution weather fields from ECMWF forecasts and reanalyses.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(models_app, name="models")
app.add_typer(regions_app, name="regions")
app.command()(export)
app.command()(point)


@app.command()
def run(
    region: Region,
    source: Annotated[str, typer.Option(help="Where the cycle comes from: ifs (alias hres), era5 or demo.")] = "ifs",
    cycle: Annotated[str | None, typer.Option(help="Cycle, like 2026-11-22T00; default: the latest complete.")] = None,
    input: Annotated[
        list[str] | None, typer.Option(help="GRIB or NetCDF file instead of a source; repeatable.")
    ] = None,
    store: Annotated[str | None, typer.Option(help="Where products go: folder or s3://; $FINESCALE_STORE.")] = None,
    model: Annotated[str | None, typer.Option(help="Model package; default: the region's.")] = None,
    spacing: Annotated[float | None, typer.Option(help="Target spacing in degrees; default: the region's.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Make it again although it is published.")] = False,
    observations: Annotated[
        str | None, typer.Option(help="File of observations to score it against; default: the region's sources.")
    ] = None,
) -> None:
    """Make and publish the high-resolution product of one cycle of a region."""
    show_steps()
    with one_line_errors():
        began = time.monotonic()
        from flows.downscale import downscale, resolve
        from flows.server.orchestrator import assert_prefect_usable

        request = resolve(region, source, cycle, input, model, spacing)  # a wrong name should not cost Prefect's start
        assert_prefect_usable()
        chosen = request.cycle.stamp if request.cycle else None
        outcome = downscale(
            region=region, source=source, cycle=chosen, inputs=input, store=store, model=model, spacing=spacing,
            force=force, observations=observations,
        )  # fmt: skip
        total = time.monotonic() - began
    entry = outcome.entry
    if not outcome.made:
        typer.echo(f"published already, nothing to do (--force makes it again)\nproduct     {outcome.product}")
        return
    job = sum(entry.timings.values())
    parts = ", ".join(f"{k} {v:.1f}" for k, v in entry.timings.items())
    typer.echo(f"product     {outcome.product}")
    typer.echo(f"quick-look  {outcome.quicklook}")
    typer.echo(f"report      {outcome.report}")
    typer.echo(f"quality     {entry.quality}; {len(entry.scorecard.checks)} checks passed")
    for why in entry.scorecard.why:
        typer.echo(f"            {why}")
    typer.echo(f"time        {job:.1f} s the job ({parts}), {total - job:.1f} s imports and Prefect")
    if entry.absent:
        typer.echo(f"left out    {', '.join(entry.absent)}: not in the input")
    if entry.scorecard.truth:
        typer.echo("RMSE against the 0.1 degree forecast that the input was averaged from:")
        rows = [
            [s.variable, f"{s.product:.4g}", f"{s.bicubic:.4g}", f"{s.conservative:.4g}", s.units]
            for s in entry.scorecard.truth
        ]
        table(["", "product", "bicubic", "back-projected bicubic", "unit"], rows)


@app.command()
def backfill(
    region: Region,
    source: Annotated[
        str, typer.Option(help="Where the cycles come from: era5, or ifs for the days it keeps.")
    ] = "era5",
    start: Annotated[str | None, typer.Option(help="First day, like 2024-01-01.")] = None,
    end: Annotated[str | None, typer.Option(help="Last day; default: the first.")] = None,
    hours: Annotated[str, typer.Option(help="Cycles of each day, like 0,12; ERA5 has one, 0.")] = "0",
    store: Annotated[str | None, typer.Option(help="Where products go: folder or s3://; $FINESCALE_STORE.")] = None,
    model: Annotated[str | None, typer.Option(help="Model package; default: the region's.")] = None,
    in_flight: Annotated[int, typer.Option(min=1, max=16, help="Cycles at once.")] = 2,
    refresh_preliminary: Annotated[
        bool, typer.Option("--refresh-preliminary", help="Make anew what was made of ERA5T and is final by now.")
    ] = False,
) -> None:
    """Make every cycle of a span of days that is not published yet; goes on past failed ones and lists them."""
    show_steps()
    with one_line_errors():
        from flows.backfill import backfill as run_backfill
        from flows.server.orchestrator import assert_prefect_usable

        first, last, cycles = _day(start, "--start"), _day(end, "--end"), _hours(hours)
        assert_prefect_usable()
        report = run_backfill(
            region, source=source, start=first, end=last, hours=cycles, store=store, model=model, in_flight=in_flight,
            refresh_preliminary=refresh_preliminary,
        )  # fmt: skip
    typer.echo(f"{len(report.made)} made, {len(report.there)} were there")


def _day(text: str | None, option: str) -> date | None:
    from tasks.errors import BadInput

    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise BadInput(f"{option} {text!r} is not a day; write it like 2024-01-31") from None


def _hours(text: str) -> list[int]:
    from tasks.errors import BadInput

    try:
        return [int(h) for h in text.split(",")]
    except ValueError:
        raise BadInput(f"--hours {text!r}: write them like 0,12") from None


@app.command()
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
    method: Annotated[str, typer.Option(help="inr, bicubic or bicubic-conservative.")] = "inr",
    model: Annotated[str, typer.Option(help="Model package for --method inr.")] = "inr-hres",
) -> None:
    """Super-resolve a file on its own whole domain, global ones with the wrap-around included."""
    show_steps()
    with one_line_errors():
        began = time.monotonic()
        from flows.products.field import super_resolve_file

        names = [v.strip() for v in variables.split(",")] if variables else None
        report = super_resolve_file(
            input, output, scale=scale, spacing=spacing, like=like, variables=names, terrain=terrain, method=method,
            model=model,
        )  # fmt: skip
    typer.echo(f"{report.output}: {', '.join(report.variables)}; {report.lead_times} times; {report.target}")
    typer.echo(f"scale {report.scale[0]:g} x {report.scale[1]:g} from {report.coarse}")
    typer.echo(f"{time.monotonic() - began:.1f} s")


@app.command()
def status(
    region: Region,
    store: Annotated[str | None, typer.Option(help="Where products are; $FINESCALE_STORE.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 if something needs looking after.")] = False,
) -> None:
    """Is it well: newest product of each source, last runs, pools; and every cycle published, the newest first."""
    with one_line_errors():
        from flows.products.status import health_lines, region_status, score_rows

        found = region_status(region, store)
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        for line in health_lines(found):
            typer.echo(line)
        if rows := score_rows(found):
            typer.echo("against stations, the last 30 days:")
            table(["source", "variable", "cycles", "pairs", "bias", "RMSE", "best other", "unit", "which"], rows)
        show_cycles(region, found)
    if check and not found["ok"]:
        raise typer.Exit(1)


@app.command()
def verify(
    region: Annotated[str | None, typer.Argument(help="Region's name or folder; or --grid.")] = None,
    cycle: Annotated[
        str | None, typer.Option(help="Cycle, like 2026-11-22T00; default: all that observations may have come for.")
    ] = None,
    source: Annotated[str | None, typer.Option(help="Where the cycle came from; default: ifs, or all.")] = None,
    observations: Annotated[
        str | None, typer.Option(help="File or URI of observations; default: the region's sources.")
    ] = None,
    store: Annotated[str | None, typer.Option(help="Where products are; $FINESCALE_STORE.")] = None,
    grid: Annotated[str | None, typer.Option(help="Product, NetCDF, Zarr or GRIB file, instead of a region.")] = None,
    stations: Annotated[str | None, typer.Option(help="With --grid: file of observations.")] = None,
    coarse: Annotated[str | None, typer.Option(help="With --grid: the coarser file it was made from.")] = None,
    terrain: Annotated[str | None, typer.Option(help="With --grid: file of heights.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Score published products, or any gridded file, against stations, beside interpolation of the same input."""
    show_steps()
    with one_line_errors():
        from tasks.errors import BadInput

        if (region is None) == (grid is None) or (grid is None) != (stations is None):
            raise BadInput("give a region, or --grid FILE with --stations FILE")
        if grid is not None and stations is not None:
            from flows.products.verify_file import verify_file

            show_scores(verify_file(grid, stations, coarse, terrain), as_json)
            return
        from flows.server.orchestrator import assert_prefect_usable
        from flows.verify import verified
        from flows.verify import verify as run_verify

        assert region is not None
        assert_prefect_usable()
        report = run_verify(region, source=source, cycle=cycle, observations=observations, store=store)
        if cycle is not None and not as_json:
            entry = verified(region, source, cycle, store)
            typer.echo(f"{entry.cycle}: {entry.quality}; report: {entry.report} in the store")
            for why in entry.scorecard.why:
                typer.echo(f"  {why}")
            if entry.scorecard.verification is not None:
                show_scores(entry.scorecard.verification, as_json=False)
    typer.echo(report.model_dump_json(indent=2) if as_json else str(report))


@app.command()
def withdraw(
    region: Region,
    cycle: Annotated[str, typer.Argument(help="Cycle, like 2026-11-22T00.")],
    why: Annotated[str, typer.Option(help="What is wrong with it; kept in its ledger entry.")],
    source: Annotated[str, typer.Option(help="Where the cycle came from.")] = "ifs",
    store: Annotated[str | None, typer.Option(help="Where products are; $FINESCALE_STORE.")] = None,
) -> None:
    """Take a published product back: it stays, but readers are led to the last good one."""
    show_steps()
    with one_line_errors():
        from flows.products.status import withdraw as take_back

        best = take_back(region, source, cycle, store, why)
    typer.echo(f"withdrawn; latest.json names {best.product}" if best else "withdrawn; no good product is left")


@app.command()
def maintain(
    region: Region,
    store: Annotated[str | None, typer.Option(help="Where products are; $FINESCALE_STORE.")] = None,
    keep_days: Annotated[int | None, typer.Option(min=1, help="Default: the region's `keep: days`.")] = None,
    check_days: Annotated[int, typer.Option(min=0, help="Read again what was published within so many days.")] = 3,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing.")] = False,
) -> None:
    """Remove old cycles and left-overs of killed runs, and read products again by value."""
    show_steps()
    with one_line_errors():
        from flows.maintain import maintain as run_maintain
        from flows.server.orchestrator import assert_prefect_usable

        assert_prefect_usable()
        report = run_maintain(region, store=store, keep_days=keep_days, check_days=check_days, dry_run=dry_run)
    typer.echo(str(report))


@app.command()
def serve(
    store: Annotated[str | None, typer.Option(help="Where products are: folder or s3://; $FINESCALE_STORE.")] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for other machines too.")] = "127.0.0.1",
) -> None:
    """Show products in a browser: serves a store, read only, with the page that draws it."""
    with one_line_errors():
        from tasks.page.serve import checked_store, listen, url_of
        from tasks.page.serve import serve as run_server

        where = checked_store(store)
        with listen(host, port) as listening:
            typer.echo(f"{url_of(listening)}  shows {where}; Ctrl-C ends it")
            run_server(where, listening)


def main() -> None:
    """Entry point."""
    app()


if __name__ == "__main__":
    main()
