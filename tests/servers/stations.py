"""Stand-ins on loopback for the services of observations: NOAA's two archives, aviationweather.gov and IEM.

Files have an ETag and are answered with 304 where it still holds; the two that compute answers take their queries.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.servers.http import Handler, Served, serving


@dataclass
class Asked:
    """A request that came."""

    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    status: int = 0


@dataclass
class Stations(Served):
    """What is served, what goes wrong, and what was asked; each service is under its own name."""

    metars: list[dict[str, Any]] = field(default_factory=list)  # as aviationweather.gov has them
    most: int = 400
    iem: dict[str, str] = field(default_factory=dict)  # rows by station, after "station,valid,lon,lat,elevation,..."
    requests: list[Asked] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    def services(self) -> dict[str, str]:
        """Addresses by source, as `fetch` takes them."""
        return {
            "synop": f"{self.url}/dwd/international",
            "metar": f"{self.url}/aviation/api/data",
            "iem": f"{self.url}/iem",
            "ghcnh": f"{self.url}/ghcnh/hourly",
            "isd-lite": f"{self.url}/noaa",
        }


class _Handler(Handler):
    """Answers as the services do."""

    def do_GET(self) -> None:
        served, parts = self.served, urlsplit(self.path)
        self.asked = Asked(parts.path, parse_qs(parts.query), dict(self.headers))
        with served.lock:
            served.requests.append(self.asked)
            served.at_once += 1
            served.most_at_once = max(served.most_at_once, served.at_once)
        try:
            self.answer(parts.path)
        finally:
            with served.lock:
                served.at_once -= 1

    def answer(self, path: str) -> None:
        if self.faulty(path):
            return None
        if path.endswith("/api/data/metar"):
            return self.aviation()
        if path.endswith("/asos.py"):
            return self.asos()
        return self.file()

    def file(self) -> None:
        path = urlsplit(self.path).path
        body = self.served.files.get(path)
        if body is None and path.endswith("/"):  # a folder's index, as Apache writes it
            names = sorted(f.removeprefix(path) for f in self.served.files if f.startswith(path))
            rows = "".join(f'<a href="{n}">{n[:23]}..&gt;</a>  27-Nov-2026 10:04  81K\n' for n in names)
            body = f'<html><body><pre><a href="../">../</a>\n{rows}</pre></body></html>'.encode() if names else None
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
            for m in self.served.metars
            if begin <= m["obsTime"] <= end and south <= m["lat"] <= north and west <= m["lon"] <= east
        ]
        if not found:
            return self.reply(204, b"")
        return self.reply(200, json.dumps(found[: self.served.most]).encode(), Content_Type="application/json")

    def asos(self) -> None:
        head = "station,valid,lon,lat,elevation," + ",".join(self.asked.query["data"])
        rows = [self.served.iem[s] for s in self.asked.query["station"] if s in self.served.iem]
        return self.reply(200, "\n".join([head, *rows, ""]).encode(), Content_Type="text/plain")

    def send_response(self, code: int, message: str | None = None) -> None:
        self.asked.status = code
        super().send_response(code, message)


@contextmanager
def station_services(stations: Stations | None = None) -> Iterator[Stations]:
    """Serve on loopback."""
    stations = stations or Stations()
    with serving(_Handler, stations):
        yield stations
