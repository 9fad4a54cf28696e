"""ERA5 from the CDS: the real client against the stand-in on loopback, one fault after the other."""

from __future__ import annotations

import hashlib
import logging
import resource
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import eccodes
import pytest

from tasks.acquire import choose_cycle, open_source
from tasks.acquire.era5 import Era5Source, final_since
from tasks.acquire.era5_messages import prove
from tasks.acquire.era5_queue import assert_checksum
from tasks.acquire.era5_request import area_around, asked_of
from tasks.errors import BadInput, CycleNotReady, IncompleteDownload, RequestRefused, WorkspaceFull
from tasks.grids.box import Box
from tasks.handover.cycle import Cycle, RawFile
from tasks.region import search as regions
from tasks.region.document import Region
from tasks.web.patience import Patience
from tests.conftest import HUBEI, RegionMaker
from tests.grib import messages, rippled, terrain_message
from tests.servers.cds import KEY, LICENCE_PAGE, CdsServer, Fault, cds_server
from tests.tasks.acquire.conftest import CDS_QUICK

DAY = datetime(2026, 5, 30, tzinfo=UTC)
CYCLE = Cycle(source="era5", time=DAY)
ALL_DAY = list(range(24))
FAST = Patience(first=0.01, longest=0.05, growth=1.5)


@pytest.fixture
def cds(fixtures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CdsServer]:
    """The stand-in, and its key in the .cdsapirc of a home of its own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("CDSAPI_URL", "CDSAPI_KEY", "CDSAPI_RC"):
        monkeypatch.delenv(name, raising=False)
    with cds_server(fixtures) as server:
        write_rc(tmp_path, server)
        yield server


def write_rc(home: Path, server: CdsServer, key: str = KEY) -> None:
    (home / ".cdsapirc").write_text(f"url: {server.url}\nkey: {key}\n")


class Fetch:
    """What a run does to acquire the day; always a new source, as after a restart."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "era5" / CYCLE.stamp

    def __call__(self, region: Region, pace: Patience = FAST) -> RawFile:
        (file,) = Era5Source(pace).fetch(CYCLE, region, str(self.root))
        assert Path(file.uri).read_bytes(), "a file that is handed on is there"
        return file

    def left(self) -> set[str]:
        """Endings of what lies in the raw folder."""
        files = self.folder.iterdir() if self.folder.is_dir() else []
        return {f.name.partition(".")[2] for f in files if f.name != "lock"}


@pytest.fixture
def fetch(tmp_path: Path) -> Fetch:
    return Fetch(tmp_path / "raw")


