"""Places by name, and what is wrong with a table of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.errors import InvalidRegion
from tasks.region import search as regions
from tasks.region.gazetteer import Known, find, like, read_gazetteer, simplified

HEAD = "name,name_zh,latitude,longitude,rank\n"


@pytest.fixture(scope="module")
def hubei() -> list[Known]:
    file = regions.load("hubei").places_file
    assert file is not None
    return read_gazetteer(file)


def test_the_shipped_places_lie_in_their_region_and_have_names_of_their_own(hubei: list[Known]) -> None:
    box = regions.load("hubei").box
    assert all(box.south < p.latitude < box.north and box.west < p.longitude < box.east for p in hubei)
    for names in ([simplified(p.name) for p in hubei], [simplified(p.name_zh) for p in hubei]):
        assert len(set(names)) == len(names) >= 80
    assert sum(p.rank == 1 for p in hubei) == 17, "its prefectures, and the four cities of their own level"


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("wuhan", "Wuhan"), ("WU HAN", "Wuhan"), ("武汉市", "Wuhan"), ("hongan", "Hong'an"), ("Xuan’en", "Xuan'en"),
        ("沙市", "Shashi"), ("沙市区", "Shashi"), ("恩施", "Enshi"), ("Zǎoyáng", "Zaoyang"),
    ],
)  # fmt: skip
def test_a_place_is_found_however_it_is_written(hubei: list[Known], typed: str, name: str) -> None:
    assert [p.name for p in find(hubei, typed)] == [name]


@pytest.mark.parametrize("typed", ["", " ", "'", "Beijing", "Wuh"])
def test_what_is_no_name_finds_nothing(hubei: list[Known], typed: str) -> None:
    assert find(hubei, typed) == []


def test_names_that_are_like_it_come_nearest_first(hubei: list[Known]) -> None:
    assert like(hubei, "Yichan")[0].name == "Yichang"
    assert like(hubei, "qqqq") == []


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("name,lat\nA,1\n", "first line is not name,name_zh,latitude,longitude,rank"),
        ("", "first line is not"),
        (HEAD + "A,,31,112,1\nB,,x,112,1\n", "line 3 is no place"),
        (HEAD + "A,,91,112,1\n", "line 2 is no place"),
        (HEAD + "A,,nan,112,1\n", "line 2 is no place"),
        (HEAD + ",,31,112,1\n", "line 2 is no place"),
        (HEAD + "A,,31\n", "line 2 is no place"),
        (HEAD + "A,,31,112,4\n", "rank 4 is not from 1 to 3"),
        (HEAD + "A,,31,472,1\n", "line 2 is no place"),
        (HEAD + "A,,31,112,1\nB,,30,112,1\na,,31,113,1\n", "more than one place is called A, a"),
        (HEAD + '"A' + "x" * 200_000, "is a quotation mark open"),
    ],
)
def test_what_is_no_table_of_places_is_refused(tmp_path: Path, content: str, why: str) -> None:
    file = tmp_path / "places.csv"
    file.write_text(content)
    with pytest.raises(InvalidRegion, match=why):
        read_gazetteer(file)


def test_a_table_in_what_excel_saves_in_china_is_read(tmp_path: Path) -> None:
    (tmp_path / "gbk.csv").write_bytes((HEAD + "Wuhan,武汉,30.6,114.3,1\n").encode("gbk"))
    assert [(p.name, p.name_zh) for p in read_gazetteer(tmp_path / "gbk.csv")] == [("Wuhan", "武汉")]


def test_a_table_that_is_not_there_or_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRegion, match="No such file or directory; leave `places` out"):
        read_gazetteer(tmp_path / "none.csv")
    (tmp_path / "none.csv").write_bytes(b"\0\1\2\3" * 50)
    with pytest.raises(InvalidRegion, match="is no text in UTF-8, UTF-16, GB18030"):
        read_gazetteer(tmp_path / "none.csv")
    (tmp_path / "large.csv").write_text(HEAD + "A,,31,112,1\n" * 200_000)
    with pytest.raises(InvalidRegion, match="more than 2 MB"):
        read_gazetteer(tmp_path / "large.csv")
