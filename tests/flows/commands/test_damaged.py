"""A published product in which a byte is wrong: every command that reads it says so in a line, and what to type."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tasks.store.ledger import LedgerEntry, read_entry
from tests.flows.conftest import CommandLine
from tests.published import cycle_of, publish, spoil

NOW = datetime.now(UTC)
CYCLE = cycle_of(NOW - timedelta(hours=12))
RING = [[110.5, 31.5], [111.5, 31.5], [111.5, 32.5], [110.5, 32.5], [110.5, 31.5]]
PLACES = "name,latitude,longitude,elevation\nA,32,111,100\n"
READERS = {
    "point": ("point", "hubei", "--lat", "32", "--lon", "111"),
    "point --json": ("point", "hubei", "--lat", "32", "--lon", "111", "--json"),
    "point --places": ("point", "hubei", "--places", "places.csv"),
    "point --daily": ("point", "hubei", "--lat", "32", "--lon", "111", "--daily"),
    "districts": ("districts", "hubei", "district.geojson"),
    "netcdf": ("export", "hubei", "--format", "netcdf"),
    "netcdf --hourly": ("export", "hubei", "--format", "netcdf", "--hourly"),
    "geotiff": ("export", "hubei", "--format", "geotiff"),
    "grib2": ("export", "hubei", "--format", "grib2"),
    "micaps": ("export", "hubei", "--format", "micaps"),
    "micaps-points": ("export", "hubei", "--format", "micaps-points", "--places", "places.csv"),
    "csv-point": ("export", "hubei", "--format", "csv-point", "--lat", "32", "--lon", "111"),
}


@pytest.fixture
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LedgerEntry:
    monkeypatch.chdir(tmp_path)
    geometry = {"type": "Polygon", "coordinates": [RING]}
    Path("district.geojson").write_text(
        json.dumps({"type": "Feature", "properties": {"name": "A"}, "geometry": geometry})
    )
    Path("places.csv").write_text(PLACES)
    return publish(str(tmp_path / "store"), CYCLE)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("file", "what"), [("t2m/c/0/0/0", "t2m at +3 h cannot be read"), ("latitude/c/0", "cannot be opened")]
)
def test_damaged_product_is_one_line(
    entry: LedgerEntry, tmp_path: Path, finescale: CommandLine, reader: str, file: str, what: str
) -> None:
    spoil(str(tmp_path / "store"), entry, file, at=8)
    done = finescale(*READERS[reader], "--store", tmp_path / "store")
    assert (done.exit_code, done.stdout) == (1, ""), done.output
    line = done.stderr.splitlines()[-1]
    assert line.startswith(f"finescale: hubei {CYCLE} is damaged: ")
    assert what in line
    assert "`finescale maintain hubei` marks it" in line
    assert f"`finescale run hubei --source ifs --cycle {CYCLE.stamp} --force` makes it anew" in line
    assert not list(tmp_path.glob("*.nc")) + list(tmp_path.glob("*.tif")) + list(tmp_path.glob(".*"))


def test_what_to_type_marks_a_product_of_before_the_nightly_check(tmp_path: Path, finescale: CommandLine) -> None:
    store = str(tmp_path / "store")
    spoil(store, publish(store, CYCLE, age=timedelta(days=9.5)))
    done = finescale("point", "hubei", "--lat", "32", "--lon", "111", "--store", store)
    typed = done.stderr.split("`finescale ")[1].split("`")[0]
    assert typed == "maintain hubei --check-days 10"
    finescale(*typed.split(), "--store", store)
    found = read_entry(store, "hubei", CYCLE)
    assert found is not None
    assert found.state == "damaged"


def test_damaged_run_of_before_is_left_out(entry: LedgerEntry, tmp_path: Path, finescale: CommandLine) -> None:
    store = str(tmp_path / "store")
    spoil(store, publish(store, cycle_of(NOW - timedelta(hours=24))))
    done = finescale("point", "hubei", "--lat", "32", "--lon", "111", "--runs", "1", "--store", store)
    assert (done.exit_code, "0 of 1 earlier runs are there" in done.stdout) == (0, True), done.output


def test_a_bug_keeps_its_traceback(
    entry: LedgerEntry, tmp_path: Path, finescale: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.products.point.read_series", lambda *_: [][1])
    done = finescale("point", "hubei", "--lat", "32", "--lon", "111", "--store", tmp_path / "store")
    assert isinstance(done.exception, IndexError)
    monkeypatch.setattr("flows.products.point.read_series", lambda *_: int("no number"))
    done = finescale("point", "hubei", "--lat", "32", "--lon", "111", "--store", tmp_path / "store")
    assert isinstance(done.exception, ValueError), "the product is intact"
