"""nginx as docs/operate.md configures it, with a self-signed certificate, on a port of its own."""

from __future__ import annotations

import re
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.servers.prefect import ROOT, wait_for
from tests.servers.stack import taken

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
AROUND = """
daemon off; master_process off; error_log {folder}/error.log; pid {folder}/pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
{inside}
}}
"""


@dataclass
class Proxy:
    """Where it listens, and whom to trust for it."""

    port: int
    certificate: Path

    def url(self, name: str) -> str:
        """Of a server behind it."""
        return f"https://{name}:{self.port}"

    @property
    def trust(self) -> ssl.SSLContext:
        """For clients."""
        return ssl.create_default_context(cafile=str(self.certificate))


def make_certificate(folder: Path, names: list[str]) -> Path:
    """Self-signed, for some names and this machine's own: proxy.crt, proxy.key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = datetime.now(UTC)
    others = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([*(x509.DNSName(n) for n in names), *others]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    (folder / "proxy.key").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    (folder / "proxy.crt").write_bytes(made.public_bytes(pem))
    return folder / "proxy.crt"


def configuration(folder: Path, port: int, behind: dict[int, int], names: dict[str, str]) -> str:
    """The page's, with a port, a certificate, ports behind it and names of a test."""
    page = (ROOT / "docs/operate.md").read_text()
    found = re.search(r"^    ssl_certificate .*?(?=\n\n)", page, re.MULTILINE | re.DOTALL)
    assert found is not None
    text = found[0].replace("/etc/ssl/weather.", f"{folder}/proxy.")
    text = re.sub(r"listen 443 ssl", f"listen 127.0.0.1:{port} ssl", text)
    for usual, here in behind.items():
        assert f":{usual};" in text
        text = text.replace(f":{usual};", f":{here};")
    for usual, name in names.items():
        assert f"server_name {usual};" in text
        text = text.replace(f"server_name {usual};", f"server_name {name};")
    return AROUND.format(folder=folder, inside=text)


@contextmanager
def proxy(folder: Path, port: int, behind: dict[int, int], names: dict[str, str]) -> Iterator[Proxy]:
    """Start it; the test is skipped where there is no nginx."""
    if NGINX is None:
        pytest.skip("needs nginx")
    certificate = make_certificate(folder, ["weather.example", "s3.weather.example", "map.weather.example"])
    config = folder / "nginx.conf"
    config.write_text(configuration(folder, port, behind, names))
    with (folder / "nginx.log").open("wb") as log:
        process = subprocess.Popen([NGINX, "-e", f"{folder}/error.log", "-c", config], stdout=log, stderr=log)
    try:
        wait_for("nginx", lambda: taken(port) or process.poll() is not None, 20)
        assert process.poll() is None, (folder / "nginx.log").read_text() + (folder / "error.log").read_text()
        yield Proxy(port, certificate)
    finally:
        process.kill()
        process.wait()
