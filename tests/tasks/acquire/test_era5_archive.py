"""ERA5 from ECMWF's Zarr archive: zarr and requests against the stand-in on loopback, held against the queue's file."""

from __future__ import annotations

import errno
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import eccodes
import numpy as np
import pytest
from numcodecs import Blosc

from tasks.acquire import era5 as era5_source
from tasks.acquire.era5 import Era5Source
from tasks.acquire.era5_messages import prove
from tasks.acquire.era5_request import area_around, asked_of
from tasks.errors import AnswerNotUnderstood, CycleNotReady, IncompleteDownload, RequestRefused, WorkspaceFull
from tasks.grids.box import Box
from tasks.handover.cycle import Cycle, RawFile
from tasks.region import search as regions
from tasks.region.document import Region
from tasks.web.patience import Patience
from tests.conftest import HUBEI, RegionMaker
from tests.grib import messages, rippled, terrain_message
from tests.servers.arco import BASE, BEGIN, CHUNKS, QUICK, ArcoServer, arco_server
from tests.servers.cds import KEY, CdsServer, cds_server
from tests.servers.http import Act, cut, html, silent, status, truncated, until
from tests.tasks.acquire.conftest import CDS_QUICK

FAST = Patience(first=0.01, longest=0.05, growth=1.5)
CYCLE = Cycle(source="era5", time=datetime(2026, 5, 30, tzinfo=UTC))
NEXT = Cycle(source="era5", time=datetime(2026, 5, 31, tzinfo=UTC))
NAMES = ("t2m", "d2m", "sp", "tp")
PAIR = ("t2m", "tp")
POINTS_A_CHUNK = 4


@pytest.fixture
def grib(fixtures: Path) -> Path:
    """Two days of real ERA5T."""
    return fixtures / "era5_east_china_2t_2d_sp_tp_hourly_20260530.grib"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a key and no CDS: who asks the queue finds a closed port."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("CDSAPI_URL", "CDSAPI_KEY", "CDSAPI_RC"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".cdsapirc").write_text(f"url: http://127.0.0.1:9/api\nkey: {KEY}\n")
    return tmp_path


@pytest.fixture
def archive(grib: Path, home: Path) -> Iterator[ArcoServer]:
    with arco_server(grib) as server:
        yield server


@contextmanager
def queue(folder: Path, home: Path) -> Iterator[CdsServer]:
    """The CDS's queue beside the archive, with the same key."""
    with cds_server(folder) as server:
        (home / ".cdsapirc").write_text(f"url: {server.url}\nkey: {KEY}\n")
        yield server


@dataclass
class Fetch:
    """What a run does to acquire a day; always a new source, as after a restart."""

    place: Callable[..., Region]
    root: Path
    url: str

    def region(self, variables: tuple[str, ...] = PAIR, how: str = "archive", **acquire: object) -> Region:
        return self.place(variables, era5_from=how, archive=self.url, **acquire)

    def __call__(self, region: Region | None = None, cycle: Cycle = CYCLE) -> list[RawFile]:
        return Era5Source(FAST).fetch(cycle, region or self.region(), str(self.root))

    def kept(self) -> set[str]:
        """Chunks that are here."""
        return {str(f.relative_to(self.root)) for f in self.root.glob("era5-archive/*/*/*.*.*")}


@pytest.fixture
def fetch(place: Callable[..., Region], tmp_path: Path, archive: ArcoServer) -> Fetch:
    return Fetch(place, tmp_path / "raw", archive.url)


def fields(file: RawFile, area: Box) -> dict[tuple[str, str], np.ndarray]:
    """(short name, valid time, interval) -> float32 values inside an area, of a GRIB file."""
    found = {}
    for message in eccodes.FileReader(file.uri):
        latitude, longitude = (message.get_array(n) for n in ("latitudes", "longitudes"))
        inside = (latitude <= area.north) & (latitude >= area.south)
        inside &= (longitude >= area.west) & (longitude <= area.east)
        begin, stop = message.get("startStep", ktype=int), message.get("endStep", ktype=int)
        key = message.get("shortName"), f"{message.get('validityDate')}{message.get('validityTime'):04d}-{stop - begin}"
        assert key not in found
        found[key] = message.get_array("values")[inside].astype(np.float32)
    return found


