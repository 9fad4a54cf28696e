"""A stand-in for ECMWF open data on loopback: directories, `.index`, HEAD, single and multiple ranges, real GRIB.

By hand: `python -m tests.servers.opendata --port 8081`; it prints what to set so that `finescale run hubei` uses it.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import eccodes

from tests.followers import follower_messages
from tests.grib import DEMO_GRIB, messages, rippled, terrain_message
from tests.servers.http import Handler, Served, serving

DEMO = Path(__file__).parents[2] / "tasks/acquire/demo_cycle"
MEMBER = 0.002  # by how much of a value two neighbouring members differ
BOUNDARY = "finescale-stand-in"
AIFS = "aifs-single/"  # the folder of that model
AS_MASS = {228: 228228, 144: 228144}  # rain and snow of AIFS since 24 February 2025: kg m-2 in place of m
OF_INTERVALS = {"tp", "ssrd", "strd", "10fg", "mx2t3", "mn2t3", "sf"}  # which are not there at the start


def relabelled(message: bytes, time: datetime, step: int, stream: str = "oper", model: str = "ifs/") -> bytes:
    """The same field as of another cycle and lead time; its values and their packing stay as they are."""
    handle = eccodes.codes_new_from_message(message)
    try:
        eccodes.codes_set(handle, "dataDate", int(f"{time:%Y%m%d}"))
        eccodes.codes_set(handle, "dataTime", time.hour * 100)
        eccodes.codes_set(handle, "endStep", step)
        if eccodes.codes_is_defined(handle, "stream"):
            eccodes.codes_set(handle, "stream", stream)
        if model == AIFS:
            eccodes.codes_set(handle, "class", "ai")
            if (mass := AS_MASS.get(eccodes.codes_get(handle, "paramId"))) is not None:
                values = eccodes.codes_get_values(handle)
                eccodes.codes_set(handle, "paramId", mass)
                eccodes.codes_set_values(handle, values * 1000.0)
        return bytes(eccodes.codes_get_message(handle))
    finally:
        eccodes.codes_release(handle)


def of_member(message: bytes, member: int) -> bytes:
    """The same field as a member of the ensemble has it: another everywhere, by a part that is the member's own."""
    handle = eccodes.codes_new_from_message(message)
    try:
        sums = eccodes.codes_get(handle, "productDefinitionTemplateNumber") == 8
        eccodes.codes_set(handle, "productDefinitionTemplateNumber", 11 if sums else 1)
        for key, value in (("type", "pf"), ("perturbationNumber", member), ("numberOfForecastsInEnsemble", 51)):
            eccodes.codes_set(handle, key, value)
        values = eccodes.codes_get_values(handle)
        eccodes.codes_set_values(handle, values * (1 + MEMBER * (member - 5.5)))
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


