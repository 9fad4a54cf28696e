"""What every answer of the server says to browsers; and who gets none: by the host asked for, or a request's size."""

from __future__ import annotations

from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = 16 * 1024  # bytes of a request's line and headers; browsers send one or two thousand
LOOPBACK = ("localhost", "127.0.0.1", "::1")
# The page: as its own <meta> says, and in no frame, which a <meta> cannot say. `eval` binds the codecs' WebAssembly.
OF_PAGE = (
    "default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self' data:; worker-src 'self' blob:; base-uri 'none'; "
    "object-src 'none'; form-action 'none'; frame-ancestors 'none'"
)
# Reports, which hold their pictures and no script; whatever else somebody may open: nothing is run
OF_REPORTS = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
OF_DATA = "default-src 'none'; frame-ancestors 'none'; sandbox"
ALWAYS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


def policy(path: str, kind: str) -> str:
    """Content-Security-Policy of an answer of this content type to a path."""
    if path in ("/", "/index.html") or path.startswith("/viewer/"):
        return OF_PAGE
    return OF_REPORTS if kind.startswith("text/html") else OF_DATA


class Hardened:
    """Middleware: adds `ALWAYS` and a policy to each answer, and answers only to the hosts that it is for.

    A page of somebody else whose name is made to lead to 127.0.0.1 (DNS rebinding) asks for that name. `hosts`: without
    port; empty: any, for servers that others reach by names that nobody here knows.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str] = ()) -> None:
        self._app, self._hosts = app, frozenset(h.casefold() for h in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def harden(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in ALWAYS.items():
                    headers[name] = value
                headers["content-security-policy"] = policy(scope["path"], headers.get("content-type", ""))
            await send(message)

        app = self._app
        host = host_of(Headers(scope=scope).get("host", ""))
        asked = len(scope["raw_path"]) + len(scope["query_string"])
        if asked + sum(len(name) + len(value) for name, value in scope["headers"]) > HEADERS:
            app = PlainTextResponse(f"requests have at most {HEADERS:,} bytes of headers\n", 431)
        elif self._hosts and host not in self._hosts:
            name = host[:80] or "without a name"
            app = PlainTextResponse(f"this server is not {name}; --allow-host adds a name\n", 421)
        await app(scope, receive, harden)


def host_of(header: str) -> str:
    """Of a Host header, without port and brackets, in lower case."""
    if header.startswith("["):
        return header[1:].partition("]")[0].casefold()
    return header.rsplit(":", 1)[0].casefold() if ":" in header else header.casefold()
