"""IFS from open data: the real client against a stand-in on loopback; a fault ends in the right bytes or an error."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.products.gaps import due_cycles
from tasks.acquire.ifs import IfsSource
from tasks.errors import BadInput, CycleNotReady, IncompleteDownload, WorkspaceFull
from tasks.handover.cycle import Cycle, RawFile
from tasks.region import search as regions
from tasks.region.document import LeadTimes, Region
from tasks.region.settings import Schedule
from tests.conftest import ROOT
from tests.grib import messages
from tests.servers import opendata
from tests.servers.http import Handler, cut, drip, html, silent, status, truncated, until
from tests.servers.opendata import DEMO_GRIB, OpenData, index_of, open_data, param_of, relabelled

TIME = datetime(2026, 11, 20, 0, tzinfo=UTC)  # old enough that what is not there will not come
CYCLE = Cycle(source="ifs", time=TIME)
STEPS = [0, 3, 6]
COUNT = 7 * len(STEPS) - 1  # no rain at the start
QUICK = {
    "timeout_seconds": 1.0, "slowest": 20_000, "pause_seconds": 0.3, "poll_seconds": 0.2, "wait_minutes": 0.05,
    "in_flight": 4,
}  # fmt: skip

Servers = Callable[..., list[OpenData]]


@pytest.fixture
def servers() -> Iterator[Servers]:
    """Mirrors that all hold the cycle."""
    with ExitStack() as stack:

        def start(count: int = 1, steps: list[int] = STEPS, time: datetime = TIME) -> list[OpenData]:
            out = [stack.enter_context(open_data()) for _ in range(count)]
            for mirror in out:
                mirror.add_demo(time, steps)
            return out

        yield start


def region(mirrors: list[OpenData], stop: int = 6, variables: list[str] | None = None, **settings: Any) -> Region:
    """Hubei with these mirrors."""
    data = regions.load("hubei").model_dump()
    data["lead_times"] = {"start": 0, "stop": stop, "step": 3}
    data["acquire"] = QUICK | {"mirrors": [m.url for m in mirrors]} | settings
    if variables:
        data |= {"variables": variables, "required": variables}
    return Region.model_validate(data)


def expected() -> dict[str, bytes]:
    """The right bytes by file name."""
    return {
        f"0p25-oper-{step}h-{param_of(m)}.grib2": relabelled(m, TIME, step)
        for step in STEPS
        for m in messages(DEMO_GRIB)
        if step or param_of(m) != "tp"
    }


def fetch(place: Region, folder: Path, cycle: Cycle = CYCLE) -> list[RawFile]:
    return IfsSource().fetch(cycle, place, str(folder))


def assert_right(files: list[RawFile]) -> None:
    assert {Path(f.uri).name: Path(f.uri).read_bytes() for f in files} == expected()


def nothing_is_half_written(folder: Path) -> bool:
    return not any(".partial" in f.name for f in folder.rglob("*"))


# What is right


def test_every_message_is_fetched_once_and_hashed(servers: Servers, tmp_path: Path) -> None:
    (mirror,) = servers()
    files = fetch(region([mirror]), tmp_path)
    assert_right(files)
    assert len(files) == COUNT
    assert {f.mirror for f in files} == {mirror.url}
    requests = [r for r in mirror.requests if r[1].endswith(".grib2")]
    assert len(requests) == len(STEPS), "one request with several ranges, or one range, a lead time"


def test_the_model_s_terrain_comes_with_the_fields_where_a_mirror_has_it(servers: Servers, tmp_path: Path) -> None:
    (mirror,) = servers()
    mirror.add_demo(TIME, [0], terrain=True)
    *fields, terrain = fetch(region([mirror]), tmp_path)
    assert_right(fields)
    assert Path(terrain.uri).name == "0p25-oper-0h-z.grib2"
    assert param_of(Path(terrain.uri).read_bytes()) == "z"
    mirror.requests.clear()
    assert [f.uri for f in fetch(region([mirror]), tmp_path)] == [*(f.uri for f in fields), terrain.uri]
    assert mirror.requests == []
    flat = region([mirror]).model_copy(update={"terrain": None})
    assert_right(fetch(flat, tmp_path / "flat"))


def test_terrain_that_does_not_come_whole_is_done_without(servers: Servers, tmp_path: Path) -> None:
    (mirror,) = servers()
    path = mirror.add_demo(TIME, [0], terrain=True)
    mirror.files[f"{path}.grib2"] = mirror.files[f"{path}.grib2"][:-100]
    assert_right(fetch(region([mirror]), tmp_path))


def test_a_second_run_fetches_nothing(servers: Servers, tmp_path: Path) -> None:
    (mirror,) = servers()
    fetch(region([mirror]), tmp_path)
    mirror.requests.clear()
    assert_right(fetch(region([mirror]), tmp_path))
    assert mirror.requests == []


def test_a_file_that_was_spoiled_on_disk_is_fetched_again(servers: Servers, tmp_path: Path) -> None:
    (mirror,) = servers()
    files = fetch(region([mirror]), tmp_path)
    path = Path(files[3].uri)
    path.write_bytes(path.read_bytes()[:-9])
    mirror.requests.clear()
    assert_right(fetch(region([mirror]), tmp_path))
    assert len(mirror.asked(".grib2")) == 1


def test_the_second_mirror_confirms(servers: Servers, tmp_path: Path) -> None:
    one, other = servers(2)
    files = fetch(region([one, other]), tmp_path)
    assert_right(files)
    assert all(f.confirmed for f in files)
    assert not any(f.confirmed for f in fetch(region([one, other], confirm=False), tmp_path / "b"))


def test_only_needed_ranges_are_asked_for(servers: Servers, tmp_path: Path) -> None:
    (mirror,) = servers()
    fetch(region([mirror], variables=["t2m", "msl"]), tmp_path)
    whole = sum(len(v) for k, v in mirror.files.items() if k.endswith(".grib2"))
    assert mirror.sent < 0.5 * whole


def test_addresses_are_those_of_the_client(servers: Servers, tmp_path: Path) -> None:
    from ecmwf.opendata import Client

    from tasks.acquire.layout import file_uri

    (mirror,) = servers()
    for when in (
        datetime(2025, 1, 15, 18),
        datetime(2026, 5, 11, 6),
        datetime(2026, 5, 12, 18),
        datetime(2026, 11, 20),
    ):
        for resol in ("0p25", "0p1"):
            client = Client(source=mirror.url, resol=resol)
            mirror.requests.clear()
            with pytest.raises(Exception, match="404"):
                client.retrieve(
                    date=f"{when:%Y%m%d}", time=when.hour, step=27, param="2t", levtype="sfc", type="fc",
                    target=str(tmp_path / "x"),
                )  # fmt: skip
            ours = file_uri(mirror.url, when.replace(tzinfo=UTC), 27, resol)
            assert {r[1] for r in mirror.requests} == {ours.removeprefix(mirror.url) + ".index"}


def test_the_short_cut_off_stream_of_old_cycles(servers: Servers, tmp_path: Path) -> None:
    (mirror,) = servers()
    old = datetime(2025, 1, 15, 18, tzinfo=UTC)
    mirror.add_demo(old, STEPS, stream="scda")
    files = fetch(region([mirror]), tmp_path, Cycle(source="ifs", time=old))
    assert len(files) == COUNT
    assert all("-scda-" in Path(f.uri).name for f in files)


def test_six_hourly_beyond_144_hours(servers: Servers, tmp_path: Path) -> None:
    (mirror,) = servers(1, [0, 3, 144, 150])
    place = region([mirror], variables=["t2m"])
    place.lead_times.start, place.lead_times.stop = 144, 150
    assert [Path(f.uri).name for f in fetch(place, tmp_path)] == [
        "0p25-oper-144h-2t.grib2", "0p25-oper-150h-2t.grib2",
    ]  # fmt: skip


def test_resolution_0p1_lies_in_files_of_its_own(servers: Servers, tmp_path: Path) -> None:
    (mirror,) = servers()
    mirror.add_demo(TIME, STEPS, resol="0p1", level="-sfc")
    mirror.requests.clear()
    assert len(fetch(region([mirror], resol="0p1"), tmp_path)) == COUNT
    assert all("/0p1/oper/" in r[1] and "-fc-sfc." in r[1] for r in mirror.requests)


@pytest.mark.parametrize(
    ("time", "stop", "message"),
    [
        (
            datetime(2023, 1, 15, 18, tzinfo=UTC),
            144,
            r"reaches \+90 h, the region asks for \+144 h; shorten lead_times",
        ),
        (datetime(2026, 1, 15, 3, tzinfo=UTC), 6, "cycles start at 00, 06, 12 and 18 UTC"),
        (datetime(2096, 1, 15, 0, tzinfo=UTC), 6, "lies in the future"),
    ],
)
def test_a_cycle_that_cannot_be_is_refused_at_once(time: datetime, stop: int, message: str, tmp_path: Path) -> None:
    with open_data() as mirror, pytest.raises(BadInput, match=message):
        fetch(region([mirror], stop=stop), tmp_path, Cycle(source="ifs", time=time))
    assert mirror.requests == []


# Which cycle


def test_latest_is_the_newest_whose_last_lead_time_lists_everything(servers: Servers) -> None:
    (mirror,) = servers()
    later = TIME + timedelta(hours=6)
    mirror.add_demo(later, [0, 3])  # its last lead time is not there yet
    assert IfsSource().latest(region([mirror]), later + timedelta(hours=7)) == CYCLE
    path = mirror.add(later, 6, [(param_of(m), relabelled(m, later, 6)) for m in messages(DEMO_GRIB)][:-1])
    assert IfsSource().latest(region([mirror]), later + timedelta(hours=7)) == CYCLE, "no rain in it yet"
    mirror.add_demo(later, [6])
    assert path
    assert IfsSource().latest(region([mirror]), later + timedelta(hours=7)).time == later


def test_latest_when_nothing_is_complete(servers: Servers) -> None:
    (mirror,) = servers()
    with pytest.raises(CycleNotReady, match=r"no cycle of the last two days has lead time \+6 h"):
        IfsSource().latest(region([mirror]), TIME + timedelta(days=9))


def test_latest_when_no_mirror_answers() -> None:
    with open_data() as gone:
        place = region([gone])
    with pytest.raises(IncompleteDownload, match=r"no mirror answers .*connection refused.* check the network"):
        IfsSource().latest(place, TIME)


@pytest.mark.parametrize(
    ("scheduled", "stop", "cycle"),
    [
        ("2026-11-20T07:45", 144, "2026-11-20T00"), ("2026-11-20T12:35", 144, "2026-11-20T06"),
        ("2026-11-20T19:45", 144, "2026-11-20T12"), ("2026-11-21T00:35", 144, "2026-11-20T18"),
        ("2026-11-21T00:15", 144, "2026-11-20T12"), ("2026-11-20T07:30", 144, "2026-11-19T18"),
        # 06 and 18 UTC end at 144 h
        ("2026-11-20T12:35", 150, "2026-11-20T00"), ("2026-11-21T00:35", 240, "2026-11-20T12"),
    ],
)  # fmt: skip
def test_a_schedule_s_times_are_of_the_newest_cycle_that_reaches_far_enough(
    scheduled: str, stop: int, cycle: str
) -> None:
    when = datetime.fromisoformat(scheduled).replace(tzinfo=UTC)
    place = regions.load("hubei").model_copy(update={"lead_times": LeadTimes(stop=stop)})
    assert IfsSource().due(place, when).stamp == cycle


def test_four_times_a_day_make_four_cycles_each_once() -> None:
    schedule = Schedule(ifs="45 0,7,12,19 * * *")
    place = regions.load("hubei").model_copy(update={"schedule": schedule})
    start = datetime(2026, 11, 20, tzinfo=UTC)
    found = due_cycles(place, "ifs", start, start + timedelta(days=1))
    assert [(c.stamp, f"{w:%dT%H:%M}") for c, w in found.items()] == [
        ("2026-11-20T12", "20T19:45"), ("2026-11-20T06", "20T12:45"),
        ("2026-11-20T00", "20T07:45"), ("2026-11-19T18", "20T00:45"),
    ]  # fmt: skip


@pytest.mark.fault("clock past midnight while waiting", "the cycle that was asked for, no other")
def test_midnight_while_waiting_changes_no_cycle(servers: Servers, tmp_path: Path) -> None:
    (mirror,) = servers()
    cycle = IfsSource().latest(region([mirror]), datetime(2026, 11, 20, 23, 59, 59, tzinfo=UTC))
    late = {p: mirror.files.pop(p) for p in [p for p in mirror.files if "-6h-" in p]}
    next_day = TIME + timedelta(days=1)

    def midnight(handler: Handler) -> bool:
        mirror.add_demo(next_day, STEPS)
        mirror.files.update(late)
        return False

    mirror.on("-6h-.*index", midnight, 2)
    place = region([mirror], wait_minutes=0.2)
    assert cycle == CYCLE
    assert_right(fetch(place, tmp_path, cycle))
    assert not any(f"{next_day:%Y%m%d}" in r[1] for r in mirror.requests)


# Faults


def heal(
    fault: str, outcome: str, name: str, pattern: str, act: Any, times: int | None = None
) -> Any:  # one line a fault
    return pytest.param(pattern, act, times, id=name, marks=pytest.mark.fault(fault, outcome))


OTHER = "the right bytes, from the next mirror"
AGAIN = "the right bytes, from the same mirror a little later"


@pytest.mark.parametrize(
    ("pattern", "act", "times"),
    [
        heal("truncated body", OTHER, "truncated", "grib2", truncated(0.7)),
        heal("connection cut mid-range", OTHER, "cut", "grib2", cut(9000)),
        heal("index cut in the middle of a line", OTHER, "index-cut", "index", truncated(0.63)),
        heal("429 with Retry-After", OTHER, "busy", "grib2", status(429, Retry_After="30")),
        heal("503 SlowDown from one mirror", OTHER, "slow-down", ".", status(503)),
        heal("HTML error page with status 200", OTHER, "html", ".", html),
        heal("a server that accepts and never answers", OTHER, "silent", ".", silent),
        heal("a slow-drip server", OTHER, "drip", "grib2", drip(50)),
        heal("404 of a file whose index is there", OTHER, "no-file", "grib2", status(404)),
    ],
)  # fmt: skip
def test_a_sick_mirror_is_passed_over(
    pattern: str, act: Any, times: int | None, servers: Servers, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sick, well = servers(2)
    sick.on(pattern, act, times)
    with caplog.at_level(logging.INFO, logger="tasks"):
        files = fetch(region([sick, well], confirm=False, slowest=50_000), tmp_path)
    assert_right(files)
    assert nothing_is_half_written(tmp_path)
    assert "mirror" in caplog.text, "the log says what happened"


@pytest.mark.parametrize(
    ("pattern", "act", "times"),
    [
        heal("429 with Retry-After, no other mirror", AGAIN, "busy-alone",
             "grib2", status(429, Retry_After="1"), 1),
        heal("connection cut, no other mirror", AGAIN, "cut-alone", "grib2", cut(9000), 2),
        heal("503 SlowDown, no other mirror", AGAIN, "slow-down-alone", ".", status(503), 3),
    ],
)  # fmt: skip
def test_the_only_mirror_is_asked_again(
    pattern: str, act: Any, times: int | None, servers: Servers, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (mirror,) = servers()
    mirror.on(pattern, act, times)
    with caplog.at_level(logging.INFO, logger="tasks"):
        assert_right(fetch(region([mirror], wait_minutes=0.5), tmp_path))
    assert "looking again in" in caplog.text


def test_who_waits_while_no_mirror_is_reachable_says_so_and_until_when(
    servers: Servers, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (mirror,) = servers()
    mirror.on(".", status(503))
    with caplog.at_level(logging.INFO, logger="tasks"), pytest.raises(IncompleteDownload):
        fetch(region([mirror], wait_minutes=0.1), tmp_path)
    assert re.search(
        r"acquire: waits for ifs/\S+ until \d{4}-\d\d-\d\d \d\d:\d\d UTC: (\d+) of \1 messages missing, "
        r"no mirror reachable, looking again in \d+ s", caplog.text,
    )  # fmt: skip


APART = ["t2m", "u10", "sp", "msl", "tp"]  # 2d and 10v lie between them: three ranges a lead time


def test_several_ranges_in_one_request(servers: Servers, tmp_path: Path) -> None:
    (mirror,) = servers(1, [0, 3])
    files = fetch(region([mirror], stop=3, variables=APART), tmp_path)
    assert {Path(f.uri).name: Path(f.uri).read_bytes() for f in files}.items() <= expected().items()
    assert len(files) == 9
    assert [r[2].count(",") for r in mirror.asked(".grib2")] == [2, 2]


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(opendata.no_multiple_ranges, id="400", marks=pytest.mark.fault(
            "multi-range answered with 400", "the right bytes, one range at a time from then on")),
        pytest.param(opendata.multiple_ranges_ignored, id="whole", marks=pytest.mark.fault(
            "multi-range answered whole (200)", "the right bytes, one range at a time from then on")),
    ],
)  # fmt: skip
def test_a_mirror_that_knows_single_ranges_only(
    act: Any, servers: Servers, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (mirror,) = servers(1, [0, 3, 6])
    mirror.on("grib2", act)
    with caplog.at_level(logging.INFO, logger="tasks"):
        files = fetch(region([mirror], variables=APART, in_flight=1), tmp_path)
    assert {Path(f.uri).name: Path(f.uri).read_bytes() for f in files}.items() <= expected().items()
    assert len(files) == 14
    assert [r[2].count(",") for r in mirror.asked(".grib2")] == [2, *[0] * 9], "asked once, and never again"
    assert "asking for one range at a time" in caplog.text


@pytest.mark.fault("a server that ignores ranges altogether", OTHER)
def test_a_whole_file_instead_of_a_range_is_not_downloaded(servers: Servers, tmp_path: Path) -> None:
    (mirror, well) = servers(2)
    mirror.on("grib2", lambda handler: handler.reply(200, mirror.files[handler.path]) or True)
    assert_right(fetch(region([mirror, well], confirm=False), tmp_path))


def test_retry_after_is_kept(servers: Servers, tmp_path: Path) -> None:
    (mirror,) = servers(1, [0])
    times: list[float] = []
    mirror.on("index", lambda handler: times.append(time.monotonic()) or False)  # type: ignore[func-returns-value]
    mirror.on("index", status(429, Retry_After="2"), 1)
    fetch(region([mirror], stop=0, wait_minutes=0.5), tmp_path)
    assert times[1] - times[0] >= 2.0


@pytest.mark.fault("500s for a minute", "the right bytes when they end; the mirror is left alone meanwhile")
def test_a_server_that_is_down_for_a_while_is_not_hammered(
    servers: Servers, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (mirror,) = servers()
    up = threading.Event()
    mirror.on(".", until(up, status(500)))
    threading.Timer(3.0, up.set).start()
    with caplog.at_level(logging.INFO, logger="tasks"):
        assert_right(fetch(region([mirror], wait_minutes=0.5), tmp_path))
    assert "is left alone for" in caplog.text
    failed = len(mirror.requests) - 2 * len(STEPS)
    assert failed < 20, "a few tries a pause, not a storm"


def spoil_index(mirror: OpenData, step: int, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
    path = mirror.path(TIME, step) + ".index"
    entries = [json.loads(line) for line in mirror.files[path].splitlines()]
    mirror.files[path] = "".join(json.dumps(e) + "\n" for e in change(entries)).encode()


def _shift(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    places = [(e["_offset"], e["_length"]) for e in entries]
    return [e | {"_offset": o, "_length": n} for e, (o, n) in zip(entries, places[1:] + places[:1], strict=True)]


def _between(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [e | {"_offset": e["_offset"] + 100} for e in entries]


def _swap(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """2t and 2d change places, each with its own length: right length, wrong field."""
    a, b = entries[0], entries[1]
    return [a | {"param": b["param"]}, b | {"param": a["param"]}, *entries[2:]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(_shift, "the index is wrong", id="stale", marks=pytest.mark.fault(
            "stale index whose offsets point at other messages", OTHER)),
        pytest.param(_between, "not a whole GRIB message", id="between", marks=pytest.mark.fault(
            "stale index whose offsets point between messages", OTHER)),
        pytest.param(lambda es: es[:2] + es[3:], "10u not in the index", id="missing", marks=pytest.mark.fault(
            "index missing one parameter", OTHER)),
        pytest.param(lambda es: [es[0] | {"param": "unknown"}, *es[1:]], "2t not in the index", id="unknown",
                     marks=pytest.mark.fault("index with `param: unknown`", OTHER)),
        pytest.param(_swap, "the index is wrong", id="swap", marks=pytest.mark.fault(
            "right length, wrong field", OTHER)),
        pytest.param(lambda es: [e | {"_offset": e["_offset"] + 10**9} for e in es], "beyond the file", id="beyond",
                     marks=pytest.mark.fault("index that points beyond the file", OTHER)),
    ],
)  # fmt: skip
def test_a_lying_index_is_healed_from_the_next_mirror(
    change: Any, said: str, servers: Servers, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lying, honest = servers(2)
    spoil_index(lying, 3, change)
    with caplog.at_level(logging.INFO, logger="tasks"):
        files = fetch(region([lying, honest], confirm=False), tmp_path)
    assert_right(files)
    assert said in caplog.text
    assert {f.mirror for f in files} == {lying.url, honest.url}, "a field may come from another mirror than another"


def test_a_lying_index_confirms_nothing(servers: Servers, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    honest, lying = servers(2)
    spoil_index(lying, 3, _swap)
    files = fetch(region([honest, lying]), tmp_path)
    assert_right(files)
    alone = {Path(f.uri).name for f in files if not f.confirmed}
    assert alone == {"0p25-oper-3h-2t.grib2", "0p25-oper-3h-2d.grib2"}
    assert "the index is wrong" in caplog.text


@pytest.mark.parametrize(
    ("change", "said"), [(_shift, "the index is wrong"), (_swap, "the index is wrong"), (_between, "not a whole GRIB")]
)
def test_a_lying_index_without_another_mirror_is_an_error_that_says_what(
    change: Any, said: str, servers: Servers, tmp_path: Path
) -> None:
    (mirror,) = servers()
    spoil_index(mirror, 3, change)
    with pytest.raises(IncompleteDownload, match=rf"ifs/2026-11-20T00: \d of {COUNT} messages are missing .*{said}"):
        fetch(region([mirror]), tmp_path)


@pytest.mark.fault("right field, wrong cycle", OTHER)
def test_another_cycles_file_under_this_name_is_passed_over(
    servers: Servers, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stale, well = servers(2)
    before = TIME - timedelta(hours=12)
    parts = [(param_of(m), relabelled(m, before, 3)) for m in messages(DEMO_GRIB)]
    path = stale.path(TIME, 3)
    stale.files[f"{path}.grib2"] = b"".join(d for _, d in parts)
    stale.files[f"{path}.index"] = index_of(parts, TIME, 3, "oper")
    assert_right(fetch(region([stale, well], confirm=False), tmp_path))
    assert "the message there is 2t" in caplog.text
    assert "of 2026-11-19T12" in caplog.text


def flip(mirror: OpenData, step: int = 3, at: int = 5000) -> None:
    """Another bit deep in the data of 2t: it decodes, to other values."""
    path = mirror.path(TIME, step) + ".grib2"
    data = bytearray(mirror.files[path])
    data[at] ^= 1
    mirror.files[path] = bytes(data)


@pytest.mark.fault("flipped byte inside a message, three mirrors", "the right bytes: two of three agree")
def test_a_flipped_byte_is_outvoted(servers: Servers, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    mirrors = servers(3)
    flip(mirrors[0])
    assert_right(fetch(region(mirrors), tmp_path))
    assert "sends other bytes than" in caplog.text


@pytest.mark.fault("flipped byte inside a message, two mirrors", "nothing published: they differ and none decides")
def test_a_flipped_byte_that_nobody_can_decide_is_refused(servers: Servers, tmp_path: Path) -> None:
    mirrors = servers(2)
    flip(mirrors[1])
    with pytest.raises(
        IncompleteDownload, match=r"1 of 20 messages are missing \(2t at \+3 h\); .*send different bytes"
    ):
        fetch(region(mirrors), tmp_path)


@pytest.mark.fault("404 of a late lead time", "the right bytes when it comes; exit 3 if it does not in time")
def test_a_late_lead_time_is_waited_for(servers: Servers, tmp_path: Path) -> None:
    now = datetime.now(UTC) - timedelta(hours=1)  # 1 to 7 hours old: what is not there can still come
    when = now.replace(hour=now.hour // 6 * 6, minute=0, second=0, microsecond=0)
    cycle = Cycle(source="ifs", time=when)
    (mirror,) = servers(1, [0, 3], when)
    with pytest.raises(CycleNotReady, match=r"7 of 20 messages are missing .*at \+6 h\); .*not there \(404\).* later"):
        fetch(region([mirror]), tmp_path, cycle)
    assert CycleNotReady.exit_code == 3
    threading.Timer(1.0, lambda: mirror.add_demo(when, [6])).start()
    mirror.requests.clear()
    assert len(fetch(region([mirror], wait_minutes=0.5), tmp_path, cycle)) == COUNT
    assert all("-6h-" in r[1] for r in mirror.asked(".grib2")), "what was there is not fetched again"


def test_what_an_old_cycle_lacks_is_not_waited_for(servers: Servers, tmp_path: Path) -> None:
    (mirror,) = servers(1, [0, 3])
    with pytest.raises(CycleNotReady, match="that will not come any more"):
        fetch(region([mirror], wait_minutes=600), tmp_path)


@pytest.mark.fault("two runs of one cycle at once", "one fetches, the other takes what it fetched")
def test_two_runs_at_once_fetch_once(servers: Servers, tmp_path: Path) -> None:
    (mirror,) = servers()
    mirror.latency = 0.1
    results: list[list[RawFile]] = []
    place = region([mirror], wait_minutes=1)
    threads = [threading.Thread(target=lambda: results.append(fetch(place, tmp_path))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 2
    assert_right(results[0])
    assert_right(results[1])
    assert len(mirror.asked(".index")) == len(STEPS) + 1, "and that of the start again, for the model's terrain"


PROGRAM = """
import resource, sys
from tasks.acquire.ifs import IfsSource
from tasks.handover.cycle import Cycle
from tasks.errors import FinescaleError
from tasks.region.document import Region
from datetime import datetime, UTC
limit = int(sys.argv[3])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
place = Region.model_validate_json(open(sys.argv[1]).read())
try:
    IfsSource().fetch(Cycle(source="ifs", time=datetime(2026, 11, 20, tzinfo=UTC)), place, sys.argv[2])
