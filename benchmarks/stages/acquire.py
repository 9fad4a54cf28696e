"""Acquiring a cycle for Hubei, side by side in one run: requests, bytes, time (python -m benchmarks.stages.acquire).

49 lead times of seven parameters, from a stand-in of open data in a process of its own that waits 50 ms before each
answer; files of as many global messages as ECMWF's list has, with seven made-up fields among fillers of their length.
Beside it what a user would take instead: whole files, and the `ecmwf-opendata` client's `retrieve`. Each way is run in
turn, several rounds, and the fastest round counts. Writes benchmarks/results/acquire.json.
"""

from __future__ import annotations

import argparse
import json
import logging
import mmap
import multiprocessing
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import eccodes
import numpy as np
import requests
from ecmwf.opendata import Client

from benchmarks.runs.cycles import WORLD, noise, on_world
from benchmarks.stages.inference import RESULTS
from tasks.acquire.ifs import IfsSource
from tasks.handover.cycle import Cycle
from tasks.region import search as regions
from tasks.region.document import Region
from tests.grib import messages
from tests.servers.opendata import DEMO_GRIB, OpenData, index_of, open_data, param_of, relabelled

TIME = datetime(2026, 11, 20, tzinfo=UTC)
STEPS = list(range(0, 145, 3))
LATENCY = 0.05  # s
OTHERS = 9 * 13 + 8 + 33  # messages beside the seven: nine parameters on 13 levels, soil, other single levels
WHOLE, CLIENT = "whole files, one after another", "`ecmwf-opendata` client, `retrieve`"
ALONE = "finescale, `confirm: false`, one at a time", "finescale, `confirm: false`"
CONFIRMED = "finescale, one at a time", "finescale as shipped (a second mirror confirms)"
FILE = RESULTS / "acquire.json"


def worldwide(message: bytes) -> bytes:
    """A message of the same parameter on ECMWF's global grid: noise with an atmosphere's spectrum."""
    handle = eccodes.codes_new_from_message(message)
    try:
        regional = eccodes.codes_get_array(handle, "values")
    finally:
        eccodes.codes_release(handle)
    values = regional.mean() + regional.std() * noise((WORLD.rows, WORLD.cols), 3.0, 0)
    return on_world(message, np.maximum(values, 0) if regional.min() >= 0 and param_of(message) == "tp" else values)


def publish(mirror: OpenData, folder: Path) -> None:
    """One file a lead time, on disk, so that fillers (holes) take no memory."""
    fields = [(param_of(m), worldwide(m)) for m in messages(DEMO_GRIB)]
    filler = sum(len(m) for _, m in fields) // len(fields)
    for step in STEPS:
        here = [(p, relabelled(m, TIME, step)) for p, m in fields if step or p != "tp"]
        parts = here + [(f"other{i}", b"") for i in range(OTHERS)]
        random.Random(step).shuffle(parts)  # noqa: S311
        path = mirror.path(TIME, step)
        lines, at = [], 0
        file = folder / f"{step}.grib2"
        with file.open("wb") as out:
            for part in parts:
                line = json.loads(index_of([part], TIME, step, "oper"))
                line |= {"_offset": at, "_length": len(part[1]) or filler}
                lines.append(json.dumps(line))
                out.seek(at)
                out.write(part[1])
                at += line["_length"]
            out.truncate(at)
        with file.open("rb") as source:
            mirror.files[f"{path}.grib2"] = mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ)  # type: ignore[assignment]
        mirror.files[f"{path}.index"] = ("\n".join(lines) + "\n").encode()


def serve(pipe: Connection) -> None:
    """Body of the stand-in's process: sends its address, then what was asked of it since the last time."""
    with tempfile.TemporaryDirectory() as folder, open_data(OpenData(latency=LATENCY)) as mirror:
        publish(mirror, Path(folder))
        pipe.send(mirror.url)
        while pipe.recv():
            pipe.send((len(mirror.requests), mirror.sent))
            mirror.requests.clear()
            mirror.sent = 0


class StandIn:
    """The process that serves."""

    def __init__(self) -> None:
        self.pipe, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
        self.process.start()
        self.url = str(self.pipe.recv())

    def asked(self) -> tuple[int, int]:
        """Requests and body bytes since the last call."""
        self.pipe.send(True)
        count, sent = self.pipe.recv()
        return int(count), int(sent)


@contextmanager
def stand_ins(count: int) -> Iterator[list[StandIn]]:
    """So many of them."""
    servers = [StandIn() for _ in range(count)]
    try:
        yield servers
    finally:
        for server in servers:
            server.pipe.send(False)
            server.process.join(10)


