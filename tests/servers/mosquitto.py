"""A real MQTT broker on loopback: Debian's mosquitto, with the user of WIS2's global brokers."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.servers.proxy import make_certificate
from tests.servers.s3 import free_ports

USER = PASSWORD = "everyone"
SBIN = "/usr/sbin"  # where Debian puts it, which is not in everybody's PATH


def binary() -> str:
    """The broker; the test is skipped where it is missing, and fails in CI."""
    found = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:{SBIN}")
    if found is None:
        end = pytest.fail if os.environ.get("FINESCALE_ALL_CLIENTS") else pytest.skip
        end("mosquitto is missing: apt-get install mosquitto")
    return found


@dataclass
class Broker:
    """Where it listens, and how it is begun again with the sessions it keeps."""

    folder: Path
    port: int
    certificate: Path | None = None  # of a listener that speaks TLS
    command: list[str] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"{'mqtt' if self.certificate is None else 'mqtts'}://127.0.0.1:{self.port}"

    def start(self) -> None:
        with (self.folder / "mosquitto.log").open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"mosquitto did not start: {(self.folder / 'mosquitto.log').read_text()[-2000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """As its service does: sessions are written to disk."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)

    def forget(self) -> None:
        """Lose all sessions, once it is stopped."""
        (self.folder / "data" / "mosquitto.db").unlink()


@contextmanager
def broker(folder: Path, *, secure: bool = False) -> Iterator[Broker]:
    """Start it with a folder for its sessions, password and, where it is to be secure, certificate."""
    program, (port,) = binary(), free_ports(1)
    (folder / "data").mkdir(parents=True)
    os.chmod(folder / "data", 0o777)
    passwords = folder / "passwords"
    passwords.write_text("")
    subprocess.run(["mosquitto_passwd", "-b", str(passwords), USER, PASSWORD], check=True, capture_output=True)
    lines = [
        f"listener {port} 127.0.0.1", "allow_anonymous false", f"password_file {passwords}",
        "persistence true", f"persistence_location {folder / 'data'}/", "max_queued_messages 10000",
        f"user {getpass.getuser()}",  # as root it would become another, who may not read the test's files
    ]  # fmt: skip
    found = Broker(folder, port)
    if secure:
        found.certificate, key = make_certificate(folder, ["broker.test"]), folder / "proxy.key"
        lines[1:1] = [f"certfile {found.certificate}", f"keyfile {key}"]
    config = folder / "mosquitto.conf"
    config.write_text("\n".join([*lines, ""]))
    found.command = [program, "-c", str(config)]
    try:
        found.start()
        yield found
    finally:
        found.stop()
