"""A stand-in for ECMWF open data on loopback: directories, `.index`, HEAD, single and multiple ranges, real GRIB.

By hand: `python -m tests.servers.opendata --port 8081`; it prints what to set so that `finescale run hubei` uses it.
"""

from __future__ import annotations

import argparse
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import eccodes

DEMO = Path(__file__).parents[2] / "tasks/acquire/demo_cycle"
DEMO_GRIB = DEMO / "20211210/12z/ifs/0p25/oper/20211210120000-8h-oper-fc.grib2"
BOUNDARY = "finescale-stand-in"


def messages(grib: Path | bytes) -> list[bytes]:
    """The GRIB messages of a file."""
    data = grib if isinstance(grib, bytes) else grib.read_bytes()
    out, at = [], 0
    while at < len(data):
        length = int.from_bytes(data[at + 8 : at + 16], "big") if data[at + 7] == 2 else len(data) - at
        out.append(data[at : at + length])
        at += length
    return out


def relabelled(message: bytes, time: datetime, step: int, stream: str = "oper") -> bytes:
    """The same field as of another cycle and lead time; its values and their packing stay as they are."""
    handle = eccodes.codes_new_from_message(message)
    try:
        eccodes.codes_set(handle, "dataDate", int(f"{time:%Y%m%d}"))
        eccodes.codes_set(handle, "dataTime", time.hour * 100)
        eccodes.codes_set(handle, "endStep", step)
        if eccodes.codes_is_defined(handle, "stream"):
            eccodes.codes_set(handle, "stream", stream)
        return bytes(eccodes.codes_get_message(handle))
    finally:
        eccodes.codes_release(handle)


def param_of(message: bytes) -> str:
    """ECMWF short name."""
    handle = eccodes.codes_new_from_message(message)
    try:
        return str(eccodes.codes_get(handle, "shortName"))
    finally:
        eccodes.codes_release(handle)


def index_of(parts: list[tuple[str, bytes]], time: datetime, step: int, stream: str) -> bytes:
    """The `.index` of a file of these messages, as ECMWF writes it."""
    lines, at = [], 0
    for param, data in parts:
        entry = {
            "domain": "g", "date": f"{time:%Y%m%d}", "time": f"{time:%H%M}", "expver": "0001", "class": "od",
            "type": "fc", "stream": stream, "step": str(step), "levtype": "sfc", "param": param,
            "_offset": at, "_length": len(data),
        }  # fmt: skip
        lines.append(json.dumps(entry))
        at += len(data)
    return ("\n".join(lines) + "\n").encode()


@dataclass
class Rule:
    """What happens to requests whose path matches: a fault, so many times."""

    pattern: str
    act: Callable[[Handler], bool]  # True: it has answered
    times: int | None = None


@dataclass
class OpenData:
    """A mirror: files by path, faults, and what was asked of it."""

    files: dict[str, bytes] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    latency: float = 0.0
    requests: list[tuple[str, str, str]] = field(default_factory=list)  # method, path, Range
    sent: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """Its root."""
        assert self.server is not None
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    @staticmethod
    def path(time: datetime, step: int, stream: str = "oper", resol: str = "0p25", level: str = "") -> str:
        """Path of a lead time's files without the ending."""
        day, name = f"{time:%Y%m%d}", f"{time:%Y%m%d%H%M%S}-{step}h-{stream}-fc{level}"
        return f"/{day}/{time:%H}z/ifs/{resol}/{stream}/{name}"

    def add(self, time: datetime, step: int, parts: list[tuple[str, bytes]], **where: str) -> str:
        """Serve these messages as one lead time's file with its index; returns the path without the ending."""
        path = self.path(time, step, **where)
        self.files[f"{path}.grib2"] = b"".join(data for _, data in parts)
        self.files[f"{path}.index"] = index_of(parts, time, step, where.get("stream", "oper"))
        return path

    def add_demo(self, time: datetime, steps: list[int], **where: str) -> None:
        """The demo cycle's fields as of this cycle and these lead times."""
        for step in steps:
            parts = [(param_of(m), relabelled(m, time, step, where.get("stream", "oper"))) for m in messages(DEMO_GRIB)]
            self.add(time, step, [p for p in parts if step or p[0] != "tp"], **where)

    def on(self, pattern: str, act: Callable[[Handler], bool], times: int | None = None) -> None:
        """From now on, do this to requests whose path matches."""
        self.rules.append(Rule(pattern, act, times))

    def asked(self, ending: str) -> list[tuple[str, str, str]]:
        """GET requests for paths of that ending."""
        return [r for r in self.requests if r[0] == "GET" and r[1].endswith(ending)]