def test_a_day_is_value_for_value_that_of_the_queue(fetch: Fetch, fixtures: Path, home: Path) -> None:
    (ours,) = fetch(fetch.region(NAMES))
    with queue(fixtures, home):
        (theirs,) = fetch(fetch.region(NAMES, how="queue"))
    area = area_around(fetch.region())
    got, expected = fields(ours, area), fields(theirs, area)
    assert got.keys() == expected.keys()
    assert len(got) == 24 * len(NAMES)
    for key, values in expected.items():
        np.testing.assert_array_equal(got[key], values, err_msg=str(key))
    assert (ours.expver, ours.mirror) == ({"0001": list(range(24))}, fetch.url)
    assert prove(Path(ours.uri), asked_of(fetch.region(NAMES), CYCLE.time), CYCLE) == ours.expver


def test_only_the_area_s_chunks_are_asked_for_and_once_for_all_days(fetch: Fetch, archive: ArcoServer) -> None:
    fetch()
    area = area_around(fetch.region())
    row, column = round((area.south + 90) / 0.25), round((area.west + 180) / 0.25)
    rows = {i // POINTS_A_CHUNK for i in range(row, row + 25)}  # 28..34N, 116..122E
    columns = {i // POINTS_A_CHUNK for i in range(column, column + 25)}
    wanted = {f"{BASE}/t2m/0.{i}.{j}" for i in rows for j in columns}
    assert {path for path in archive.asked if "/t2m/" in path} == wanted
    before = sum(archive.asked.values())
    assert before == 1 + 3 + len(PAIR) * len(wanted), "metadata, axes, chunks"
    (day,) = fetch(cycle=NEXT)
    assert day.uri != fetch()[0].uri
    assert sum(archive.asked.values()) == before


def test_days_that_are_fetched_at_once_share_what_is_fetched(fetch: Fetch, archive: ArcoServer) -> None:
    region = fetch.region()
    with ThreadPoolExecutor(2) as pool:
        days = list(pool.map(lambda cycle: fetch(region, cycle), (CYCLE, NEXT)))
    assert len({file.sha256 for (file,) in days}) == 2
    assert set(archive.asked.values()) == {1}


def test_the_archive_s_own_shape_is_read_years_of_a_few_points_in_a_chunk(
    grib: Path, home: Path, place: Callable[..., Region], fixtures: Path
) -> None:
    end = datetime(2026, 6, 1, tzinfo=UTC)
    with arco_server(grib, ("t2m",), BEGIN, end, CHUNKS) as server:
        fetch = Fetch(place, home / "raw", server.url)
        (ours,) = fetch(fetch.region(("t2m",)), NEXT)
        assert server.of("t2m") == 49
        assert {path.rsplit("/", 1)[1].split(".")[0] for path in server.asked if "/t2m/" in path} == {"11"}
    with queue(fixtures, home):
        (theirs,) = fetch(fetch.region(("t2m",), how="queue"), NEXT)
    area = area_around(fetch.region())
    got, expected = fields(ours, area), fields(theirs, area)
    assert got.keys() == expected.keys()
    assert all(np.array_equal(got[key], expected[key]) for key in expected)


def test_an_area_across_the_date_line_is_two_ends_of_the_archive_s_rows(
    grib: Path, home: Path, make_region: RegionMaker
) -> None:
    east = home / "east.grib"
    with east.open("wb") as file:
        for message in eccodes.FileReader(grib):
            if message.get("paramId") == 167:
                message.set("longitudeOfFirstGridPointInDegrees", 176.0)
                message.set("longitudeOfLastGridPointInDegrees", 185.0)
                file.write(message.get_buffer())
    with arco_server(east, ("t2m",)) as server:
        region = regions.load(str(make_region(
            box={"north": 32, "south": 30, "west": 179, "east": 181}, variables=["t2m"], required=None, terrain=None,
            boundary=None, acquire=CDS_QUICK | {"era5_from": "archive", "archive": server.url},
        )))  # fmt: skip
        (ours,) = Era5Source(FAST).fetch(CYCLE, region, str(home / "raw"))
        columns = {int(path.rsplit(".", 1)[1]) for path in server.asked if "/t2m/" in path}
        assert columns == {*range(357, 360), *range(4)}
    area = area_around(region)
    assert (area.west, area.east) == (177.0, 183.0)
    expected = fields(RawFile(uri=str(east), sha256="", size=0), area)
    got = fields(ours, area)
    assert len(got) == 24
    assert all(np.array_equal(values, expected[key]) for key, values in got.items())


def test_terrain_comes_from_the_queue_once_and_goes_with_every_day(fetch: Fetch, grib: Path, home: Path) -> None:
    hills = fetch.region().model_copy(update={"terrain": str(HUBEI / "terrain.nc")})
    (home / "served").mkdir()
    message = eccodes.codes_new_from_message(terrain_message(messages(grib)[0], rippled))
    for key, value in (("dataDate", 20000101), ("dataTime", 0)):
        eccodes.codes_set(message, key, value)
    (home / "served/terrain.grib").write_bytes(eccodes.codes_get_message(message))
    found = []
    with queue(home / "served", home) as cds:
        for cycle in (CYCLE, NEXT):
            (file,) = fetch(hills, cycle)
            terrain = [m for m in eccodes.FileReader(file.uri) if m.get("paramId") == 129]
            assert [m.get("validityDate") for m in terrain] == [int(f"{cycle.time:%Y%m%d}")]
            found.append(terrain[0].get_array("values"))
        (job,) = cds.jobs.values()
    assert (job.inputs["variable"], job.inputs["time"]) == (["geopotential"], ["00:00"])
    np.testing.assert_array_equal(*found)
    np.testing.assert_array_equal(found[0], eccodes.codes_get_values(message))


def test_what_the_archive_lacks_comes_from_the_queue_beside_it(fetch: Fetch, grib: Path, home: Path) -> None:
    (home / "served").mkdir()
    with (home / "served/vapour.grib").open("wb") as file:
        for message in eccodes.FileReader(grib):
            if message.get("paramId") == 167:
                message.set("paramId", 137)
                file.write(message.get_buffer())
    with queue(home / "served", home) as cds:
        ours, theirs = fetch(fetch.region(("t2m", "tcwv")))
        (job,) = cds.jobs.values()
    assert job.inputs["variable"] == ["total_column_water_vapour"]
    assert {m.get("shortName") for f in (ours,) for m in eccodes.FileReader(f.uri)} == {"2t"}
    assert {m.get("shortName") for f in (theirs,) for m in eccodes.FileReader(f.uri)} == {"tcwv"}


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        pytest.param(401, RequestRefused, (".cdsapirc", "copy the one shown at"),
                     marks=pytest.mark.fault("archive: wrong key", "refused (exit 2) with the key's place")),
        pytest.param(403, RequestRefused, ("accept the dataset's licence at https://cds.climate",),
                     marks=pytest.mark.fault("archive: no licence", "refused (exit 2) with where to accept it")),
        pytest.param(404, RequestRefused, ("no Zarr (v2", "mend `archive`", "era5_from: queue"),
                     marks=pytest.mark.fault("archive: moved away", "refused (exit 2) with the setting to mend")),
        pytest.param(418, RequestRefused, ("HTTP 418", "era5_from: queue"),
                     marks=pytest.mark.fault("archive: another refusal", "refused (exit 2) with what it says")),
    ],
)  # fmt: skip
def test_a_refusal_is_one_line_with_a_remedy(
    fetch: Fetch, archive: ArcoServer, code: int, kind: type[Exception], words: tuple[str, ...]
) -> None:
    if code == 401:
        archive.key = "another"
    else:
        archive.on(r".", status(code))
    with pytest.raises(kind) as raised:
        fetch()
    text = str(raised.value)
    assert "\n" not in text
    assert KEY not in text
    assert all(word in text for word in words), text
    assert sum(archive.asked.values()) == 1, "not asked again"


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(status(503), id="503"),
        pytest.param(status(500), id="500"),
        pytest.param(cut(100), id="cut"),
        pytest.param(truncated(0.5), id="broken"),
        pytest.param(html, id="html"),
    ],
)
@pytest.mark.fault("archive: a chunk that is refused, cut or damaged", "fetched again, right product")
def test_a_chunk_that_comes_wrong_is_fetched_again(fetch: Fetch, archive: ArcoServer, act: Act, home: Path) -> None:
    archive.on(r"/tp/0\.", act, times=1)
    (file,) = fetch()
    assert sum(archive.asked.values()) == 4 + 2 * 49 + 1, "it alone"
    archive.rules.clear()
    (clean,) = Fetch(fetch.place, home / "other", fetch.url)()
    assert file.sha256 == clean.sha256


