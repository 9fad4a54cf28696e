"""The examples of docs/examples are what they say: entered as they tell, they make a product and a table."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tasks import acquire
from tasks.acquire import Source, choose_cycle
from tasks.errors import BadInput, CycleNotReady
from tasks.grids.box import Box
from tasks.handover.cycle import Cycle
from tasks.observations.networks import sources
from tasks.region import search as regions
from tests.conftest import DEMO_GRIB, ROOT
from tests.flows.conftest import CommandLine
from tests.servers.static import static

NOW = datetime(2021, 12, 11, tzinfo=UTC)
DEMO = Cycle(source="folder", time=datetime(2021, 12, 10, 12, tzinfo=UTC))
REPORTS = """\
id,lat,lon,height_m,time,temp_c,rain_1h_mm,suspect
7,30.6,114.3,23,2021-12-10T20:00,8.5,0.4,0
7,30.6,114.3,23,2021-12-10T21:00,8.1,,0
8,31.0,112.2,71,2021-12-10T20:00,59.0,0.0,1
9,45.0,0.0,10,2021-12-10T20:00,1.0,0.0,0
"""


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs/examples" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def folder_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    """The source, entered, with the demo cycle's file in its folder."""
    kind = example("folder_source").FolderSource
    monkeypatch.setitem(acquire.SOURCES, "folder", kind)
    monkeypatch.setenv("FINESCALE_FORECASTS", str(tmp_path / "forecasts"))
    (tmp_path / "forecasts").mkdir()
    source: Source = kind()
    return source


def test_example_source_gives_a_cycle_as_soon_as_it_is_there(folder_source: Source, tmp_path: Path) -> None:
    hubei = regions.load("hubei")
    with pytest.raises(CycleNotReady, match="no cycle in"):
        folder_source.latest(hubei, NOW)
    file = Path(shutil.copy(DEMO_GRIB, tmp_path / "forecasts/2021-12-10T12.grib2"))
    assert choose_cycle(folder_source, hubei, None) == DEMO
    (raw,) = folder_source.fetch(DEMO, hubei, str(tmp_path / "raw"))
    assert raw.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    file.unlink()  # it is kept: another run needs no file
    assert folder_source.fetch(DEMO, hubei, str(tmp_path / "raw")) == [raw]


def test_example_source_refuses_a_file_that_was_cut(folder_source: Source, tmp_path: Path) -> None:
    (tmp_path / "forecasts/2021-12-10T12.grib2").write_bytes(DEMO_GRIB.read_bytes()[:-100])
    with pytest.raises(BadInput, match=r"message 7 at byte .* truncated"):
        folder_source.fetch(DEMO, regions.load("hubei"), str(tmp_path / "raw"))


def test_example_source_makes_a_product(
    folder_source: Source, tmp_path: Path, finescale: CommandLine, prefect_server: None
) -> None:
    shutil.copy(DEMO_GRIB, tmp_path / "forecasts/2021-12-10T12.grib2")
    answer = finescale("run", "hubei", "--source", "folder", "--store", tmp_path / "store")
    assert answer.exit_code == 0, answer.output
    assert (tmp_path / "store/hubei/folder/2021/12/2021-12-10T12.zarr/zarr.json").is_file()


def test_example_reader_gives_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sources.SOURCES, "farm", example("station_reader").SERVICE)
    box, first, last = Box(north=33, south=29, west=108, east=117), datetime(2021, 12, 10, 18), datetime(2021, 12, 11)
    (tmp_path / "service").mkdir()
    (tmp_path / "service/reports.csv").write_text(REPORTS)
    with static(tmp_path / "service") as url:
        found = sources.fetch("farm", box, first, last, tmp_path / "cache", {"farm": url})
    good = found[found["quality"] == ""]
    assert good[["station", "variable", "period"]].values.tolist() == [
        ["7", "t2m", 0.0], ["7", "tp", 1.0], ["7", "t2m", 0.0]
    ]  # fmt: skip
    np.testing.assert_allclose(good["value"], [281.65, 0.0004, 281.25])
    assert set(found.loc[found["station"] == "8", "quality"]) == {"suspect by its network"}
