"""`finescale collect`: stations as they report, from WIS2."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands.terminal import one_line_errors, show_steps


def collect(
    regions: Annotated[list[str], typer.Argument(help="Regions, by name or folder, whose stations are wanted.")],
    topic: Annotated[
        str | None, typer.Option(help="What to subscribe to; default: SYNOP of all centres, as caches announce it.")
    ] = None,
) -> None:
    """Collect SYNOP from WIS2 as it is published, until it is ended; source wis2 of `verify` reads what it kept."""
    show_steps()
    with one_line_errors():
        import signal
        import threading

        from tasks.observations.wis2.collector import TOPIC
        from tasks.observations.wis2.collector import collect as run_collector
        from tasks.region.search import load

        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        run_collector([load(name) for name in regions], stop, topic or TOPIC)