@pytest.mark.fault("archive: 429 with Retry-After", "left alone for as long as it wants, right product")
def test_retry_after_is_kept(fetch: Fetch, archive: ArcoServer) -> None:
    archive.on(r"zmetadata", status(429, Retry_After="1"), times=1)
    began = time.monotonic()
    fetch()
    assert time.monotonic() - began > 1
    assert archive.asked[f"{BASE}/.zmetadata"] == 2


@pytest.mark.parametrize("act", [pytest.param(status(503), id="503"), pytest.param(silent, id="silent")])
@pytest.mark.fault("archive: down, or silent", "not ready (exit 3) within the region's wait_minutes; what came is kept")
def test_what_came_before_it_went_down_is_kept(fetch: Fetch, archive: ArcoServer, act: Act) -> None:
    over = threading.Event()
    archive.on(r"/tp/", until(over, act))
    with pytest.raises(CycleNotReady, match=r"does not give tp/.*run again later: what came is kept.*era5_from: queue"):
        fetch(fetch.region(wait_minutes=0.01, timeout_seconds=0.3))
    kept, before = fetch.kept(), archive.of("t2m")
    assert len(kept) == 49
    over.set()
    fetch()
    assert archive.of("t2m") == before == 49
    assert kept < fetch.kept()


@pytest.mark.fault("archive: a chunk stays damaged", "fetched twice, then IncompleteDownload, nothing published")
def test_a_chunk_that_stays_damaged_ends_the_run(fetch: Fetch, archive: ArcoServer) -> None:
    archive.on(r"/t2m/0\.\d+\.296$", truncated(0.5))
    with pytest.raises(IncompleteDownload, match=r"t2m/0\.\d+\.296 of the archive does not decode, fetched twice"):
        fetch()


