"""What becomes of a fetch when a service is slow, busy, silent, or has nothing."""

from __future__ import annotations

import gzip
import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.errors import ObservationsMissing, ObservationsUnavailable, RequestRefused
from tasks.observations.networks.http import Http
from tests.servers.http import Handler, cut, drip, silent, slow, status
from tests.servers.stations import Stations, station_services

BODY = b"571780 a body that is long enough to be cut and to drip " * 4


@pytest.fixture
def served() -> Iterator[Stations]:
    with station_services() as stations:
        stations.files = {f"/{n}": BODY for n in "abcdef"}
        yield stations


@pytest.fixture
def fetch(tmp_path: Path) -> Callable[..., Http]:
    def make(**options: Any) -> Http:
        return Http(tmp_path / "cache", **{"deadline_s": 5, "pause_s": 0, "wait_s": 0.01, "timeout_s": 2} | options)

    return make


def test_a_second_fetch_asks_only_whether_it_changed(served: Stations, fetch: Callable[..., Http]) -> None:
    assert fetch().get(f"{served.url}/a") == BODY
    assert fetch().get(f"{served.url}/a") == BODY
    assert [r.status for r in served.requests] == [200, 304]
    served.files["/a"] = b"new"
    assert fetch().get(f"{served.url}/a") == b"new"


def test_a_service_sees_who_asks(served: Stations, fetch: Callable[..., Http]) -> None:
    fetch().get(f"{served.url}/a")
    assert served.requests[0].headers["User-Agent"].startswith("finescale/")


def test_busy_then_there(served: Stations, fetch: Callable[..., Http]) -> None:
    served.on("/a", status(503, Retry_After="1"), times=1)
    start = time.monotonic()
    assert fetch().get(f"{served.url}/a") == BODY
    assert time.monotonic() - start >= 1


@pytest.mark.parametrize("code", [429, 500, 502, 503])
def test_errors_that_pass_are_tried_again(served: Stations, fetch: Callable[..., Http], code: int) -> None:
    served.on("/a", status(code), times=2)
    assert fetch().get(f"{served.url}/a") == BODY


def test_a_wait_beyond_the_deadline_is_not_waited_for(served: Stations, fetch: Callable[..., Http]) -> None:
    served.on("/a", status(503, Retry_After="3600"))
    start = time.monotonic()
    with pytest.raises(ObservationsUnavailable, match=r"HTTP 503.*run again later") as raised:
        fetch().get(f"{served.url}/a")
    assert time.monotonic() - start < 1
    assert raised.value.exit_code == 3


