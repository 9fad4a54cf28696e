"""The collector at a real broker, mosquitto on loopback: what it keeps, what becomes of it when the broker is away."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO
from uuid import uuid4

import eccodes
import pandas as pd
import pytest
from paho.mqtt import publish

from tasks.errors import BadInput, RequestRefused
from tasks.grids.box import Box
from tasks.observations.networks.place import within
from tasks.observations.networks.sources import fetch
from tasks.observations.networks.synop import read_synop
from tasks.observations.networks.wis2 import BASE_URL
from tasks.observations.observe import AROUND, observe
from tasks.observations.wis2.collector import TOPIC as WORLD
from tasks.observations.wis2.collector import Collector
from tasks.observations.wis2.kept import FILE, FOLDER, Kept
from tasks.observations.wis2.notification import read_notification
from tasks.observations.wis2.subscription import Connected, Event, Lost, Message, Subscription
from tasks.region.document import Region
from tasks.region.search import load
from tests.conftest import ROOT
from tests.servers import mosquitto
from tests.servers.mosquitto import Broker
from tests.servers.stack import eventually
from tests.tasks.observations.networks.made_up import bufr, report
from tests.tasks.observations.wis2.notices import NOW, notice

TOPIC = "cache/a/wis2/cn-cma/data/core/weather/surface-based-observations/synop"
ELSEWHERE = "cache/a/wis2/cn-cma/data/core/weather/surface-based-observations/temp"
SPAN = datetime(2025, 1, 1), datetime(2025, 1, 1, 12)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with mosquitto.broker(tmp_path / "broker") as found:
        yield found


@pytest.fixture
def hubei() -> Region:
    return load("hubei")


@pytest.fixture
def region(broker: Broker, hubei: Region) -> Region:
    observations = hubei.observations.model_copy(update={"sources": ["wis2"], "services": {"wis2": broker.address}})
    return hubei.model_copy(update={"observations": observations})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "wis2" / FOLDER


@contextmanager
def collecting(region: Region, folder: Path, clock: Callable[[], datetime] = lambda: NOW) -> Iterator[Collector]:
    """A collector in a thread, connected."""
    stop, collector, failed = threading.Event(), Collector([region], folder, clock=clock), []

    def run() -> None:
        try:
            collector.run(stop)
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        eventually(lambda: collector.connected or failed, 30)
        if not failed:
            yield collector
    finally:
        stop.set()
        thread.join(30)
    assert not failed, failed
    assert not thread.is_alive()


def announce(broker: Broker, *payloads: bytes, topic: str = TOPIC) -> None:
    publish.multiple(
        [{"topic": topic, "payload": p, "qos": 1} for p in payloads], "127.0.0.1", broker.port,
        auth={"username": mosquitto.USER, "password": mosquitto.PASSWORD},
    )  # fmt: skip


def kept(folder: Path, count: int, span: tuple[datetime, datetime] = SPAN) -> list[bytes]:
    """Messages, once there are so many."""

    def found() -> list[bytes]:
        with Kept(folder, read_only=True) as readable:
            return readable.messages(*span)

    eventually(lambda: len(found()) >= count, 60)
    return found()


def of(number: int, minutes: float = 0.0) -> bytes:
    """The notification of a station's report."""
    return notice(bufr([report(number)]), f"57{number}", minutes)


