"""The flow verify with stand-ins of the services: what comes late, what is down, what is asked again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from flows.verify import verify
from tasks.errors import BadInput
from tasks.handover.cycle import Cycle
from tasks.observations.arrivals import is_complete
from tasks.observations.networks import http
from tasks.region import search as regions
from tasks.store.ledger import LedgerEntry, read_entry
from tests.conftest import RegionMaker
from tests.published import GRID, HOURS, cycle_of, publish
from tests.servers.http import status
from tests.servers.stations import Stations, station_services

pytestmark = pytest.mark.usefixtures("prefect_server", "workspace")

LIST = b"GHCN_ID,LATITUDE,LONGITUDE,ELEVATION,STATE,NAME,GSN,(US)HCN_(US)CRN,WMO_ID,ICAO\n"


@pytest.fixture
def served() -> Iterator[Stations]:
    with station_services() as stations:
        stations.files["/ghcnh/hourly/doc/ghcnh-station-list.csv"] = LIST
        yield stations


@pytest.fixture
def region(make_region: RegionMaker, served: Stations) -> str:
    return str(make_region(observations={"sources": ["ghcnh", "metar"], "services": served.services()}))


def airports(served: Stations, cycle: Cycle, hours: list[int], count: int = 8) -> None:
    """Reports of airports on the small product's grid, 100 m up as its terrain is."""
    for i in range(count):
        lat, lon = GRID.north - 0.3 * (i + 1), GRID.west + 0.5 * (i + 1)
        for hour in hours:
            time = cycle.time + timedelta(hours=hour)
            served.metars.append(
                {"icaoId": f"ZH{i:02}", "obsTime": int(time.timestamp()), "lat": lat, "lon": lon, "elev": 100,
                 "metarType": "METAR", "temp": 12 + i % 3, "dewp": 5, "wdir": 90, "wspd": 6, "altim": 1020}
            )  # fmt: skip


def entry_of(store: str, cycle: Cycle) -> LedgerEntry:
    entry = read_entry(store, "hubei", cycle)
    assert entry is not None
    return entry


def test_what_has_come_so_far_is_scored_and_the_rest_when_it_comes(
    tmp_path: Path, region: str, served: Stations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "FRESH", 0)  # somebody who asks three times in a second
    store, cycle = str(tmp_path / "store"), cycle_of(datetime.now(UTC) - timedelta(hours=12))
    publish(store, cycle)
    airports(served, cycle, HOURS[:1])
    first = verify(region, store=store)
    assert list(first.scored) == [str(cycle)]
    found = entry_of(store, cycle).scorecard.verification
    assert found is not None
    assert (found.complete, found.stations, found.count, found.observations) == (False, 8, 8, ["ghcnh", "metar"])
    again = verify(region, store=store)
    assert (again.scored, again.unchanged) == ({}, [str(cycle)])
    airports(served, cycle, HOURS[1:])
    verify(region, store=store)
    found = entry_of(store, cycle).scorecard.verification
    assert found is not None
    assert found.count == 8 * len(HOURS)


def test_services_that_are_down_leave_the_product_unverified_and_are_named(
    tmp_path: Path, region: str, served: Stations
) -> None:
    store, cycle = str(tmp_path / "store"), cycle_of(datetime.now(UTC) - timedelta(hours=12))
    publish(store, cycle)
    served.on("/", status(403))
    report = verify(region, store=store)
    assert report.unchanged == [str(cycle)]
    assert sorted(p.split(":")[0] for p in report.problems) == ["ghcnh", "metar"]
    assert entry_of(store, cycle).quality == "unverified"


def test_a_cycle_whose_observations_never_came_is_left_at_last_and_says_so(
    tmp_path: Path, region: str, served: Stations
) -> None:
    store, cycle = str(tmp_path / "store"), cycle_of(datetime.now(UTC) - timedelta(days=6))
    publish(store, cycle)
    verify(region, store=store)
    entry = entry_of(store, cycle)
    assert (entry.quality, entry.scorecard.why) == ("unverified", ["no observations have come"])
    asked = len(served.requests)
    assert verify(region, store=store).unchanged == []
    assert len(served.requests) == asked


def test_an_outage_takes_no_verdict_back(
    tmp_path: Path, region: str, served: Stations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "FRESH", 0)
    store, cycle = str(tmp_path / "store"), cycle_of(datetime.now(UTC) - timedelta(hours=12))
    publish(store, cycle)
    airports(served, cycle, HOURS)
    verify(region, store=store)
    before = entry_of(store, cycle)
    assert before.scorecard.verification is not None
    served.on("/", status(403))
    assert verify(region, store=store).unchanged == [str(cycle)]
    served.rules.clear()
    served.metars, kept = served.metars[:3], served.metars
    served.on("/ghcnh/", status(403))
    assert verify(region, store=store).unchanged == [str(cycle)]
    assert entry_of(store, cycle) == before
    # nor when patience has ended
    monkeypatch.setattr("flows.verify.is_complete", lambda *_: True)
    assert verify(region, store=store).unchanged == [str(cycle)]
    assert entry_of(store, cycle) == before
    served.metars = kept


def test_an_answer_that_nobody_foresaw_is_a_problem_of_its_source_alone(
    tmp_path: Path, region: str, served: Stations, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, cycle = str(tmp_path / "store"), cycle_of(datetime.now(UTC) - timedelta(hours=12))
    publish(store, cycle)
    airports(served, cycle, HOURS)

    def broken(*_: object) -> None:
        raise TypeError("an ISO time where seconds were")

    monkeypatch.setattr("tasks.observations.networks.ghcnh.read_station_list", broken)
    report = verify(region, store=store)
    assert list(report.scored) == [str(cycle)]
    assert [p.split(":")[0] for p in report.problems] == ["ghcnh"]


def test_a_source_that_is_away_is_waited_for_but_not_for_ever() -> None:
    place, now = regions.load("hubei"), datetime.now(UTC)
    for days, answered, done in ((3, True, False), (5, True, True), (5, False, False), (12, False, True)):
        assert is_complete(now - timedelta(days=days), place, now, answered) == done


def test_a_file_makes_no_forecast_final_that_is_not_over_and_none_that_it_does_not_know(
    tmp_path: Path, region: str, served: Stations
) -> None:
    store, now = str(tmp_path / "store"), datetime.now(UTC)
    going, over = cycle_of(now - timedelta(hours=5)), cycle_of(now - timedelta(days=2))
    for cycle in (going, over):
        publish(store, cycle)
    rows = [
        {"station": f"S{i}", "latitude": GRID.north - 0.3 * i, "longitude": GRID.west + 0.4 * i, "elevation": 100.0,
         "time": (going.time + timedelta(hours=HOURS[0])).isoformat(), "variable": "t2m", "value": 285.0}
        for i in range(1, 8)
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(tmp_path / "given.csv", index=False)
    report = verify(region, observations=str(tmp_path / "given.csv"), store=store)
    assert (list(report.scored), report.unchanged) == ([str(going)], [str(over)])
    found = entry_of(store, going).scorecard.verification
    assert found is not None
    assert (found.count, found.complete) == (7, False)
    with pytest.raises(BadInput, match="no usable observation at its valid times"):
        verify(region, cycle=over.stamp, observations=str(tmp_path / "given.csv"), store=store)
