"""Shared by the tests of fetching: real ERA5 files, and a region that they cover."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.region import search as regions
from tasks.region.document import Region
from tests.conftest import RegionMaker

CDS_QUICK = {"timeout_seconds": 5, "wait_minutes": 0.5, "cds_wait_hours": 0.02}


@pytest.fixture(scope="module")
def fixtures(shared_data: Path) -> Path:
    """Folder of real ERA5 files."""
    return shared_data / "fixtures"


@pytest.fixture
def place(make_region: RegionMaker) -> Callable[..., Region]:
    """A region whose box with halo lies within the fixture's 27-35N 114-123E."""

    def make(variables: tuple[str, ...] = ("t2m", "d2m", "sp", "tp"), **acquire: object) -> Region:
        box = {"north": 32, "south": 30, "west": 118, "east": 120}
        folder = make_region(
            name="east-china", title="East China", box=box, variables=list(variables), required=None, terrain=None,
            boundary=None, lead_times={"start": 0, "stop": 6, "step": 3}, acquire=CDS_QUICK | acquire,
        )  # fmt: skip
        return regions.load(str(folder))

    return make