@pytest.mark.fault("archive: a chunk is not there", "IncompleteDownload that names it, nothing published")
def test_a_chunk_that_is_not_there_is_no_missing_value(fetch: Fetch, archive: ArcoServer) -> None:
    del archive.files[f"{BASE}/tp/0.120.298"]
    with pytest.raises(IncompleteDownload, match=r"chunk tp/0\.120\.298 is not in the archive"):
        fetch()


@pytest.mark.fault("archive: missing values in the day", "fetched once more, then IncompleteDownload with their hours")
def test_missing_values_are_looked_at_again_and_refused(archive: ArcoServer, fetch: Fetch) -> None:
    path = f"{BASE}/t2m/0.120.298"
    whole = archive.files[path]
    values = np.frombuffer(Blosc().decode(whole), dtype="<f4").reshape(QUICK).copy()
    values[2 * 24 + 7, 0, 0] = np.nan  # the Zarr begins two days before
    archive.files[path] = Blosc(cname="lz4").encode(values)
    with pytest.raises(IncompleteDownload, match=r"t2m of the archive has missing values at 7 UTC; run again later"):
        fetch()
    assert archive.asked[path] == 2
    archive.files[path] = whole
    fetch()


@pytest.mark.fault("archive: the day is not there yet", "not ready (exit 3) with what is there; looked for again")
def test_a_day_that_is_not_there_yet_is_not_ready(grib: Path, home: Path, place: Callable[..., Region]) -> None:
    with arco_server(grib, end=datetime(2026, 5, 30, 16, tzinfo=UTC)) as server:
        fetch = Fetch(place, home / "raw", server.url)
        with pytest.raises(CycleNotReady, match=r"has 2026-05-28T00:00 to 2026-05-30T15:00 UTC, of that day 16 hours"):
            fetch()
        assert sum(server.of(name) for name in NAMES) == 0
        with arco_server(grib) as later:
            server.files = later.files
        fetch()


@pytest.mark.fault("archive: a day before its begin", "IncompleteDownload with what is there, nothing published")
def test_a_day_before_the_archive_is_refused(fetch: Fetch) -> None:
    with pytest.raises(IncompleteDownload, match=r"of that day 0 hours; take another day"):
        fetch(cycle=Cycle(source="era5", time=datetime(2026, 5, 20, tzinfo=UTC)))