def test_cut_body_is_fetched_again(served: Stations, fetch: Callable[..., Http]) -> None:
    served.on("/a", cut(len(BODY) // 2), times=2)
    assert fetch().get(f"{served.url}/a") == BODY


def test_a_body_that_drips_ends_with_the_deadline(served: Stations, fetch: Callable[..., Http]) -> None:
    served.on("/a", drip(20))
    start = time.monotonic()
    with pytest.raises(ObservationsUnavailable, match="too slow"):
        fetch(deadline_s=0.5).get(f"{served.url}/a")
    assert time.monotonic() - start < 2


def test_a_silent_service_ends_with_the_deadline(served: Stations, fetch: Callable[..., Http]) -> None:
    served.on("/a", silent)
    start = time.monotonic()
    with pytest.raises(ObservationsUnavailable, match="no answer in time"):
        fetch(deadline_s=0.6, timeout_s=0.3).get(f"{served.url}/a")
    assert time.monotonic() - start < 2


def test_the_deadline_is_of_all_requests_together(served: Stations, fetch: Callable[..., Http]) -> None:
    served.on("/", slow(0.3))
    http = fetch(deadline_s=0.7, at_once=1)
    with pytest.raises(ObservationsUnavailable):
        http.get_all(f"{served.url}/{n}" for n in "abcdef")
    before = len(served.requests)
    served.rules.clear()
    assert len(fetch().get_all(f"{served.url}/{n}" for n in "abcdef")) == 6
    assert 304 in [r.status for r in served.requests[before:]]  # what had come was kept


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(ObservationsUnavailable, match="connection refused"):
        Http(tmp_path, 5, wait_s=0.01).get("http://127.0.0.1:9/a")


def test_an_older_copy_stands_in_for_a_service_that_is_down(
    served: Stations, fetch: Callable[..., Http], caplog: pytest.LogCaptureFixture
) -> None:
    fetch().get(f"{served.url}/a")
    served.on("/a", status(500))
    with caplog.at_level(logging.WARNING):
        assert fetch().get(f"{served.url}/a") == BODY
    assert "HTTP 500; using the copy of" in caplog.text


def test_not_there_is_missing(served: Stations, fetch: Callable[..., Http]) -> None:
    with pytest.raises(ObservationsMissing, match="not there"):
        fetch().get(f"{served.url}/nothing")
    assert len(served.requests) == 1


def test_refused_is_not_tried_again(served: Stations, fetch: Callable[..., Http]) -> None:
    served.on("/a", status(400, b"busy"))
    with pytest.raises(RequestRefused, match=r"HTTP 400.*busy"):
        fetch().get(f"{served.url}/a")
    assert len(served.requests) == 1


def test_some_missing_are_left_out(served: Stations, fetch: Callable[..., Http]) -> None:
    assert set(fetch().get_all([f"{served.url}/a", f"{served.url}/nothing"])) == {f"{served.url}/a"}
    with pytest.raises(ObservationsMissing, match="none is there"):
        fetch().get_all([f"{served.url}/x", f"{served.url}/y"])


def test_two_requests_at_once_at_most(served: Stations, fetch: Callable[..., Http]) -> None:
    served.on("/", slow(0.05))
    fetch().get_all(f"{served.url}/{n}" for n in "abcdef")
    assert served.most_at_once == 2


def test_a_service_that_is_down_is_not_asked_again_and_again(served: Stations, fetch: Callable[..., Http]) -> None:
    served.on("/", status(500))
    with pytest.raises(ObservationsUnavailable):
        fetch().get_all(f"{served.url}/{n}" for n in "abcdef")
    assert len(served.requests) <= 2 * 4 + 4


def test_a_body_that_travels_packed_is_whole(served: Stations, fetch: Callable[..., Http]) -> None:
    body = np.random.default_rng(0).integers(0, 4, 2_000_000, dtype=np.uint8).tobytes()
    whole = gzip.compress(body)

    def packed(handler: Handler) -> bool:
        handler.reply(200, whole, Content_Encoding="gzip", ETag='"1"')
        return True

    served.on("/a", packed)
    assert fetch().get(f"{served.url}/a") == body


@pytest.mark.parametrize("share", [0.3, 0.99])
def test_a_packed_body_that_is_cut_is_no_body(served: Stations, fetch: Callable[..., Http], share: float) -> None:
    whole = gzip.compress(BODY * 1000)

    def cut_packed(handler: Handler) -> bool:
        handler.begin(200, len(whole), Content_Encoding="gzip")
        handler.write(whole[: int(len(whole) * share)])
        handler.close_connection = True
        return True

    served.on("/a", cut_packed)
    with pytest.raises(ObservationsUnavailable, match="connection cut"):
        fetch().get(f"{served.url}/a")


def test_copies_of_a_month_ago_are_forgotten_and_younger_ones_kept(
    served: Stations, fetch: Callable[..., Http], tmp_path: Path
) -> None:
    fetch().get(f"{served.url}/a")
    (old,) = [f for f in (tmp_path / "cache").iterdir() if f.is_file() and f.suffix != ".sqlite"]
    fetch().get(f"{served.url}/b")
    month_ago = time.time() - 31 * 86400
    os.utime(old, (month_ago, month_ago))
    fetch().get(f"{served.url}/b")
    assert not old.exists()
    assert [r.status for r in served.requests] == [200, 200, 304]
