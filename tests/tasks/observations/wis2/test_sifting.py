"""What becomes of notifications: kept, or refused with the reason; data by HTTP from a server on loopback."""

from __future__ import annotations

import base64
import gzip
import hashlib
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tasks.grids.box import Box
from tasks.observations.networks.synop import read_synop
from tasks.observations.wis2 import download
from tasks.observations.wis2.kept import Kept
from tasks.observations.wis2.notification import LARGEST, Outcome
from tasks.observations.wis2.sifting import Sifter
from tasks.web.patience import Patience
from tests.servers.http import status
from tests.servers.stations import Stations, station_services
from tests.tasks.observations.networks.made_up import bufr, report
from tests.tasks.observations.wis2.notices import NOW, notice

BOX = Box(north=33.5, south=28.5, west=108.0, east=117.0)  # Hubei
YICHANG = bufr([report()])
SPAN = datetime(2025, 1, 1), datetime(2025, 1, 2)


@pytest.fixture
def sifter(tmp_path: Path) -> Iterator[Sifter]:
    with Kept(tmp_path) as kept:
        found = Sifter(kept, [BOX], timedelta(days=4), lambda: NOW)
        yield found
        found.close()


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stations]:
    monkeypatch.setattr(download, "PATIENCE", Patience(first=0.01, longest=0.01))
    with station_services() as served:
        yield served


def reports(sifter: Sifter) -> pd.DataFrame:
    return read_synop(b"".join(sifter.kept.messages(*SPAN)), "kept")


def test_a_report_within_its_notification_is_kept(sifter: Sifter) -> None:
    assert sifter.sift([notice(YICHANG)]) == [Outcome.KEPT]
    pd.testing.assert_frame_equal(reports(sifter), read_synop(YICHANG, "x"))


@pytest.mark.parametrize("encoding", ["base64", "gzip"])
def test_a_report_may_be_packed(sifter: Sifter, encoding: str) -> None:
    packed = gzip.compress(YICHANG) if encoding == "gzip" else YICHANG
    content = {"encoding": encoding, "value": base64.b64encode(packed).decode(), "size": len(packed)}
    assert sifter.sift([notice(YICHANG, content=content)]) == [Outcome.KEPT]
    assert sifter.kept.messages(*SPAN) == [YICHANG]


@pytest.mark.parametrize("method", ["sha256", "sha3-512"])
@pytest.mark.parametrize("form", ["base64", "hexadecimal"])
def test_every_method_of_the_standard_proves(sifter: Sifter, method: str, form: str) -> None:
    digest = hashlib.new(method.replace("-", "_"), YICHANG)
    value = digest.hexdigest() if form == "hexadecimal" else base64.b64encode(digest.digest()).decode()
    assert sifter.sift([notice(YICHANG, integrity={"method": method, "value": value})]) == [Outcome.KEPT]


def test_the_same_data_of_several_caches_is_kept_once(sifter: Sifter, cache: Stations) -> None:
    cache.files = {"/one": YICHANG, "/other": YICHANG}
    both = [notice(YICHANG, href=f"{cache.url}/{name}") for name in ("one", "other")]
    assert sifter.sift(both) == [Outcome.KEPT, Outcome.DUPLICATE]
    assert sifter.sift(both) == [Outcome.DUPLICATE] * 2
    assert len(cache.requests) == 1


def test_data_of_elsewhere_is_fetched_once(sifter: Sifter, cache: Stations) -> None:
    data = bufr([report(latitude=48.1, longitude=11.5)])
    cache.files = {"/one": data, "/other": data}
    both = [notice(data, href=f"{cache.url}/{name}", place=None) for name in ("one", "other")]
    assert sifter.sift(both) == [Outcome.OUTSIDE, Outcome.DUPLICATE]
    assert sifter.sift(both) == [Outcome.DUPLICATE] * 2
    assert len(cache.requests) == 1


def test_a_cache_whose_copy_is_spoiled_does_not_keep_anothers_away(sifter: Sifter, cache: Stations) -> None:
    cache.files = {"/one": bufr([report(airTemperature=300.0)]), "/other": YICHANG}
    both = [notice(YICHANG, href=f"{cache.url}/{name}") for name in ("one", "other")]
    assert sifter.sift(both) == [Outcome.CHECKSUM, Outcome.KEPT]
    assert sifter.kept.messages(*SPAN) == [YICHANG]


def test_a_server_that_is_busy_is_asked_again(sifter: Sifter, cache: Stations) -> None:
    cache.files = {"/one": YICHANG}
    cache.on("/one", status(503), 2)
    assert sifter.sift([notice(YICHANG, href=f"{cache.url}/one")]) == [Outcome.KEPT]


@pytest.mark.parametrize("href", ["file:///etc/hostname", "ftp://127.0.0.1/x", "/etc/hostname", "http://"])
def test_links_are_followed_by_http_alone(sifter: Sifter, href: str) -> None:
    assert sifter.sift([notice(YICHANG, href=href)]) == [Outcome.UNAVAILABLE]


