"""`finescale withdraw`: take a product back."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands.options import Region, Store
from flows.commands.terminal import one_line_errors, show_steps


def withdraw(
    region: Region,
    cycle: Annotated[str, typer.Argument(help="Cycle, like 2026-11-22T00 or demo/2021-12-10T12.")],
    why: Annotated[str, typer.Option(help="What is wrong with it; kept in its ledger entry.")],
    source: Annotated[str | None, typer.Option(help="Where the cycle came from; default: ifs.")] = None,
    store: Store = None,
) -> None:
    """Take a published product back: it stays, but readers are led to the last good one."""
    show_steps()
    with one_line_errors():
        from flows.products.withdraw import withdraw as take_back

        best = take_back(region, source, cycle, store, why)
    typer.echo(f"withdrawn; latest.json names {best.product}" if best else "withdrawn; no good product is left")