@pytest.fixture(scope="module")
def right(fixtures: Path) -> bytes:
    """The first day of the fixture file: what a good fetch gives."""
    whole = (fixtures / "era5_east_china_2t_2d_sp_tp_hourly_20260530.grib").read_bytes()
    return whole[: len(whole) // 2]


def eccodes_length(data: bytes) -> int:
    handle = eccodes.codes_new_from_message(data)
    length = int(eccodes.codes_get(handle, "totalLength"))
    eccodes.codes_release(handle)
    return length


def assert_right(file: RawFile, right: bytes) -> None:
    assert set(messages(Path(file.uri))) == set(messages(right))
    assert (file.size, file.expver) == (len(right), {"0005": ALL_DAY})


# -- the request


@pytest.mark.parametrize(
    ("box", "area"),
    [
        ((33.3, 29.0, 108.3, 116.2), Box(north=35.5, west=106.25, south=27.0, east=118.25)),
        ((89, 80, 0, 10), Box(north=90.0, west=-2.0, south=78.0, east=12.0)),  # the pole cuts the halo
        ((-80, -89.9, 0, 10), Box(north=-78.0, west=-2.0, south=-90.0, east=12.0)),
        ((10, -10, 175, 185), Box(north=12.0, west=173.0, south=-12.0, east=187.0)),  # across the date line
        ((10, -10, -179, -170), Box(north=12.0, west=179.0, south=-12.0, east=192.0)),  # the halo is across it
        ((10, -10, 100, 400), Box(north=12.0, west=-180.0, south=-12.0, east=179.75)),
        ((90, -90, -180, 179.75), Box(north=90.0, west=-180.0, south=-90.0, east=179.75)),
    ],
)
def test_area_is_the_box_with_halo_on_the_grid(
    make_region: RegionMaker, box: tuple[float, float, float, float], area: Box
) -> None:
    sides = dict(zip(("north", "south", "west", "east"), box, strict=True))
    folder = make_region(box=sides, spacing=0.25, terrain=None, boundary=None)
    assert area_around(regions.load(str(folder))) == area


def test_request_is_one_day_of_grib_with_the_names_of_the_cds(cds: CdsServer, fetch: Fetch, place: Callable) -> None:
    fetch(place(("tp", "t2m")))
    (job,) = cds.jobs.values()
    assert job.inputs == {
        "product_type": ["reanalysis"],
        "variable": ["2m_temperature", "total_precipitation"],
        "year": ["2026"],
        "month": ["05"],
        "day": ["30"],
        "time": [f"{h:02d}:00" for h in range(24)],
        "area": [34.0, 116.0, 28.0, 122.0],
        "data_format": "grib",
        "download_format": "unarchived",
    }


def test_the_model_s_terrain_is_asked_for_where_the_region_has_one_and_comes_with_the_day(
    fixtures: Path, place: Callable, right: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every hour or at one, or not at all: it does not change."""
    hills = place().model_copy(update={"terrain": str(HUBEI / "terrain.nc")})
    variables = messages(right)
    terrain = [terrain_message(m, rippled) for m in variables[:: len(variables) // 24]]
    monkeypatch.setenv("HOME", str(tmp_path))
    for count in (24, 1, 0):
        folder = tmp_path / f"served{count}"
        folder.mkdir()
        (folder / "day.grib").write_bytes(right)
        if count:
            (folder / "terrain.grib").write_bytes(b"".join(terrain[:count]))
        with cds_server(folder) as server:
            write_rc(tmp_path, server)
            file = Fetch(tmp_path / f"raw{count}")(hills)
            (job,) = server.jobs.values()
        assert job.inputs["variable"][-1] == "geopotential"
        assert file.expver == {"0005": ALL_DAY}, count
        found = [m for m in messages(Path(file.uri)) if m not in set(variables)]
        assert len(found) == count


def test_cycle_is_a_whole_day(place: Callable, fetch: Fetch) -> None:
    with pytest.raises(BadInput, match="2026-05-30T06: a cycle of ERA5 is a whole UTC day"):
        Era5Source(FAST).fetch(Cycle(source="era5", time=DAY.replace(hour=6)), place(), str(fetch.root))
    assert isinstance(open_source("era5"), Era5Source)


@pytest.mark.parametrize(
    ("end", "now", "latest"),
    [
        ("2026-05-31T23:00:00Z", "2026-06-05T00", "2026-05-31T00"),
        ("2026-05-31T22:00:00Z", "2026-06-05T00", "2026-05-30T00"),
        ("2026-05-31T00:00:00Z", "2026-06-05T00", "2026-05-30T00"),
        ("2030-01-01T00:00:00Z", "2026-06-05T12", "2026-06-04T00"),
    ],
)
def test_latest_is_the_newest_whole_day_of_the_catalogue(
    cds: CdsServer, place: Callable, end: str, now: str, latest: str
) -> None:
    cds.end = end
    assert Era5Source(FAST).latest(place(), datetime.fromisoformat(f"{now}:00+00:00")).stamp == latest


@pytest.mark.parametrize(
    ("day", "final"), [("2024-01-15", "2024-04-15"), ("2023-11-30", "2024-02-29"), ("2024-12-31", "2025-03-31")]
)
def test_era5_is_final_three_months_later(day: str, final: str) -> None:
    utc = lambda text: datetime.fromisoformat(text).replace(tzinfo=UTC)  # noqa: E731
    assert final_since(utc(day)) == utc(final)


# -- all well


def test_day_is_fetched_proved_and_kept_with_its_expver(
    cds: CdsServer, fetch: Fetch, place: Callable, right: bytes
) -> None:
    assert_right(fetch(place()), right)
    assert fetch.left() == {"grib", "grib.json"}
    before = cds.counts.copy()
    assert_right(fetch(place()), right)
    assert cds.counts == before, "what is there and whole costs no request"


def test_file_that_was_damaged_on_the_disk_is_fetched_again(
    cds: CdsServer, fetch: Fetch, place: Callable, right: bytes
) -> None:
    path = Path(fetch(place()).uri)
    path.write_bytes(right[:-1] + b"8")
    assert_right(fetch(place()), right)
    assert cds.counts["execution"] == 2


@pytest.mark.fault("CDS: final and preliminary hours in one day", "product, each hour's expver recorded")
def test_expver_is_recorded_by_hour(cds: CdsServer, fetch: Fetch, place: Callable) -> None:
    cds.inject(Fault.FINAL)
    assert fetch(place()).expver == {"0001": ALL_DAY[:12], "0005": ALL_DAY[12:]}


# -- jobs that come to nothing


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        pytest.param(
            Fault.JOB_FAILS,
            "MARS has returned an error",
            marks=pytest.mark.fault("CDS: job fails", "submitted anew once, then right product"),
        ),
        pytest.param(
            Fault.JOB_DISMISSED,
            "dismissed",
            marks=pytest.mark.fault("CDS: job dismissed on the web page", "submitted anew once, then right product"),
        ),
        pytest.param(
            Fault.JOB_VANISHES,
            "not there any more",
            marks=pytest.mark.fault("CDS: job disappears", "submitted anew once, then right product"),
        ),
        pytest.param(
            Fault.RESULT_EXPIRED,
            "has expired",
            marks=pytest.mark.fault("CDS: result expires", "submitted anew once, then right product"),
        ),
    ],
)
def test_job_that_comes_to_nothing_is_submitted_anew(
    cds: CdsServer,
    fetch: Fetch,
    place: Callable,
    right: bytes,
    caplog: pytest.LogCaptureFixture,
    fault: Fault,
    said: str,
) -> None:
    cds.inject(fault)
    assert_right(fetch(place()), right)
    assert cds.counts["execution"] == 2
    lost = next(iter(cds.jobs))
    assert any(said in m and lost in m and "asking the CDS anew" in m for m in caplog.messages)
    assert fetch.left() == {"grib", "grib.json"}


@pytest.mark.fault("CDS: job fails again and again", "not ready (exit 3) after two requests, nothing published")
def test_second_job_that_fails_ends_the_run(cds: CdsServer, fetch: Fetch, place: Callable) -> None:
    cds.inject(Fault.JOB_FAILS, 5)
    with pytest.raises(CycleNotReady, match=r"^era5/2026-05-30T00: CDS request .* is failed .*like the request before"):
        fetch(place())
    assert (cds.counts["execution"], fetch.left()) == (2, set())


@pytest.mark.parametrize(
    ("fault", "error", "said"),
    [
        pytest.param(
            Fault.JOB_REJECTED,
            RequestRefused,
            r"rejected request .*not produced a valid combination.*cds\.climate.*change the region's box",
            marks=pytest.mark.fault("CDS: job is rejected", "refused at once (exit 2) with the CDS's reason"),
        ),
        pytest.param(
            Fault.QUEUE_LIMIT,
            CycleNotReady,
            r"takes no more requests of this user now .*temporarily limited.*wait until some .* are done",
            marks=pytest.mark.fault("CDS: queue limit", "not ready at once (exit 3): wait or delete requests"),
        ),
    ],
)
def test_rejected_job_is_an_error_at_once(
    cds: CdsServer, fetch: Fetch, place: Callable, right: bytes, fault: Fault, error: type, said: str
) -> None:
    cds.inject(fault)
    with pytest.raises(error, match=f"^era5/2026-05-30T00: .*{said}") as caught:
        fetch(place())
    assert "\n" not in str(caught.value)
    assert (cds.counts["execution"], fetch.left()) == (1, set())
    assert_right(fetch(place()), right)  # the next run asks anew


# -- requests that are refused


@pytest.mark.parametrize(
    ("fault", "error", "said"),
    [
        pytest.param(
            Fault.LICENCE,
            RequestRefused,
            LICENCE_PAGE,
            marks=pytest.mark.fault("CDS: licence not accepted", "refused (exit 2) with the address to accept it at"),
        ),
        pytest.param(
            Fault.TOO_LARGE,
            RequestRefused,
            "take a smaller box or fewer variables",
            marks=pytest.mark.fault("CDS: request too large", "refused (exit 2) with what to make smaller"),
        ),
        pytest.param(
            Fault.INVALID,
            RequestRefused,
            "refuses the request (HTTP 400)",
            marks=pytest.mark.fault("CDS: request not valid", "refused (exit 2) with the CDS's reason"),
        ),
        pytest.param(
            Fault.NOT_YET,
            CycleNotReady,
            "does not have that day yet",
            marks=pytest.mark.fault("CDS: day not available yet", "not ready (exit 3) with the latest date"),
        ),
    ],
)
def test_refused_request_says_what_to_do(
    cds: CdsServer, fetch: Fetch, place: Callable, fault: Fault, error: type[Exception], said: str
) -> None:
    cds.inject(fault)
    with pytest.raises(error) as caught:
        fetch(place())
    text = str(caught.value)
    assert said in text
    assert text.startswith("era5/2026-05-30T00: ")
    assert "\n" not in text
    assert KEY not in text
    assert (cds.counts["execution"], fetch.left()) == (1, set())


@pytest.mark.fault("CDS: wrong key", "refused (exit 2) with the place that the key came from")
def test_wrong_key_names_the_place_it_came_from(
    cds: CdsServer, fetch: Fetch, place: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_rc(tmp_path, cds, key="an-old-key")
    with pytest.raises(RequestRefused, match=r"does not know the key from ~/\.cdsapirc.*/profile there"):
        fetch(place())
    monkeypatch.setenv("CDSAPI_URL", cds.url)
    monkeypatch.setenv("CDSAPI_KEY", "another-old-key")
    with pytest.raises(RequestRefused, match="does not know the key from CDSAPI_KEY") as caught:
        fetch(place())
    assert "old-key" not in str(caught.value)
    assert cds.counts["execution"] == 0


@pytest.mark.parametrize("key", ["1234:aaaa-bbbb-secret", "two words secret", "line\nsecret", "sécret", " "])
def test_key_that_cannot_be_one_is_refused_without_being_shown(
    cds: CdsServer, fetch: Fetch, place: Callable, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("CDSAPI_URL", cds.url)
    monkeypatch.setenv("CDSAPI_KEY", key)
    with pytest.raises(RequestRefused, match=r"CDS key from CDSAPI_KEY is (of the old kind|empty or holds)") as caught:
        fetch(place())
    assert "secret" not in str(caught.value)
    assert cds.counts.total() == 0


@pytest.mark.usefixtures("prefect_server")
@pytest.mark.fault("CDS: no credentials", "refused (exit 2) with where to get a key and where to put it")
def test_without_credentials_the_error_says_where_to_get_and_put_them_and_a_secret_block_will_do(
    cds: CdsServer, fetch: Fetch, place: Callable, right: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.blocks.system import Secret

    (tmp_path / ".cdsapirc").unlink()
    with pytest.raises(RequestRefused, match=r"no CDS key in .*cds-key; get one at https://.*/profile.*~/\.cdsapirc"):
        fetch(place())
    Secret(value=KEY).save("cds-key", overwrite=True)
    try:
        monkeypatch.setenv("CDSAPI_URL", cds.url)
        assert_right(fetch(place()), right)
    finally:
        Secret.delete("cds-key")


def test_url_of_something_else_is_refused(cds: CdsServer, fetch: Fetch, place: Callable, tmp_path: Path) -> None:
    (tmp_path / ".cdsapirc").write_text(f"url: {cds.url}/elsewhere\nkey: {KEY}\n")
    with pytest.raises(RequestRefused, match=r"/elsewhere is not the CDS .*mend the url"):
        fetch(place())


# -- a service that is down


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(
            Fault.SERVER_ERROR, marks=pytest.mark.fault("CDS: 500s for a while", "asked again, right product")
        ),
        pytest.param(
            Fault.MAINTENANCE,
            marks=pytest.mark.fault("CDS: HTML page in an answer's place", "asked again, right product"),
        ),
    ],
)
def test_service_that_is_down_for_a_while_is_waited_for(
    cds: CdsServer,
    fetch: Fetch,
    place: Callable,
    right: bytes,
    caplog: pytest.LogCaptureFixture,
    fault: Fault,
) -> None:
    cds.inject(fault, 6)
    assert_right(fetch(place()), right)
    assert (cds.counts["faults"], cds.counts["execution"]) == (6, 1)
    assert any("the CDS does not answer" in m for m in caplog.messages)


@pytest.mark.fault("CDS: 500s while a job waits", "goes on with the same job, right product")
def test_service_that_goes_down_while_a_job_waits_does_not_cost_the_job(
    cds: CdsServer, fetch: Fetch, place: Callable, right: bytes
) -> None:
    cds.hold = True
    with ThreadPoolExecutor() as pool:
        run = pool.submit(fetch, place())
        wait_until(lambda: cds.counts["job"] > 3)
        cds.inject(Fault.SERVER_ERROR, 6)
        cds.hold = False
        assert_right(run.result(), right)
    assert (cds.counts["faults"], cds.counts["execution"]) == (6, 1)


@pytest.mark.fault("CDS: 429 with Retry-After", "left alone for as long as it wants, right product")
def test_retry_after_is_kept(
    cds: CdsServer, fetch: Fetch, place: Callable, right: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    cds.inject(Fault.RATE_LIMIT, 2)  # the first is the client's own, when it is made
    assert_right(fetch(place(), Patience(first=0.01, longest=2.0, growth=1.5)), right)
    assert any("rate limit exceeded" in m and "asking again in 1 s" in m for m in caplog.messages)


@pytest.mark.fault("CDS: server accepts and never answers", "not ready (exit 3) within the region's wait_minutes")
def test_silent_server_ends_the_run(cds: CdsServer, fetch: Fetch, place: Callable) -> None:
    cds.inject(Fault.SILENT, 1000)
    with pytest.raises(
        CycleNotReady, match=r"^era5/2026-05-30T00: the CDS does not answer, \d+ times.*run again later"
    ):
        fetch(place(timeout_seconds=0.2, wait_minutes=0.01))
    assert fetch.left() == set()


@pytest.mark.fault("CDS: connection refused", "not ready (exit 3) within the region's wait_minutes")
def test_closed_port_ends_the_run(cds: CdsServer, fetch: Fetch, place: Callable, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (tmp_path / ".cdsapirc").write_text(f"url: http://127.0.0.1:{port}/api\nkey: {KEY}\n")
    with pytest.raises(CycleNotReady, match="the CDS does not answer") as caught:
        fetch(place(wait_minutes=0.005))
    assert KEY not in str(caught.value)


# -- files that are not what was asked for


@pytest.mark.parametrize(
    ("fault", "acquire", "said"),
    [
        pytest.param(
            Fault.CHECKSUM_WRONG,
            {},
            "with checksum",
            marks=pytest.mark.fault("CDS: size right, checksum wrong", "downloaded once more, right product"),
        ),
        pytest.param(
            Fault.SIZE_WRONG,
            {},
            "243800",
            marks=pytest.mark.fault("CDS: file shorter than stated", "downloaded once more, right product"),
        ),
        pytest.param(
            Fault.HTML_PAGE,
            {"cds_checksum": False},
            "begin b'<html>",
            marks=pytest.mark.fault("CDS: HTML page of the right size", "downloaded once more, right product"),
        ),
    ],
)
def test_file_that_came_wrong_is_downloaded_once_more(
    cds: CdsServer,
    fetch: Fetch,
    place: Callable,
    right: bytes,
    caplog: pytest.LogCaptureFixture,
    fault: Fault,
    acquire: dict[str, object],
    said: str,
) -> None:
    cds.inject(fault)
    assert_right(fetch(place(**acquire)), right)
    assert (cds.counts["download"], cds.counts["execution"]) == (2, 1)
    assert any(said in m and "downloading it once more" in m for m in caplog.messages)


@pytest.mark.fault("CDS: checksum wrong again and again", "two requests, then IncompleteDownload, nothing published")
def test_checksum_that_stays_wrong_ends_the_run(cds: CdsServer, fetch: Fetch, place: Callable) -> None:
    cds.inject(Fault.CHECKSUM_WRONG, 100)
    with pytest.raises(IncompleteDownload, match=r"^era5/2026-05-30T00: .*244800 bytes with checksum.*cds_checksum"):
        fetch(place())
    assert (cds.counts["download"], cds.counts["execution"], fetch.left()) == (4, 2, set())


def test_checksum_can_be_left_out(cds: CdsServer, fetch: Fetch, place: Callable) -> None:
    cds.inject(Fault.CHECKSUM_WRONG)
    assert fetch(place(cds_checksum=False)).size == 244800
    assert cds.counts["download"] == 1


@pytest.mark.fault("CDS: checksum of an unknown kind", "a warning; the messages are proved all the same")
def test_checksum_of_an_unknown_kind_is_a_warning(
    cds: CdsServer, fetch: Fetch, place: Callable, right: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    cds.inject(Fault.CHECKSUM_ODD)
    assert_right(fetch(place()), right)
    assert any("'crc32-of-parts' of the CDS is of an unknown kind" in m for m in caplog.messages)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        pytest.param(
            Fault.WRONG_HOUR,
            "not on 2026-05-30",
            marks=pytest.mark.fault("CDS: message of another day", "submitted anew once, then right product"),
        ),
        pytest.param(
            Fault.HOUR_MISSING,
            "at 11 UTC missing",
            marks=pytest.mark.fault("CDS: an hour is missing", "submitted anew once, then right product"),
        ),
        pytest.param(
            Fault.TWICE,
            "a second time",
            marks=pytest.mark.fault("CDS: a message is there twice", "submitted anew once, then right product"),
        ),
    ],
)
def test_file_with_other_messages_is_asked_for_anew(
    cds: CdsServer,
    fetch: Fetch,
    place: Callable,
    right: bytes,
    caplog: pytest.LogCaptureFixture,
    fault: Fault,
    said: str,
) -> None:
    cds.inject(fault)
    assert_right(fetch(place()), right)
    assert cds.counts["execution"] == 2
    assert any(said in m and "asking the CDS anew" in m for m in caplog.messages)


@pytest.mark.fault("CDS: another parameter", "submitted anew once, then right product")
def test_message_of_another_parameter_is_noticed(
    cds: CdsServer, fetch: Fetch, place: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    cds.inject(Fault.WRONG_FIELD)
    file = fetch(place(("t2m", "d2m")))
    assert (file.size, cds.counts["execution"]) == (122400, 2)
    assert any("was not asked for; asking the CDS anew" in m for m in caplog.messages)


@pytest.mark.fault("CDS: end of the day is missing", "not ready (exit 3); the next run asks anew")
def test_day_that_has_not_ended_yet_is_not_ready(cds: CdsServer, fetch: Fetch, place: Callable, right: bytes) -> None:
    cds.inject(Fault.END_MISSING)
    with pytest.raises(CycleNotReady, match=r"t2m, d2m, sp, tp at 16, 17, .* 23 UTC missing; run again later"):
        fetch(place())
    assert (cds.counts["execution"], fetch.left()) == (1, set())
    assert_right(fetch(place()), right)


@pytest.mark.fault("CDS: connection cut in the middle of the file", "goes on where it stopped, right product")
def test_cut_download_goes_on(cds: CdsServer, fetch: Fetch, place: Callable, right: bytes) -> None:
    cds.inject(Fault.TRUNCATED)
    assert_right(fetch(place()), right)
    assert (cds.counts["download"], cds.counts["execution"]) == (2, 1)
    assert cds.sent < 1.5 * len(right), "half of it was sent before the cut; not all of it after that"


@pytest.mark.fault("CDS: connection cut again and again", "IncompleteDownload; the next run goes on with the job")
def test_download_that_is_cut_every_time_keeps_the_job(
    cds: CdsServer, fetch: Fetch, place: Callable, right: bytes
) -> None:
    cds.inject(Fault.TRUNCATED, 3)
    with pytest.raises(IncompleteDownload, match="run again: the request is kept"):
        fetch(place())
    assert fetch.left() == {"job.json"}
    assert_right(fetch(place()), right)
    assert cds.counts["execution"] == 1


@pytest.mark.fault("CDS: slow-drip download", "IncompleteDownload; the next run goes on with the job")
def test_file_that_comes_a_byte_at_a_time_is_given_up(
    cds: CdsServer, fetch: Fetch, place: Callable, right: bytes
) -> None:
    cds.inject(Fault.SLOW_DRIP)
    region = place(timeout_seconds=1, slowest=1e6)
    with pytest.raises(IncompleteDownload, match=r"of 244800 bytes after 1 s, slower than .*the request is kept"):
        fetch(region)
    assert fetch.left() == {"job.json"}
    assert_right(fetch(region), right)
    assert cds.counts["execution"] == 1


@pytest.mark.fault("CDS: disk full", "WorkspaceFull with nothing half-written; the next run goes on with the job")
def test_full_disk_keeps_the_job(cds: CdsServer, fetch: Fetch, place: Callable, right: bytes) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(WorkspaceFull, match=r"^era5/2026-05-30T00: .*no room.*the request is kept"):
            fetch(place())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert fetch.left() == {"job.json"}
    assert_right(fetch(place()), right)
    assert cds.counts["execution"] == 1


def test_file_that_does_not_hold_the_area_is_noticed(cds: CdsServer, fetch: Fetch, make_region: RegionMaker) -> None:
    folder = make_region(
        box={"north": 34, "south": 30, "west": 118, "east": 120}, variables=["t2m"], required=None, terrain=None,
        boundary=None, acquire=CDS_QUICK,
    )  # fmt: skip
    with pytest.raises(
        IncompleteDownload, match=r"\(t2m\): 27..35N 114..123E does not hold the area asked for, 28..36N"
    ):
        fetch(regions.load(str(folder)))
    assert fetch.left() == set()


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("class", "od", "of class od, not of ERA5"),
        ("longitudeOfFirstGridPointInDegrees", 113.9, "37 points of 0.25 degree do not fit longitudes 113.9 to 123"),
        ("dataDate", 20260529, "not on 2026-05-30"),
    ],
)
def test_one_wrong_header_in_one_message_is_noticed(
    place: Callable, right: bytes, tmp_path: Path, key: str, value: object, said: str
) -> None:
    length = eccodes_length(right)
    handle = eccodes.codes_new_from_message(right[-2 * length : -length])
    eccodes.codes_set(handle, key, value)
    spoiled = tmp_path / "spoiled.grib"
    spoiled.write_bytes(right[: -2 * length] + eccodes.codes_get_message(handle) + right[-length:])
    eccodes.codes_release(handle)
    with pytest.raises(IncompleteDownload, match=r"^era5/2026-05-30T00 message 95") as caught:
        prove(spoiled, asked_of(place(), DAY), CYCLE)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d[:-1],
        lambda d: d[:-100],
        lambda d: d + b"\0" * 200,
        lambda d: d + b"x",
        lambda d: b"GRIB" + b"\0" * 100,
        lambda d: b"",
    ],
)
def test_bytes_that_are_not_whole_messages_are_noticed(
    place: Callable, right: bytes, tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    spoiled = tmp_path / "spoiled.grib"
    spoiled.write_bytes(spoil(right))
    with pytest.raises(IncompleteDownload, match=r"^era5/2026-05-30T00"):
        prove(spoiled, asked_of(place(), DAY), CYCLE)


def test_checksums_of_every_known_kind_are_compared() -> None:
    data = bytes(range(256)) * (6 << 12)  # 6 MiB: two parts of 5 MiB at most
    md5 = hashlib.md5(data).hexdigest()
    parts = b"".join(hashlib.md5(data[i : i + (5 << 20)]).digest() for i in range(0, len(data), 5 << 20))
    good = {"md5": md5, "parts": hashlib.md5(parts).hexdigest(), "sha256": hashlib.sha256(data).hexdigest()}
    for stated in good.values():
        assert_checksum(data, stated, "here")
        with pytest.raises(IncompleteDownload, match="the CDS says"):
            assert_checksum(data[:-1] + b"x", stated, "here")
    short = next(d for i in range(1000) if hashlib.md5(d := str(i).encode()).hexdigest().startswith("0"))
    assert_checksum(short, f"{int(hashlib.md5(short).hexdigest(), 16):x}", "here")


# -- waiting, restarts, two at once


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "never came so far"
        time.sleep(0.01)


@pytest.mark.fault("CDS: job stays queued", "not ready (exit 3) at cds_wait_hours; the next run goes on with the job")
def test_job_that_stays_queued_is_left_and_gone_on_with(
    cds: CdsServer, fetch: Fetch, place: Callable, right: bytes
) -> None:
    cds.hold = True
    with pytest.raises(CycleNotReady, match=r"is still accepted after 0.0001 h.*run again to go on waiting") as caught:
        fetch(place(cds_wait_hours=0.0001))
    (job,) = cds.jobs
    assert job in str(caught.value)
    assert fetch.left() == {"job.json"}
    cds.hold = False
    assert_right(fetch(place()), right)
    assert list(cds.jobs) == [job]


@pytest.mark.fault("CDS: job gone after a restart", "submitted anew, right product")
def test_job_that_vanished_between_two_runs_is_submitted_anew(
    cds: CdsServer, fetch: Fetch, place: Callable, right: bytes
) -> None:
    cds.hold = True
    with pytest.raises(CycleNotReady):
        fetch(place(cds_wait_hours=0.0001))
    cds.hold = False
    next(iter(cds.jobs.values())).deleted = True
    assert_right(fetch(place()), right)
    assert cds.counts["execution"] == 2


@pytest.mark.fault("CDS: two runs of one cycle at once", "one job at the CDS, both get the same file")
def test_two_runs_at_once_queue_one_job(cds: CdsServer, fetch: Fetch, place: Callable, right: bytes) -> None:
    cds.hold = True
    region = place()
    with ThreadPoolExecutor() as pool:
        both = [pool.submit(fetch, region) for _ in range(2)]
        wait_until(lambda: cds.counts["job"] > 5)
        cds.hold = False
        first, second = (run.result() for run in both)
    assert first == second
    assert_right(first, right)
    assert (cds.counts["execution"], cds.counts["download"]) == (1, 1)


@pytest.mark.fault("CDS: clock past midnight while waiting", "the day that was chosen, from the job queued for it")
def test_day_that_was_chosen_stays_while_a_newer_one_comes(
    cds: CdsServer, fetch: Fetch, place: Callable, right: bytes
) -> None:
    """The catalogue goes on by a day while the job is queued, as it does at night."""
    cds.end, cds.hold = "2026-05-30T23:00:00Z", True
    region, source = place(), Era5Source(FAST)
    chosen = choose_cycle(source, region, None)
    assert chosen == CYCLE
    with ThreadPoolExecutor() as pool:
        run = pool.submit(fetch, region)
        wait_until(lambda: cds.counts["job"] > 3)
        cds.end = "2026-05-31T23:00:00Z"
        assert choose_cycle(source, region, None).stamp == "2026-05-31T00"
        cds.hold = False
        assert_right(run.result(), right)
    (job,) = cds.jobs.values()
    assert job.inputs["day"] == ["30"]


def test_progress_is_told_where_the_state_changes(
    cds: CdsServer, fetch: Fetch, place: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "tasks")
    fetch(place())
    (job,) = cds.jobs
    told = [m for m in caplog.messages if m.startswith("era5/2026-05-30T00: ")]
    expected = [f"{job} queued: t2m, d2m, sp, tp", f"{job} is queued, 0 min", f"{job} is running, 0 min"]
    expected += ["downloading 244.8 kB", "proved: 24 h of ERA5T"]
    assert len(told) == len(expected)
    assert all(part in line for part, line in zip(expected, told, strict=True))


# -- the key


@pytest.mark.fault("CDS: key in what the CDS says", "never in logs, errors or the raw folder")
def test_key_is_nowhere_even_with_every_logger_at_debug(
    cds: CdsServer,
    fetch: Fetch,
    place: Callable,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    recwarn: pytest.WarningsRecorder,
) -> None:
    names = ["", *logging.root.manager.loggerDict]
    levels = {name: logging.getLogger(name).level for name in names}
    errors = []
    try:
        for name in names:
            caplog.set_level(logging.DEBUG, name or None)
        for fault in (Fault.INVALID, Fault.QUEUE_LIMIT, Fault.LICENCE):
            cds.inject(fault)
            with pytest.raises((RequestRefused, CycleNotReady)) as caught:
                fetch(place())
            errors.append(f"{caught.value!r} {caught.value.__cause__!r}")
        cds.inject(Fault.SERVER_ERROR, 3)
        cds.inject(Fault.TRUNCATED)
        fetch(place())
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
    printed = capfd.readouterr()
    said = "\n".join([caplog.text, printed.out, printed.err, *errors, *(str(w.message) for w in recwarn)])
    assert "DEBUG" in caplog.text
    assert "***" in said, "the stand-in did say it"
    assert KEY not in said
    kept = [f for f in fetch.root.rglob("*") if f.is_file()]
    assert len(kept) >= 2
    assert all(KEY.encode() not in f.read_bytes() for f in kept)
