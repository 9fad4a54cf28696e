"""The same checks against the stand-ins on loopback and, by `pytest -m live`, against the real services.

Live, IFS needs the network only; ERA5 a key as well, in ~/.cdsapirc or CDSAPI_URL and CDSAPI_KEY, with the licence
accepted, and half an hour or so of waiting for the CDS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tasks.acquire import open_source
from tasks.acquire.ifs import IfsSource
from tasks.handover.cycle import Cycle, RawFile
from tasks.prepare.decode import decode
from tasks.prepare.fields import DecodedField
from tasks.region.document import Region
from tests.servers.arco import arco_server
from tests.servers.cds import KEY, cds_server
from tests.servers.opendata import open_data

MIRRORS = ["ecmwf", "aws", "google", "azure"]
WHERE = ["stand-in", pytest.param("live", marks=pytest.mark.live)]
VARIABLES = ("t2m", "d2m", "sp", "tp")
LIKELY = {"t2m": (180, 340), "d2m": (150, 320), "sp": (45_000, 110_000), "tp": (-1e-6, 1)}  # SI
PATIENT = {"timeout_seconds": 30, "wait_minutes": 10, "cds_wait_hours": 2}


def assert_right(files: list[RawFile], count: int) -> None:
    """So many fields, each of a variable asked for and with values of this planet."""
    fields = [field for file in files for field in decode(Path(file.uri), set(VARIABLES))]
    assert len(fields) == count
    for field in fields:
        low, high = LIKELY[field.header.variable.name]
        assert low <= np.nanmin(field.values) < np.nanmax(field.values) <= high, field.header.variable
    assert all(len(file.sha256) == 64 for file in files)


def written(files: list[RawFile]) -> list[int]:
    """When each file was."""
    return [Path(file.uri).stat().st_mtime_ns for file in files]


@pytest.fixture(params=WHERE)
def mirrors(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Mirrors by name; of stand-ins, by URL: they hold a cycle of 8 to 14 hours ago."""
    if request.param == "live":
        yield MIRRORS
        return
    with ExitStack() as stack:
        served = [stack.enter_context(open_data()) for _ in range(3)]
        now = datetime.now(UTC) - timedelta(hours=8)
        for mirror in served:
            mirror.add_demo(now.replace(hour=now.hour // 6 * 6, minute=0, second=0, microsecond=0), [0, 3, 6])
        yield [mirror.url for mirror in served]


def test_ifs_is_the_same_from_every_mirror(mirrors: list[str], place: Callable[..., Region], tmp_path: Path) -> None:
    cycle = IfsSource().latest(place(VARIABLES, **PATIENT, mirrors=mirrors), datetime.now(UTC))
    assert timedelta(0) < datetime.now(UTC) - cycle.time < timedelta(hours=24)
    digests = set()
    for number, mirror in enumerate(mirrors):
        files = IfsSource().fetch(cycle, place(VARIABLES, **PATIENT, mirrors=[mirror]), str(tmp_path / str(number)))
        assert_right(files, 3 * len(VARIABLES) - 1)  # no rain at the start
        assert {f.mirror for f in files} == {mirror}
        digests.add(tuple(f.sha256 for f in files))
    assert len(digests) == 1


def test_ifs_is_confirmed_and_fetched_once(mirrors: list[str], place: Callable[..., Region], tmp_path: Path) -> None:
    region, source = place(VARIABLES, **PATIENT, mirrors=mirrors), IfsSource()
    cycle = source.latest(region, datetime.now(UTC))
    files = source.fetch(cycle, region, str(tmp_path))
    assert all(f.confirmed for f in files)
    before = written(files)
    assert written(source.fetch(cycle, region, str(tmp_path))) == before


@pytest.fixture(params=WHERE)
def key(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A key that opens the CDS; live, the user's own."""
    if request.param == "live":
        yield
        return
    with cds_server(request.getfixturevalue("fixtures")) as server:
        monkeypatch.setenv("CDSAPI_URL", server.url)
        monkeypatch.setenv("CDSAPI_KEY", KEY)
        yield


@pytest.mark.usefixtures("key")
def test_era5_is_whole_days_and_fetched_once(place: Callable[..., Region], tmp_path: Path) -> None:
    region, source = place(VARIABLES, **PATIENT), open_source("era5")
    cycle = source.latest(region, datetime.now(UTC))
    files = source.fetch(cycle, region, str(tmp_path))
    assert_right(files, 24 * len(VARIABLES))
    assert [sorted(h for hours in (f.expver or {}).values() for h in hours) for f in files] == [list(range(24))]
    before = written(files)
    assert written(source.fetch(cycle, region, str(tmp_path))) == before


@pytest.fixture
def archive(request: pytest.FixtureRequest, key: None) -> Iterator[dict[str, object]]:
    """Settings that lead to ECMWF's archive of ERA5."""
    if "live" in request.node.name:
        yield {}
        return
    grib = request.getfixturevalue("fixtures") / "era5_east_china_2t_2d_sp_tp_hourly_20260530.grib"
    with arco_server(grib) as server:
        yield {"archive": server.url}


def test_era5_from_the_archive_is_that_of_the_queue(
    archive: dict[str, object], place: Callable[..., Region], tmp_path: Path
) -> None:
    """Live, that is some hundreds of megabytes of the archive; the values are those of a final day."""
    cycle, found = Cycle(source="era5", time=datetime(2026, 5, 30, tzinfo=UTC)), []
    for how in ("queue", "archive"):
        region = place(("t2m", "tp"), **PATIENT, **archive, era5_from=how)
        (file,) = open_source("era5").fetch(cycle, region, str(tmp_path / how))
        fields = {(f.header.variable.name, f.header.valid): f for f in decode(Path(file.uri), {"t2m", "tp"})}
        found.append(fields)
    assert found[0].keys() == found[1].keys()
    for which, ours in found[1].items():
        theirs = found[0][which]
        assert (ours.header.start, ours.header.analysis) == (theirs.header.start, theirs.header.analysis)
        np.testing.assert_allclose(*(_over(f, region) for f in (ours, theirs)), rtol=0, atol=1e-6)


def _over(field: DecodedField, region: Region) -> np.ndarray:
    """Values inside a region's box."""
    grid, box = field.header.layout.grid, region.box
    rows = (grid.latitude <= box.north) & (grid.latitude >= box.south)
    columns = (grid.longitude >= box.west) & (grid.longitude <= box.east)
    return field.values[np.ix_(rows, columns)]