@pytest.mark.fault("archive: a day that may be preliminary", "not ready (exit 3) with the date; `either`: the queue's")
def test_a_preliminary_day_is_the_queue_s(
    fetch: Fetch, fixtures: Path, home: Path, archive: ArcoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(era5_source, "MONTHS_TO_FINAL", 1200)
    with pytest.raises(CycleNotReady, match=r"preliminary until 2126-05-30.*era5_from: either"):
        fetch()
    with queue(fixtures, home):
        (file,) = fetch(fetch.region(how="either"))
    assert (file.mirror, file.expver) == ("cds", {"0005": list(range(24))})
    assert not archive.asked


@pytest.mark.parametrize(
    ("pattern", "act"),
    [
        pytest.param(r".", status(403), id="403"),
        pytest.param(r".", status(503), id="503"),
        pytest.param(r"/tp/", truncated(0.3), id="damaged"),
        pytest.param(r"zmetadata", html, id="html"),
    ],
)
@pytest.mark.fault("archive: cannot give a day, `era5_from: either`", "a warning; the day from the queue")
def test_either_falls_back_to_the_queue(
    fetch: Fetch, archive: ArcoServer, fixtures: Path, home: Path, pattern: str, act: Act,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    archive.on(pattern, act)
    with queue(fixtures, home) as cds:
        (file,) = fetch(fetch.region(how="either"))
    assert file.mirror == "cds"
    assert cds.counts["execution"] == 1
    assert "taking the queue" in caplog.text
    archive.rules.clear()
    (again,) = fetch(fetch.region(how="either"))
    assert again.mirror == fetch.url


@pytest.mark.parametrize(
    "change",
    [
        pytest.param((b'"units": "K"', b'"units": "km"'), id="unit"),
        pytest.param((b'"tp/.zarray"', b'"xx/.zarray"'), id="name"),
        pytest.param((b'["time", "latitude", "longitude"]', b'["time", "longitude", "latitude"]'), id="axes"),
        pytest.param((b'"time/.zarray"', b'"tome/.zarray"'), id="no time"),
        pytest.param((b"{", b"<html>{"), id="html"),
    ],
)
@pytest.mark.fault(
    "archive: metadata that are not those that are known", "an error (exit 1): what came; nothing published"
)
def test_metadata_of_something_else_are_an_error(
    fetch: Fetch, archive: ArcoServer, change: tuple[bytes, bytes]
) -> None:
    path = f"{BASE}/.zmetadata"
    archive.files[path] = archive.files[path].replace(*change)
    with pytest.raises(AnswerNotUnderstood, match="era5_from: queue"):
        fetch()


@pytest.mark.fault(
    "archive: disk full while fetching", "one line that says so; run again with room, the rest is fetched"
)
def test_a_full_disk_loses_nothing(fetch: Fetch, archive: ArcoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.acquire import arco

    real, count = arco.write_bytes, [0]

    def full(uri: str, data: bytes) -> None:
        count[0] += 1
        if count[0] > 60:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(uri, data)

    monkeypatch.setattr(arco, "write_bytes", full)
    with pytest.raises(WorkspaceFull, match="FINESCALE_WORKSPACE"):
        fetch()
    monkeypatch.setattr(arco, "write_bytes", real)
    kept = {f"{BASE}/{name.split('/', 2)[2]}" for name in fetch.kept()}
    assert len(kept) > 50
    fetch()
    assert {archive.asked[path] for path in kept} == {1}


def test_without_the_queue_the_newest_day_is_the_newest_that_is_final(fetch: Fetch) -> None:
    now = datetime(2026, 7, 31, 5, tzinfo=UTC)
    assert Era5Source().latest(fetch.region(), now).stamp == "2026-04-30T00"
    assert Era5Source().due(fetch.region(), now).stamp == "2026-04-30T00"
    assert Era5Source().due(fetch.region(how="either"), now).stamp == "2026-07-25T00"


def test_key_is_in_no_log_and_no_file(
    fetch: Fetch, archive: ArcoServer, caplog: pytest.LogCaptureFixture, home: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    archive.on(r"/tp/", status(403, f"the key {KEY} is not welcome".encode()))
    with pytest.raises(RequestRefused) as raised:
        fetch()
    archive.rules.clear()
    fetch()
    assert KEY not in caplog.text + str(raised.value)
    assert all(KEY.encode() not in f.read_bytes() for f in (home / "raw").rglob("*") if f.is_file())


def test_a_netrc_does_not_take_the_key_s_place(fetch: Fetch, home: Path) -> None:
    netrc = home / ".netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    fetch()
