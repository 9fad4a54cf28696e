"""Cycles as text."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import BadInput
from tasks.handover.cycle import ATTRIBUTION, Cycle
from tasks.prepare.decode_grib import ORIGINS
from tests.conftest import ROOT


@pytest.mark.parametrize(
    "text",
    [
        "ifs/2026-11-22T00",
        "2026-11-22T00",
        "2026-11-22T00:00",
        "2026-11-22T00Z",
        "2026-11-22T00:00Z",
        "2026-11-22T0000Z",
        "ifs/2026-11-22T00:00Z",
        "  2026-11-22T00\n",
    ],
)
def test_every_common_way_to_write_a_cycle_is_read(text: str) -> None:
    cycle = Cycle.parse(text, "ifs")
    assert cycle == Cycle(source="ifs", time=datetime(2026, 11, 22, tzinfo=UTC))
    assert str(cycle) == "ifs/2026-11-22T00"
    assert cycle.stamp == "2026-11-22T00"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-11-22",
        "2026-11-22T06:30",
        "2026-11-22 06",
        "20261122T06",
        "ifs/",
        "/2026-11-22T00",
        "IFS/2026-11-22T00",
        "ifs/2026-11-22T00/x",
        "2026-11-22T00+08:00",
    ],
)
def test_text_that_is_no_cycle_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(BadInput) as refused:
        Cycle.parse(text, "demo")
    assert repr(text) in str(refused.value)
    assert "2026-11-22T00 or demo/2026-11-22T00" in str(refused.value)


@pytest.mark.parametrize("text", ["2026-02-30T00", "2026-13-01T00", "2026-11-22T24", "2026-11-22T61", "0000-01-01T00"])
def test_time_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match=text):
        Cycle.parse(text, "ifs")


def test_cycle_of_another_source_is_refused_with_both_named() -> None:
    with pytest.raises(BadInput, match="names source ifs, but --source is demo"):
        Cycle.parse("ifs/2026-11-22T00", "demo")


@given(st.datetimes(datetime(1940, 1, 1), datetime(2100, 1, 1)), st.sampled_from(["ifs", "era5", "demo"]))
def test_text_form_reads_back_as_the_same_cycle(time: datetime, source: str) -> None:
    cycle = Cycle(source=source, time=time.replace(minute=0, second=0, microsecond=0, tzinfo=UTC))
    assert Cycle.parse(str(cycle), source) == cycle
    assert Cycle.parse(cycle.stamp, source) == cycle


def test_cycles_are_equal_and_hash_by_content() -> None:
    first, second = Cycle.parse("2026-11-22T00", "ifs"), Cycle.parse("ifs/2026-11-22T00", "ifs")
    assert {first, second} == {first}
    assert first != Cycle.parse("2026-11-22T12", "ifs")
    assert first != Cycle.parse("2026-11-22T00", "era5")


def test_the_page_has_every_attribution_in_chinese() -> None:
    known = json.loads((ROOT / "tasks/page/web/src/credits.json").read_text())
    hubei = yaml.safe_load((ROOT / "deployments/regions/hubei/region.yaml").read_text())["attribution"]
    parts = {part for text in (*ATTRIBUTION.values(), hubei) for part in re.split("[;.] ", text)}
    assert parts == set(known)
    names = re.compile(r"ECMWF|CC.BY.4\.0|Open-Meteo\.com|GeoNames|Copernicus|©")
    for english, chinese in known.items():
        same = english.replace("(c)", "©").replace("CC-BY-4.0", "CC BY 4.0")
        assert names.findall(same) == names.findall(chinese), english


def test_every_origin_that_a_file_can_have_has_an_attribution() -> None:
    # of ifs9km Open-Meteo makes the files, of ens ECMWF says no other origin than ifs
    assert set(ORIGINS.values()) | {"unknown", "ifs9km", "ens"} == set(ATTRIBUTION)
