"""Serves a store and the page: `finescale serve`."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection, Sequence

import uvicorn

from tasks.errors import BadInput
from tasks.locations import default_store
from tasks.page import built
from tasks.page.connection import AT_ONCE, PatientProtocol
from tasks.page.guard import HEADERS, LOOPBACK
from tasks.page.server import application
from tasks.storage import assert_readable, exists, is_remote, join


class PortTaken(BadInput):
    """An address that cannot be listened on."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; PortTaken if the address cannot be had. Port 0: any that is free."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        reason = error.strerror or error
        raise PortTaken(f"{host}:{port}: cannot be listened on ({reason}); choose another --port or --host") from None


def url_of(listening: socket.socket) -> str:
    """What to open in a browser."""
    host, port = listening.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104
        host = socket.gethostname()
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def checked_store(store: str | None) -> str:
    """The store to serve; BadInput or StoreNotReadable if it cannot be, PageNotBuilt if there is no page to show it."""
    built()
    uri = join(store or default_store())
    assert_readable(uri)
    if not is_remote(uri) and not exists(uri):
        raise BadInput(f"store {uri}: no such folder; make a product with `finescale run`, or give another --store")
    return uri


def hosts_of(listening: socket.socket, others: Sequence[str] = ()) -> list[str]:
    """Names that requests may be for: of a socket on loopback those of loopback and `others`, else `others` or any."""
    local = ipaddress.ip_address(listening.getsockname()[0].partition("%")[0]).is_loopback
    return [*LOOPBACK, listening.getsockname()[0], *others] if local else list(others)


def serve(store: str, listening: socket.socket, others: Sequence[str] = ()) -> None:
    """Serve a store until interrupted; `others`: names beside those of loopback, as `hosts_of` has them."""
    uvicorn.Server(settings(store, hosts_of(listening, others))).run(sockets=[listening])


def settings(store: str, hosts: Collection[str]) -> uvicorn.Config:
    """Of the server: what it answers, and how long it waits for whom."""
    return uvicorn.Config(
        application(store, built(), hosts), log_level="warning", access_log=False, lifespan="off", http=PatientProtocol,
        h11_max_incomplete_event_size=HEADERS, limit_concurrency=AT_ONCE, server_header=False,
    )  # fmt: skip