def test_what_is_not_there_or_too_large_is_left(sifter: Sifter, cache: Stations) -> None:
    cache.files = {"/large": bytes(LARGEST + 1)}
    asked = [notice(YICHANG, f"{n}", href=f"{cache.url}/{n}") for n in ("missing", "large")]
    assert sifter.sift(asked) == [Outcome.UNAVAILABLE, Outcome.TOO_LARGE]
    bomb = {"encoding": "gzip", "value": base64.b64encode(gzip.compress(bytes(1 << 24))).decode()}
    assert sifter.sift([notice(YICHANG, content=bomb)]) == [Outcome.TOO_LARGE]


def spoiled(data: bytes) -> bytes:
    """Its descriptors name nothing."""
    return data.replace(bytes([0xC7, 0x50]), bytes([0xC7, 0xFE]), 1)


@pytest.mark.parametrize(
    ("payload", "outcome"),
    [
        (b"not JSON", Outcome.MALFORMED),
        (b'{"type": "Feature", "properties": {}, "links": []}', Outcome.MALFORMED),
        (notice(YICHANG, rel="item"), Outcome.MALFORMED),
        (notice(YICHANG, pubtime="2025-01-01 06:00"), Outcome.MALFORMED),
        (notice(YICHANG, digest=base64.b64encode(bytes(64)).decode()), Outcome.CHECKSUM),
        (notice(YICHANG, integrity={"method": "crc32", "value": "x"}), Outcome.CHECKSUM),
        (notice(YICHANG, content={"encoding": "base64", "value": base64.b64encode(YICHANG).decode(), "size": 3}),
         Outcome.CHECKSUM),
        (notice(YICHANG, content={"encoding": "base64", "value": "@@", "size": 2}), Outcome.UNDECODABLE),
        (notice(YICHANG[:-9]), Outcome.UNDECODABLE),
        (notice(spoiled(YICHANG)), Outcome.UNDECODABLE),
        (notice(b"<html>Under maintenance</html>"), Outcome.UNDECODABLE),
        (notice(YICHANG, place=(11.5, 48.1)), Outcome.OUTSIDE),
        (notice(bufr([report(latitude=48.1, longitude=11.5)]), place=None), Outcome.OUTSIDE),
        (notice(bufr([report(latitude=48.1, longitude=11.5)])), Outcome.OUTSIDE),
        (notice(bufr([report(day=1, hour=8)])), Outcome.FUTURE),
        (notice(YICHANG, minutes=90), Outcome.FUTURE),
        (notice(bufr([report(year=2024, month=12, day=27)])), Outcome.LATE),
    ],
)  # fmt: skip
def test_what_is_no_report_of_the_region_and_of_now_is_refused(
    sifter: Sifter, payload: bytes, outcome: Outcome, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert sifter.sift([payload]) == [outcome]
    assert sifter.kept.messages(datetime(2020, 1, 1), datetime(2030, 1, 1)) == []
    assert sifter.counts == {outcome: 1}
    assert (str(outcome) in caplog.text) == (outcome is not Outcome.OUTSIDE)


def test_one_station_of_the_region_among_others_is_enough(sifter: Sifter) -> None:
    several = bufr([report(latitude=48.1, longitude=11.5), report(494)])
    assert sifter.sift([notice(several, place=None)]) == [Outcome.KEPT]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_correction_counts_whichever_comes_first(sifter: Sifter, order: tuple[int, int]) -> None:
    corrected = bufr([report(airTemperature=290.0)])
    both = [notice(YICHANG), notice(corrected, minutes=5, rel="update")]
    for i in order:
        sifter.sift([both[i]])
    found = reports(sifter)
    assert found.loc[found["variable"] == "t2m", "value"].tolist() == [290.0]


def test_of_two_reports_under_two_names_the_later_one_counts(sifter: Sifter) -> None:
    corrected = bufr([report(airTemperature=290.0)])
    sifter.sift([notice(corrected, "COR", minutes=5), notice(YICHANG, "first")])
    found = reports(sifter)
    assert found.loc[found["variable"] == "t2m", "value"].tolist() == [290.0]


@pytest.mark.parametrize("late", [False, True])
def test_what_is_withdrawn_is_kept_no_more_and_stays_away(sifter: Sifter, late: bool) -> None:
    withdrawn: Any = notice(minutes=5, rel="deletion")
    order = [withdrawn, notice(YICHANG)] if late else [notice(YICHANG), withdrawn, notice(YICHANG)]
    outcomes = [sifter.sift([payload])[0] for payload in order]
    assert outcomes[-1] is Outcome.DUPLICATE
    assert Outcome.DELETED in outcomes
    assert sifter.kept.messages(*SPAN) == []
    assert sifter.sift([notice(YICHANG, minutes=9, rel="update")]) == [Outcome.KEPT]


def test_old_messages_are_forgotten(sifter: Sifter) -> None:
    sifter.sift([notice(YICHANG)])
    sifter.kept.forget(NOW)
    assert sifter.kept.messages(*SPAN) == []
