"""Begins a part: waits for what it needs, writes straight into its log, and becomes it.

    python -m deployments.begin --log FILE [--needs URL]... [--account NAME] -- COMMAND

A need is tcp://HOST:PORT, http://... or file:///PATH.

Straight: a part whose output goes through a pipe dies with whoever reads the pipe. The standard library only, since it
runs before every part.
"""

from __future__ import annotations

import argparse
import os
import pwd
import socket
import sys
import time
import urllib.request
from urllib.parse import urlsplit

EVERY = 0.25  # seconds between two looks
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # this machine's own are behind no proxy


def is_there(need: str) -> bool:
    """Whether somebody listens at tcp://, http:// answers with success, file:// exists."""
    parts = urlsplit(need)
    try:
        match parts.scheme:
            case "file":
                return os.path.exists(parts.path)
            case "tcp":
                socket.create_connection((parts.hostname or "", parts.port or 0), timeout=2).close()
                return True
            case _:
                with DIRECT.open(need, timeout=5) as answer:
                    return bool(answer.status < 300)
    except OSError:
        return False


def _write(what: str) -> None:
    sys.stdout.write(f"begin: {what}\n")
    sys.stdout.flush()


def wait_for(needs: list[str]) -> None:
    """Until all are there, for as long as it takes: what is missing is being started by somebody else."""
    for need in needs:
        began, shown = time.monotonic(), False
        while not is_there(need):
            if not shown:
                _write(f"waits for {need}")
                shown = True
            time.sleep(EVERY)
        if shown:
            _write(f"{need} is there after {time.monotonic() - began:.1f} s")


def become_account(name: str) -> None:
    """Run as another account from here on; for root."""
    account = pwd.getpwnam(name)
    os.initgroups(name, account.pw_gid)
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)
    os.chdir("/")


def main() -> None:
    """Read the arguments, and become the command."""
    reader = argparse.ArgumentParser(prog="begin")
    reader.add_argument("--log", required=True)
    reader.add_argument("--needs", action="append", default=[])
    reader.add_argument("--account")
    reader.add_argument("command", nargs="+")
    given = reader.parse_args()
    log = os.open(given.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    wait_for(given.needs)
    if given.account:
        become_account(given.account)
    try:
        os.execvp(given.command[0], given.command)  # noqa: S606
    except OSError as error:
        sys.exit(f"begin: {given.command[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
