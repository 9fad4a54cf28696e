"""S3 as users have it: keys, profiles, authorities, servers that are away; and what its errors become."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
import xarray as xr
import zarr
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tasks import objects
from tasks.arrays import open_zarr, write_zarr, zarr_store
from tasks.errors import BadInput, StoreNotReadable, StoreNotWritable
from tasks.storage import (
    assert_readable,
    assert_writable,
    create_bytes,
    exists,
    files_in,
    join,
    names_in,
    put_in_place,
    read_bytes,
    remove,
    write_bytes,
)
from tasks.web.failures import is_transient
from tests.servers.http import Handler, Served, serving
from tests.servers.s3 import KEY, SECRET, S3Server, free_ports, s3_server

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
PLACES = ("AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION")


@pytest.fixture
def profile(s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and endpoint in files as `aws configure` writes them."""
    (tmp_path / "credentials").write_text(f"[office]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
    (tmp_path / "config").write_text(f"[profile office]\nregion = us-east-1\nendpoint_url = {s3.endpoint}\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.mark.parametrize("missing", [KEYS, PLACES, KEYS + PLACES], ids=["keys", "places", "both"])
def test_a_profile_says_what_the_environment_does_not(
    s3_store: str, profile: None, monkeypatch: pytest.MonkeyPatch, missing: tuple[str, ...]
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "office")
    for name in missing:
        monkeypatch.delenv(name)
    write_bytes(join(s3_store, "a"), b"1")
    assert names_in(s3_store) == ["a"]


@pytest.mark.parametrize(("name", "says"), [(None, "set AWS_ACCESS_KEY_ID"), ("home", r"profile \(home\) could not")])
def test_without_credentials_the_error_says_what_to_set(
    s3_store: str, profile: None, monkeypatch: pytest.MonkeyPatch, name: str | None, says: str
) -> None:
    for key in KEYS:
        monkeypatch.delenv(key)
    if name:
        monkeypatch.setenv("AWS_PROFILE", name)
    with pytest.raises(StoreNotWritable, match=says):
        assert_writable(s3_store)


def test_an_authority_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_CA_BUNDLE, as for AWS's own tools."""
    certificate, key = _certificate(tmp_path)
    (port,) = free_ports(1)
    options = [f"-s3.port.https={port}", f"-s3.cert.file={certificate}", f"-s3.key.file={key}"]
    with s3_server(tmp_path, *options) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"https://127.0.0.1:{port}")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        with pytest.raises(OSError, match="error sending request"):
            write_bytes("s3://products/a", b"1")
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
        write_bytes("s3://products/a", b"1")
        assert read_bytes("s3://products/a") == b"1"


def _certificate(folder: Path) -> tuple[Path, Path]:
    """(certificate, key) of a server on loopback that no authority of the system knows, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "finescale test")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(datetime.now(UTC) - timedelta(days=1))
    builder = builder.not_valid_after(datetime.now(UTC) + timedelta(days=1))
    host = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = builder.add_extension(host, critical=False).sign(key, hashes.SHA256())
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, plain)
    )
    return files


class Forgetful(Handler):
    """Keeps files as S3 does, and takes no notice of If-None-Match and If-Match, as `rclone serve s3` does."""

    def do_PUT(self) -> None:
        self.served.files[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self.reply(200, b"", ETag='"1"')

    def do_GET(self) -> None:
        empty = b"<ListBucketResult><Name>products</Name><IsTruncated>false</IsTruncated></ListBucketResult>"
        found = empty if "list-type=2" in self.path else self.served.files.get(self.path)
        self.reply(
            404 if found is None else 200, found or b"", ETag='"1"', Last_Modified="Fri, 27 Nov 2026 00:00:00 GMT"
        )

    do_HEAD = do_GET

    def do_DELETE(self) -> None:
        self.served.files.pop(self.path, None)
        self.reply(204, b"")

    def do_POST(self) -> None:
        """Removes what a list names."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.served.files.clear()
        self.reply(200, b"<DeleteResult><Deleted><Key>probe</Key></Deleted></DeleteResult>")


def test_a_server_that_heeds_no_conditions_is_refused_before_any_work(
    s3_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_writable(s3_store)
    assert names_in(join(s3_store, "_staging")) == []
    served = Served()
    with serving(Forgetful, served) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        with pytest.raises(StoreNotWritable, match=r"not heed If-None-Match or If-Match.*choose another") as raised:
            assert_writable(s3_store)
    assert "\n" not in str(raised.value)
    assert not served.files


def test_a_server_that_is_away_is_one_line(s3_store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    with pytest.raises(StoreNotReadable, match=r"cannot be read \(OSError: .*127\.0\.0\.1:9/.*error sending") as raised:
        assert_readable(s3_store)
    assert "\n" not in str(raised.value)
    with pytest.raises(OSError, match=r"after 1 retries"):
        zarr.open_group(zarr_store(s3_store), mode="r")


def test_what_a_server_that_is_away_causes_can_pass(s3_store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asked: a step is tried again for all of it."""
    fields, uri = xr.Dataset({"t2m": ("step", np.zeros(3))}), join(s3_store, "a.zarr")
    write_zarr(fields, uri)
    group = zarr.open_group(zarr_store(uri), mode="r+")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    away = zarr_store(uri)
    asked: list[Callable[[], Any]] = [
        lambda: write_zarr(fields, uri),
        lambda: open_zarr(uri),
        lambda: list(zarr.Group.open(away).keys()),
        lambda: zarr.create_array(away, name="u10", shape=(3,), dtype="f4"),
        lambda: write_bytes(join(uri, "a"), b""),
        lambda: read_bytes(join(uri, "a")),
        lambda: create_bytes(join(uri, "a"), b""),
        lambda: names_in(uri),
        lambda: files_in(uri),
        lambda: remove(uri),
        lambda: put_in_place(uri, join(s3_store, "b.zarr")),
    ]
    assert list(group) == ["t2m"]  # of the server that is there
    for ask in asked:
        with pytest.raises(Exception, match="error sending request") as raised:
            ask()
        assert is_transient(raised.value)


def test_refused_keys_are_one_line_without_them(s3_store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-right-one")
    for refused in (assert_readable, assert_writable):
        with pytest.raises((StoreNotReadable, StoreNotWritable), match=r"PermissionError: .*403 Forbidden") as e:
            refused(s3_store)
        assert "\n" not in str(e.value)
        assert "not-the-right-one" not in str(e.value)


def test_a_bucket_that_is_not_there_yet_is_an_empty_store(s3_store: str) -> None:
    assert_readable("s3://nowhere/store")
    assert not exists("s3://nowhere/store")
    assert names_in("s3://nowhere/store") == []


def test_an_unknown_kind_of_store_is_refused() -> None:
    with pytest.raises(BadInput, match="nothing here reads ftp://; give a folder, s3://"):
        assert_writable("ftp://example.org/store")


def test_files_have_the_type_that_browsers_show(s3_store: str) -> None:
    write_bytes(join(s3_store, "index.html"), b"<!doctype html>")
    write_bytes(join(s3_store, "a.png"), b"\x89PNG")
    fs, path = fsspec.core.url_to_fs(s3_store)
    assert fs.info(f"{path}/index.html")["ContentType"] == "text/html; charset=utf-8"
    assert fs.info(f"{path}/a.png")["ContentType"] == "image/png"


def test_a_shard_is_one_request(s3_store: str) -> None:
    """Sent in parts, it would leave them behind if its writer is killed; the ETag then ends with how many."""
    values = np.random.default_rng(0).random((4, 1024, 1024), dtype=np.float32)
    array = zarr.create_array(
        zarr_store(s3_store), shape=values.shape, chunks=(1, 256, 256), shards=values.shape, dtype="f4"
    )
    array[:] = values
    about = objects.about(join(s3_store, "c/0/0/0"))
    assert about is not None
    assert about.size > 10_000_000
    assert "-" not in about.tag


def test_a_fork_is_told_that_it_cannot(s3_store: str) -> None:
    """It would wait for ever, and its parent then too."""
    code = f"""
import multiprocessing
from tasks.storage import names_in, write_bytes
write_bytes({s3_store!r} + "/a", b"1")
def child(): names_in({s3_store!r})
process = multiprocessing.get_context("fork").Process(target=child)
process.start(); process.join()
print(process.exitcode, names_in({s3_store!r}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "1 ['a']\n", done.stderr
    assert "start it by spawn" in done.stderr
