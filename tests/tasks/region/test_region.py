"""Regions: what is read from a region.yaml, and what a wrong one is told."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml

from tasks.errors import BadInput, InvalidRegion, UnknownRegion
from tasks.region import search as regions
from tasks.region.document import LeadTimes
from tests.conftest import HUBEI, RegionMaker


def test_shipped_hubei_loads_with_its_files() -> None:
    hubei = regions.load("hubei")
    assert hubei.name == "hubei"
    assert hubei.folder == HUBEI
    assert hubei.required == hubei.variables == ["t2m", "d2m", "u10", "v10", "sp", "msl", "tp"]
    assert (hubei.target.rows, hubei.target.cols) == (89, 159)
    assert (hubei.target.north, hubei.target.south, hubei.target.west, hubei.target.east) == (33.4, 29.0, 108.3, 116.2)
    assert hubei.terrain_file is not None
    assert hubei.terrain_file.is_file()
    assert hubei.boundary_file is not None
    assert hubei.boundary_file.is_file()


def test_every_shipped_region_loads() -> None:
    assert "hubei" in regions.names()
    for name in regions.names():
        assert regions.load(name).name == name


def test_lead_times_include_start_and_stop() -> None:
    assert LeadTimes(start=0, stop=12, step=6).hours() == [0, 6, 12]


BOX = {"north": 33.4, "south": 29.0, "west": 108.3, "east": 116.2}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        pytest.param({"spacng": 0.1}, ["spacng = 0.1", "unknown key", "spacing, input_spacing"], id="unknown key"),
        pytest.param(
            {"box": BOX | {"nort": 1}}, ["box.nort = 1", "unknown key", "north, south, west, east"], id="in the box"
        ),
        pytest.param(
            {"gate": {"seams": 1}},
            ["gate.seams = 1", "unknown key", "recoarsening, seam"],
            id="unknown key in the gate",
        ),
        pytest.param({"keep": {"day": 3}}, ["keep.day = 3", "unknown key", "days"], id="unknown key in keep"),
        pytest.param({"keep": {"days": 0}}, ["keep.days = 0", "greater than or equal to 1"], id="keep nothing"),
        pytest.param({"spacing": "wide"}, ["spacing = 'wide'", "valid number"], id="text for a number"),
        pytest.param({"variables": "t2m"}, ["variables = 't2m'", "valid list"], id="text for a list"),
        pytest.param({"variables": []}, ["variables = []", "at least 1"], id="no variables"),
        pytest.param({"lead_times": {"step": 1.5}}, ["lead_times.step = 1.5", "valid integer"], id="broken hours"),
        pytest.param({"lead_times": {"stop": 400}}, ["lead_times.stop = 400", "360"], id="beyond the forecast"),
        pytest.param({"spacing": 0}, ["spacing = 0", "greater than or equal to 0.0001"], id="no spacing"),
        pytest.param({"spacing": float("nan")}, ["spacing = nan"], id="NaN spacing"),
        pytest.param({"box": BOX | {"north": 28.0}}, ["box", "north 28", "above south 29"], id="north below south"),
        pytest.param({"box": BOX | {"east": 100.0}}, ["box", "east 100", "west 108.3"], id="east below west"),
        pytest.param({"box": BOX | {"north": 91}}, ["box.north = 91", "90"], id="beyond the pole"),
        pytest.param({"box": {"north": 33.4}}, ["box.south", "required"], id="box without sides"),
        pytest.param({"variables": ["t2m", "t3m"]}, ["variables", "'t3m'", "t2m, d2m, u10"], id="unknown variable"),
        pytest.param({"required": ["t3m"]}, ["required", "'t3m'", "t2m, d2m, u10"], id="unknown required variable"),
        pytest.param(
            {"variables": ["t2m"], "required": ["sp"]}, ["required", "'sp'", "not among variables"], id="not asked for"
        ),
        pytest.param(
            {"variables": ["t2m", "fg10"], "lead_times": {"start": 0}},
            ["fg10", "none before 0 h", "start later"],
            id="gust of no time",
        ),
        pytest.param({"spacing": 0.5}, ["spacing 0.5", "not be above input_spacing 0.25"], id="coarser than the input"),
        pytest.param({"terrain": "alps.nc"}, ["terrain = 'alps.nc'", "no such file"], id="missing terrain"),
        pytest.param({"boundary": "alps.geojson"}, ["boundary = 'alps.geojson'", "no such file"], id="no boundary"),
        pytest.param({"name": "Hu Bei"}, ["name = 'Hu Bei'", "[a-z0-9]"], id="name that is no folder"),
        pytest.param({"title": None}, ["title", "required"], id="missing key"),
        pytest.param(
            {"title": None, "titel": "x"}, ["titel = 'x'", "unknown key", "name, title, title_zh, box"], id="misspelt"
        ),
    ],
)
def test_wrong_key_is_refused_with_its_value_and_what_is_allowed(
    changes: dict[str, object], told: list[str], make_region: RegionMaker
) -> None:
    folder = make_region(**changes)
    with pytest.raises(InvalidRegion) as refused:
        regions.load(str(folder))
    message = str(refused.value)
    assert message.startswith(str(folder / "region.yaml"))
    assert "\n" not in message
    for part in told:
        assert part in message


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(b"name: [hubei\ntitle: x", "not valid YAML", id="open bracket"),
        pytest.param(b"name: hubei\n\ttitle: x", "not valid YAML", id="tab"),
        pytest.param(b"- name: hubei\n- title: x", "expected keys and values, found list", id="list"),
        pytest.param(b"hubei", "expected keys and values, found str", id="bare word"),
        pytest.param(b"", "expected keys and values, found NoneType", id="empty"),
        pytest.param("name: hubei\ntitle: 湖北".encode("gbk"), "not UTF-8", id="GBK"),
        pytest.param(b"\x00\x01\x02", "not valid YAML", id="binary"),
    ],
)
def test_file_that_holds_no_keys_is_refused(content: bytes, told: str, make_region: RegionMaker) -> None:
    folder = make_region()
    (folder / "region.yaml").write_bytes(content)
    with pytest.raises(InvalidRegion, match=re.escape(told)) as refused:
        regions.load(str(folder))
    assert str(folder / "region.yaml") in str(refused.value)
    assert "\n" not in str(refused.value)


def test_folders_named_in_the_environment_come_before_the_shipped_ones(
    make_region: RegionMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = make_region(title="My Hubei").parent
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv(regions.SEARCH_PATH_VARIABLE, f"{tmp_path / 'empty'}:{mine}")
    assert regions.load("hubei").title == "My Hubei"
    make_region(name="wuhan", title="Wuhan")
    assert regions.load("wuhan").title == "Wuhan"
    assert {"hubei", "wuhan"} <= set(regions.names())
    monkeypatch.delenv(regions.SEARCH_PATH_VARIABLE)
    assert regions.load("hubei").title == "Hubei, China"


def test_unknown_region_lists_the_known_ones_and_where_they_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(regions.SEARCH_PATH_VARIABLE, str(tmp_path))
    with pytest.raises(UnknownRegion) as refused:
        regions.load("hubai")
    for part in ("'hubai'", "known are: ", "hubei", str(tmp_path), str(regions.SHIPPED)):
        assert part in str(refused.value)
    assert isinstance(refused.value, BadInput)


def test_region_may_be_named_by_its_folder(make_region: RegionMaker, tmp_path: Path) -> None:
    assert regions.load(str(make_region(title="Here"))).title == "Here"
    with pytest.raises(UnknownRegion, match="nowhere"):
        regions.load(str(tmp_path / "nowhere"))


def test_fingerprint_follows_all_that_shapes_a_product(make_region: RegionMaker) -> None:
    hubei = regions.load("hubei")
    assert regions.load("hubei").fingerprint == hubei.fingerprint
    assert hubei.with_spacing(0.1).fingerprint != hubei.fingerprint
    assert hubei.with_spacing(0.1).with_spacing(0.05).fingerprint == hubei.fingerprint
    folder = make_region()
    copy = regions.load(str(folder))
    assert copy.fingerprint == hubei.fingerprint
    assert regions.load(str(make_region(keep={"days": 30}))).fingerprint == hubei.fingerprint, "how long, not what"
    assert copy.terrain_file is not None
    shutil.copy(copy.terrain_file, folder / "other.nc")
    with copy.terrain_file.open("ab") as file:
        file.write(b"\x00")
    assert copy.fingerprint != hubei.fingerprint


def test_comments_and_order_of_keys_do_not_change_the_fingerprint(make_region: RegionMaker) -> None:
    folder = make_region()
    data = yaml.safe_load((folder / "region.yaml").read_text())
    (folder / "region.yaml").write_text("# moved\n" + yaml.safe_dump(dict(reversed(data.items())), sort_keys=False))
    assert regions.load(str(folder)).fingerprint == regions.load("hubei").fingerprint


def test_other_spacing_keeps_the_box_and_the_files() -> None:
    coarser = regions.load("hubei").with_spacing(0.1)
    assert (coarser.target.dlat, coarser.target.rows, coarser.target.cols) == (0.1, 45, 80)
    assert coarser.terrain_file == regions.load("hubei").terrain_file


def test_spacing_that_is_not_allowed_names_the_option() -> None:
    with pytest.raises(InvalidRegion, match=r"--spacing: .*spacing 0.3 must not be above input_spacing 0.25"):
        regions.load("hubei").with_spacing(0.3)
    with pytest.raises(InvalidRegion, match=r"--spacing: spacing = -1"):
        regions.load("hubei").with_spacing(-1.0)


def test_region_across_the_date_line_keeps_rising(make_region: RegionMaker) -> None:
    fiji = regions.load(str(make_region(box={"north": -12, "south": -21, "west": 174, "east": 184})))
    assert (fiji.target.west, fiji.target.east, fiji.target.cols) == (174.0, 184.0, 201)


def test_schedule_shapes_no_product(make_region: RegionMaker) -> None:
    before = regions.load(str(make_region(schedule=None))).fingerprint
    later = regions.load(str(make_region(schedule={"ifs": "0 9 * * *", "era5": None})))
    assert later.fingerprint == before
    assert later.schedule.era5 is None
    assert later.schedule.maintain == "15 3 * * *"


def test_time_zone_shapes_no_product(make_region: RegionMaker) -> None:
    before = regions.load(str(make_region(timezone="UTC")))
    there = regions.load(str(make_region(timezone="Asia/Shanghai")))
    assert (before.timezone, there.timezone) == ("UTC", "Asia/Shanghai")
    assert there.fingerprint == before.fingerprint


@pytest.mark.parametrize(
    ("zone", "why"),
    [("CST", "no time zone is called 'CST'"), ("Asia/No", "no time zone"), ("+08:00", "knows no summer time")],
)
def test_what_is_no_time_zone_is_refused(make_region: RegionMaker, zone: str, why: str) -> None:
    with pytest.raises(InvalidRegion, match=f"timezone = .*{why}.*Asia/Shanghai"):
        regions.load(str(make_region(timezone=zone)))


@pytest.mark.parametrize("cron", ["at noon", "61 * * * *", "", "1 2 3"])
def test_what_is_no_cron_string_is_refused(make_region: RegionMaker, cron: str) -> None:
    with pytest.raises(
        InvalidRegion, match=re.escape(f"schedule.ifs = {cron!r}: not a cron string; write minute hour")
    ):
        regions.load(str(make_region(schedule={"ifs": cron})))
