"""The demo source."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from models.statistics import VARIABLES
from tasks.acquire import choose_cycle, demo, open_source
from tasks.errors import BadInput, IncompleteDownload
from tasks.handover.cycle import Cycle
from tasks.prepare.decode import decode
from tasks.region import search as regions

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def test_demo_fetches_all_variables_of_the_region(tmp_path: Path) -> None:
    source, hubei = open_source("demo"), regions.load("hubei")
    (raw,) = source.fetch(source.latest(hubei, NOW), hubei, str(tmp_path))
    fields = list(decode(Path(raw.uri), set(VARIABLES)))
    assert [f.header.variable.name for f in fields] == hubei.variables
    assert {f.header.init for f in fields} == {demo.TIME}
    assert {f.header.lead.total_seconds() / 3600 for f in fields} == {demo.STEP}


def test_what_the_demo_lacks_is_absent_and_refused_only_where_it_is_required(tmp_path: Path) -> None:
    source, hubei = open_source("demo"), regions.load("hubei")
    more = [*hubei.variables, "ssrd"]
    optional = hubei.model_copy(update={"variables": more, "required": ["t2m"]})
    (raw,) = source.fetch(source.latest(optional, NOW), optional, str(tmp_path))
    assert [f.header.variable.name for f in decode(Path(raw.uri), set(more))] == hubei.variables
    needs = hubei.model_copy(update={"variables": more, "required": ["t2m", "ssrd"]})
    with pytest.raises(BadInput, match=r"demo: has no ssrd; .*`required` in .*hubei/region\.yaml; write"):
        source.fetch(source.latest(needs, NOW), needs, str(tmp_path))


def test_latest_is_the_one_cycle_there_is_and_can_be_asked_for_by_name() -> None:
    source, hubei = open_source("demo"), regions.load("hubei")
    assert str(choose_cycle(source, hubei, None)) == "demo/2021-12-10T12"
    assert choose_cycle(source, hubei, "2021-12-10T12") == source.latest(hubei, NOW)


def test_another_cycle_is_refused_with_the_one_there_is(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="the demo has one cycle, demo/2021-12-10T12"):
        open_source("demo").fetch(Cycle(source="demo", time=NOW), regions.load("hubei"), str(tmp_path))


def test_truth_lies_where_the_source_says() -> None:
    assert demo.DemoSource.truth is not None
    assert Path(demo.DemoSource.truth).is_file()


@pytest.mark.parametrize("name", ["*.grib2", "*.index", "truth_0p1.nc"])
def test_demo_with_one_changed_byte_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(shutil.copytree(demo.FOLDER, tmp_path / "demo_cycle"))
    (file,) = folder.rglob(name)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    monkeypatch.setattr(demo, "FOLDER", folder)
    cycle = Cycle(source="demo", time=demo.TIME)
    with pytest.raises(IncompleteDownload, match=rf"demo/2021-12-10T12: .*{file.name} is not the file .* reinstall"):
        demo.DemoSource().fetch(cycle, regions.load("hubei"), str(tmp_path / "raw"))


def test_demo_with_a_missing_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(shutil.copytree(demo.FOLDER, tmp_path / "demo_cycle"))
    (folder / "truth_0p1.nc").unlink()
    monkeypatch.setattr(demo, "FOLDER", folder)
    with pytest.raises(IncompleteDownload, match=r"truth_0p1\.nc .* reinstall"):
        demo.DemoSource().fetch(Cycle(source="demo", time=demo.TIME), regions.load("hubei"), str(tmp_path / "raw"))


def test_hres_is_another_name_for_ifs() -> None:
    assert open_source("hres").name == open_source("ifs").name == "ifs"


def test_unknown_source_lists_the_known_ones() -> None:
    with pytest.raises(BadInput, match=r"unknown source 'gfs'; known are: .*ifs.*demo, hres"):
        open_source("gfs")
