"""SYNOP in BUFR: templates of the WMO made here, and the archive's form in a real file."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tasks.errors import UnreadableFile
from tasks.observations.networks.synop import read_synop
from tests.tasks.observations.networks.made_up import bufr, report

MISSING = -1e100


@pytest.mark.parametrize("compressed", [False, True])
def test_every_subset_of_the_wmo_template_is_a_report(compressed: bool) -> None:
    found = read_synop(bufr([report(), report(494, airTemperature=290.0)], compressed), "x.bufr")
    assert sorted(found["station"].unique()) == ["57461", "57494"]
    one = found[found["station"] == "57494"].set_index(["variable", "period"])["value"]
    expected = {
        ("t2m", 0): 290.0, ("d2m", 0): 279.0, ("sp", 0): 100_500.0, ("msl", 0): 102_100.0, ("wind_speed", 0): 3.0,
        ("wind_direction", 0): 90.0, ("tp", 6): 0.0042, ("tp", 24): 0.011,
    }  # fmt: skip
    assert one.to_dict() == pytest.approx(expected)
    assert set(found["elevation"]) == {133.0}
    assert set(found["network"]) == {"synop"}


def test_amounts_have_the_period_that_stands_before_them_not_the_winds() -> None:
    found = read_synop(bufr([report(timePeriod=[-6, -1, -24, -12, -3, 0, 0, 0, 0, -10, -10, -60])]), "x.bufr")
    assert sorted(found.loc[found["variable"] == "tp", "period"]) == [3.0, 12.0]


def test_a_trace_of_rain_is_none_and_missing_is_no_row() -> None:
    found = read_synop(bufr([report(totalPrecipitationOrTotalWaterEquivalent=[-0.1, MISSING])]), "x.bufr")
    assert found.loc[found["variable"] == "tp", ["period", "value"]].to_numpy().tolist() == [[6.0, 0.0]]


def test_calm_has_no_direction() -> None:
    found = read_synop(bufr([report(windDirection=0, windSpeed=0.0)]), "x.bufr")
    assert "wind_direction" not in set(found["variable"])
    assert found.loc[found["variable"] == "wind_speed", "value"].tolist() == [0.0]


@pytest.mark.parametrize(("local", "station"), [("57461", "57461"), ("HUBEI1", "0-20000-0-HUBEI1")])
def test_a_station_may_be_named_by_wigos_alone(local: str, station: str) -> None:
    wigos = {"wigosIdentifierSeries": 0, "wigosIssuerOfIdentifier": 20000, "wigosIssueNumber": 0,
             "wigosLocalIdentifierCharacter": local}  # fmt: skip
    values = {k: v for k, v in report().items() if k not in ("blockNumber", "stationNumber")}
    found = read_synop(bufr([wigos | values], wigos=True), "x.bufr")
    assert set(found["station"]) == {station}


def test_a_cut_file_is_told() -> None:
    with pytest.raises(UnreadableFile, match=r"x\.bufr: the BUFR message at byte 0 is cut; fetch the file again"):
        read_synop(bufr([report()])[:-10], "x.bufr")


def test_a_file_without_land_stations_is_told() -> None:
    with pytest.raises(UnreadableFile, match="no SYNOP of land stations"):
        read_synop(b"nothing", "x.bufr")


def test_headings_between_messages_are_passed_over() -> None:
    data = b"ISMD01 BABJ 010600\r\r\n" + bufr([report()]) + b"\r\r\n\x03" + bufr([report(494)])
    assert read_synop(data, "x.bufr")["station"].nunique() == 2


@pytest.mark.slow
def test_a_real_hour_of_the_world_is_read_in_seconds(shared_data: Path) -> None:
    file = shared_data / "stations/synop_global_20181102T12.bufr"
    start = time.monotonic()
    found = read_synop(file.read_bytes(), file.name)
    assert time.monotonic() - start < 60
    assert found["station"].nunique() > 7800
    assert set(found["time"]) == {found["time"].iloc[0]}
    counts = found.groupby(["variable", "period"]).size()
    assert counts["t2m", 0] > 7700
    assert counts["tp", 1] > 50  # its key is in the singular
    assert counts["tp", 6] > 4200
    aqaba = found[(found["station"] == "40340") & (found["variable"] == "t2m")]
    assert aqaba[["latitude", "longitude", "elevation", "value"]].iloc[0].tolist() == pytest.approx(
        [29.55, 35, 51, 304.4]
    )
