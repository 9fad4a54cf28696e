"""Stand-ins on loopback for the services of observations: NOAA's two archives, aviationweather.gov and IEM.

Files have an ETag and are answered with 304 where it still holds; the two that compute answers take their queries.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

Act = Callable[["Handler"], bool]  # True: it has answered


@dataclass
class Asked:
    """A request that came."""

    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    status: int = 0


@dataclass
class Stations:
    """What is served, what goes wrong, and what was asked."""

    files: dict[str, bytes] = field(default_factory=dict)  # by path
    metars: list[dict[str, Any]] = field(default_factory=list)  # as aviationweather.gov has them
    most: int = 400
    iem: dict[str, str] = field(default_factory=dict)  # rows by station, after "station,valid,lon,lat,elevation,..."
    rules: list[tuple[str, Act, list[int]]] = field(default_factory=list)
    requests: list[Asked] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """Its root; each service is under its own name."""
        assert self.server is not None
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def services(self) -> dict[str, str]:
        """Addresses by source, as `fetch` takes them."""
        return {
            "metar": f"{self.url}/aviation/api/data",
            "iem": f"{self.url}/iem",
            "ghcnh": f"{self.url}/ghcnh/hourly",
            "isd-lite": f"{self.url}/noaa",
        }

    def on(self, pattern: str, act: Act, times: int = -1) -> None:
        """From now on, so many times, do this to requests whose path matches."""
        self.rules.append((pattern, act, [times]))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def stations(self) -> Stations:
        return cast("Any", self.server).stations

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        served, parts = self.stations, urlsplit(self.path)
        self.asked = Asked(parts.path, parse_qs(parts.query), dict(self.headers))
        with served.lock:
            served.requests.append(self.asked)
            served.at_once += 1
            served.most_at_once = max(served.most_at_once, served.at_once)
        try:
            self.answer(served, parts.path)
        finally:
            with served.lock:
                served.at_once -= 1

    def answer(self, served: Stations, path: str) -> None:
        for pattern, act, left in served.rules:
            if left[0] != 0 and re.search(pattern, path):
                left[0] -= 1
                if act(self):
                    return None
        if path.endswith("/api/data/metar"):
            return self.aviation()
        if path.endswith("/asos.py"):
            return self.asos()
        return self.file()

    def file(self) -> None:
        body = self.stations.files.get(urlsplit(self.path).path)
        if body is None:
            return self.reply(404, b"not found")
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if self.headers.get("If-None-Match") == tag:
            return self.reply(304, b"", ETag=tag)
        return self.reply(200, body, ETag=tag)

    def aviation(self) -> None:
        query = {k: v[0] for k, v in self.asked.query.items()}
        end = time.mktime(time.strptime(query["date"], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
        begin = end - 3600 * int(query["hours"])
        south, west, north, east = map(float, query["bbox"].split(","))
        found = [
            m
            for m in self.stations.metars
            if begin <= m["obsTime"] <= end and south <= m["lat"] <= north and west <= m["lon"] <= east
        ]
        if not found:
            return self.reply(204, b"")
        return self.reply(200, json.dumps(found[: self.stations.most]).encode(), Content_Type="application/json")

    def asos(self) -> None:
        head = "station,valid,lon,lat,elevation," + ",".join(self.asked.query["data"])
        rows = [self.stations.iem[s] for s in self.asked.query["station"] if s in self.stations.iem]
        return self.reply(200, "\n".join([head, *rows, ""]).encode(), Content_Type="text/plain")

    def reply(self, code: int, body: bytes, **headers: str) -> None:
        """Send an answer."""
        self.begin(code, len(body), **headers)
        self.write(body)

    def begin(self, code: int, length: int, **headers: str) -> None:
        """Status line and headers."""
        self.asked.status = code
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if code not in (204, 304):
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def write(self, body: bytes) -> None:
        """Part of a body; a client that has gone away is no error."""
        try:
            self.wfile.write(body)
            self.wfile.flush()
        except OSError:
            self.close_connection = True


# Faults


def status(code: int, **headers: str) -> Act:
    """Answer with an error, e.g. status(503, Retry_After="1")."""

    def act(handler: Handler) -> bool:
        handler.reply(code, b"busy", **headers)
        return True

    return act


def slow(seconds: float) -> Act:
    """Answer as ever, but later."""

    def act(handler: Handler) -> bool:
        time.sleep(seconds)
        return False

    return act


def silent(handler: Handler) -> bool:
    """Accept and never answer, until the client gives up."""
    handler.connection.settimeout(30)
    with suppress(OSError):
        handler.connection.recv(1)
    handler.close_connection = True
    return True


def cut(handler: Handler) -> bool:
    """Promise the whole body, send half of it, close the connection."""
    body = handler.stations.files[handler.asked.path]
    handler.begin(200, len(body))
    handler.write(body[: len(body) // 2])
    handler.close_connection = True
    return True


def drip(handler: Handler) -> bool:
    """A byte every twentieth of a second."""
    body = handler.stations.files[handler.asked.path]
    handler.begin(200, len(body))
    for i in range(len(body)):
        handler.write(body[i : i + 1])
        if handler.close_connection:
            break
        time.sleep(0.05)
    return True


@contextmanager
def station_services(stations: Stations | None = None) -> Iterator[Stations]:
    """Serve on loopback."""
    stations = stations or Stations()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    cast("Any", server).stations = stations
    stations.server = server
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield stations
    finally:
        server.shutdown()
        server.server_close()