def index_of(
    parts: list[tuple[str, bytes]], time: datetime, step: int, stream: str, model: str = "ifs/", members: int = 0
) -> bytes:
    """The `.index` of a file of these messages, as ECMWF writes it; of so many members, one after the other."""
    lines, at = [], 0
    for i, (param, data) in enumerate(parts):
        entry = {
            "domain": "g", "date": f"{time:%Y%m%d}", "time": f"{time:%H%M}", "expver": "0001", "class": "od",
            "type": "fc", "stream": stream, "step": str(step), "levtype": "sfc", "param": param,
            "_offset": at, "_length": len(data),
        }  # fmt: skip
        if members:
            number = {"type": "pf", "number": str(1 + i * members // len(parts))}
            entry = {k: entry.get(k, "") for k in (*list(entry)[:-3], "number", *list(entry)[-3:])} | number
        if model == AIFS:  # as of 2026: another order, another class, and a key more
            order = ["domain", "date", "time", "expver", "class", "type", "stream", "step", "levtype", "param"]
            new = {"class": "ai", "model": "aifs-single"}
            entry = {k: entry[k] for k in order} | new | {k: entry[k] for k in ("_offset", "_length")}
        lines.append(json.dumps(entry))
        at += len(data)
    return ("\n".join(lines) + "\n").encode()


@dataclass
class OpenData(Served):
    """A mirror: files by path, faults, and what was asked of it."""

    latency: float = 0.0
    requests: list[tuple[str, str, str]] = field(default_factory=list)  # method, path, Range

    @staticmethod
    def path(
        time: datetime, step: int, stream: str = "oper", resol: str = "0p25", level: str = "", model: str = "ifs/"
    ) -> str:
        """Path of a lead time's files without the ending; `model` is empty before 28 February 2024."""
        kind = "ef" if stream == "enfo" else "fc"
        day, name = f"{time:%Y%m%d}", f"{time:%Y%m%d%H%M%S}-{step}h-{stream}-{kind}{level}"
        return f"/{day}/{time:%H}z/{model}{resol}/{stream}/{name}"

    def add(self, time: datetime, step: int, parts: list[tuple[str, bytes]], *, members: int = 0, **where: str) -> str:
        """Serve these messages as one lead time's file with its index; returns the path without the ending."""
        path = self.path(time, step, **where)
        self.files[f"{path}.grib2"] = b"".join(data for _, data in parts)
        self.files[f"{path}.index"] = index_of(
            parts, time, step, where.get("stream", "oper"), where.get("model", "ifs/"), members
        )
        return path

    def add_demo(
        self, time: datetime, steps: list[int], *, followers: bool = False, terrain: bool = False, **where: str
    ) -> str:
        """The demo cycle's fields as of this cycle and these lead times; returns the last one's path.

        `followers`: and made-up ones beside them; `terrain`: at the start also that which the model computes with.
        """
        for step in steps:
            found = [(param_of(m), m) for m in messages(DEMO_GRIB)] + (follower_messages(step) if followers else [])
            if terrain and step == 0:
                found.append(("z", terrain_message(found[0][1], rippled)))
            label = where.get("stream", "oper"), where.get("model", "ifs/")
            parts = [(name, relabelled(m, time, step, *label)) for name, m in found]
            path = self.add(time, step, [p for p in parts if step or p[0] not in OF_INTERVALS], **where)
        return path

    def add_ensemble(self, time: datetime, steps: list[int], members: int) -> None:
        """The demo cycle's fields as members 1 and on of this cycle."""
        for step in steps:
            found = [(param_of(m), relabelled(m, time, step, "enfo")) for m in messages(DEMO_GRIB)]
            found = [p for p in found if step or p[0] not in OF_INTERVALS]
            parts = [(name, of_member(m, i)) for i in range(1, members + 1) for name, m in found]
            self.add(time, step, parts, members=members, stream="enfo")

    def asked(self, ending: str) -> list[tuple[str, str, str]]:
        """GET requests for paths of that ending."""
        return [r for r in self.requests if r[0] == "GET" and r[1].endswith(ending)]


class _Handler(Handler):
    """Answers as ECMWF's server does."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        mirror = self.served
        with mirror.lock:
            mirror.requests.append((self.command, self.path, self.headers.get("Range", "")))
        time.sleep(mirror.latency)
        if self.faulty(self.path):
            return None
        body = mirror.files.get(self.path)
        if body is None:
            return self.directory()
        ranges = self.headers.get("Range")
        if ranges is None:
            return self.reply(200, body, Accept_Ranges="bytes")
        spans = [tuple(map(int, part.split("-"))) for part in ranges.removeprefix("bytes=").split(",")]
        if any(first >= len(body) for first, _ in spans):
            return self.reply(416, b"", Content_Range=f"bytes */{len(body)}")
        pieces = [(first, min(last, len(body) - 1)) for first, last in spans]
        if len(pieces) == 1:
            first, last = pieces[0]
            return self.reply(206, body[first : last + 1], Content_Range=f"bytes {first}-{last}/{len(body)}")
        out = b""
        for first, last in pieces:
            out += f"\r\n--{BOUNDARY}\r\nContent-Type: application/octet-stream\r\n".encode()
            out += f"Content-Range: bytes {first}-{last}/{len(body)}\r\n\r\n".encode() + body[first : last + 1]
        out += f"\r\n--{BOUNDARY}--\r\n".encode()
        return self.reply(206, out, Content_Type=f"multipart/byteranges; boundary={BOUNDARY}")

    def directory(self) -> None:
        """A folder's listing, or 404."""
        folder = self.path.rstrip("/") + "/"
        names = {f[len(folder) :].split("/")[0] for f in self.served.files if f.startswith(folder)}
        if not names:
            return self.reply(404, b"<html><body><h1>404 Not Found</h1></body></html>", Content_Type="text/html")
        links = "".join(f'<a href="{folder}{n}">{n}</a>\n' for n in sorted(names))
        return self.reply(200, f"<html><body>{links}</body></html>".encode(), Content_Type="text/html")

    def whole(self) -> tuple[int, bytes, dict[str, str]]:
        """The first range, or the file."""
        code, body, headers = super().whole()
        if not (ranges := self.headers.get("Range")):
            return code, body, headers
        first, last = map(int, ranges.removeprefix("bytes=").split(",")[0].split("-"))
        return 206, body[first : last + 1], {"Content_Range": f"bytes {first}-{last}/{len(body)}"}


# Faults of a mirror's own


def no_multiple_ranges(handler: Handler) -> bool:
    """400 to more than one range, as Google answers."""
    if "," in handler.headers.get("Range", ""):
        handler.reply(400, b"multiple ranges are not supported")
        return True
    return False


def multiple_ranges_ignored(handler: Handler) -> bool:
    """The whole file to more than one range, as AWS answers."""
    if "," in handler.headers.get("Range", ""):
        handler.reply(200, handler.served.files[handler.path])
        return True
    return False


@contextmanager
def open_data(mirror: OpenData | None = None, port: int = 0) -> Iterator[OpenData]:
    """Serve a mirror on loopback."""
    mirror = mirror or OpenData()
    with serving(_Handler, mirror, port):
        yield mirror


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
