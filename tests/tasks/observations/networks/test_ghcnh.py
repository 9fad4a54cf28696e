"""GHCNh: made up files in its two headings."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.errors import UnreadableFile
from tasks.observations.networks.ghcnh import read_ghcnh, read_station_list, refused
from tests.tasks.observations.networks.made_up import GHCNH_LIST, psv

AT = {"DATE": "2025-09-01T06:00:00"}


def read(*rows: dict[str, str], old: bool = False) -> dict[tuple[str, float], tuple[float, str]]:
    found = read_ghcnh(psv(list(rows), old), "x.psv")
    keys = zip(found["variable"], found["period"], strict=True)
    return dict(zip(keys, zip(found["value"], found["quality"], strict=True), strict=True))


@pytest.mark.parametrize("old", [False, True])
def test_columns_are_read_by_name_into_si(old: bool) -> None:
    row = AT | {"wind_speed": "3.1", "temperature": "12.3", "sea_level_pressure": "1021.5", "wind_direction": "90",
                "station_level_pressure": "1005.2", "dew_point_temperature": "-1.0", "visibility": "9.9",
                "precipitation": "0.4", "precipitation_3_hour": "1.0", "precipitation_6_hour": "2.5",
                "precipitation_24_hour": "7.0"}  # fmt: skip
    expected = {
        ("t2m", 0): 285.45, ("d2m", 0): 272.15, ("sp", 0): 100_520.0, ("msl", 0): 102_150.0, ("wind_speed", 0): 3.1,
        ("wind_direction", 0): 90.0, ("tp", 1): 0.0004, ("tp", 3): 0.001, ("tp", 6): 0.0025, ("tp", 24): 0.007,
    }  # fmt: skip
    assert {k: v for k, (v, _) in read(row, old=old).items()} == pytest.approx(expected)


@pytest.mark.parametrize("code", list("LoFUDdWKCTShVwNEpH") + list("2367"))
def test_a_failed_check_is_the_reason(code: str) -> None:
    found = read(AT | {"temperature": "12.3", "temperature:q": code, "temperature:s": "400", "wind_speed": "2"})
    assert found["t2m", 0][1] == f"GHCNh: quality {code}"
    assert found["wind_speed", 0][1] == ""


@pytest.mark.parametrize("code", ["", "0", "1", "4", "5", "9"])
def test_passed_and_unchecked_are_usable(code: str) -> None:
    assert read(AT | {"temperature": "12.3", "temperature:q": code})["t2m", 0][1] == ""


def test_what_a_letter_says_depends_on_the_source() -> None:
    assert not refused("C", "335")  # ISD: whole degrees, accepted
    assert refused("C", "400")  # GHCNh: far from the climate
    assert refused("L", "335")


@pytest.mark.parametrize(("code", "amount", "reason"), [
    ("T", 0.0, ""), ("2", 0.0, ""), ("", 0.0013, ""), ("3", 0.0013, ""), ("4", 0.0013, "GHCNh: measurement 4"),
    ("E", 0.0013, "GHCNh: measurement E"),
])  # fmt: skip
def test_trace_is_dry_and_amounts_of_other_periods_are_not_used(code: str, amount: float, reason: str) -> None:
    found = read(AT | {"temperature": "1", "precipitation_6_hour": "1.3", "precipitation_6_hour:m": code})
    assert found["tp", 6.0] == (pytest.approx(amount), reason)


def test_networks_are_told_by_report_and_synop_wins() -> None:
    airport = AT | {"temperature": "12.0", "temperature:r": "FM15"}
    synop = AT | {"temperature": "12.3", "temperature:r": "FM12"}
    for rows in ([airport, synop], [synop, airport]):
        found = read_ghcnh(psv(rows), "x.psv")
        assert found[["network", "value"]].to_numpy().tolist() == [["synop", 285.45]]
    assert set(read_ghcnh(psv([airport]), "x.psv")["network"]) == {"metar"}
    assert set(read_ghcnh(psv([AT | {"temperature": "1", "temperature:r": "AUTO"}]), "x.psv")["network"]) == {"ghcnh"}


def test_special_reports_give_no_amount() -> None:
    row = AT | {"temperature": "1", "precipitation": "0.2", "precipitation:r": "FM16"}
    assert set(read(row)) == {("t2m", 0)}


def test_times_near_the_hour_are_the_hours() -> None:
    rows = [{"DATE": f"2025-09-01T05:{m}:00", "temperature": t} for m, t in (("30", "1"), ("53", "2"), ("58", "3"))]
    found = read_ghcnh(psv(rows), "x.psv")
    assert found["time"].astype(str).tolist() == ["2025-09-01 05:30:00", "2025-09-01 06:00:00"]
    assert found["value"].tolist() == pytest.approx([274.15, 276.15])  # the nearest


def test_calm_has_no_direction() -> None:
    row = AT | {"temperature": "1", "wind_speed": "0.0", "wind_direction": "0"}
    assert ("wind_direction", 0) not in read(row)


def test_stations_of_the_list() -> None:
    stations = read_station_list(GHCNH_LIST)
    assert stations.loc["CHM00099901", ["latitude", "elevation"]].tolist() == [30.5, 257.0]
    assert np.isnan(stations.loc["CHM00099902", "elevation"])  # -999.9 is none
    assert stations.loc["CHM00099902", "icao"] == "ZZZZ"


@pytest.mark.parametrize("data", [b"", b"<html></html>", b"a|b|c\n1|2|3\n"])
def test_other_files_are_told(data: bytes) -> None:
    with pytest.raises(UnreadableFile, match=r"x\.psv: is no GHCNh file.*fetch it again"):
        read_ghcnh(data, "x.psv")


def test_times_that_are_none_are_told() -> None:
    data = psv([AT | {"temperature": "1"}]).replace(b"2025-09-01T06:00:00", b"yesterday")
    with pytest.raises(UnreadableFile, match="times that cannot be read"):
        read_ghcnh(data, "x.psv")


def test_another_list_is_told() -> None:
    with pytest.raises(UnreadableFile, match="is no list of stations"):
        read_station_list(b"a,b\n1,2\n")
