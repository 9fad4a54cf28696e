"""One stack for all tests of it, with two regions and a listener for alarms; each test brings it up if it is not."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import HUBEI
from tests.servers.stack import Stack, clean_environ, stack_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    with stack_folder() as place:
        yield place


@pytest.fixture(scope="session")
def listener() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Somebody who is told of alarms."""
    told: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/alarm", told
    server.shutdown()


@pytest.fixture(scope="session")
def one_stack(listener: tuple[str, list[dict[str, Any]]]) -> Iterator[Stack]:
    url, told = listener
    with stack_folder() as place:
        region = place.parent / "regions" / "small"
        shutil.copytree(HUBEI, region)
        data = yaml.safe_load((region / "region.yaml").read_text())
        never = {"ifs": "0 0 1 1 *", "era5": None, "maintain": None, "verify": None, "deadline_minutes": 0.2}
        (region / "region.yaml").write_text(yaml.safe_dump(data | {"name": "small", "schedule": never}))
        found = Stack(place, clean_environ(place, FINESCALE_REGIONS=str(region.parent), FINESCALE_NOTIFY_URL=url), told)
        try:
            found.first = found("up")
            yield found
        finally:
            found("down")


@pytest.fixture
def stack(one_stack: Stack) -> Stack:
    """It is up."""
    if not one_stack.is_whole():
        up = one_stack("up")
        assert up.returncode == 0, up.stdout + up.stderr
    return one_stack