def test_reports_of_the_region_are_read_as_the_synop_reader_reads_their_file(
    broker: Broker, region: Region, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = [bufr([report(n)]) for n in (461, 494, 545)]
    file += [bufr([report(461, airTemperature=285.0)]), bufr([report(476, hour=5, minute=55), report(447)])]
    notices = [notice(data, f"{i}", i / 10) for i, data in enumerate(file)]
    broken = [notice(file[0], "broken", digest="AAAA"), notice(file[0][:50], "cut"), b"{"]
    with collecting(region, folder):
        announce(broker, of(999), topic=ELSEWHERE)
        announce(broker, *broken, *notices, *notices)
        assert sorted(kept(folder, len(file))) == sorted(file)
    box = region.box.around(AROUND)
    expected = within(read_synop(b"".join(file), "x"), box, *SPAN)
    assert expected["station"].nunique() == 5
    pd.testing.assert_frame_equal(fetch("wis2", box, *SPAN, tmp_path), expected)

    monkeypatch.setattr("tasks.observations.observe.observations_folder", lambda: str(tmp_path))
    observed = observe(region, SPAN[0].replace(tzinfo=UTC), SPAN[1].replace(tzinfo=UTC), str(tmp_path / "run"))
    assert observed.sources == ["wis2"]
    assert observed.count == len(expected)
    assert observed.problems == []


def test_a_real_hour_of_the_region_comes_out_as_from_its_file(
    broker: Broker, region: Region, folder: Path, tmp_path: Path, shared_data: Path
) -> None:
    time = datetime(2018, 11, 2, 12)
    file = shared_data / "stations/synop_global_20181102T12.bufr"
    if not file.exists():
        pytest.skip(f"{file} is not on this machine")
    world = file.read_bytes()
    box = region.box.around(AROUND)
    expected = within(read_synop(world, file.name), box, time, time)
    messages = [m for m in split(world) if near(m, box)]
    clock = time.replace(tzinfo=UTC) + timedelta(minutes=20)

    def stations() -> int:
        return fetch("wis2", box, time, time, tmp_path)["station"].nunique()

    with collecting(region, folder, lambda: clock):
        announce(broker, *(
            notice(m, f"{i}", place=None, pubtime=(clock + timedelta(milliseconds=i)).isoformat())
            for i, m in enumerate(messages)
        ))  # fmt: skip
        eventually(
            lambda: fetch("wis2", box, time, time, tmp_path)["station"].nunique() >= expected["station"].nunique()
        )
    assert expected["station"].nunique() > 20
    pd.testing.assert_frame_equal(fetch("wis2", box, time, time, tmp_path), expected)


def split(data: bytes) -> Iterator[bytes]:
    at = data.find(b"BUFR")
    while at >= 0:
        length = int.from_bytes(data[at + 4 : at + 7], "big")
        yield data[at : at + length]
        at = data.find(b"BUFR", at + length)


def near(message: bytes, box: Box) -> bool:
    """Whether a station is in or near a box, by ECMWF's own section, which is quickly read: 15,824 are many."""
    handle = eccodes.codes_new_from_message(message)
    try:
        latitude, longitude = (float(eccodes.codes_get(handle, f"local{n}")) for n in ("Latitude", "Longitude"))
    finally:
        eccodes.codes_release(handle)
    return box.south - 3 < latitude < box.north + 3 and box.west - 3 < longitude < box.east + 3


def test_what_comes_while_the_collector_is_away_comes_later(broker: Broker, region: Region, folder: Path) -> None:
    with collecting(region, folder):
        announce(broker, of(461))
        kept(folder, 1)
    announce(broker, of(494), of(545))
    with collecting(region, folder, lambda: NOW + timedelta(minutes=30)):
        assert len(kept(folder, 3)) == 3
    with Kept(folder, read_only=True) as readable:
        assert readable.absences(*SPAN) == [(NOW, NOW + timedelta(minutes=30), False)]


def test_a_broker_that_is_begun_again_is_connected_to_again(broker: Broker, region: Region, folder: Path) -> None:
    with collecting(region, folder) as collector:
        announce(broker, of(461))
        kept(folder, 1)
        broker.stop()
        eventually(lambda: not collector.connected, 30)
        broker.start()
        announce(broker, of(494))  # the session was kept
        assert len(kept(folder, 2)) == 2


def test_what_a_broker_without_memory_has_lost_is_said(
    broker: Broker, region: Region, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with collecting(region, folder) as collector:
        announce(broker, of(461))
        kept(folder, 1)
        broker.stop()
        eventually(lambda: not collector.connected, 30)
        broker.forget()
        with caplog.at_level(logging.WARNING):
            broker.start()
            eventually(lambda: collector.connected, 30)
        assert "what was published since 2025-01-01 06:20:00 UTC is missing" in caplog.text
        announce(broker, of(494))
        kept(folder, 2)
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        assert fetch("wis2", region.box, *SPAN, tmp_path)["station"].nunique() == 2
    assert "nothing was collected from 2025-01-01 06:20:00 to 2025-01-01 06:20:00" in caplog.text


def test_a_secure_broker_is_believed_by_its_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with mosquitto.broker(tmp_path / "broker", secure=True) as secure:
        assert secure.address.startswith("mqtts://")
        assert isinstance(first := first_event(secure.address), Lost)
        assert "certificate" in first.why
        monkeypatch.setenv("SSL_CERT_FILE", str(secure.certificate))
        assert first_event(secure.address) == Connected(resumed=False)


def first_event(address: str, seconds: float = 30) -> Event:
    subscription = Subscription(address, "cache/#", "finescale-test")
    subscription.open()
    try:
        return subscription.events.get(timeout=seconds)
    finally:
        subscription.close()


@pytest.mark.live
def test_the_real_broker_announces_what_is_understood() -> None:
    subscription = Subscription(BASE_URL, WORLD, f"finescale-test-{uuid4().hex[:12]}")
    subscription.open()
    try:
        assert subscription.events.get(timeout=60) == Connected(resumed=False)
        for _ in range(20):
            event = subscription.events.get(timeout=300)
            assert isinstance(event, Message)
            assert read_notification(event.payload).data_id
            subscription.acknowledge(event)
    finally:
        subscription.close()


def test_a_password_that_is_wrong_is_said(
    broker: Broker, region: Region, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINESCALE_WIS2_PASSWORD", "nobody")
    with pytest.raises(RequestRefused, match="Not authorized; set FINESCALE_WIS2_USER and FINESCALE_WIS2_PASSWORD"):
        Collector([region], folder).run(threading.Event())


def test_one_collector_keeps_messages_in_a_folder(broker: Broker, region: Region, folder: Path) -> None:
    with collecting(region, folder), pytest.raises(BadInput, match="another collector keeps messages there"):
        Collector([region], folder).run(threading.Event())


@pytest.mark.parametrize("address", ["http://127.0.0.1", "mqtts://", "globalbroker.meteo.fr"])
def test_an_address_that_is_no_broker_is_said(hubei: Region, tmp_path: Path, address: str) -> None:
    services = hubei.observations.model_copy(update={"services": {"wis2": address}})
    region = hubei.model_copy(update={"observations": services})
    with pytest.raises(BadInput, match="no broker; give mqtts://host:port"):
        Collector([region], tmp_path).run(threading.Event())


def test_a_file_that_is_damaged_is_said(region: Region, folder: Path, tmp_path: Path) -> None:
    folder.mkdir(parents=True)
    (folder / FILE).write_bytes(b"no database" * 100)
    for attempt in (lambda: Collector([region], folder).run(threading.Event()),
                    lambda: fetch("wis2", region.box, *SPAN, tmp_path)):  # fmt: skip
        with pytest.raises(BadInput, match=r"messages\.sqlite.*remove it"):
            attempt()


def test_the_command_goes_on_after_it_was_killed_until_it_is_ended(
    broker: Broker, region: Region, tmp_path: Path
) -> None:
    home = tmp_path / "hubei"
    home.mkdir()
    shipped = ROOT / "deployments/regions/hubei"
    for name in ("terrain.nc", "boundary.geojson", "places.csv"):
        (home / name).symlink_to(shipped / name)
    wanted = f"sources: [wis2]\n  services: {{wis2: '{broker.address}'}}"
    text = (shipped / "region.yaml").read_text()
    (home / "region.yaml").write_text(text.replace("sources: [ghcnh, metar]", wanted))
    folder = tmp_path / "raw/observations/wis2" / FOLDER
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    data = bufr([report(year=hour.year, month=hour.month, day=hour.day, hour=hour.hour)])
    span = (hour - timedelta(hours=1), hour + timedelta(hours=1))
    with command(home, tmp_path / "raw") as (process, log):
        next(line for line in log if "connected for the first time" in line)
        process.kill()
    announce(broker, notice(data, pubtime=hour.isoformat()))
    with command(home, tmp_path / "raw") as (process, log):
        assert kept(folder, 1, span) == [data]
        process.send_signal(signal.SIGTERM)
        assert "notifications: 1 (kept 1)" in log.read()
        assert process.wait(30) == 0


@contextmanager
def command(region: Path, raw: Path) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """`finescale collect`, and what it writes."""
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.commands.app", "collect", str(region)],
        cwd=ROOT, env=os.environ | {"FINESCALE_RAW": str(raw)}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        yield process, process.stderr
    finally:
        process.kill()
        process.wait(30)
        process.stderr.close()
