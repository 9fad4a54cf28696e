"""`finescale calibrate`: what stations would have made of an archive of forecasts; with a region its history too."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.options import Json, Store
from flows.commands.terminal import one_line_errors, show_steps, show_table

if TYPE_CHECKING:
    from flows.products.calibrate import Archive, Progress
    from tasks.calibrate.reliability import Reliability
    from tasks.calibrate.same_hour import SameHour
    from tasks.handover.scorecard import Proof
    from tasks.present.display import Display


def calibrate(
    region: Annotated[
        str | None, typer.Argument(help="Region's name or folder, whose history is written; default: nothing is kept.")
    ] = None,
    forecasts: Annotated[
        list[str] | None,
        typer.Option(help="Table of pairs (CSV, Parquet), or gridded file or product; repeatable."),
    ] = None,
    observations: Annotated[
        list[str] | None, typer.Option(help="File of observations, for gridded forecasts; repeatable.")
    ] = None,
    products: Annotated[str | None, typer.Option(help="Store with the region's products.")] = None,
    source: Annotated[str, typer.Option(help="Where the forecasts came from: ifs, era5, ...")] = "ifs",
    terrain: Annotated[
        str | None, typer.Option(help="File of heights, for gridded forecasts: brings them to the stations' height.")
    ] = None,
    column: Annotated[
        str, typer.Option(help="Column of a table that holds the forecast, in the unit of its usual one.")
    ] = "",
    history_days: Annotated[
        int, typer.Option(min=0, help="Days at the beginning that are learned from and not scored.")
    ] = 0,
    start: Annotated[datetime | None, typer.Option(help="First start of a forecast, UTC.")] = None,
    end: Annotated[datetime | None, typer.Option(help="Last start of a forecast, UTC.")] = None,
    store: Store = None,
    picture: Annotated[str | None, typer.Option(help="PNG of the gains to write.")] = None,
    as_json: Json = False,
) -> None:
    """Show what stations would have made of forecasts, run by run, each station left out of its own correction."""
    show_steps()
    with one_line_errors():
        from flows.products.calibrate import calibrate_archive

        with _bar() as progress:
            found = calibrate_archive(
                forecasts or [], observations or [], region, source=source, products=products, terrain=terrain,
                column=column, history_days=history_days, start=start, end=end, store=store, progress=progress,
            )  # fmt: skip
        if picture is not None:
            from tasks.present.report.gains import gains_picture
            from tasks.storage import write_bytes

            write_bytes(picture, gains_picture(found.pairs, found.proofs, _tenths(found)))
    if as_json:
        typer.echo(_json(found))
    else:
        _show(found, region, picture)


@contextmanager
def _bar() -> Iterator[Progress]:
    """A bar for a person at a terminal, nothing elsewhere."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        item = bar.add_task("runs", total=None)
        yield lambda done, of: bar.update(item, completed=done, total=of)


def _json(found: Archive) -> str:
    import json
    from dataclasses import asdict

    document = {
        "proofs": [p.model_dump() for p in found.proofs],
        "same_hour": [asdict(s) for s in found.same_hour],
        "reliability": {way: [asdict(r) for r in rows] for way, rows in found.reliability.items()},
        "cycles_kept": found.kept,
    }
    return json.dumps(document, indent=2, default=str)


def _show(found: Archive, region: str | None, picture: str | None) -> None:
    pairs = found.pairs
    typer.echo(
        f"{len(pairs)} pairs at {pairs['station'].nunique()} stations, {pairs['time'].min()} to {pairs['time'].max()}"
    )
    typer.echo("RMSE of forecasts, corrected by what each run knew when it began:")
    show_table(
        ["variable", "day", "stations", "pairs", "days", "simple", "raw", "left out", "with its own", "gain",
         "95 %", "unit", "used"],
        [
            [p.variable, f"{p.day}", f"{p.stations}", f"{p.count}", f"{p.times}",
             *_figures(p, p.simple, p.raw, p.corrected, p.own), _percent(p.gain), _interval(p.low, p.high),
             _shown(p).unit, "yes" if p.used else f"no: {p.why}"]
            for p in found.proofs
        ],
    )  # fmt: skip
    if found.same_hour:
        typer.echo("RMSE corrected by the errors of all other stations at the same hour, which no forecast knows:")
        show_table(
            ["variable", "valid (UTC)", "stations", "simple", "raw", "left out", "unit"],
            [
                [s.variable, f"{s.time:%Y-%m-%d %H}", f"{s.stations}",
                 *_figures(s, s.simple, s.raw, s.corrected), _shown(s).unit]
                for s in found.same_hour
            ],
        )  # fmt: skip
    _show_ranges(found)
    if region is not None:
        typer.echo(f"history     {found.kept} cycles of {region}")
    if picture is not None:
        typer.echo(f"picture     {picture}")


def _show_ranges(found: Archive) -> None:
    ways = [{(r.variable, r.day): r for r in found.reliability[way]} for way in ("left_out", "own")]
    if not ways[0]:
        return
    typer.echo("How sure: ranges by what such corrections had left of errors before, left out and with its own:")
    table = []
    for (variable, day), one in ways[0].items():
        other = ways[1].get((variable, day))
        shown = [
            c for r in (one, other) for c in ([*_figures(r, r.mae, r.crps), _percent(r.inside)] if r else [""] * 3)
        ]
        table.append([variable, f"{day}", f"{one.count}", *shown, _shown(one).unit])
    header = ["MAE", "CRPS", "in 10-90 %"]
    show_table(["variable", "day", "pairs", *header, *(f"{h}, own" for h in header), "unit"], table)


def _tenths(found: Archive) -> dict[str, dict[int, list[float]]]:
    out: dict[str, dict[int, list[float]]] = {}
    for row in found.reliability["left_out"]:
        out.setdefault(row.variable, {})[row.day] = row.pit
    return out


def _shown(score: Proof | SameHour | Reliability) -> Display:
    """How errors of its variable are shown."""
    from tasks.present import display

    return display.of_difference(score.variable, score.units)


def _figures(score: Proof | SameHour | Reliability, *errors: float | None) -> list[str]:
    """Errors in SI as they are shown; "" where there is none."""
    scale = _shown(score).scale
    return ["" if e is None else f"{e * scale:.4g}" for e in errors]


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:.1%} to {high:.1%}"
