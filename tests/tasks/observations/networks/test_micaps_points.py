"""MICAPS diamond 3: what the header says of its one element, and what it leaves open."""

from __future__ import annotations

import pandas as pd
import pytest

from tasks.errors import BadInput, UnreadableFile
from tasks.observations.networks.micaps import read_micaps
from tasks.observations.networks.micaps_text import ONLY_WET
from tests.tasks.observations.networks.made_up import diamond

PLAIN = "0 1 0 0 1"  # no contour, smoothing, bold contour, no clip region, one element
RECORDS = ["57001 111.50 30.50 257 12.5", "57002 112.0 31.0 9999 0", "57003 113.0 31.0 50 9999"]


def read(level: object = -1, description: str = "", drawing: str = PLAIN, records: list[str] = RECORDS) -> pd.DataFrame:
    return read_micaps(diamond(3, f"17 03 29 08 {level} {drawing}", records, description).encode("gbk"), "x.000")


@pytest.mark.parametrize(
    ("level", "description", "hours"),
    [
        (-1, "", 6), (-2, "", 24), (-1, "6小时降水", 6), (-2, "17年03月29日08-08时24小时雨量", 24),
        (0, "1小时降水量", 1), (1000, "过去3小时累计降水", 3), (0, "12h降水", 12), (-2.0, "中国", 24),
    ],
)  # fmt: skip
def test_rain_has_the_hours_of_the_header(level: object, description: str, hours: float) -> None:
    found = read(level, description)
    assert found[["station", "variable", "period", "value", "quality"]].to_numpy().tolist() == [
        ["57001", "tp", hours, 0.0125, ""], ["57002", "tp", hours, 0.0, ""],
    ]  # fmt: skip
    assert set(found["time"]) == {pd.Timestamp("2017-03-29T00")}
    assert found["elevation"].isna().tolist() == [False, True]


def test_temperature_is_celsius() -> None:
    assert read(-3, "地面温度")["value"].tolist() == pytest.approx([285.65, 273.15])


def test_contours_and_a_clip_region_are_passed_over() -> None:
    contours = "3 0.1 10 25 1.5 10 4 108 29 117 29 117 34 108 29 1"
    pd.testing.assert_frame_equal(read(drawing=contours), read())


def test_rain_of_wet_stations_alone_is_not_used() -> None:
    assert set(read(records=[RECORDS[0], RECORDS[2]])["quality"]) == {ONLY_WET}


@pytest.mark.parametrize(
    ("level", "description", "message"),
    [
        (0, "降水", "do not say what the values are; known are level -1"),
        (500, "高度", "level 500 and description '高度' do not say what the values are"),
        (-1, "1小时降水", r"contradict each other \(1小时降水\)"),
        (-3, "24小时降水", "contradict each other"),
        (-3, "最高气温", "say 最高, which is not read"),
        (-3, "24小时变温", "say 变温"),
        (-2, "24小时降水预报", "say 预报"),
        (0, "0小时降水", "rain of no hours"),
    ],
)
def test_an_element_that_is_not_certain_is_refused(level: int, description: str, message: str) -> None:
    with pytest.raises(BadInput, match=rf"x\.000: .*{message}.*write it as a table with one value a row"):
        read(level, description)


def test_several_elements_are_refused() -> None:
    with pytest.raises(BadInput, match="has 2 elements a station, of which the header names none"):
        read(drawing="0 1 0 0 2", records=[f"{r} 1" for r in RECORDS])


@pytest.mark.parametrize(
    ("drawing", "records", "message"),
    [
        (PLAIN, [RECORDS[0], RECORDS[1][:-2]], "ends within station 2 of 2; the file is cut"),
        (PLAIN, [f"{RECORDS[0]} 3", RECORDS[1]], "line 4: 57002, 112 are no longitude"),
        ("2 0.1 1 0 0 1", RECORDS, "line 3: the number of elements of a station cannot be 111.50"),
        ("0 1 0 -1 1", RECORDS, "the number of points of the clip region cannot be -1"),
        ("0 1 0 0 1.5", RECORDS, "the number of elements of a station cannot be 1.5"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_header_is_one_clear_error(drawing: str, records: list[str], message: str) -> None:
    with pytest.raises(UnreadableFile, match=message):
        read(drawing=drawing, records=records)
