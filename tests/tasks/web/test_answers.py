"""What answers say to everybody: Retry-After in its two forms, which status is worth asking again, whole bodies."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from tasks.web.answers import TooSlow, is_busy, read_body, retry_after
from tasks.web.patience import Deadline
from tests.servers.http import Handler, Served, cut, drip, serving

BODY = b"a body that is long enough to be cut and to drip " * 4
NOW = {"Date": "Sun, 06 Nov 1994 08:49:07 GMT"}  # 30 s before the dates of RFC 9110


@pytest.mark.parametrize(
    ("stated", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        (" 7 ", 7.0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 30.0),  # RFC 9110, 5.6.7: as it is written today
        ("Sunday, 06-Nov-94 08:49:37 GMT", 30.0),  # and as it was
        ("Sun Nov  6 08:49:37 1994", 30.0),
        ("Sun, 06 Nov 1994 08:00:00 GMT", 0.0),  # over already
        ("", None),
        ("soon", None),
        ("-5", None),
        ("²", None),
        ("Sun, 99 Nov 1994 08:49:37 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_by_the_servers_clock(stated: str, seconds: float | None) -> None:
    assert retry_after(NOW | {"Retry-After": stated}) == seconds


def test_a_date_of_a_server_that_shows_no_clock_is_held_against_ours() -> None:
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    wanted = retry_after({"Retry-After": then})
    assert wanted is not None
    assert 85 < wanted <= 90
    assert retry_after({}) is None


@given(st.text(), st.text())
def test_no_header_is_too_odd_to_be_read(stated: str, date: str) -> None:
    wanted = retry_after({"Retry-After": stated, "Date": date})
    assert wanted is None or wanted >= 0


@pytest.mark.parametrize(
    ("status", "busy"),
    [(200, False), (304, False), (400, False), (401, False), (403, False), (404, False), (408, True), (422, False),
     (425, True), (429, True), (500, True), (501, False), (502, True), (503, True), (504, True), (522, True)],
)  # fmt: skip
def test_which_status_is_worth_asking_again(status: int, busy: bool) -> None:
    assert is_busy(status) == busy


@pytest.fixture
def served() -> Iterator[Served]:
    class Get(Handler):
        def do_GET(self) -> None:
            if not self.faulty(self.path):
                self.reply(*self.whole()[:2])

    served = Served(files={"/a": BODY})
    with serving(Get, served):
        yield served


def body(served: Served, seconds: float = 5.0) -> bytes:
    with requests.get(f"{served.url}/a", stream=True, timeout=5) as answer:
        return read_body(answer.raw, Deadline(seconds))


def test_a_body_is_read_to_its_end(served: Served) -> None:
    assert body(served) == BODY


def test_a_body_that_drips_ends_with_the_deadline(served: Served) -> None:
    served.on("/a", drip(50))
    with pytest.raises(TooSlow, match=r"too slow: \d+ bytes in 0 s"):
        body(served, 0.2)


def test_a_body_that_is_cut_is_no_body(served: Served) -> None:
    served.on("/a", cut(20))
    with pytest.raises(Exception, match="IncompleteRead"):
        body(served)
