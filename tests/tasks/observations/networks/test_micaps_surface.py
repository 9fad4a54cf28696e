"""MICAPS diamond 1: made up files in its format, and what the real one of 2019-08-22 holds."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.errors import BadInput, UnreadableFile
from tasks.observations.networks.files import read_observations
from tasks.observations.networks.micaps import read_micaps
from tasks.observations.networks.micaps_surface import NO_WIND, PERIOD, TWO_PRESSURES
from tasks.observations.networks.micaps_text import NEGATIVE, ONLY_WET
from tests.tasks.observations.networks.made_up import diamond, surface

HOUR = "19 08 22 08"
FULL: dict[str, Any] = {"direction": 90, "speed": 3, "pressure": "061", "dew": 19, "temperature": 21.4, "rain": 0.0}
REAL = "stations/micaps1_synop_20190822T00.txt"


def read(records: list[str], head: str = HOUR, description: str = "地面观测", name: str = "x.000") -> pd.DataFrame:
    return read_micaps(diamond(1, head, records, description).encode("gbk"), name)


def one(found: pd.DataFrame, variable: str, column: str = "value", station: str = "57001") -> Any:
    return found.loc[(found["variable"] == variable) & (found["station"] == station), column].item()


def test_a_report_is_a_row_a_value() -> None:
    found = read([surface(**FULL)])
    assert found.set_index(["variable", "period"])["value"].to_dict() == pytest.approx(
        {("t2m", 0): 294.55, ("d2m", 0): 292.15, ("msl", 0): 100_610.0, ("wind_speed", 0): 3.0,
         ("wind_direction", 0): 90.0, ("tp", 6): 0.0}
    )  # fmt: skip
    first = found.iloc[0]
    assert first[["station", "network", "latitude", "longitude", "elevation"]].tolist() == [
        "57001", "synop", 30.5, 111.5, 257.0,
    ]  # fmt: skip


@pytest.mark.parametrize("year", ["19", "2019"])
def test_beijing_time_becomes_utc(year: str) -> None:
    assert set(read([surface(**FULL)], f"{year} 08 22 02")["time"]) == {pd.Timestamp("2019-08-21T18")}


def test_two_figures_of_a_year_may_be_of_the_last_century() -> None:
    assert set(read([surface(**FULL)], "99 06 15 08")["time"]) == {pd.Timestamp("1999-06-15T00")}


@pytest.mark.parametrize("encoding", ["gbk", "utf-8", "utf-8-sig"])
def test_either_encoding_is_told_by_content(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "anything.csv").write_bytes(diamond(1, HOUR, [surface(**FULL)]).encode(encoding))
    assert len(read_observations(str(tmp_path / "anything.csv"))) == 6


@pytest.mark.parametrize(
    ("code", "pascals", "reason"),
    [
        ("061", 100_610, ""), ("61", 100_610, ""), ("982", 99_820, ""), ("000", 100_000, ""), ("499", 104_990, ""),
        ("600", 96_000, ""), ("546", 95_460, TWO_PRESSURES), ("500", 95_000, TWO_PRESSURES),
    ],
)  # fmt: skip
def test_a_pressure_has_lost_its_9_or_10(code: str, pascals: float, reason: str) -> None:
    found = read([surface(pressure=code)])
    assert (one(found, "msl"), one(found, "msl", "quality")) == (pytest.approx(pascals), reason)


def test_a_code_of_more_figures_is_no_pressure() -> None:
    assert set(read([surface(pressure="10061", temperature=20)])["variable"]) == {"t2m"}


def test_missing_values_are_no_rows_and_an_elevation_may_be_unknown() -> None:
    found = read([surface(place="111.5 30.5 9999", temperature=-3.5)])
    assert found[["variable", "value"]].to_numpy().tolist() == [["t2m", 269.65]]
    assert np.isnan(found["elevation"].item())


@pytest.mark.parametrize(
    ("wind", "speed", "direction", "reason"),
    [
        ({"direction": 0, "speed": 0, "temperature": 20}, [0], [], ""),  # calm
        ({"direction": 0, "speed": 0, "pressure": "100"}, [0], [], ""),
        ({"direction": 0, "speed": 0, "dew": 20}, [0], [], NO_WIND),
        ({"direction": 356, "speed": 0, "temperature": 20}, [0], [], ""),
        ({"direction": 0, "speed": 4}, [4], [360], ""),
        ({"direction": 9999, "speed": 4}, [4], [], ""),
        ({"direction": 90, "speed": 9999}, [], [90], ""),
    ],
)
def test_wind(wind: dict[str, Any], speed: list[float], direction: list[float], reason: str) -> None:
    found = read([surface(**wind)])
    assert found.loc[found["variable"] == "wind_speed", "value"].tolist() == speed
    assert found.loc[found["variable"] == "wind_direction", "value"].tolist() == direction
    assert set(found.loc[found["variable"] == "wind_speed", "quality"]) <= {reason}


def test_speeds_that_seem_cut_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    read([surface(direction=356, speed=0.4)])
    assert not caplog.messages
    read([surface(direction=356, speed=0)])
    assert "whole m/s and 1 with a direction are 0: cut, it seems" in caplog.text


@pytest.mark.parametrize(
    ("amount", "metres", "reason"),
    [(12.5, 0.0125, ""), (0, 0, ""), (0.01, 0, ""), (-0.1, 0, ""), (0.1, 0.0001, ""), (-3, -0.003, NEGATIVE)],
)
def test_traces_of_rain_are_none(amount: float, metres: float, reason: str) -> None:
    found = read([surface(rain=amount), surface("57002", rain=0)])
    assert (one(found, "tp"), one(found, "tp", "quality")) == (pytest.approx(metres), reason)


def test_rain_of_wet_stations_alone_is_not_used() -> None:
    found = read([surface(rain=12.5), surface("57002", temperature=20)])
    assert one(found, "tp", "quality") == ONLY_WET


@pytest.mark.parametrize(("head", "description"), [("19 08 22 09", "地面观测"), (HOUR, "自动站观测")])
def test_amounts_between_main_hours_may_be_of_another_period(head: str, description: str) -> None:
    assert one(read([surface(**FULL)], head, description), "tp", "quality") == PERIOD


def test_a_record_may_span_lines_and_go_on_with_changes_of_a_day() -> None:
    changes = surface(**FULL, mark1=1, mark2=2, changes="-1.5 -3")
    words = " ".join([changes, surface("57002", "112 31 50", **FULL)]).split()
    lines = [" ".join(words[i : i + 7]) for i in range(0, len(words), 7)]
    text = f"diamond 1 x\n{HOUR}\n2\n" + "\n".join(lines)
    found = read_micaps(text.encode(), "x.000")
    assert one(found, "t2m") == one(found, "t2m", station="57002") == pytest.approx(294.55)
    assert one(found, "t2m", "latitude", "57002") == 31


def test_an_identifier_at_several_places_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    found = read(
        [surface("01009", "7.3 43.1 9999", **FULL), surface("01009", "57.8 9.4 9999", **FULL), surface(**FULL)]
    )
    assert set(found["station"]) == {"57001"}
    assert "x.000: 2 reports are left out, 1 identifiers have several places: 01009" in caplog.text


@pytest.mark.parametrize(("second", "elevation"), [("111.51 30.49 260", 260.0), ("111.51 30.49 9999", 257.0)])
def test_roundings_of_a_position_are_one_place_with_an_elevation(second: str, elevation: float) -> None:
    found = read([surface(**FULL), surface(place=second, temperature=26.0)])
    assert found.groupby("variable").size().max() == 1
    assert set(found["elevation"]) == {elevation}


def test_elevations_far_apart_are_not_known() -> None:
    found = read([surface(**FULL), surface(place="111.51 30.49 368", **FULL)])
    assert found["elevation"].isna().all()


def test_the_date_line_is_between_neighbours() -> None:
    found = read([surface(place="179.98 50 10", **FULL), surface(place="-179.99 50 10", **FULL)])
    assert len(found) == 6


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"diamond 1 x\n{HOUR} 2\n{surface()}\n", "ends within station 2 of 2; the file is cut"),
        (f"diamond 1 x\n{HOUR} 1\n{surface()[:-5]}\n", "ends within station 1 of 1; the file is cut"),
        (f"diamond 1 x\n{HOUR} 1\n{surface()}\n{surface()}\n", "line 4: more values than the header's 1 stations"),
        (f"diamond 1 x\n{HOUR} 2\n{surface()[:-5]}\n{surface()}\n", r"line 4: 111\.50 is no identifier.*station 2"),
        (f"diamond 1 x\n{HOUR} 1\n57001 30.5 111.5{surface()[22:]}\n", "line 3: 30.5, 111.5 are no longitude and lat"),
        (f"diamond 1 x\n{HOUR} 1\n{surface(temperature='warm')}", "line 3: 'warm' is no number, in station 1 of 1"),
        (f"diamond 1 x\n{HOUR} 1\n{surface(temperature='nan')}", "line 3: 'nan' is no number"),
        (f"\n\ndiamond 1 x\n{HOUR} 1\n{surface(temperature='warm')}", "line 5: 'warm' is no number"),
        (f"diamond 1 x\n{HOUR} 0\n", "line 2: the number of stations cannot be 0"),
        (f"diamond 1 x\n19 13 22 08 1\n{surface()}", "line 2: 2019-13-22 8 h is no time"),
        (f"diamond 1 x\n19 8.5 22 08 1\n{surface()}", "line 2: year, month, day and hour of the header cannot be 8.5"),
        ("diamond 1 x\n19 08", "ends within year, month, day and hour"),
        ("diamond 1 x", "ends within year, month, day and hour"),
        ("diamond one\n", "line 1: has no number of a kind"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_header_is_one_clear_error(text: str, message: str) -> None:
    with pytest.raises(UnreadableFile, match=rf"x\.000.*{message}"):
        read_micaps(text.encode(), "x.000")


@pytest.mark.parametrize(
    ("kind", "holds"),
    [(4, "a grid, not stations"), (11, "a grid of vectors, not stations"), (2, "soundings"), (99, "")],
)
def test_another_diamond_is_refused(kind: int, holds: str) -> None:
    with pytest.raises(BadInput, match=rf"x\.024: is MICAPS diamond {kind}.*{holds}; stations are read from diamond 1"):
        read_micaps(diamond(kind, HOUR, []).encode(), "x.024")


def test_a_header_of_another_clock_is_refused() -> None:
    with pytest.raises(BadInput, match="names another clock than MICAPS's Beijing time"):
        read([surface(**FULL)], description="地面观测(世界时)")


def test_other_bytes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.000").write_bytes(b"mdfs\1\0" + b"\0" * 100)
    with pytest.raises(BadInput, match=r"x\.000: is MICAPS 4's binary form \(mdfs\); export it as text"):
        read_observations(str(tmp_path / "x.000"))
    with pytest.raises(UnreadableFile, match="neither GBK nor UTF-8"):
        read_micaps(b"diamond 1 \xff\xff\xff\n", "x.000")


def test_the_real_hour_of_2019(shared_data: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        found = read_observations(str(shared_data / REAL))
    assert "136 reports are left out, 10 identifiers have several places: 01009, 47095" in caplog.text
    assert set(found["time"]) == {pd.Timestamp("2019-08-22T00")}
    assert found["station"].nunique() == 4775
    assert found.groupby("variable").size().to_dict() == {
        "t2m": 4714, "d2m": 4658, "msl": 4109, "wind_speed": 4775, "wind_direction": 3344, "tp": 292,
    }  # fmt: skip
    wuhan = found[found["station"] == "57494"].set_index("variable")
    assert wuhan["value"].to_dict() == pytest.approx(
        {"t2m": 300.55, "d2m": 297.15, "msl": 100_950.0, "wind_speed": 2.0, "wind_direction": 22.0}
    )
    assert wuhan[["latitude", "longitude", "elevation"]].iloc[0].tolist() == pytest.approx([30.6, 114.05, 23.0])
    emei = found[found["station"] == "56388"].set_index("variable")["value"]
    assert emei.to_dict() == pytest.approx({"t2m": 298.25, "d2m": 297.15, "msl": 100_610.0, "wind_speed": 0.0})
    assert set(found.loc[found["variable"] == "tp", "quality"]) == {ONLY_WET}
    assert one(found, "tp", station="57124") == pytest.approx(0.005)


def test_the_real_hour_is_of_the_morning(shared_data: Path) -> None:
    """Beijing time: at 08 UTC it would be the warmest hour in Hubei, and noon in Kazakhstan and western Siberia."""
    found = read_observations(str(shared_data / REAL))
    wide = found.pivot_table(
        index=["station", "latitude", "longitude", "elevation"], columns="variable", values="value"
    )
    wide = wide.assign(depression=wide["t2m"] - wide["d2m"]).reset_index()
    low = wide[wide["elevation"] < 800]
    hubei = low[low["latitude"].between(29, 33.3) & low["longitude"].between(108.5, 116.2)]
    steppe = low[low["latitude"].between(45, 55) & low["longitude"].between(60, 90)]
    assert hubei["t2m"].median() == pytest.approx(299.3, abs=0.2)
    assert steppe["t2m"].median() == pytest.approx(286.2, abs=0.2)
    assert max(hubei["depression"].median(), steppe["depression"].median()) < 3.5


def test_the_real_positions_are_those_of_noaas_list(shared_data: Path) -> None:
    history = pd.read_csv(shared_data / "stations/isd-history.csv", dtype=str)
    history = history[history["USAF"].str.endswith("0") & (history["END"] > "20190101")]
    history = history.assign(station=history["USAF"].str[:5]).drop_duplicates("station")
    found = read_observations(str(shared_data / REAL)).drop_duplicates("station").merge(history, on="station")
    off = np.hypot(found["latitude"] - found["LAT"].astype(float), found["longitude"] - found["LON"].astype(float))
    assert len(found) > 3800
    assert (off < 0.1).mean() > 0.95
