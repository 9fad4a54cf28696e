"""What the stand-ins share: a server on loopback, answers with their length, faults as often as they are told to come.

A fault is an act on a handler: True, it has answered; False, the answer is as ever.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

Act = Callable[["Handler"], bool]


@dataclass
class Rule:
    """What happens to requests whose path matches: a fault, so many times."""

    pattern: str
    act: Act
    times: int | None = None


@dataclass
class Served:
    """What a stand-in serves, by path; what goes wrong; how much it has sent."""

    files: dict[str, bytes] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    sent: int = 0  # bytes of bodies
    lock: threading.Lock = field(default_factory=threading.Lock)
    base: str = ""  # path of what is served below the server's root
    url: str = ""  # of that, from when it is served

    def on(self, pattern: str, act: Act, times: int | None = None) -> None:
        """From now on, so many times, do this to requests whose path matches."""
        self.rules.append(Rule(pattern, act, times))

    def acts(self, path: str) -> list[Act]:
        """What is to happen to a request for this path now."""
        found = []
        with self.lock:
            for rule in self.rules:
                if rule.times != 0 and re.search(rule.pattern, path):
                    rule.times = None if rule.times is None else rule.times - 1
                    found.append(rule.act)
        return found


class Handler(BaseHTTPRequestHandler):
    """Answers with the length of their bodies, over connections that are kept; a client that goes away is no error."""

    protocol_version = "HTTP/1.1"

    @property
    def served(self) -> Any:
        return cast("Any", self.server).served

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: tests look at what was asked."""

    def faulty(self, path: str) -> bool:
        """Whether a fault has answered."""
        return any(act(self) for act in self.served.acts(path))

    def whole(self) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers of the answer that a fault spoils."""
        return 200, self.served.files[self.path.partition("?")[0]], {}

    def reply(self, code: int, body: bytes, **headers: str) -> None:
        """Send an answer; `Content_Type="..."` is header Content-Type."""
        self.begin(code, len(body), **headers)
        self.write(body)

    def begin(self, code: int, length: int, **headers: str) -> None:
        """Status line and headers."""
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if code not in (204, 304):
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def write(self, body: bytes) -> None:
        """Part of a body."""
        if self.command == "HEAD":
            return
        try:
            self.wfile.write(body)
            self.wfile.flush()
        except OSError:
            self.close_connection = True
            return
        with self.served.lock:
            self.served.sent += len(body)


class _Server(ThreadingHTTPServer):
    """Its threads end with the process."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


@contextmanager
def serving(handler: Callable[..., BaseHTTPRequestHandler], served: Any = None, port: int = 0) -> Iterator[str]:
    """Serve on loopback; gives the root's address, and `served` its own."""
    with _Server(("127.0.0.1", port), handler) as server:
        cast("Any", server).served = served
        url = f"http://127.0.0.1:{server.server_address[1]}"
        if isinstance(served, Served):
            served.url = url + served.base
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield url
        finally:
            server.shutdown()
            thread.join()


# Faults


def status(code: int, body: bytes = b"", **headers: str) -> Act:
    """Answer with an error, e.g. status(429, Retry_After="1")."""

    def act(handler: Handler) -> bool:
        handler.reply(code, body, **headers)
        return True

    return act


def html(handler: Handler) -> bool:
    """An error page with status 200."""
    handler.reply(200, b"<!DOCTYPE html><html><body>Under maintenance</body></html>", Content_Type="text/html")
    return True


def silent(handler: Handler) -> bool:
    """Accept and never answer, until the client gives up."""
    handler.connection.settimeout(60)
    with suppress(OSError):
        handler.connection.recv(1)
    handler.close_connection = True
    return True


def slow(seconds: float) -> Act:
    """Answer as ever, but later."""

    def act(handler: Handler) -> bool:
        time.sleep(seconds)
        return False

    return act


def cut(after: int) -> Act:
    """Promise the whole body, send so many bytes of it, close the connection."""

    def act(handler: Handler) -> bool:
        code, body, headers = handler.whole()
        handler.begin(code, len(body), **headers)
        handler.write(body[:after])
        handler.close_connection = True
        return True

    return act


def truncated(share: float) -> Act:
    """A shorter body whose header says that this is all."""

    def act(handler: Handler) -> bool:
        code, body, headers = handler.whole()
        handler.reply(code, body[: int(len(body) * share)], **headers)
        return True

    return act


def drip(rate: float) -> Act:
    """A byte now and then: `rate` of them a second."""

    def act(handler: Handler) -> bool:
        code, body, headers = handler.whole()
        handler.begin(code, len(body), **headers)
        for i in range(len(body)):
            handler.write(body[i : i + 1])
            if handler.close_connection:
                break
            time.sleep(1 / rate)
        return True

    return act


def until(moment: threading.Event, act: Act) -> Act:
    """A fault that ends when the event is set."""
    return lambda handler: False if moment.is_set() else act(handler)
