"""What every part begins as: it waits for what the part needs, and becomes it, with its own log."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from deployments.begin import is_there
from tests.conftest import ROOT


def begin(log: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "deployments.begin", "--log", str(log), *words],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def test_it_waits_for_all_that_is_needed_and_becomes_the_command(tmp_path: Path) -> None:
    log, mark = tmp_path / "part.log", tmp_path / "mark"
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        part = begin(
            log, "--needs", f"tcp://127.0.0.1:{port}", "--needs", f"file://{mark}", "--",
            sys.executable, "-c", "import os; print('id', os.getpid())",
        )  # fmt: skip
        while not (log.exists() and f"waits for file://{mark}" in log.read_text()):
            assert part.poll() is None
        mark.touch()
        assert part.wait(30) == 0
    assert log.read_text().splitlines()[-1] == f"id {part.pid}"  # no process between it and who keeps it
    assert part.stdout is not None
    assert part.stdout.read() == ""
    assert log.stat().st_mode & 0o077 == 0


def test_its_words_are_kept_though_who_started_it_is_gone(tmp_path: Path) -> None:
    log = tmp_path / "part.log"
    code = "import sys; sys.stdin.read(); print('still there', flush=True)"
    part = subprocess.Popen(
        [sys.executable, "-m", "deployments.begin", "--log", str(log), "--", sys.executable, "-c", code],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert part.stdout is not None
    part.stdout.close()  # what a pipe's reader does when it is killed
    assert part.stdin is not None
    part.stdin.close()
    assert part.wait(30) == 0
    assert log.read_text() == "still there\n"


def test_a_server_that_answers_with_an_error_is_not_there_yet() -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(503 if self.path == "/ready" else 200)
            self.end_headers()

        def log_message(self, *args: object) -> None: ...

    import threading

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    assert is_there(f"{url}/health")
    assert not is_there(f"{url}/ready")
    server.shutdown()
    server.server_close()
    assert not is_there(f"{url}/health")
    assert not is_there(f"tcp://127.0.0.1:{server.server_port}")


def test_a_command_that_is_not_there_is_named(tmp_path: Path) -> None:
    log = tmp_path / "part.log"
    assert begin(log, "--", "/no/such/program").wait(30) == 1
    assert log.read_text() == "begin: /no/such/program: No such file or directory\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another")
def test_it_runs_as_the_account_that_is_named(tmp_path: Path) -> None:
    log = tmp_path / "part.log"
    assert begin(log, "--account", "nobody", "--", "id", "-un").wait(30) == 0
    assert log.read_text() == "nobody\n"
    assert log.stat().st_uid == 0
