"""A product as the daily job publishes it, with three lead times, and its store served over HTTP."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import eccodes
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from benchmarks.runs.clients import node_is_here
from flows.downscale import downscale
from tests.conftest import DEMO_GRIB
from tests.grib import messages
from tests.servers.s3 import free_ports

HOURS = (8, 11, 14)


def _later(folder: Path, hour: int) -> str:
    """The demo's fields as of a later lead time, a little warmer, with more rain."""
    path = folder / f"{hour}h.grib2"
    with path.open("wb") as file:
        for message in messages(DEMO_GRIB):
            handle = eccodes.codes_new_from_message(message)
            values = eccodes.codes_get_values(handle)
            if eccodes.codes_get(handle, "shortName") == "tp":
                eccodes.codes_set(handle, "stepRange", f"0-{hour}")
                eccodes.codes_set_values(handle, values * hour / HOURS[0])
            else:
                eccodes.codes_set(handle, "step", hour)
                eccodes.codes_set_values(handle, values * (1 + 1e-5 * (hour - HOURS[0])))
            eccodes.codes_write(handle, file)
            eccodes.codes_release(handle)
    return str(path)


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory, prefect_server: None) -> Path:
    """A store with one product that a run has published."""
    folder = tmp_path_factory.mktemp("clients")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINESCALE_WORKSPACE", str(folder / "workspace"))
        outcome = downscale("hubei", inputs=[_later(folder, h) for h in HOURS], store=str(folder / "store"))
    assert outcome.made
    return folder / "store"


@pytest.fixture(scope="session")
def latest(published: Path) -> dict[str, Any]:
    """What readers start from."""
    return dict(json.loads((published / "hubei/file/latest.json").read_text()))


@pytest.fixture(scope="session")
def product(published: Path, latest: dict[str, Any]) -> str:
    """Path of the product."""
    return str(published / latest["product"])


@pytest.fixture(scope="session")
def digests(product: str) -> dict[str, list[str]]:
    """What the ledger says of the values."""
    return dict(json.loads(Path(product).with_suffix(".json").read_text())["digests"])


@pytest.fixture(scope="session")
def url(published: Path) -> Iterator[str]:
    """The store as a plain web server of files gives it."""
    port = free_ports(1)[0]
    app = Starlette(routes=[Mount("/", StaticFiles(directory=published))])
    server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="session")
def node() -> None:
    """Tests that need node are skipped where it is missing, but not in CI."""
    if not node_is_here():
        if os.environ.get("FINESCALE_ALL_CLIENTS"):
            pytest.fail("node or its packages are missing: make clients")
        pytest.skip("node or its packages are missing: make clients")
