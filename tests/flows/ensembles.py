"""An ensemble on loopback, and runs of it: fixtures of tests of source `ens`."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ecmwf.opendata.urls import URLS
from typer.testing import Result

from tests.conftest import RegionMaker, write_region
from tests.flows.conftest import CommandLine, command_line
from tests.servers.opendata import OpenData, open_data

QUICK = {
    "mirrors": ["ecmwf", "aws"], "timeout_seconds": 5, "pause_seconds": 0.2, "poll_seconds": 0.2, "wait_minutes": 0.05,
}  # fmt: skip
MEMBERS = 4
ASKED = {"members": MEMBERS, "thresholds": ["t2m<8", "tp/12h>0.1"]}

BOX = {"north": 31.6, "south": 29.6, "west": 111.0, "east": 115.0}  # of Hubei: members take their time

Run = Callable[..., Result]


@pytest.fixture(scope="session")
def begun() -> datetime:
    """A cycle whose last lead time is over, as stations must have seen it; the same for all tests of a session."""
    now = datetime.now(UTC) - timedelta(hours=12)
    return now.replace(hour=now.hour // 6 * 6, minute=0, second=0, microsecond=0)


@contextmanager
def mirrors(begun: datetime) -> Iterator[OpenData]:
    """Two mirrors with a cycle to 12 h, of six members."""
    with open_data() as served, pytest.MonkeyPatch.context() as patch:
        served.add_ensemble(begun, [0, 6, 12], 6)
        for name in ("ecmwf", "aws"):
            patch.setitem(URLS, name, served.url)
        yield served


@pytest.fixture
def mirror(begun: datetime) -> Iterator[OpenData]:
    with mirrors(begun) as served:
        yield served


SETTINGS = {
    "box": BOX, "lead_times": {"start": 0, "stop": 12, "step": 3}, "acquire": QUICK, "ensemble": ASKED,
}  # fmt: skip


@pytest.fixture
def run(make_region: RegionMaker, finescale: CommandLine, tmp_path: Path) -> Run:
    """`finescale run REGION --source ens`."""

    def command(*more: str, **keys: Any) -> Result:
        region = make_region(**SETTINGS | keys)
        return finescale("run", region, "--source", "ens", "--store", tmp_path / "s", *more)

    return command


def product_of(store: Path) -> Path:
    """The only product in a store."""
    (found,) = store.glob("hubei/ens/*/*/*.zarr")
    return found


@dataclass(frozen=True)
class Made:
    """A store with a product of four members, and the mirror that was asked for them."""

    store: Path
    mirror: OpenData


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory, begun: datetime) -> Made:
    """To be read only."""
    folder = tmp_path_factory.mktemp("ensemble")
    region = write_region(folder / "regions/hubei", **SETTINGS)
    with mirrors(begun) as served, command_line() as finescale, pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINESCALE_WORKSPACE", str(folder / "workspace"))
        result = finescale("run", region, "--source", "ens", "--store", folder / "s")
    assert result.exit_code == 0, result.stderr
    return Made(folder / "s", served)


@pytest.fixture
def made(made_once: Made, tmp_path: Path) -> Path:
    """The same store for a test to change."""
    return Path(shutil.copytree(made_once.store, tmp_path / "s"))
