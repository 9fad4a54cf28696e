"""DWD's folder of international SYNOP: collections by time, later ones first, broken ones left out, decoded once."""

from __future__ import annotations

import bz2
import gzip
import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from tasks.errors import ObservationsMissing
from tasks.grids.box import Box
from tasks.observations.networks import dwd
from tasks.observations.networks.http import Http
from tasks.observations.networks.sources import fetch
from tests.servers.stations import Stations, station_services
from tests.tasks.observations.networks.made_up import bufr, report

BOX = Box(north=33.5, south=28.5, west=108.0, east=117.0)
FIRST = datetime(2026, 11, 26)
HOURS = 6
FOLDER = "/dwd/international/"


def collection(time: datetime, part: str = "040.bin") -> str:
    return f"{FOLDER}Z__C_EDZW_{time:%Y%m%d%H%M%S}_bda01,synop_bufr_999999_999999__MW_{part}"


def hourly(hour: int, temperature: float = 281.5, **values: float) -> bytes:
    return bufr([report(461, year=2026, month=11, day=26, hour=hour, airTemperature=temperature, **values)])


@pytest.fixture
def served() -> Iterator[Stations]:
    with station_services() as stations:
        for h in range(HOURS):
            stations.files[collection(FIRST + timedelta(hours=h))] = hourly(h)
        yield stations


@pytest.fixture
def ask(served: Stations, tmp_path: Path) -> Callable[[], pd.DataFrame]:
    def make() -> pd.DataFrame:
        http = Http(tmp_path, 10, pause_s=0, wait_s=0.01)
        last = FIRST + timedelta(hours=HOURS - 1)
        return fetch("synop", BOX, FIRST, last, tmp_path, served.services(), http=http)

    return make


def t2m(found: pd.DataFrame) -> pd.Series:
    return found[found["variable"] == "t2m"].set_index("time")["value"]


def test_every_hour_of_the_span_is_read(ask: Callable[[], pd.DataFrame]) -> None:
    found = ask()
    assert list(found["station"].unique()) == ["57461"]
    assert len(t2m(found)) == HOURS


def test_a_correction_that_came_later_counts(served: Stations, ask: Callable[[], pd.DataFrame]) -> None:
    served.files[collection(FIRST + timedelta(hours=9))] = hourly(3, 290.0)
    served.files[collection(FIRST + timedelta(hours=4), "041.bin")] = hourly(3, 270.0)
    assert t2m(ask())[FIRST + timedelta(hours=3)] == pytest.approx(290.0)


@pytest.mark.parametrize("pack", [bz2.compress, lambda data: gzip.compress(data, mtime=0)], ids=["bz2", "gzip"])
def test_packed_collections_are_read(
    served: Stations, ask: Callable[[], pd.DataFrame], pack: Callable[[bytes], bytes]
) -> None:
    whole = ask()
    served.files = {name: pack(body) for name, body in served.files.items()}
    pd.testing.assert_frame_equal(ask(), whole)


@pytest.mark.parametrize("broken", [b"<html>Maintenance</html>", hourly(2)[:-9], bz2.compress(hourly(2))[:-20]])
def test_a_broken_collection_is_not_the_others_trouble(
    served: Stations, ask: Callable[[], pd.DataFrame], caplog: pytest.LogCaptureFixture, broken: bytes
) -> None:
    served.files[collection(FIRST + timedelta(hours=2))] = broken
    with caplog.at_level(logging.WARNING):
        assert len(t2m(ask())) == HOURS - 1
    assert "the other collections are used" in caplog.text


def test_a_collection_that_goes_meanwhile_is_left_out(served: Stations, ask: Callable[[], pd.DataFrame]) -> None:
    served.files[FOLDER] = b"".join(b'<a href="%s">x</a>' % n.rsplit("/", 1)[-1].encode() for n in served.files)
    del served.files[collection(FIRST + timedelta(hours=1))]
    assert len(t2m(ask())) == HOURS - 1


def test_a_collection_is_decoded_once(
    ask: Callable[[], pd.DataFrame], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    whole = ask()
    (one, *_) = sorted(tmp_path.glob("*.decoded.parquet"))
    one.write_bytes(one.read_bytes()[:40])  # and what was damaged is decoded again
    decoded = []
    read = dwd.read_synop
    monkeypatch.setattr(dwd, "read_synop", lambda data, name: decoded.append(name) or read(data, name))
    pd.testing.assert_frame_equal(ask(), whole)
    assert len(decoded) == 1


def test_an_index_without_collections_is_an_error(served: Stations, ask: Callable[[], pd.DataFrame]) -> None:
    served.files = {FOLDER + "readme.txt": b"moved"}
    with pytest.raises(ObservationsMissing, match="has the service moved"):
        ask()


def test_what_is_older_than_dwd_keeps_is_a_warning(
    served: Stations, ask: Callable[[], pd.DataFrame], caplog: pytest.LogCaptureFixture
) -> None:
    del served.files[collection(FIRST)]
    with caplog.at_level(logging.WARNING):
        assert len(t2m(ask())) == HOURS - 1
    assert "take the source ghcnh" in caplog.text


def test_names_are_told_by_their_time() -> None:
    index = (
        '<a href="../">..</a><a href="Z__C_EDZW_20261126060000_bda01%2Csynop_bufr_1__MW_040.bin">a</a>'
        "<A HREF='SYNOP_202611260600.bin.bz2'>b</A><a href='synop_latest.bin'>c</a>"
        "<a href='metar_202611260600.bin'>d</a>"
    )
    found = dwd.collections(index)
    assert list(found.values()) == [pd.Timestamp("2026-11-26 06:00")] * 2
