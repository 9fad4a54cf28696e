"""From unverified to a verdict, and what a reader of latest.json sees meanwhile. Stations are the demo's truth."""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import xarray as xr

from flows.downscale import downscale
from flows.products.status import region_status
from flows.verify import ProductsQuarantined, VerifyIncomplete, due, verify
from tasks.arrays import open_zarr
from tasks.errors import BadInput, GateRefused
from tasks.handover.cycle import Cycle
from tasks.region.search import SEARCH_PATH_VARIABLE
from tasks.store.ledger import LedgerEntry, read_entry
from tasks.store.metadata import CHECKSUM
from tasks.store.scores import read_scores, write_scores
from tasks.store.withdrawal import mark, withdraw
from tests.conftest import RegionMaker, write_region
from tests.flows.conftest import CommandLine
from tests.published import publish
from tests.truth_stations import DEMO, truth_at_stations

pytestmark = pytest.mark.usefixtures("prefect_server", "workspace")

PRODUCT = f"hubei/demo/2021/12/{DEMO}"
CYCLE = Cycle.parse(DEMO, "demo")
JUDGED = ("finescale_quality", "scorecard", "ledger", CHECKSUM)  # attributes that a verdict changes
STRICT = {"gate": {"reading": 1e-12}, "variables": ["t2m"], "required": None}  # no product is let through


class Reader:
    """Reads latest.json over and over, opens what it names, and notes each (product, quality) that it sees."""

    def __init__(self, store: Path) -> None:
        self.store, self.seen, self.errors = store, list[tuple[str, str] | None](), list[str]()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.look()

    def _run(self) -> None:
        while not self._stop.wait(0.02):
            self.look()

    def look(self) -> None:
        """Read once."""
        try:
            latest = json.loads((self.store / "hubei/demo/latest.json").read_text())
            # a reader who has the pointer finds a whole product
            if open_zarr(str(self.store / latest["product"]))["t2m"].shape != (1, 89, 159):
                self.errors.append("half a product")
            now: tuple[str, str] | None = (Path(latest["product"]).name, latest["quality"])
        except FileNotFoundError:
            now = None
        except Exception as error:
            self.errors.append(repr(error))
            return
        if not self.seen or self.seen[-1] != now:
            self.seen.append(now)


def latest(store: Path) -> dict[str, Any]:
    return dict(json.loads((store / "hubei/demo/latest.json").read_text()))


@pytest.fixture(scope="module")
def regions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with a Hubei of one variable: of each there are pictures and charts, which take longest of all."""
    folder = tmp_path_factory.mktemp("regions")
    write_region(folder / "hubei", variables=["t2m"], required=None)
    return folder


@pytest.fixture
def hubei(regions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is what `hubei` names."""
    monkeypatch.setenv(SEARCH_PATH_VARIABLE, str(regions))


@pytest.fixture(scope="module")
def made(regions: Path, tmp_path_factory: pytest.TempPathFactory, prefect_server: None) -> Path:
    """A store with a product of it, unverified; to be copied."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINESCALE_WORKSPACE", str(folder / "workspace"))
        downscale(str(regions / "hubei"), source="demo", store=str(folder / "store"))
    return folder / "store"


@pytest.fixture
def store(tmp_path: Path, made: Path, hubei: None) -> Path:
    """One's own."""
    return Path(shutil.copytree(made, tmp_path / "store"))


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    return truth_at_stations(tmp_path / "truth.csv")


@pytest.fixture
def reader(store: Path) -> Iterator[Reader]:
    with Reader(store) as found:
        yield found