except FinescaleError as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""


def program(place: Region, folder: Path, tmp_path: Path, limit: int = 0) -> subprocess.Popen[str]:
    """The same fetch in a process of its own."""
    file = tmp_path / "region.json"
    file.write_text(place.model_dump_json())
    command = [sys.executable, "-c", PROGRAM, str(file), str(folder), str(limit)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True)


@pytest.mark.fault("disk full while writing", "one line that says so; run again with room, only the rest is fetched")
def test_a_full_disk_loses_nothing(servers: Servers, tmp_path: Path) -> None:
    (mirror,) = servers()
    process = program(region([mirror], in_flight=1), tmp_path / "raw", tmp_path, limit=12_600)  # 2d fits, 2t does not
    assert process.communicate(timeout=60)[1].startswith("WorkspaceFull: ifs/2026-11-20T00 +0 h 2t: no room for")
    assert process.returncode == 1
    assert nothing_is_half_written(tmp_path)
    assert issubclass(WorkspaceFull, Exception)
    assert_right(fetch(region([mirror]), tmp_path / "raw"))


@pytest.mark.fault("process killed with SIGKILL in a download", "run again: what was good is not fetched again")
def test_a_killed_download_goes_on_where_it_was(servers: Servers, tmp_path: Path) -> None:
    (mirror,) = servers()
    mirror.on("-6h-.*grib2", drip(2000), 1)  # the last lead time hangs while the others come in
    process = program(region([mirror], timeout_seconds=60), tmp_path / "raw", tmp_path)
    raw = tmp_path / "raw/ifs/2026-11-20T00"
    deadline = time.monotonic() + 60
    while len(list(raw.glob("*.json"))) < 13:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    mirror.requests.clear()
    assert_right(fetch(region([mirror]), tmp_path / "raw"))
    assert ["-6h-" in r[1] for r in mirror.asked(".grib2")] == [True]
