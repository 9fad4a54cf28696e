"""An ensemble on loopback, and runs of it: fixtures of tests of source `ens`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ecmwf.opendata.urls import URLS
from typer.testing import Result

from tests.conftest import RegionMaker
from tests.flows.conftest import CommandLine
from tests.servers.opendata import OpenData, open_data

QUICK = {
    "mirrors": ["ecmwf", "aws"], "timeout_seconds": 5, "pause_seconds": 0.2, "poll_seconds": 0.2, "wait_minutes": 0.05,
}  # fmt: skip
MEMBERS = 4
ASKED = {"members": MEMBERS, "thresholds": ["t2m<8", "tp/12h>0.1"]}

Run = Callable[..., Result]


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenData]:
    """Two mirrors with a cycle of ten hours ago to 12 h, of six members."""
    with open_data() as served:
        now = datetime.now(UTC) - timedelta(hours=10)
        served.add_ensemble(now.replace(hour=now.hour // 6 * 6, minute=0, second=0, microsecond=0), [0, 6, 12], 6)
        for name in ("ecmwf", "aws"):
            monkeypatch.setitem(URLS, name, served.url)
        yield served


@pytest.fixture
def run(make_region: RegionMaker, finescale: CommandLine, tmp_path: Path) -> Run:
    """`finescale run REGION --source ens`."""

    def command(*more: str, **keys: Any) -> Result:
        settings = {"lead_times": {"start": 0, "stop": 12, "step": 3}, "acquire": QUICK, "ensemble": ASKED} | keys
        return finescale("run", make_region(**settings), "--source", "ens", "--store", tmp_path / "s", *more)

    return command


def product_of(store: Path) -> Path:
    """The only product in a store."""
    (found,) = store.glob("hubei/ens/*/*/*.zarr")
    return found


@pytest.fixture
def made(run: Run, mirror: OpenData, tmp_path: Path) -> Path:
    """A store with a product of four members."""
    result = run()
    assert result.exit_code == 0, result.stderr
    return tmp_path / "s"
