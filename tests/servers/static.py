"""Servers of static files, with HTTP Range and without: what a store lies behind where `finescale serve` is not."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

from tests.servers.http import serving


class _Ranges(SimpleHTTPRequestHandler):
    """A plain static server that knows single ranges, as web servers and object stores do; or not, as Python's."""

    ranges = True

    def send_head(self):
        path = Path(self.translate_path(self.path))
        header = self.headers.get("Range") if self.ranges else None
        if header is None or not path.is_file():
            return super().send_head()
        data = path.read_bytes()
        first, last = header.removeprefix("bytes=").split("-")
        start = int(first) if first else len(data) - int(last)
        part = data[start : int(last) + 1 if first and last else len(data)]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {start}-{start + len(part) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)
        return None

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def static(folder: Path, *, ranges: bool = True) -> Iterator[str]:
    handler = functools.partial(type("Handler", (_Ranges,), {"ranges": ranges}), directory=str(folder))
    with serving(handler) as url:
        yield f"{url}/"