class Handler(BaseHTTPRequestHandler):
    """Answers as ECMWF's server does."""

    protocol_version = "HTTP/1.1"

    @property
    def mirror(self) -> OpenData:
        return cast("Any", self.server).mirror

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        mirror = self.mirror
        with mirror.lock:
            mirror.requests.append((self.command, self.path, self.headers.get("Range", "")))
            rules = []
            for rule in mirror.rules:
                if re.search(rule.pattern, self.path) and rule.times != 0:
                    rule.times = None if rule.times is None else rule.times - 1
                    rules.append(rule)
        time.sleep(mirror.latency)
        for rule in rules:
            if rule.act(self):
                return None
        body = mirror.files.get(self.path)
        if body is None:
            return self.directory()
        ranges = self.headers.get("Range")
        if ranges is None:
            return self.reply(200, body, {"Accept-Ranges": "bytes"})
        spans = [tuple(map(int, part.split("-"))) for part in ranges.removeprefix("bytes=").split(",")]
        if any(first >= len(body) for first, _ in spans):
            return self.reply(416, b"", {"Content-Range": f"bytes */{len(body)}"})
        pieces = [(first, min(last, len(body) - 1)) for first, last in spans]
        if len(pieces) == 1:
            first, last = pieces[0]
            return self.reply(206, body[first : last + 1], {"Content-Range": f"bytes {first}-{last}/{len(body)}"})
        out = b""
        for first, last in pieces:
            out += f"\r\n--{BOUNDARY}\r\nContent-Type: application/octet-stream\r\n".encode()
            out += f"Content-Range: bytes {first}-{last}/{len(body)}\r\n\r\n".encode() + body[first : last + 1]
        out += f"\r\n--{BOUNDARY}--\r\n".encode()
        return self.reply(206, out, {"Content-Type": f"multipart/byteranges; boundary={BOUNDARY}"})

    def directory(self) -> None:
        """A folder's listing, or 404."""
        folder = self.path.rstrip("/") + "/"
        names = {f[len(folder) :].split("/")[0] for f in self.mirror.files if f.startswith(folder)}
        if not names:
            return self.reply(404, b"<html><body><h1>404 Not Found</h1></body></html>", {"Content-Type": "text/html"})
        links = "".join(f'<a href="{folder}{n}">{n}</a>\n' for n in sorted(names))
        return self.reply(200, f"<html><body>{links}</body></html>".encode(), {"Content-Type": "text/html"})

    def reply(self, code: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        """Send an answer."""
        self.begin(code, len(body), headers or {})
        self.write(body)

    def begin(self, code: int, length: int, headers: dict[str, str]) -> None:
        """Status line and headers."""
        self.send_response(code)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def write(self, body: bytes) -> None:
        """Part of a body; a client that has gone away is no error."""
        if self.command == "HEAD":
            return
        try:
            self.wfile.write(body)
            self.wfile.flush()
        except OSError:
            self.close_connection = True
            return
        with self.mirror.lock:
            self.mirror.sent += len(body)


# Faults


def status(code: int, **headers: str) -> Callable[[Handler], bool]:
    """Answer with an error, e.g. status(429, Retry_After="1")."""
    named = {k.replace("_", "-"): v for k, v in headers.items()}

    def act(handler: Handler) -> bool:
        handler.reply(code, b"<Error><Code>SlowDown</Code></Error>" if code == 503 else b"", named)
        return True

    return act


def html(handler: Handler) -> bool:
    """An error page with status 200."""
    handler.reply(200, b"<!DOCTYPE html><html><body>Under maintenance</body></html>", {"Content-Type": "text/html"})
    return True


def silent(handler: Handler) -> bool:
    """Accept and never answer, until the client gives up."""
    handler.connection.settimeout(60)
    with suppress(OSError):
        handler.connection.recv(1)
    handler.close_connection = True
    return True


def _body(handler: Handler) -> tuple[bytes, dict[str, str], int]:
    whole, ranges = handler.mirror.files[handler.path], handler.headers.get("Range")
    if not ranges:
        return whole, {}, 200
    first, last = map(int, ranges.removeprefix("bytes=").split(",")[0].split("-"))
    return whole[first : last + 1], {"Content-Range": f"bytes {first}-{last}/{len(whole)}"}, 206


def cut(after: int) -> Callable[[Handler], bool]:
    """Promise the whole body, send so many bytes of it, close the connection."""

    def act(handler: Handler) -> bool:
        body, headers, code = _body(handler)
        handler.begin(code, len(body), headers)
        handler.write(body[:after])
        handler.close_connection = True
        return True

    return act


def truncated(share: float) -> Callable[[Handler], bool]:
    """A shorter body whose header says that this is all."""

    def act(handler: Handler) -> bool:
        body, headers, code = _body(handler)
        handler.reply(code, body[: int(len(body) * share)], headers)
        return True

    return act


def drip(rate: float) -> Callable[[Handler], bool]:
    """A byte now and then: `rate` of them a second."""

    def act(handler: Handler) -> bool:
        body, headers, code = _body(handler)
        handler.begin(code, len(body), headers)
        for i in range(len(body)):
            handler.write(body[i : i + 1])
            if handler.close_connection:
                break
            time.sleep(1 / rate)
        return True

    return act


def no_multiple_ranges(handler: Handler) -> bool:
    """400 to more than one range, as Google answers."""
    if "," in handler.headers.get("Range", ""):
        handler.reply(400, b"multiple ranges are not supported")
        return True
    return False


def multiple_ranges_ignored(handler: Handler) -> bool:
    """The whole file to more than one range, as AWS answers."""
    if "," in handler.headers.get("Range", ""):
        handler.reply(200, handler.mirror.files[handler.path])
        return True
    return False


def until(moment: threading.Event, act: Callable[[Handler], bool]) -> Callable[[Handler], bool]:
    """A fault that ends when the event is set."""
    return lambda handler: False if moment.is_set() else act(handler)


@contextmanager
def open_data(mirror: OpenData | None = None, port: int = 0) -> Iterator[OpenData]:
    """Serve a mirror on loopback."""
    mirror = mirror or OpenData()
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    cast("Any", server).mirror = mirror
    mirror.server = server
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield mirror
    finally:
        server.shutdown()
        server.server_close()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8081)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    args = parser.parse_args()
    now = datetime.now(UTC) - timedelta(hours=8)
    time = now.replace(hour=now.hour // 12 * 12, minute=0, second=0, microsecond=0)
    mirror = OpenData(latency=args.latency)
    mirror.add_demo(time, list(range(0, 145, 3)))
    with open_data(mirror, args.port):
        urls = json.dumps(dict.fromkeys(["ecmwf", "aws", "google"], mirror.url))
        print(f"cycle {time:%Y-%m-%dT%H} of the demo's fields, lead times 0 to 144 h; try it with", flush=True)
        print(f"ECMWF_OPENDATA_URLS='{urls}' finescale run hubei --source ifs", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
