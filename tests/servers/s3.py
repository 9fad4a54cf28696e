"""A real S3 server on loopback: SeaweedFS from PyPI, signatures checked, started and ended by the tests."""

from __future__ import annotations

import json
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BUCKET, KEY, SECRET = "products", "finescale-test", "not-a-secret"


@dataclass
class S3Server:
    """Where the server is and what opens it."""

    endpoint: str
    command: list[str]
    ports: list[int]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """Variables that obstore, s3fs and botocore read."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    @property
    def options(self) -> dict[str, str]:
        """What s3fs takes that is to open it without them."""
        return {"key": KEY, "secret": SECRET, "endpoint_url": self.endpoint}

    def start(self) -> None:
        """Start it, or start it again with what it holds."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 60
        while not all(_answers(port) for port in self.ports):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"S3 server did not start: {self.log.read_text()[-2000:]}")
            time.sleep(0.2)

    def kill(self) -> None:
        """At once: it ends slowly by itself."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()


def free_ports(count: int) -> list[int]:
    """Ports below 22768, so that port + 10000, which weed opens too, is a port and below the ephemeral range."""
    found: list[int] = []
    for port in random.sample(range(15000, 22768), 2000):  # not the same as another test run picks at this moment
        taken = False
        for candidate in (port, port + 10000):
            with socket.socket() as probe:
                taken = taken or probe.connect_ex(("127.0.0.1", candidate)) == 0
        if not taken:
            found.append(port)
        if len(found) == count:
            return found
    raise RuntimeError("no free ports on loopback")


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def s3_server(folder: Path, *options: str) -> Iterator[S3Server]:
    """Start the server on a folder, with more of weed's options; killed at the end, since it ends slowly by itself."""
    binary = shutil.which("weed") or str(Path(sys.executable).with_name("weed"))
    s3, master, volume, filer = free_ports(4)
    config = folder / "s3.json"
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    credentials = [{"accessKey": KEY, "secretKey": SECRET}]
    config.write_text(json.dumps({"identities": [{"name": "test", "credentials": credentials, "actions": actions}]}))
    data = folder / "data"
    data.mkdir()
    command = [
        binary, "server", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3", f"-s3.port={s3}",
        f"-s3.config={config}", "-volume.max=0", "-master.volumeSizeLimitMB=64", "-master.telemetry=false",
        f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}",
        "-s3.port.iceberg=0", "-s3.port.lance=0",  # fixed ports that no second server could have
        *options,
    ]  # fmt: skip
    server = S3Server(f"http://127.0.0.1:{s3}", command, [s3, volume, filer], folder / "weed.log")
    try:
        server.start()
        yield server
    finally:
        server.kill()
