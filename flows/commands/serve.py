"""`finescale serve`: products in a browser."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands.terminal import one_line_errors


def serve(
    store: Annotated[str | None, typer.Option(help="Where products are: folder or s3://; $FINESCALE_STORE.")] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for other machines too.")] = "127.0.0.1",
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A name that browsers may ask for, beside this machine's own; repeat it.")
    ] = None,
) -> None:
    """Show products in a browser: serves a store, read only, with the page that draws it."""
    with one_line_errors():
        from tasks.page.serve import checked_store, listen, url_of
        from tasks.page.serve import serve as run_server

        shown = checked_store(store)
        with listen(host, port) as listening:
            typer.echo(f"{url_of(listening)}  shows {shown}; Ctrl-C ends it")
            run_server(shown, listening, allow_host or [])