def test_a_product_is_unverified_until_observations_arrive_and_its_verdict_goes_everywhere(
    tmp_path: Path, demo_store: Path, truth: Path
) -> None:
    store = Path(shutil.copytree(demo_store, tmp_path / "store"))
    before = xr.open_zarr(store / f"{PRODUCT}.zarr").load()
    assert (latest(store)["quality"], latest(store)["why"]) == ("unverified", ["no observations yet"])

    with Reader(store) as reader:
        report = verify("hubei", source="demo", cycle=DEMO, observations=str(truth), store=str(store))
        reader.look()

    assert reader.seen == [(f"{DEMO}.zarr", "unverified"), (f"{DEMO}.zarr", "verified")]
    assert reader.errors == []
    assert report.scored == {f"demo/{DEMO}": "verified"}
    entry = read_entry(str(store), "hubei", CYCLE)
    assert entry is not None
    assert (entry.quality, entry.scorecard.quality, entry.revision) == ("verified", "verified", 1)
    found = entry.scorecard.verification
    assert found is not None
    assert found.complete
    assert found.observations == ["truth.csv"]
    assert {s.variable for s in found.scores} == {
        "t2m", "d2m", "sp", "msl", "wind_speed", "wind_direction", "wind_vector"
    }  # fmt: skip
    # the product holds the same verdict, and not one value has changed
    after = xr.open_zarr(store / f"{PRODUCT}.zarr").load()
    xr.testing.assert_equal(before, after)
    assert after.attrs["finescale_quality"] == "verified"
    assert json.loads(after.attrs["scorecard"]) == json.loads(entry.scorecard.model_dump_json())
    assert {k: v for k, v in after.attrs.items() if k not in JUDGED} == {
        k: v for k, v in before.attrs.items() if k not in JUDGED
    }
    # so do latest.json, with the scores, and the rolling table
    named = latest(store)
    item = json.loads((store / f"hubei/demo/items/2021-12/{DEMO}.json").read_text())
    assert item["properties"]["finescale:quality"] == named["quality"]
    assert (named["quality"], named["why"], named["revision"]) == ("verified", [], 1)
    assert {s["variable"] for s in named["scores"]} == {s.variable for s in found.skill}
    table = read_scores(str(store), "hubei", "demo", CYCLE.time + timedelta(days=1))
    assert table["complete"].all()
    assert len(table) > len(found.scores)  # every candidate, those of the scorecard among them
    assert "verified" in (store / entry.report).read_text()
    stations = json.loads((store / entry.stations).read_text())["features"]
    assert len(stations) == found.stations
    assert latest(store)["stations"] == entry.stations


def test_scoring_again_with_the_same_observations_changes_nothing(store: Path, truth: Path) -> None:
    verify("hubei", source="demo", cycle=DEMO, observations=str(truth), store=str(store))
    before = {f: f.stat().st_mtime_ns for f in store.rglob("*") if f.is_file() and f.suffix != ".png"}
    report = verify("hubei", source="demo", cycle=DEMO, observations=str(truth), store=str(store))
    assert report.unchanged == [f"demo/{DEMO}"]
    assert before == {f: f.stat().st_mtime_ns for f in store.rglob("*") if f.is_file() and f.suffix != ".png"}


@pytest.mark.usefixtures("hubei")
def test_a_product_can_be_verified_as_it_is_made(tmp_path: Path, truth: Path) -> None:
    outcome = downscale("hubei", source="demo", store=str(tmp_path / "store"), observations=str(truth))
    assert outcome.entry.quality == "verified"
    assert latest(tmp_path / "store")["quality"] == "verified"
    assert not read_scores(str(tmp_path / "store"), "hubei", "demo", CYCLE.time + timedelta(days=1)).empty


def test_a_product_worse_than_its_input_stays_published_as_degraded(store: Path, tmp_path: Path) -> None:
    """Stations that measure what bilinear interpolation says."""
    file = truth_at_stations(tmp_path / "bilinear.csv")
    rows = pd.read_csv(file)
    coarse = xr.open_zarr(store / f"{PRODUCT}.zarr", group="input")["t2m"].isel(step=0)
    is_t2m = rows["variable"] == "t2m"
    at = {c: xr.DataArray(rows.loc[is_t2m, c].to_numpy(), dims="s") for c in ("latitude", "longitude")}
    height = xr.open_zarr(store / f"{PRODUCT}.zarr", group="input")["surface_altitude"].interp(at).values
    rows.loc[is_t2m, "value"] = coarse.interp(at).values - 6.5e-3 * (rows.loc[is_t2m, "elevation"] - height)
    rows.to_csv(file, index=False)
    verify("hubei", source="demo", cycle=DEMO, observations=str(file), store=str(store))
    named = latest(store)
    assert (named["quality"], named["product"]) == ("degraded", f"{PRODUCT}.zarr")
    assert named["why"][0].startswith("t2m: RMSE ")
    assert "above that of input, bilinear, 6.5 K/km" in named["why"][0]
    cycle = region_status("hubei", str(store), ask_prefect=False).cycles[0]
    assert cycle.quality == "degraded"
    assert named["why"][0] in cycle.why