def hubei(mirrors: list[str], **settings: Any) -> Region:
    """Hubei to 144 h with these mirrors."""
    data = regions.load("hubei").model_dump()
    data["lead_times"] = {"start": 0, "stop": STEPS[-1], "step": 3}
    data["acquire"] = {"mirrors": mirrors} | settings
    return Region.model_validate(data)


def ours(mirrors: list[str], **settings: Any) -> Callable[[Path], int]:
    """Fetch as `finescale run hubei --source ifs` does; a call returns the number of messages it got."""
    place = hubei(mirrors, **settings)
    return lambda folder: len(IfsSource().fetch(Cycle(source="ifs", time=TIME), place, str(folder)))


def whole_files(url: str) -> Callable[[Path], int]:
    """One lead time's file after another, as one would with curl."""

    def run(folder: Path) -> int:
        with requests.Session() as session:
            for step in STEPS:
                with session.get(url + OpenData.path(TIME, step) + ".grib2", stream=True, timeout=60) as answer:
                    (folder / f"{step}.grib2").write_bytes(b"")
                    for _ in answer.iter_content(1 << 20):  # not kept: 5 GB
                        pass
        return len(STEPS) * (OTHERS + 7) - 1

    return run


def client(url: str) -> Callable[[Path], int]:
    """The `ecmwf-opendata` client, one file for all."""

    def run(folder: Path) -> int:
        target = folder / "all.grib2"
        params = ["2t", "2d", "10u", "10v", "sp", "msl", "tp"]
        Client(source=url).retrieve(date=TIME, time=0, type="fc", step=STEPS, param=params, target=str(target))
        return len(messages(target))

    return run


def measure(rounds: int) -> list[dict[str, Any]]:
    """Every way."""
    with stand_ins(2) as servers:
        one, both = [servers[0].url], [s.url for s in servers]
        ways = {
            WHOLE: whole_files(one[0]),
            CLIENT: client(one[0]),
            ALONE[0]: ours(one, in_flight=1, confirm=False),
            ALONE[1]: ours(one, confirm=False),
            CONFIRMED[0]: ours(both, in_flight=1),
            CONFIRMED[1]: ours(both),
        }
        out = {way: {"way": way, "seconds": []} for way in ways}
        for i in range(rounds):
            for way, run in ways.items():
                with tempfile.TemporaryDirectory() as folder:
                    [s.asked() for s in servers]
                    began = time.perf_counter()
                    count = run(Path(folder))
                    took = time.perf_counter() - began
                    asked = [s.asked() for s in servers]
                print(f"round {i + 1}/{rounds} {way}: {took:.2f} s", flush=True)
                out[way]["seconds"].append(round(took, 3))
                out[way] |= {
                    "messages": count,
                    "requests": sum(r for r, _ in asked),
                    "bytes": sum(b for _, b in asked),
                }
    return list(out.values())


def section() -> str:
    """Of docs/benchmarks.md."""
    result = json.loads(FILE.read_text())
    best = {r["way"]: min(r["seconds"]) for r in result["records"]}
    size = {r["way"]: r for r in result["records"]}
    whole, mine = size[WHOLE], size[ALONE[1]]
    text = f"""## Acquiring a cycle

Written from `benchmarks/results/acquire.json` (`python -m benchmarks.stages.acquire`): Hubei, 49 lead times of seven
parameters, against a stand-in in another process that waits {LATENCY * 1e3:.0f} ms before each answer; its files have
{OTHERS + 7} global messages of {mine["bytes"] / mine["messages"] / 1e6:.2f} MB. Loopback has no limit of bandwidth:
over a real line the bytes count too. The fastest of the rounds, every way in turn; ours includes proving (decoding)
every message.

| way | messages | requests | MB | s |
|---|---:|---:|---:|---:|
"""
    for way, r in size.items():
        text += f"| {way} | {r['messages']:,} | {r['requests']} | {r['bytes'] / 1e6:,.0f} | {best[way]:.2f} |\n"
    return f"""{text}
As shipped {best[CONFIRMED[0]] / best[CONFIRMED[1]]:.1f} times faster than one request at a time, without confirming
{best[ALONE[0]] / best[ALONE[1]]:.1f} times (goal: 5); the client takes {best[CLIENT] / best[CONFIRMED[1]]:.1f} times as
long as ours as shipped. {whole["bytes"] / mine["bytes"]:.0f} times fewer bytes than whole files.
"""


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    logging.getLogger("tasks").setLevel(logging.ERROR)
    records = measure(args.rounds)
    RESULTS.mkdir(exist_ok=True)
    FILE.write_text(json.dumps({"records": records}, indent=1) + "\n")
    print(section())


if __name__ == "__main__":
    main()
