"""Errors that a server, a disk or the way there can cause are told from slips of ours, which no second try mends."""

from __future__ import annotations

import errno
import io
import json
import re
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import aiohttp
import httpx
import obstore.exceptions
import pytest
import requests
import urllib3
from filelock import FileLock, Timeout
from prefect.exceptions import PrefectHTTPStatusError

from tasks.arrays import open_zarr
from tasks.storage import read_json
from tasks.web.answers import TooSlow
from tasks.web.failures import TRANSIENT_IF_LOADED, asking, in_short, is_transient
from tasks.web.patience import NotYet
from tests.servers.http import Handler, Served, serving

NOBODY = "http://127.0.0.1:9"


def raised(act: Callable[[], object]) -> Exception:
    """What it raises."""
    with pytest.raises(Exception) as caught:  # noqa: PT011
        act()
    return caught.value


def httpx_status(code: int) -> httpx.HTTPStatusError:
    request = httpx.Request("POST", NOBODY)
    return httpx.HTTPStatusError("as it says", request=request, response=httpx.Response(code, request=request))


def requests_status(code: int) -> requests.HTTPError:
    answer = requests.Response()
    answer.status_code = code
    return requests.HTTPError("as it says", response=answer)


def hold_lock(path: Path) -> None:
    with FileLock(path), FileLock(path, timeout=0.01, is_singleton=False):
        raise AssertionError("two hold one lock")


PASSES = [
    (lambda: requests.get(NOBODY, timeout=1), "connection refused"),
    (lambda: urllib3.request("GET", NOBODY, retries=False), "connection refused"),
    (lambda: httpx.get(NOBODY), "connection refused"),
    (lambda: socket.create_connection(("127.0.0.1", 9), 1), "connection refused"),
    (lambda: Path("/dev/full").write_bytes(b"x" * 100), "OSError: [Errno 28] No space left on device"),
]


@pytest.mark.parametrize(("act", "short"), PASSES)
def test_what_a_server_that_is_away_and_a_full_disk_cause_can_pass(act: Callable[[], object], short: str) -> None:
    error = raised(act)
    assert is_transient(error)
    assert in_short(error) == short


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
        TimeoutError("timed out"),
        PermissionError(errno.EACCES, "as a disk that is remounted says"),
        requests.ConnectTimeout(),
        requests.exceptions.ChunkedEncodingError(),
        TooSlow("too slow: 3 bytes in 5 s"),
        httpx.ReadTimeout("", request=None),
        httpx.RemoteProtocolError("Server disconnected"),
        obstore.exceptions.GenericError("Generic S3 error: Error performing GET"),
        aiohttp.ServerDisconnectedError(),
        aiohttp.ClientPayloadError(),
        RuntimeError("Input/output error (os error 5)"),  # zarrs
        *map(requests_status, (408, 429, 500, 503)),
        *map(httpx_status, (429, 500, 502)),
    ],
    ids=repr,
)
def test_errors_of_every_library_that_can_pass(error: Exception) -> None:
    assert is_transient(error)


@pytest.mark.parametrize(
    "act",
    [
        lambda: None + 1,  # type: ignore[operator]
        lambda: {}["key"],
        lambda: [][0],
        lambda: int("x"),
        lambda: json.loads("{"),
        lambda: b"\xff".decode(),
        lambda: requests.get("htp://nowhere", timeout=1),
        lambda: requests.get("no address", timeout=1),
        lambda: httpx.get("htp://nowhere"),
        lambda: requests.post(NOBODY, json={"nan": float("nan")}, timeout=1),
        lambda: io.BytesIO().fileno(),
    ],
)
def test_slips_of_ours_and_documents_that_are_wrong_stay(act: Callable[[], object]) -> None:
    assert not is_transient(raised(act))


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("dictionary changed size during iteration"),
        *map(requests_status, (400, 401, 403, 404, 422, 501)),
        *map(httpx_status, (401, 403, 404, 422)),
        requests.JSONDecodeError("Expecting value", "<html>", 0),
    ],
    ids=repr,
)
def test_refusals_stay(error: Exception) -> None:
    assert not is_transient(error)


def test_a_lock_that_another_holds_can_pass(tmp_path: Path) -> None:
    error = raised(lambda: hold_lock(tmp_path / "lock"))
    assert isinstance(error, Timeout)
    assert is_transient(error)


def test_errors_of_prefect_follow_their_status() -> None:
    for code, passes in ((503, True), (409, False)):
        assert is_transient(PrefectHTTPStatusError.from_httpx_error(httpx_status(code))) == passes


@pytest.mark.parametrize("busy", [True, False])
@pytest.mark.parametrize("read", [read_json, open_zarr])
def test_what_an_object_store_causes_while_it_is_away_or_busy_can_pass(
    read: Callable[[str], object], busy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Busy(Handler):
        def do_GET(self) -> None:
            self.reply(503, b"<Error><Code>SlowDown</Code></Error>")

    with serving(Busy, Served()) as url:
        for name, value in (("ACCESS_KEY_ID", "k"), ("SECRET_ACCESS_KEY", "s"), ("DEFAULT_REGION", "us-east-1"),
                            ("MAX_ATTEMPTS", "1"), ("ENDPOINT_URL", url if busy else NOBODY)):  # fmt: skip
            monkeypatch.setenv(f"AWS_{name}", value)
        error = raised(lambda: read("s3://bucket/product.zarr"))
    assert bool(re.search(r"\b503\b", str(error))) == busy
    assert is_transient(error), repr(error)


def test_the_packages_still_have_these_errors() -> None:
    for module, name in TRANSIENT_IF_LOADED:
        assert issubclass(getattr(sys.modules[module], name), Exception)


@pytest.mark.parametrize(
    ("error", "short"),
    [
        (requests_status(503), "HTTP 503"),
        (httpx_status(429), "HTTP 429"),
        (requests.ReadTimeout("HTTPConnectionPool: Read timed out. (read timeout=2)"), "no answer in time"),
        (httpx.ReadTimeout("", request=None), "no answer in time"),
        (urllib3.exceptions.ProtocolError("Connection broken: IncompleteRead(5 bytes read)"), "connection cut"),
        (TooSlow("too slow: 3 bytes in 5 s"), "too slow: 3 bytes in 5 s"),
        (ValueError("odd " * 100), f"ValueError: {('odd ' * 100)[:120]}"),
    ],
    ids=repr,
)
def test_an_error_comes_down_to_a_few_words(error: Exception, short: str) -> None:
    assert in_short(error) == short


def test_an_error_that_can_pass_becomes_not_yet_with_what_its_server_wants() -> None:
    error = requests_status(503)
    error.response.headers["Retry-After"] = "7"  # type: ignore[union-attr]
    with pytest.raises(NotYet) as caught, asking():
        raise error
    assert (caught.value.why, caught.value.wait, caught.value.__cause__) == ("HTTP 503", 7.0, error)
    with pytest.raises(TypeError, match="a slip"), asking():
        raise TypeError("a slip")