def test_too_few_stations_degrade_a_product(store: Path, tmp_path: Path) -> None:
    file = truth_at_stations(tmp_path / "few.csv", stations=3)
    verify("hubei", source="demo", cycle=DEMO, observations=str(file), store=str(store))
    assert latest(store)["quality"] == "degraded"
    assert latest(store)["why"][0].startswith("too few stations: ")


def test_a_product_that_fails_a_check_goes_to_quarantine_and_the_last_good_one_stays(
    store: Path, make_region: RegionMaker, reader: Reader
) -> None:
    strict = make_region(**STRICT)
    with pytest.raises(GateRefused, match=r"reading error .*, limit 1e-12.*last good product stays") as refused:
        downscale(str(strict), source="demo", store=str(store))
    (kept,) = (store / "_quarantine").glob("*.zarr")
    assert kept.name in str(refused.value)
    held = xr.open_zarr(kept)
    assert held.attrs["finescale_quality"] == "quarantined"
    assert "reading error" in json.loads(held.attrs["scorecard"])["why"][0]
    assert kept.with_suffix(".html").exists()
    assert json.loads(kept.with_suffix(".json").read_text())["state"] == "quarantined"
    reader.look()
    assert reader.seen == [(f"{DEMO}.zarr", "unverified")]
    assert reader.errors == []
    entry = read_entry(str(store), "hubei", CYCLE)
    assert entry is not None
    assert (entry.state, entry.product) == ("published", f"{PRODUCT}.zarr")
    assert list((store / "_staging").rglob("*.zarr")) == []


@pytest.mark.usefixtures("hubei")
def test_a_refused_cycle_is_in_the_ledger_where_nothing_good_is_and_can_be_made_again(
    tmp_path: Path, make_region: RegionMaker
) -> None:
    store = tmp_path / "store"
    with pytest.raises(GateRefused):
        downscale(str(make_region(**STRICT)), source="demo", store=str(store))
    assert not (store / "hubei/demo/latest.json").exists()
    assert not (store / "catalog.json").exists(), "nor is anything in the catalogue"
    (cycle,) = region_status("hubei", str(store), ask_prefect=False).cycles
    assert (cycle.state, cycle.quality) == ("quarantined", "quarantined")
    assert "reading error" in cycle.why
    assert downscale("hubei", source="demo", store=str(store)).entry.product == f"{PRODUCT}.zarr"
    assert latest(store)["product"] == f"{PRODUCT}.zarr"


def give_history(store: Path, truth: Path) -> None:
    """Twenty-five earlier cycles with the scores of the demo's own."""
    verify("hubei", source="demo", cycle=DEMO, observations=str(truth), store=str(store))
    scores = pd.read_parquet(store / f"hubei/scores/demo/{DEMO}.parquet").drop(
        columns=["region", "source", "cycle", "revision", "complete"]
    )
    for day in range(1, 26):
        earlier = Cycle(source="demo", time=CYCLE.time - timedelta(days=day))
        write_scores(str(store), "hubei", earlier, 1, True, scores)


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_verify_prints_its_report_when_a_product_is_quarantined_and_exits_4(
    store: Path, truth: Path, tmp_path: Path, finescale: CommandLine, options: tuple[str, ...]
) -> None:
    give_history(store, truth)
    wrong = truth_at_stations(tmp_path / "wrong.csv", add=8.0)
    shown = finescale(
        "verify", "hubei", "--source", "demo", "--cycle", DEMO, "--observations", wrong, "--store", store, *options
    )
    assert shown.exit_code == 4, shown.output
    (error,) = [line for line in shown.stderr.splitlines() if line.startswith("finescale: ")]
    assert error.startswith(f"finescale: demo/{DEMO}: t2m: RMSE ")
    if options:
        report = json.loads(shown.stdout)
        assert set(report) == {"scored", "unchanged", "quarantined", "failed", "problems", "drift"}
        assert report["scored"] == {f"demo/{DEMO}": "quarantined"}
        assert error == f"finescale: demo/{DEMO}: {report['quarantined'][f'demo/{DEMO}']}"
    else:
        lines = shown.stdout.splitlines()
        assert lines[0].startswith(f"demo/{DEMO}: quarantined; report: ")
        assert lines[-1] == "1 scored, 0 without anything new, 1 quarantined"


