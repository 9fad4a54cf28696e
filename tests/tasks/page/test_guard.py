"""`finescale serve` against browsers that another page leads, clients that do not end, and files that are large."""

from __future__ import annotations

import resource
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import uvicorn

from tasks.page.connection import PatientProtocol
from tasks.page.guard import ALWAYS, host_of
from tasks.page.serve import hosts_of, listen, settings, url_of
from tasks.storage import join, write_bytes
from tests.tasks.page.test_server import page as page

REPORT = "hubei/ifs/2026/11/2026-11-22T00.html"
CHUNK = "hubei/ifs/2026/11/2026-11-22T00.zarr/t2m/c/0/0/0"


@contextmanager
def serving(store: str, others: tuple[str, ...] = ()) -> Iterator[httpx.Client]:
    """The server as `finescale serve` sets it up."""
    with listen("127.0.0.1", 0) as listening:
        server = uvicorn.Server(settings(store, hosts_of(listening, others)))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        with httpx.Client(base_url=url_of(listening), trust_env=False, timeout=60) as client:
            yield client
        server.should_exit = True
        thread.join(20)


def test_every_answer_forbids_guessing_frames_and_referrers(store: str, page: Path) -> None:
    for path, data in ((REPORT, b"<!doctype html>"), (CHUNK, b"x" * 100)):
        write_bytes(join(store, *path.split("/")), data)
    with serving(store) as client:
        for path, policy in (
            ("/", "script-src 'self' 'unsafe-eval'"),
            ("/viewer/index-abc.js", "worker-src 'self' blob:"),
            (f"/{REPORT}", "default-src 'none'; img-src data:; style-src 'unsafe-inline'"),
            (f"/{CHUNK}", "sandbox"),
            ("/nothing", "sandbox"),
        ):
            for method in ("GET", "HEAD", "POST"):
                answer = client.request(method, path)
                assert {k: answer.headers.get(k) for k in ALWAYS} == ALWAYS, (path, method)
                assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
            assert policy in client.get(path).headers["content-security-policy"], path
        assert client.get("/", headers={"Origin": "https://example.org"}).headers["access-control-allow-origin"] == "*"
        assert "server" not in client.get("/").headers


def test_only_the_names_that_it_has_are_answered(store: str, page: Path) -> None:
    with serving(store, ("weather.example.org",)) as client:
        port = client.base_url.port
        for host in ("localhost", f"127.0.0.1:{port}", "LOCALHOST:80", "[::1]:8000", "weather.example.org:443"):
            assert client.get("/", headers={"Host": host}).status_code == 200, host
        for host in ("evil.example", f"evil.example:{port}", "localhost.evil.example", "", "127.0.0.1.evil.example"):
            refused = client.get("/", headers={"Host": host})
            assert (refused.status_code, ALWAYS["x-frame-options"]) == (421, refused.headers["x-frame-options"]), host
            assert "--allow-host" in refused.text
    with listen("0.0.0.0", 0) as everywhere:
        assert hosts_of(everywhere) == [], "others reach it by names that nobody here knows"
        assert hosts_of(everywhere, ["a.example"]) == ["a.example"]


@pytest.mark.parametrize(("header", "host"), [("A.b:80", "a.b"), ("[::1]:80", "::1"), ("[::1]", "::1"), ("", "")])
def test_host_of_a_header(header: str, host: str) -> None:
    assert host_of(header) == host


def connected(client: httpx.Client) -> socket.socket:
    address = client.base_url.host, client.base_url.port or 80
    return socket.create_connection(address, timeout=30)


def taken_by(client: socket.socket) -> bytes:
    """What still comes before the connection ends: what lies in the kernel's buffers."""
    taken = b""
    with suppress(ConnectionResetError):
        while piece := client.recv(1 << 20):
            taken += piece
    return taken


def test_who_does_not_finish_asking_is_cut_off(store: str, page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PatientProtocol, "asking", 0.5)
    with serving(store) as client:
        for begun in (b"", b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: "):
            with connected(client) as slow:
                slow.sendall(begun)
                assert slow.recv(1000) == b"", begun
        with connected(client) as again:  # a second request on a connection that was good
            again.sendall(b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert again.recv(10_000).startswith(b"HTTP/1.1 200")
            again.sendall(b"GET / HT")
            assert again.recv(1000) == b""
        assert client.get("/").status_code == 200, "and who asks is answered"


def test_who_does_not_take_what_it_asked_for_is_cut_off(
    store: str, page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PatientProtocol, "taking", 0.5)
    whole = np.random.default_rng(0).bytes(30_000_000)
    write_bytes(join(store, *CHUNK.split("/")), whole)
    with serving(store) as client:
        with connected(client) as slow:
            slow.sendall(f"GET /{CHUNK} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            threading.Event().wait(2)  # as long as it does nothing
            assert slow.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) == b"\x07", "it hears of it: no longer open"
            assert len(taken_by(slow)) < len(whole)
        assert client.get(f"/{CHUNK}").content == whole


def test_an_answer_does_not_wait_for_the_clients_word_on_its_headers(
    store: str, page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else each costs 40 ms on a connection that is kept: headers are one packet, the body another."""
    found, made = [], PatientProtocol.connection_made

    def look(self: PatientProtocol, transport: Any) -> None:
        made(self, transport)
        found.append(transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    monkeypatch.setattr(PatientProtocol, "connection_made", look)
    with serving(store) as client:
        assert client.get("/").status_code == 200
    assert found
    assert all(found)


def test_headers_beyond_any_browsers_are_refused(store: str, page: Path) -> None:
    with serving(store) as client:
        assert client.get("/", headers={"X-Long": "a" * 10_000}).status_code == 200
        for request in ({"headers": {"X-Long": "a" * 100_000}}, {"params": {"a": "b" * 60_000}}):
            try:
                status = client.get("/", **request).status_code  # type: ignore[arg-type]
            except httpx.HTTPError:
                status = 400  # cut off before all of it was sent
            assert status in (400, 431)


def test_a_large_file_passes_through_and_is_not_kept(store: str, page: Path) -> None:
    """What is read from S3 goes on as it comes: the server's memory does not grow by the file."""
    whole = np.random.default_rng(1).bytes(60_000_000)
    write_bytes(join(store, *CHUNK.split("/")), whole)
    with serving(store) as client:
        client.get(f"/{CHUNK}", headers={"Range": "bytes=0-99"})
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with client.stream("GET", f"/{CHUNK}", headers={"Range": "bytes=10-59999999"}) as answer:
            assert (answer.status_code, answer.headers["content-length"]) == (206, "59999990")
            position = 10
            for piece in answer.iter_raw():
                assert piece == whole[position : position + len(piece)]
                position += len(piece)
        assert position == len(whole)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown * 1024 < 20_000_000
