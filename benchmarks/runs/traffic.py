"""A month's readers of `finescale serve` in minutes, by wrk on loopback: `python -m benchmarks.runs.traffic`.

A product of sixteen lead times over Hubei is published, and served by a process of its own. A view is what the page
asks: itself and its parts, catalogues, outline, `latest.json`, the product's metadata, stations, and of fields the
index of each shard and some chunks (Range). 200 readers with four views a day make 24,000 views a month, one in two
minutes; here all 200 ask at once and again as soon as they are answered, as do 8, and beside each run there are a
hundred clients that never finish asking, or do not take what they asked for. wrk and the server share their cores.

wrk (Debian: `apt-get install wrk`) is no package of PyPI: without it this ends with one line.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from benchmarks.shared.rounds import about, keep, say
from benchmarks.stages.inference import RESULTS
from tasks.page.connection import ASKING, TAKING
from tests.conftest import write_region
from tests.several_leads import write_grib

FILE = RESULTS / "traffic.json"
HOURS = list(range(3, 49, 3))  # lead times
READERS = (200, 8)  # at once
CHUNKS = 8  # of each shard that a view looks at
SLOW = 50  # clients of each kind that are too slow
BIG = 64 * 1024 * 1024  # bytes that the clients which do not take them ask for: more than all buffers on the way hold

# each thread goes through the same requests from a place of its own
SCRIPT = """
local asked, at, threads = {}, 0, 0
function setup(thread) thread:set("offset", threads); threads = threads + 1 end
function init()
  for line in io.lines(os.getenv("ASKED")) do
    local path, range = line:match("^(%S+) ?(.*)$")
    asked[#asked + 1] = wrk.format("GET", path, range ~= "" and { Range = range } or nil)
  end
  at = offset * 37
end
function request() at = at % #asked + 1; return asked[at] end
function done(summary, latency)
  io.write(string.format(
    '{"requests": %d, "seconds": %.1f, "megabytes": %.0f, "p50": %.1f, "p99": %.1f, "longest": %.1f, ' ..
    '"not 2xx or 3xx": %d, "connections": %d, "unanswered": %d}\\n',
    summary.requests, summary.duration / 1e6, summary.bytes / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3, latency.max / 1e3, summary.errors.status, summary.errors.connect,
    summary.errors.read + summary.errors.write + summary.errors.timeout))
end
"""


def published(folder: Path) -> Path:
    """A store with one product."""
    region = str(write_region(folder / "regions/hubei"))
    grib = str(write_grib(folder / "several.grib2", HOURS))
    store = folder / "store"
    run = [sys.executable, "-m", "flows.commands.app", "run", region, "--input", grib, "--store", str(store)]
    subprocess.run(run, env=os.environ | {"FINESCALE_WORKSPACE": str(folder / "workspace")}, check=True)
    return store


def page_view(store: Path) -> list[str]:
    """`/path` or `/path bytes=from-to` of each request of one view."""
    latest = json.loads((store / "hubei/file/latest.json").read_text())
    product, stem = latest["product"], latest["product"].removesuffix(".zarr")
    parts = [f"/{file.relative_to(store)}" for file in sorted((store / "viewer").rglob("*")) if file.is_file()]
    found = ["/", *parts, "/catalog.json", "/hubei/catalog.json", "/hubei/boundary.geojson"]
    found += ["/hubei/file/latest.json", f"/{product}/zarr.json", f"/{stem}.stations.geojson"]
    for name in ("t2m", "tp", "u10", "v10", "input/t2m"):
        for shard in sorted(p for p in (store / product / name / "c").rglob("*") if p.is_file()):
            size, path = shard.stat().st_size, f"/{shard.relative_to(store)}"
            part = max(size // CHUNKS, 1)
            found.append(f"{path} bytes=-{min(132, size)}")  # its index
            found += [f"{path} bytes={i * part}-{i * part + part - 1}" for i in range(CHUNKS) if (i + 1) * part <= size]
    return [line for line in found if (store / line.split()[0].strip("/")).exists()]


@contextmanager
def served(store: Path) -> Iterator[tuple[psutil.Process, int]]:
    """The server's process and port."""
    words = [sys.executable, "-m", "flows.commands.app", "serve", "--store", str(store), "--port", "0"]
    environ = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            match = re.search(r":(\d+)/", line)
            if match is None:
                raise SystemExit(f"finescale serve does not start: {line or 'see above'}")
            yield psutil.Process(process.pid), int(match[1])
        finally:
            process.kill()


def held(server: psutil.Process) -> dict[str, float]:
    """Its memory (shared pages in part) and descriptors."""
    return {"memory MB": round(server.memory_full_info().pss / 1e6, 1), "descriptors": server.num_fds()}


class Slow(threading.Thread):
    """Clients that never finish asking, and ones that do not take what they asked for; who is cut off, and when."""

    def __init__(self, port: int, big: str) -> None:
        super().__init__(daemon=True)
        self.port, self.big, self.closed, self.longest = port, big, {"asking": 0, "taking": 0}, 0.0

    def run(self) -> None:
        """Until all are cut off, or twice the time that they have is over."""
        open_ = {kind: [self._client(kind) for _ in range(SLOW)] for kind in self.closed}
        began = time.monotonic()
        while any(open_.values()) and time.monotonic() - began < 2 * (ASKING + TAKING):
            time.sleep(0.5)
            for kind, clients in open_.items():
                for one in [c for c in clients if not self._is_open(c)]:
                    clients.remove(one)
                    self.closed[kind] += 1
                    self.longest = round(time.monotonic() - began, 1)

    def _client(self, kind: str) -> socket.socket:
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.connect(("127.0.0.1", self.port))
        end = "\r\n\r\n" if kind == "taking" else "\r\nX-Never"
        one.sendall(f"GET {self.big} HTTP/1.1\r\nHost: localhost{end}".encode())
        return one

    def _is_open(self, one: socket.socket) -> bool:
        state = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
        return state == 1  # TCP_ESTABLISHED; looked at without taking anything


def load(wrk: str, port: int, asked: list[str], readers: int, seconds: int, folder: Path) -> dict[str, Any]:
    """One run of wrk."""
    (folder / "asked").write_text("\n".join(asked) + "\n")
    (folder / "script.lua").write_text(SCRIPT)
    environ = os.environ | {"ASKED": str(folder / "asked")}
    words = [
        wrk,
        f"-t{min(readers, 2)}",
        f"-c{readers}",
        f"-d{seconds}s",
        "--timeout",
        "30s",
        "-s",
        str(folder / "script.lua"),
    ]
    done = subprocess.run([*words, f"http://127.0.0.1:{port}"], env=environ, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    if found["not 2xx or 3xx"] or not found["requests"]:
        raise SystemExit(f"wrk: {found}: the server refuses what is asked; nothing was measured")
    return found


def measure(wrk: str, seconds: int) -> dict[str, Any]:
    """Memory before and after, and what each number of readers found."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = published(folder)
        asked = page_view(store)
        big = store / "hubei/big.bin"
        with big.open("wb") as file:
            file.truncate(BIG)
        with served(store) as (server, port):
            load(wrk, port, asked, 1, 5, folder)
            found: dict[str, Any] = {"requests of a view": len(asked), "before": held(server), "runs": {}}
            for readers in READERS:
                say(f"{readers} readers, {seconds} s")
                slow = Slow(port, "/hubei/big.bin")
                slow.start()
                run = load(wrk, port, asked, readers, seconds, folder)
                run |= {"at its end": held(server)}
                slow.join()
                run |= {"slow clients closed": slow.closed, "the last after seconds": slow.longest}
                found["runs"][str(readers)] = run
                say(json.dumps(run))
            time.sleep(5)
            found["after"] = held(server)
    return found


def main() -> None:
    """Print and keep what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split(":")[0])
    parser.add_argument("--seconds", type=int, default=120, help="of each run")
    args = parser.parse_args()
    wrk = shutil.which("wrk")
    if wrk is None:
        raise SystemExit("wrk: not found; apt-get install wrk")
    with suppress(KeyboardInterrupt):
        kept = json.loads(FILE.read_text())["rounds"] if FILE.is_file() else []
        found = measure(wrk, args.seconds)
        print(json.dumps(found, indent=1))
        keep(FILE, {"about": about(), "rounds": [*kept, found][-2:]})


if __name__ == "__main__":
    main()
