"""One array once: a message is decoded once, its field written once, and read by who needs it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows.downscale import downscale
from tests.conftest import RegionMaker
from tests.servers.opendata import open_data
from tests.traffic import Traffic, counted

TIME = datetime(2026, 11, 20, tzinfo=UTC)
STEPS = list(range(0, 24, 3))
# bytes of the input's fields that version 0.1 wrote and read (1786f65, counted in the same way, its scratch file
# included): three copies, up to six readings of each
BEFORE = {"demo": 252_686, "8 lead times": 807_666}


@pytest.fixture(autouse=True)
def scratch(workspace: Path, prefect_server: None) -> None:
    """A workspace and a server."""


def assert_once(traffic: Traffic, messages: int, before: int) -> None:
    assert traffic.decodes == messages
    assert set(traffic.writes.values()) == {1}
    assert traffic.written + traffic.read <= before / 3


def test_demo_is_decoded_once_and_its_input_written_once(tmp_path: Path) -> None:
    with counted() as traffic:
        downscale("hubei", source="demo", store=str(tmp_path))
    assert_once(traffic, 7, BEFORE["demo"])


def test_eight_lead_times_of_two_mirrors_are_decoded_once(tmp_path: Path, make_region: RegionMaker) -> None:
    lead_times = {"start": STEPS[0], "stop": STEPS[-1], "step": 3}
    with open_data() as served:
        served.add_demo(TIME, STEPS)
        mirrors = [served.url, served.url.replace("127.0.0.1", "localhost")]
        region = make_region(lead_times=lead_times, acquire={"mirrors": mirrors})
        with counted() as traffic:
            downscale(str(region), source="ifs", cycle="2026-11-20T00", store=str(tmp_path))
    assert_once(traffic, 7 * len(STEPS) - 1, BEFORE["8 lead times"])  # no rain at the start
