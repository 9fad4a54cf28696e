"""METAR: made up answers of aviationweather.gov and of IEM."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pandas as pd
import pytest

from tasks.errors import UnreadableFile
from tasks.observations.networks.metar import IEM_COLUMNS, read_iem, read_iem_stations, read_metar
from tests.tasks.observations.networks.made_up import metar

NOON = datetime(2026, 1, 1, 12)


def read(*reports: dict[str, Any]) -> pd.DataFrame:
    return read_metar(json.dumps(list(reports)).encode())


def values(found: pd.DataFrame) -> dict[tuple[str, float], float]:
    return dict(zip(zip(found["variable"], found["period"], strict=True), found["value"], strict=True))


def iem(*rows: str) -> bytes:
    return "\n".join(["station,valid,lon,lat,elevation," + ",".join(IEM_COLUMNS), *rows, ""]).encode()


def test_a_report_becomes_si_and_the_altimeter_is_no_pressure() -> None:
    found = read(metar("ZHHH", NOON, wspd=10))
    expected = {("t2m", 0): 285.15, ("d2m", 0): 278.15, ("wind_speed", 0): 5.144, ("wind_direction", 0): 90.0}
    assert values(found) == pytest.approx(expected, abs=1e-3)
    assert found.loc[0, ["station", "network", "elevation"]].tolist() == ["ZHHH", "metar", 34]


def test_sea_level_pressure_is_read_where_given() -> None:
    assert values(read(metar("ZHHH", NOON, slp=1021.3)))["msl", 0] == pytest.approx(102_130)


@pytest.mark.parametrize("wind", [{"wdir": "VRB", "wspd": 3}, {"wdir": 0, "wspd": 0}, {"wdir": None, "wspd": None}])
def test_variable_and_calm_have_no_direction(wind: dict[str, Any]) -> None:
    assert ("wind_direction", 0) not in values(read(metar("ZHHH", NOON, **wind)))


@pytest.mark.parametrize(("inches", "metres"), [(0.1, 0.00254), (0.005, 0.0), (0, 0.0)])
def test_rain_is_in_inches_and_a_trace_is_none(inches: float, metres: float) -> None:
    assert values(read(metar("KXYZ", NOON, precip=inches)))["tp", 1.0] == pytest.approx(metres)


def test_special_reports_give_no_amount() -> None:
    found = values(read(metar("KXYZ", NOON, precip=0.1, metarType="SPECI")))
    assert ("tp", 1.0) not in found
    assert ("t2m", 0) in found


def test_reports_shortly_before_the_hour_are_the_hours() -> None:
    times = [NOON.replace(hour=11, minute=53), NOON.replace(minute=8), NOON.replace(minute=30)]
    found = read(*(metar("KXYZ", t, temp=i) for i, t in enumerate(times)))
    t2m = found[found["variable"] == "t2m"]
    assert t2m["time"].dt.strftime("%H:%M").tolist() == ["12:00", "12:30"]
    assert t2m["value"].tolist() == [273.15, 275.15]  # 11:53 is nearer than 12:08


@pytest.mark.parametrize("data", [b"", b"[]", b"\n"])
def test_nothing_is_an_empty_table(data: bytes) -> None:
    assert read_metar(data).empty


@pytest.mark.parametrize("data", [b"<html>down</html>", b'{"error": "busy"}', b'[{"icaoId": "ZHHH"}]'])
def test_an_answer_that_is_none_is_told(data: bytes) -> None:
    with pytest.raises(UnreadableFile, match=r"aviationweather\.gov: its answer is no list of METARs"):
        read_metar(data)


def test_the_archive_becomes_si() -> None:
    found = read_iem(iem("ZHHH,2021-01-01 12:00,114.2,30.8,34,53.60,41.00,1021.3,10.00,90.00,0.10"))
    expected = {
        ("t2m", 0): 285.15, ("d2m", 0): 278.15, ("msl", 0): 102_130.0, ("wind_speed", 0): 5.1444,
        ("wind_direction", 0): 90.0, ("tp", 1): 0.00254,
    }  # fmt: skip
    assert values(found) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("trace", ["0.0001", "T"])
def test_trace_and_missing_of_the_archive(trace: str) -> None:
    found = read_iem(iem(f"ZHHH,2021-01-01 12:00,114.2,30.8,34,M,M,M,M,M,{trace}"))
    assert values(found) == {("tp", 1.0): 0.0}


def test_another_archive_answer_is_told() -> None:
    with pytest.raises(UnreadableFile, match="IEM: its answer is no table of METARs"):
        read_iem(b"ERROR: server over capacity, please try later")
    with pytest.raises(UnreadableFile, match="IEM: its list of stations"):
        read_iem_stations(b"{}")