def test_a_product_that_cannot_be_scored_is_in_the_report_and_fails_the_run(
    store: Path, truth: Path, finescale: CommandLine
) -> None:
    (store / f"{PRODUCT}.zarr/zarr.json").write_text("{")
    state = verify("hubei", source="demo", cycle=DEMO, observations=str(truth), store=str(store), return_state=True)
    ending = state.result(raise_on_failure=False)
    assert isinstance(ending, VerifyIncomplete)
    assert (state.is_failed(), state.message) == (True, str(ending))
    assert list(ending.report.failed) == [f"demo/{DEMO}"]
    command = ("verify", "hubei", "--source", "demo", "--cycle", DEMO, "--observations", truth, "--store", store)
    shown = finescale(*command, "--json")
    assert (shown.exit_code, json.loads(shown.stdout)["failed"]) == (1, ending.report.failed)
    assert shown.stderr.splitlines()[-1] == f"finescale: {ending}"


def test_a_score_far_outside_its_history_takes_a_published_product_out_of_readers_way(
    store: Path, truth: Path, tmp_path: Path, reader: Reader
) -> None:
    give_history(store, truth)
    wrong = truth_at_stations(tmp_path / "wrong.csv", add=8.0)
    with pytest.raises(ProductsQuarantined, match=r"t2m: RMSE .* times the highest of 25 cycles") as raised:
        verify("hubei", source="demo", cycle=DEMO, observations=str(wrong), store=str(store))
    assert raised.value.report.scored == {f"demo/{DEMO}": "quarantined"}
    entry = read_entry(str(store), "hubei", CYCLE)
    assert entry is not None
    assert (entry.state, entry.quality) == ("quarantined", "quarantined")
    assert not (store / f"hubei/scores/demo/{DEMO}.parquet").exists()
    reader.look()
    # nothing good is left, so that readers are told nothing at all
    seen = [(f"{DEMO}.zarr", "unverified"), (f"{DEMO}.zarr", "verified"), None]
    assert reader.seen == seen
    # a run would make the same again: it says so, and nothing changes
    with pytest.raises(GateRefused, match=r"is in quarantine: t2m: RMSE .*--force"):
        downscale("hubei", source="demo", store=str(store))
    reader.look()
    assert reader.seen == seen
    # the observations were wrong, and have been mended
    verify("hubei", source="demo", cycle=DEMO, observations=str(truth), store=str(store))
    reader.look()
    assert reader.seen == [*seen, (f"{DEMO}.zarr", "verified")]
    assert reader.errors == []
    assert (store / f"hubei/scores/demo/{DEMO}.parquet").exists()


def test_a_verdict_that_was_written_by_a_run_that_was_killed_then_reaches_readers(store: Path, truth: Path) -> None:
    before = (store / "hubei/demo/latest.json").read_bytes()
    verify("hubei", source="demo", cycle=DEMO, observations=str(truth), store=str(store))
    (store / "hubei/demo/latest.json").write_bytes(before)
    verify("hubei", store=str(store))
    assert latest(store)["quality"] == "verified"


def test_a_refusal_that_was_written_by_a_run_that_was_killed_then_reaches_readers(store: Path, truth: Path) -> None:
    entry = read_entry(str(store), "hubei", CYCLE)
    assert entry is not None
    mark(str(store), entry, "quarantined", "far outside")  # and killed here
    assert latest(store)["product"] == entry.product
    verify("hubei", store=str(store))
    assert not (store / "hubei/demo/latest.json").exists()


