"""What people read at the terminal, in Chinese where the shell is: no English is left, programs see no change."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.commands.language import in_chinese, is_chinese
from flows.products.missing import Missing
from flows.products.source_health import SourceHealth
from tasks.store.space import Space
from tests.flows.conftest import CommandLine
from tests.published import cycle_of, publish

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
WORD = re.compile(r"[A-Za-z]{3,}")
# whatever the language
NAMES = {
    "hubei", "ifs", "era", "ERA", "aifs", "ens", "UTC", "km", "hPa", "Wuhan", "zarr", "cpu", "gpu", "downscale",
    "Prefect", "PREFECT", "API", "URL",
}  # fmt: skip


@pytest.fixture
def chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell in China."""
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")


def english(text: str) -> list[str]:
    """Words of it that are no names."""
    return [w for w in WORD.findall(text) if w not in NAMES]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"LANG": "zh_CN.UTF-8"}, True),
        ({"LANG": "zh_CN.GB18030"}, True),
        ({"LANG": "en_US.UTF-8"}, False),
        ({}, False),
        ({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, False),
        ({"LC_MESSAGES": "zh_CN.UTF-8", "LANG": "en_US.UTF-8"}, True),
        ({"LC_ALL": "", "LANG": "zh_CN.UTF-8"}, True),
    ],
)
def test_the_shell_says_which_language(
    settings: dict[str, str], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert is_chinese() is expected


@pytest.mark.usefixtures("chinese")
@pytest.mark.parametrize(
    "options",
    [
        (), ("--daily",), ("--elevation", "300"), ("--runs", "2"), ("--runs", "5"), ("--utc",),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_places_forecast_is_all_in_chinese(options: tuple[str, ...], tmp_path: Path, finescale: CommandLine) -> None:
    store = str(tmp_path / "store")
    for hours in (6, 0):
        publish(store, cycle_of(START - timedelta(hours=hours)), hours=list(range(3, 49, 3)))
    shown = finescale("point", "hubei", "武汉", "--source", "ifs", "--store", store, *options)
    assert shown.exit_code == 0, shown.output
    assert english(shown.stdout) == [], shown.stdout
    assert "气温" in shown.stdout
    assert "武汉：格点 北纬 30.5，东经 114.25；地形高度 100 米" in shown.stdout


@pytest.mark.usefixtures("chinese")
def test_programs_read_what_they_always_do(tmp_path: Path, finescale: CommandLine) -> None:
    store = str(tmp_path / "store")
    publish(store, cycle_of(START))
    place = ("point", "hubei", "Wuhan", "--source", "ifs", "--store", store)
    assert "t2m" in json.loads(finescale(*place, "--json").stdout)["units"]
    places = tmp_path / "places.csv"
    places.write_text("name,latitude,longitude\nA,31,112\n")
    table = finescale("point", "hubei", "--places", places, "--source", "ifs", "--store", store).stdout
    assert table.startswith("place,latitude,longitude,height [m],time,lead [h],t2m [°C]")


@pytest.mark.usefixtures("chinese")
def test_status_is_all_in_chinese(tmp_path: Path, finescale: CommandLine) -> None:
    store = str(tmp_path / "store")
    shown = finescale("status", "hubei", "--store", store).stdout
    assert "没有已发布的产品" in shown
    publish(store, cycle_of(START))
    shown = finescale("status", "hubei", "--store", store).stdout
    assert "来源" not in shown, "no scores"
    assert "起报" in shown
    assert english(shown.replace(store, "")) == [], shown


POINT = [
    "rain, snowfall: of the 3 h before each time; what comes in between is in none of these times",
    "rain, sun, sky: of the 6 h before each time; sun, sky in MJ/m² is a sum, divided by 0.0216 a mean in W/m²",
    "rain: of the time since the lead time before each time; sun in MJ/m² is a sum, divided by 1 a mean in W/m²",
    "hours between lead times are interpolated, all sums too; the forecast has 3, 6, 9 h",
    "in brackets: the truth lies within eight times in ten, as errors at stations say",
    "in brackets: the truth lies within eight times in ten, as 50 members, and of t2m, tp the errors of past runs say",
    "cell 30.6 north, 114.3 east; height of the terrain unknown",
    "90 m wind m/s", "100 m wind m/s", "highest °C", "t2m highest °C", "wind highest m/s", "rain sum mm", "278 W",
    "0 calm", "3.4 (1.0 to 5.2)", "Sun 22 Nov, from 08:00", "Mon 23 Nov, to 20:00", "day UTC+08:00",
]  # fmt: skip


def lines() -> list[str]:
    """Of a place's forecast and of a region's health, each kind of line that it can have."""
    at = datetime(2026, 11, 22, 8, tzinfo=UTC)
    missing = {"cycle": "ifs/2026-11-22T00", "due": at, "tries": 1, "allowed": 3, "next_try": at}
    health = {"source": "ifs", "verdict": "old", "cycle": "ifs/2026-11-22T00", "age_hours": 90.0, "limit_hours": 24.0}
    return [
        *POINT,
        "pool cpu    READY, 1 worker online, 0 runs waiting",
        "downscale/hubei-ifs      never ran",
        "downscale/hubei-ifs      Completed, paused  2026-11-22 08:00",
        str(Missing(**missing)),
        str(Missing(**missing | {"tries": 3})),
        str(Missing(**missing | {"at_work": "RUNNING"})),
        str(SourceHealth(**health)),
        str(SourceHealth(**health | {"damaged": 1, "withdrawn": 2, "quarantined": 3, "degraded": 4})),
        str(SourceHealth(source="ens", verdict="due", first_due=at)),
        str(SourceHealth(source="era5", verdict="due")),
        str(SourceHealth(source="aifs", verdict="never")),
        "! " + str(SourceHealth(source="ifs", verdict="none")),
        str(Space(free=5 * 10**9, a_day=0, days=None)),
        str(Space(free=5 * 10**9, a_day=10**9, days=5.0)),
        str(Space(free=5 * 10**9, a_day=10**3, days=5e6)),
        "against stations, the last 30 days:",
        "preliminary (ERA5T): 3, of these final by now: none",
    ]


@pytest.mark.parametrize("line", lines())
def test_every_kind_of_line_is_in_chinese(line: str) -> None:
    assert english(in_chinese(line)) == [], in_chinese(line)


def test_what_is_of_no_known_kind_stays_as_it_is() -> None:
    for text in ("something new", "/srv/a  b/c", "", "  ", "ifs/2026-11-22T00"):
        assert in_chinese(text) == text
