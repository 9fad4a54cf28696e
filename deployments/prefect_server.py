"""Prefect's server as the stack runs it: with a password, for pages of its own, asked by names of its own.

The last is what Prefect cannot do by itself: a page whose name is made to point at this machine (DNS rebinding) is of
one origin with the server to a browser. Prefect's own checks stay as they are; this stands in front.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from deployments.credentials import Secrets
from deployments.settings import API_HOSTS, ORIGINS, Settings
from flows.server.runtime import LOOPBACK

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


def app() -> ASGIApp:
    """For uvicorn; Prefect's settings and FINESCALE_API_HOSTS come from the environment."""
    from prefect.server.api.server import create_app
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    names = [name.strip() for name in os.environ.get(API_HOSTS, ",".join(LOOPBACK)).split(",")]
    names = [f"[{name}]" if ":" in name and not name.startswith("[") else name for name in names]
    # around it and not in it: the server asks itself in its own process, by a name that is nobody's
    inner = TrustedHostMiddleware(create_app(final=True), allowed_hosts=names, www_redirect=False)
    policy = [(b"content-security-policy", f"frame-ancestors 'none'; connect-src {_asked()}".encode())]

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        async def with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *policy]
            await send(message)

        await inner(scope, receive, with_policy)

    return guarded


def _asked() -> str:
    """Whom the UI may ask: its own server by all its names. As delivered it asks a service that counts users too."""
    from prefect.settings import get_current_settings

    server = get_current_settings().server
    ui = urlsplit(server.ui.api_url or "")
    origins = [*([f"{ui.scheme}://{ui.netloc}"] if ui.netloc else []), *server.api.cors_allowed_origins.split(",")]
    origins = [origin for origin in origins if "[" not in origin]  # a policy knows no such names
    sockets = [origin.replace("http", "ws", 1) for origin in origins]
    return " ".join(dict.fromkeys(["'self'", *origins, *sockets]))


def command(host: str, port: int) -> list[str]:
    """As `prefect server start` runs uvicorn."""
    listen = ["--host", host, "--port", str(port), "--timeout-keep-alive", "5", "--log-level", "warning"]
    return [sys.executable, "-m", "uvicorn", "--factory", "deployments.prefect_server:app", *listen]


def environment(settings: Settings, known: Secrets) -> dict[str, str]:
    """What the server is told beside what all parts are."""
    found = {
        API_HOSTS: ",".join(settings.hosts),
        "PREFECT_SERVER_API_AUTH_STRING": known.api,
        ORIGINS: ",".join(settings.origins),
        "PREFECT_UI_URL": settings.ui_url,  # alarms name runs by it
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        # slots of runs that are gone are given back after five minutes, also when the server was started anew meanwhile
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        # a run that waits for its turn is not an alarm; one that nobody takes is
        "PREFECT_SERVER_SERVICES_LATE_RUNS_AFTER_SECONDS": "300",
    }
    if settings.database is None:  # another's URL is in the inherited environment
        url = f"postgresql+asyncpg://postgres:{known.postgres}@127.0.0.1:{settings.postgres_port}/postgres"
        found["PREFECT_API_DATABASE_CONNECTION_URL"] = url
    return found
