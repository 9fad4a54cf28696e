"""The services of observations, by box and time: stand-ins on loopback and, by `pytest -m live`, the real ones."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tasks.errors import BadInput, ObservationsMissing, ObservationsUnavailable
from tasks.grids.box import Box
from tasks.observations.networks.http import Http
from tasks.observations.networks.place import within
from tasks.observations.networks.sources import SOURCES, fetch
from tests.servers.http import status
from tests.servers.stations import Stations, station_services
from tests.tasks.observations.networks.made_up import GHCNH_LIST, HISTORY, bufr, metar, psv, report, three_hourly

BOX = Box(north=33.5, south=28.5, west=108.0, east=117.0)  # Hubei
FIRST, LAST = datetime(2021, 1, 1), datetime(2021, 1, 1, 12)
IEM_STATIONS = (
    b'{"features": [{"id": "ZHHH", "geometry": {"coordinates": [114.2, 30.8]}, "properties": {"elevation": 34}},'
    b'{"id": "EDDM", "geometry": {"coordinates": [11.8, 48.4]}, "properties": {"elevation": 448}}]}'
)
ASKED = [name for name in SOURCES if name != "wis2"]  # of that what was collected is read: tests/.../wis2
LIKELY = {"t2m": (180, 340), "d2m": (150, 320), "sp": (45_000, 110_000), "msl": (87_000, 110_000),
          "wind_speed": (0, 90), "wind_direction": (0, 360), "tp": (0, 1)}  # fmt: skip


@pytest.fixture
def served() -> Iterator[Stations]:
    with station_services() as stations:
        gz = gzip.compress(three_hourly())
        old = psv([{"DATE": f"2021-01-01T{h:02d}:00:00", "temperature": "12.3"} for h in (0, 6, 18)])
        stations.files = {
            "/noaa/isd-history.csv": HISTORY,
            "/noaa/isd-lite/2021/999010-99999-2021.gz": gz,
            "/noaa/isd-lite/2021/999021-99999-2021.gz": gz,
            "/ghcnh/hourly/doc/ghcnh-station-list.csv": GHCNH_LIST,
            "/ghcnh/hourly/access/by-year/2021/psv/GHCNh_CHM00099901_2021.psv": old,
            "/iem/geojson/network/AZOS.geojson": IEM_STATIONS,
        }
        stations.metars = [metar("ZHHH", FIRST + timedelta(hours=h)) for h in range(-3, 20)]
        stations.metars += [metar("EDDM", FIRST, lat=48.4, lon=11.8)]
        stations.iem = {
            "ZHHH": "\n".join(f"ZHHH,2021-01-01 {h:02d}:00,114.2,30.8,34,50,41,M,10,90,0.00" for h in range(24))
        }
        for h in range(-2, 16):
            stations.files[collection(FIRST + timedelta(hours=h))] = bufr([hourly(FIRST + timedelta(hours=h))])
        yield stations


def collection(time: datetime, ending: str = ".bin") -> str:
    """Where DWD has a collection."""
    return f"/dwd/international/Z__C_EDZW_{time:%Y%m%d%H%M%S}_bda01,synop_bufr_999999_999999__MW_040{ending}"


def hourly(time: datetime, **values: Any) -> dict[str, Any]:
    """A report of Yichang."""
    return report(461, year=time.year, month=time.month, day=time.day, hour=time.hour, **values)


@pytest.fixture
def ask(served: Stations, tmp_path: Path) -> Callable[..., pd.DataFrame]:
    def make(source: str, box: Any = BOX, first: datetime = FIRST, last: datetime = LAST) -> pd.DataFrame:
        http = Http(tmp_path, 10, pause_s=0, wait_s=0.01)
        return fetch(source, box, first, last, tmp_path, served.services(), http=http)

    return make


@pytest.mark.parametrize(
    ("source", "station", "times"),
    [
        ("synop", "57461", 13),
        ("metar", "ZHHH", 13),
        ("iem", "ZHHH", 13),
        ("ghcnh", "CHM00099901", 2),
        ("isd-lite", "999010-99999", 5),
    ],
)
def test_stations_of_the_box_and_times_of_the_span(
    ask: Callable[..., pd.DataFrame], source: str, station: str, times: int
) -> None:
    found = ask(source)
    assert set(found["station"]) == {station}
    assert found["time"].nunique() == times
    assert found["time"].min() >= FIRST
    assert found["time"].max() <= LAST


@pytest.mark.parametrize("source", ASKED)
def test_times_with_a_zone_are_the_same(ask: Callable[..., pd.DataFrame], source: str) -> None:
    pd.testing.assert_frame_equal(
        ask(source), ask(source, first=FIRST.replace(tzinfo=UTC), last=LAST.replace(tzinfo=UTC))
    )


@pytest.mark.parametrize("source", ASKED)
def test_where_there_is_nothing_the_table_is_empty(ask: Callable[..., pd.DataFrame], source: str) -> None:
    assert ask(source, box=Box(north=-60, south=-70, west=0, east=10)).empty


@pytest.mark.parametrize("source", ASKED)
def test_a_service_that_is_down_is_told(served: Stations, ask: Callable[..., pd.DataFrame], source: str) -> None:
    served.on("/", status(503))
    with pytest.raises(ObservationsUnavailable, match="HTTP 503"):
        ask(source)


def test_only_stations_at_work_are_asked_for(served: Stations, ask: Callable[..., pd.DataFrame]) -> None:
    ask("isd-lite")
    assert not [r for r in served.requests if "999050" in r.path]
    assert [r.status for r in served.requests if "999020" in r.path] == [404]


def test_after_the_end_of_isd_the_log_says_so(
    served: Stations, ask: Callable[..., pd.DataFrame], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert ask("isd-lite", first=datetime(2026, 1, 1), last=datetime(2026, 1, 2)).empty
    assert "ISD ended in August 2025" in caplog.text


def test_a_year_that_no_station_has_is_missing(ask: Callable[..., pd.DataFrame]) -> None:
    with pytest.raises(ObservationsMissing, match="none is there"):
        ask("ghcnh", first=datetime(1980, 1, 1), last=datetime(1980, 1, 2))


@pytest.mark.parametrize(
    ("source", "file"), [("isd-lite", "999020-99999-2021.gz"), ("ghcnh", "GHCNh_CHM00099902_2021.psv")]
)
def test_one_stations_broken_file_is_not_the_others_trouble(
    served: Stations, ask: Callable[..., pd.DataFrame], caplog: pytest.LogCaptureFixture, source: str, file: str
) -> None:
    whole = ask(source)
    folder = {"isd-lite": "/noaa/isd-lite/2021", "ghcnh": "/ghcnh/hourly/access/by-year/2021/psv"}[source]
    served.files[f"{folder}/{file}"] = b"<html>Under maintenance</html>"
    with caplog.at_level(logging.WARNING):
        pd.testing.assert_frame_equal(ask(source), whole)
    assert f"{file}" in caplog.text


def test_an_answer_of_full_length_is_asked_again_in_halves(served: Stations, ask: Callable[..., pd.DataFrame]) -> None:
    step = timedelta(minutes=12)
    served.metars = [metar(f"Z{n:03d}", FIRST + i * step) for n in range(30) for i in range(60)]
    found = ask("metar")
    assert found["station"].nunique() == 30
    assert set(found["time"].dt.hour) == set(range(12))
    assert len(served.requests) > 1


def test_what_the_service_leaves_out_is_told(
    served: Stations, ask: Callable[..., pd.DataFrame], caplog: pytest.LogCaptureFixture
) -> None:
    served.metars = [metar(f"Z{n:03d}", FIRST) for n in range(450)]
    with caplog.at_level(logging.WARNING):
        assert ask("metar", last=FIRST + timedelta(hours=1))["station"].nunique() == 400
    assert "some are missing, ask for a smaller box" in caplog.text
    assert "keeps 15 days; before that take the source iem" in caplog.text


def test_a_box_across_the_date_line(served: Stations, ask: Callable[..., pd.DataFrame]) -> None:
    served.metars = [metar(s, FIRST, lat=0, lon=lon) for s, lon in (("W", 179.0), ("E", -179.0), ("X", 0.0))]
    assert set(ask("metar", box=Box(north=10, south=-10, west=170.0, east=190.0))["station"]) == {"W", "E"}


def test_what_nobody_has_collected_is_missing(ask: Callable[..., pd.DataFrame]) -> None:
    with pytest.raises(ObservationsMissing, match=r"messages\.sqlite: is not there; `finescale collect REGION`"):
        ask("wis2")


def test_unknown_sources_are_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="unknown source of observations 'meteostat'; known are: metar, ghcnh"):
        fetch("meteostat", BOX, FIRST, LAST, tmp_path)


@pytest.mark.live
@pytest.mark.parametrize("source", ASKED)
def test_the_real_services_answer_as_the_stand_ins_do(source: str, tmp_path: Path) -> None:
    last = datetime(2025, 6, 2) if source == "isd-lite" else datetime.now(UTC) - timedelta(days=5)
    box = Box(north=31.5, south=29.5, west=113.0, east=115.0)
    found = fetch(source, box, last - timedelta(days=1), last, tmp_path, deadline_s=600)
    assert not found.empty
    for variable, values in found[found["quality"] == ""].groupby("variable")["value"]:
        low, high = LIKELY[variable]
        assert values.between(low, high).all(), variable
    assert within(found, box, last - timedelta(days=1), last).equals(found)
