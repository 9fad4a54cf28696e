"""`finescale serve` without a browser: ranges, tags, and what is not served; here and on a real S3 server."""

from __future__ import annotations

import gzip
import http.client
import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import numpy as np
import pytest
import uvicorn
import xarray as xr
import zarr
from fsspec.core import url_to_fs

from tasks.arrays import open_zarr
from tasks.page import PAGE, put_page
from tasks.page.serve import listen, url_of
from tasks.page.server import allowed, application
from tasks.storage import exists, join, read_bytes, read_json, write_bytes
from tasks.store.paths import in_store, latest_uri
from tests.published import content, cycle_of, publish


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle, so that these tests need no Node.js."""
    folder = tmp_path / "dist"
    (folder / "viewer").mkdir(parents=True)
    (folder / PAGE).write_text("<!doctype html>one")
    (folder / "viewer/index-abc.js").write_text("1")
    monkeypatch.setattr("tasks.page.BUNDLE", folder)
    return folder


@contextmanager
def serving(store: str, page: Path) -> Iterator[httpx.Client]:
    """The server on a port of its own, and a client of it."""
    server = uvicorn.Server(uvicorn.Config(application(store, page), log_level="warning", lifespan="off"))
    with listen("127.0.0.1", 0) as listening:
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        with httpx.Client(base_url=url_of(listening), trust_env=False) as client:
            yield client
        server.should_exit = True
        thread.join(20)


@pytest.fixture
def client(store: str, page: Path) -> Iterator[httpx.Client]:
    for path, data in [(CHUNK, np.random.default_rng(0).bytes(5000)), ("/hubei/ifs/latest.json", b'{"cycle": 1}')]:
        write_bytes(join(store, *path.strip("/").split("/")), data)
    with serving(store, page) as made:
        yield made


def status_of(client: httpx.Client, path: str) -> int:
    """Of a path that is sent just as it is."""
    connection = http.client.HTTPConnection(client.base_url.host, client.base_url.port or 80, timeout=20)
    connection.request("GET", path)
    status = connection.getresponse().status
    connection.close()
    return status


CHUNK = "/hubei/ifs/2026/11/2026-11-22T00.zarr/t2m/c/0/0/0"


def test_ranges_are_those_of_the_file(store: str, client: httpx.Client) -> None:
    whole = read_bytes(join(store, *CHUNK.strip("/").split("/")))
    assert client.get(CHUNK).content == whole
    for header, part in [("0-9", whole[:10]), ("10-", whole[10:]), ("-40", whole[-40:]), ("5-99999999", whole[5:])]:
        answer = client.get(CHUNK, headers={"Range": f"bytes={header}"})
        assert (answer.status_code, answer.content) == (206, part), header
        start = len(whole) - len(part) if not header.startswith("0") else 0
        assert answer.headers["content-range"] == f"bytes {start}-{start + len(part) - 1}/{len(whole)}"
    assert client.get(CHUNK, headers={"Range": f"bytes={len(whole)}-"}).status_code == 416
    head = client.head(CHUNK)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(whole)))
    assert head.headers["accept-ranges"] == "bytes"


def test_what_has_not_changed_is_not_sent_again(store: str, client: httpx.Client) -> None:
    first = client.get("/hubei/ifs/latest.json")
    assert first.headers["content-type"] == "application/json"
    tag = {"If-None-Match": first.headers["etag"]}
    again = client.get("/hubei/ifs/latest.json", headers=tag)
    assert (again.status_code, again.content) == (304, b"")
    write_bytes(join(store, "hubei", "ifs", "latest.json"), b"{}")
    assert client.get("/hubei/ifs/latest.json", headers=tag).content == b"{}"
    assert client.get("/viewer/index-abc.js").headers["cache-control"].endswith("immutable")


def test_text_goes_out_packed_to_those_who_take_it(store: str, client: httpx.Client, page: Path) -> None:
    text = json.dumps({str(i): i for i in range(1000)}).encode()
    write_bytes(join(store, "hubei", "places.geojson"), text)
    (page / "viewer/index-long.js").write_bytes(text)
    for path in ("/hubei/places.geojson", "/viewer/index-long.js"):
        plain = client.get(path, headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert plain.content == text
        with client.stream("GET", path, headers={"Accept-Encoding": "br, gzip"}) as answer:
            sent = b"".join(answer.iter_raw())
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["vary"].startswith("accept-encoding")
        assert len(sent) == int(answer.headers["content-length"]) < len(text) / 2
        assert gzip.decompress(sent) == text
        assert answer.headers["etag"] != plain.headers["etag"], "other bytes"
        for tag in (answer.headers["etag"], plain.headers["etag"]):
            assert client.get(path, headers={"If-None-Match": tag}).status_code == 304
        part = client.get(path, headers={"Range": "bytes=2-5", "Accept-Encoding": "gzip"})
        assert (part.status_code, part.content) == (206, text[2:6]), "a range is of the file as it is"
        assert "content-encoding" not in client.get(path, headers={"Accept-Encoding": "gzip;q=0"}).headers
        head = client.head(path, headers={"Accept-Encoding": "gzip"})
        assert int(head.headers["content-length"]) == len(text)
    assert "content-encoding" not in client.get(CHUNK).headers, "chunks are packed already"
    assert "content-encoding" not in client.get("/hubei/ifs/latest.json").headers, "and short ones gain nothing"


def test_parts_that_are_packed_by_brotli_go_out_so(client: httpx.Client, page: Path) -> None:
    text, better = b"let a = 1;\n" * 500, b"as brotli has it"
    (page / "viewer/index-long.js").write_bytes(text)
    (page / "viewer/index-long.js.br").write_bytes(better)
    path = "/viewer/index-long.js"
    with client.stream("GET", path, headers={"Accept-Encoding": "gzip, deflate, br"}) as answer:
        assert b"".join(answer.iter_raw()) == better
    assert answer.headers["content-encoding"] == "br"
    assert answer.headers["content-type"].startswith("text/javascript")
    assert client.get(path, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    for others in ("gzip", "gzip, br;q=0", "identity"):
        with client.stream("GET", path, headers={"Accept-Encoding": others}) as answer:
            answer.read()
        assert answer.headers.get("content-encoding") == ("gzip" if "gzip" in others else None)
        assert answer.content == text


def test_only_what_is_published_is_served(store: str, client: httpx.Client, page: Path) -> None:
    (page.parent / "secret.txt").write_text("secret")
    for name in ("_staging/a.zarr/zarr.json", "_quarantine/b.json", ".hidden/c", "hubei/.2026.json.lock"):
        write_bytes(in_store(store, name), b"secret")
        assert client.get(f"/{name}").status_code == 404, name
    for path in (
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/hubei/..%2f..%2fsecret.txt",
        "/hubei//latest.json",
        "/hubei",
        "/hubei/a%01b",
    ):
        assert status_of(client, path) == 404, path
    assert not any(
        allowed(p) for p in ("..", "a/../b", "a//b", "a/", "/etc/passwd", "a\\b", "a\0", "_staging", "", "a" * 256)
    )
    for method in ("POST", "PUT", "DELETE"):
        assert client.request(method, "/hubei/ifs/latest.json").status_code == 405


def test_links_out_of_the_store_are_not_followed(tmp_path: Path, page: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (store / "link.txt").symlink_to(tmp_path / "secret.txt")
    with serving(str(store), page) as client:
        assert client.get("/link.txt").status_code == 404


def test_store_without_page_and_catalogue_gets_both(store: str, client: httpx.Client) -> None:
    assert PAGE not in content(store)
    assert client.get("/").text == "<!doctype html>one"
    assert client.get("/").headers["content-type"] == "text/html; charset=utf-8"
    links = client.get("/catalog.json").json()["links"]
    assert links == [{"rel": "child", "href": "./hubei/catalog.json", "title": "hubei"}]
    assert client.get("/hubei/catalog.json").json()["links"][0]["href"] == "./ifs/collection.json"
    assert client.get("/elsewhere/catalog.json").status_code == 404
    write_bytes(join(store, "catalog.json"), b'{"links": []}')
    assert client.get("/catalog.json").json() == {"links": []}, "the store's own goes first"


def test_other_pages_may_read_it(client: httpx.Client) -> None:
    answer = client.get(CHUNK, headers={"Origin": "https://example.org", "Range": "bytes=0-9"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "Content-Range" in answer.headers["access-control-expose-headers"]


def test_page_is_put_into_a_store_once_and_again_when_it_changes(store: str, page: Path) -> None:
    assert put_page(store)
    there = {PAGE, "viewer/index-abc.js"}
    assert content(store) == there
    write_bytes(join(store, "viewer", "index-abc.js"), b"not written again: its name says what is in it")
    fs, path = url_to_fs(join(store, PAGE))
    before = fs.info(path)
    assert put_page(store)
    fs.invalidate_cache()
    now = fs.info(path)
    assert [now.get(k) for k in ("mtime", "ino", "LastModified")] == [
        before.get(k) for k in ("mtime", "ino", "LastModified")
    ]
    assert read_bytes(join(store, "viewer", "index-abc.js")).startswith(b"not written")
    (page / PAGE).write_text("<!doctype html>two")
    (page / "viewer/index-def.js").write_text("2")
    assert put_page(store)
    assert content(store) == there | {"viewer/index-def.js"}, "open pages still find their parts"
    assert read_bytes(join(store, PAGE)).endswith(b"two")


def test_page_that_is_not_built_is_one_line_in_the_log(
    tmp_path: Path, page: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.rmtree(page)
    with caplog.at_level("INFO", logger="tasks"):
        assert not put_page(str(tmp_path / "store"))
    assert "`make page` builds it" in caplog.text
    assert not (tmp_path / "store").exists()


def test_product_on_s3_opens_through_it(s3_store: str, page: Path) -> None:
    entry = publish(s3_store, cycle_of(datetime(2026, 11, 22, tzinfo=UTC)))
    there = open_zarr(in_store(s3_store, entry.product)).load()
    with serving(s3_store, page) as client:
        store = {
            name.removeprefix(entry.product + "/"): client.get(f"/{name}").content
            for name in content(s3_store)
            if name.startswith(entry.product)
        }
    memory = zarr.storage.MemoryStore({k: zarr.core.buffer.cpu.Buffer.from_bytes(v) for k, v in store.items()})
    xr.testing.assert_identical(xr.open_zarr(memory, chunks=None, consolidated=True).load(), there)


def test_a_served_product_is_read_over_http(store: str, page: Path) -> None:
    entry = publish(store, cycle_of(datetime(2026, 11, 22, tzinfo=UTC)))
    with serving(store, page) as client:
        served = str(client.base_url).rstrip("/")
        assert exists(join(served, entry.product, "zarr.json"))
        assert not exists(join(served, "nowhere"))
        assert read_json(latest_uri(served, "hubei", "ifs"))["product"] == entry.product
        xr.testing.assert_identical(
            open_zarr(in_store(served, entry.product)).load(), open_zarr(in_store(store, entry.product)).load()
        )