def test_a_withdrawal_in_the_middle_of_a_verdict_stands(
    store: Path, truth: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the ledger was written and before readers were told."""
    from tasks.store import withdrawal

    point_to = withdrawal.point_to

    def slow(where: str, entry: LedgerEntry) -> None:
        monkeypatch.setattr(withdrawal, "point_to", point_to)
        withdrawal.withdraw(where, "hubei", CYCLE, "a person knows better")
        point_to(where, entry)

    monkeypatch.setattr(withdrawal, "point_to", slow)
    verify("hubei", source="demo", cycle=DEMO, observations=str(truth), store=str(store))
    assert not (store / "hubei/demo/latest.json").exists()
    entry = read_entry(str(store), "hubei", CYCLE)
    assert entry is not None
    assert (entry.state, entry.why) == ("withdrawn", "a person knows better")


def test_a_refused_remake_leaves_what_a_person_withdrew_as_it_is(store: Path, make_region: RegionMaker) -> None:
    withdraw(str(store), "hubei", CYCLE, "a person knows better")
    with pytest.raises(GateRefused):
        downscale(str(make_region(**STRICT)), source="demo", store=str(store))
    entry = read_entry(str(store), "hubei", CYCLE)
    assert entry is not None
    assert (entry.state, entry.why, entry.product) == ("withdrawn", "a person knows better", f"{PRODUCT}.zarr")
    assert len(list((store / "_quarantine").glob("*.zarr"))) == 1


def test_wrong_requests_are_one_line_and_change_nothing(store: Path, truth: Path, tmp_path: Path) -> None:
    before = {f: f.stat().st_mtime_ns for f in store.rglob("*") if f.is_file()}
    with pytest.raises(BadInput, match="2021-12-11T12 is not in the ledger"):
        verify("hubei", source="demo", cycle="2021-12-11T12", store=str(store))
    with pytest.raises(BadInput):
        verify("hubei", source="demo", cycle=DEMO, observations=str(tmp_path / "none.csv"), store=str(store))
    assert {f: f.stat().st_mtime_ns for f in store.rglob("*") if f.is_file()} == before


def test_those_are_due_whose_observations_may_have_come_and_whose_verdict_is_not_final(tmp_path: Path) -> None:
    store, now = str(tmp_path / "store"), datetime.now(UTC)
    ages = {"young": timedelta(hours=-1), "now": timedelta(hours=12), "old": timedelta(days=40)}
    made = {
        name: publish(store, Cycle(source="ifs", time=(now - age).replace(minute=0, second=0, microsecond=0)))
        for name, age in ages.items()
    }
    assert [e.cycle for e in due(list(made.values()), now)] == [made["now"].cycle]


def test_verify_on_the_command_line_prints_the_verdict_and_the_table(
    store: Path, truth: Path, finescale: CommandLine
) -> None:
    done = finescale("verify", "hubei", "--source", "demo", "--cycle", DEMO, "--observations", truth, "--store", store)
    assert done.exit_code == 0, done.output
    assert f"demo/{DEMO}: verified" in done.stdout
    assert "input, bilinear, 6.5 K/km" in done.stdout
    again = finescale("verify", "--grid", store / f"{PRODUCT}.zarr", "--stations", truth, "--json")
    assert again.exit_code == 0, again.output
    entry = read_entry(str(store), "hubei", CYCLE)
    assert entry is not None
    assert entry.scorecard.verification is not None
    wanted = json.loads(entry.scorecard.verification.model_dump_json())
    assert json.loads(again.stdout)["scores"] == wanted["scores"]


def test_verify_takes_any_gridded_file(finescale: CommandLine, demo_grib: Path, truth: Path, tmp_path: Path) -> None:
    done = finescale("verify", "--grid", demo_grib, "--stations", truth)
    assert done.exit_code == 0, done.output
    assert "product, bilinear" in done.stdout
    other = pd.read_csv(truth).assign(time="2021-12-11T20:00")
    other.to_csv(tmp_path / "other.csv", index=False)
    none = finescale("verify", "--grid", demo_grib, "--stations", tmp_path / "other.csv")
    assert none.exit_code == 2
    assert "no usable observation" in none.stderr
    pd.read_csv(truth).query("variable == 't2m'").assign(value=500.0).to_csv(tmp_path / "hot.csv", index=False)
    hot = finescale("verify", "--grid", demo_grib, "--stations", tmp_path / "hot.csv")
    assert hot.exit_code == 2
    assert re.search(
        r"of (\d+) at its valid times and places all were rejected: \1 outside physical limits", hot.stderr
    )
    assert finescale("verify", "hubei", "--grid", demo_grib).exit_code == 2
    assert finescale("verify").exit_code == 2


@pytest.mark.usefixtures("hubei")
def test_a_product_whose_scoring_breaks_is_published_and_says_so(
    tmp_path: Path, truth: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise TypeError("nobody foresaw this")

    monkeypatch.setattr("tasks.validate.score", broken)
    outcome = downscale("hubei", source="demo", store=str(tmp_path / "store"), observations=str(truth))
    assert outcome.entry.quality == "unverified"
    assert outcome.entry.scorecard.why == ["not scored against stations: TypeError: nobody foresaw this"]
