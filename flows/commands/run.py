"""`finescale run`: one cycle of a region."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.options import Region, TargetStore
from flows.commands.terminal import one_line_errors, show_steps, show_table
from tasks.counted import counted

if TYPE_CHECKING:
    from flows.downscale import Outcome


def run(
    region: Region,
    source: Annotated[str, typer.Option(help="From where: ifs (alias hres), ens, aifs, ifs9km, era5 or demo.")] = "ifs",
    cycle: Annotated[str | None, typer.Option(help="Cycle, like 2026-11-22T00; default: the latest complete.")] = None,
    input: Annotated[
        list[str] | None, typer.Option(help="GRIB or NetCDF file instead of a source; repeatable.")
    ] = None,
    store: TargetStore = None,
    model: Annotated[str | None, typer.Option(help="Model package; default: the region's.")] = None,
    spacing: Annotated[float | None, typer.Option(help="Target spacing in degrees; default: the region's.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Make it again although it is published.")] = False,
    observations: Annotated[
        str | None, typer.Option(help="File of observations to score it against; default: the region's sources.")
    ] = None,
    input_is: Annotated[
        str | None, typer.Option(help="What the input's values are, samples or means; default: as source or file says.")
    ] = None,
    rain_interval: Annotated[
        str | None,
        typer.Option(help="What the input's rain covers, if it does not say: 1h, 6h ..., start, day or step."),
    ] = None,
    calibration: Annotated[
        bool, typer.Option("--calibration/--no-calibration", help="Whether stations may correct it.")
    ] = True,
) -> None:
    """Make and publish the high-resolution product of one cycle of a region."""
    show_steps()
    with one_line_errors():
        began = time.monotonic()
        from flows.downscale import downscale
        from flows.request import resolve
        from flows.server.carry_out import carry_out
        from flows.server.orchestrator import assert_prefect_usable

        # a wrong name should not cost a run
        request = resolve(region, source, cycle, input, model, spacing, input_is=input_is, rain_interval=rain_interval)
        assert_prefect_usable()
        chosen = request.cycle.stamp if request.cycle else None
        outcome = carry_out(
            downscale, region=region, source=source, cycle=chosen, inputs=input, store=store, model=model,
            spacing=spacing, force=force, observations=observations, calibration=calibration, input_is=input_is,
            rain_interval=rain_interval,
        )  # fmt: skip
        total = time.monotonic() - began
    if outcome.made:
        _show(outcome, total)
    else:
        typer.echo(f"published already, nothing to do (--force makes it again)\nproduct     {outcome.product}")


def _show(outcome: Outcome, seconds: float) -> None:
    from tasks.present.score_rows import TRUTH, truth_rows

    entry = outcome.entry
    job = sum(entry.timings.values())
    steps = ", ".join(f"{k} {v:.1f}" for k, v in entry.timings.items())
    typer.echo(f"product     {outcome.product}")
    typer.echo(f"quick-look  {outcome.quicklook}")
    typer.echo(f"report      {outcome.report}")
    typer.echo(f"quality     {entry.quality}; {counted(len(entry.scorecard.checks), 'check')} passed")
    for why in entry.scorecard.why:
        typer.echo(f"            {why}")
    typer.echo(f"time        {job:.1f} s the job ({steps}), {seconds - job:.1f} s imports and what is around it")
    if entry.scorecard.calibration:
        typer.echo(f"calibrated  {', '.join(entry.scorecard.calibrated) or 'nothing: no gain is proven yet'}")
    if entry.absent:
        typer.echo(f"left out    {', '.join(entry.absent)}: not in the input")
    if entry.scorecard.truth:
        typer.echo("RMSE against the 0.1 degree forecast that the input was sampled from:")
        show_table(TRUTH, truth_rows(entry.scorecard.truth))
