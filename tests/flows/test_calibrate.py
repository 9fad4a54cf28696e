"""A product that stations have corrected, from the daily job to its verdict. Forecasts and stations never were."""

from __future__ import annotations

import json
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from flows.downscale import Outcome, downscale
from flows.maintain import maintain
from flows.verify import verify
from models.statistics import VARIABLES
from tasks.calibrate.rolling import rolling
from tasks.handover.calibrated import Calibration
from tasks.handover.cycle import Cycle
from tasks.observations.matching import pairs as match
from tasks.observations.networks.files import read_observations
from tasks.storage import read_parquet
from tasks.store.calibration import open_calibration
from tasks.store.integrity import verify_product
from tasks.store.ledger import LedgerEntry, read_entry
from tasks.store.packing import largest_error
from tasks.store.paths import history_uri
from tasks.store.product import open_input, open_product
from tests.conftest import write_region
from tests.flows.conftest import CommandLine
from tests.invented_month import MANY, START, STATIONS, month, put
from tests.published import DEMO_PRODUCT
from tests.several_leads import HOURS, write_grib
from tests.truth_stations import DEMO, truth_at_stations

pytestmark = pytest.mark.usefixtures("prefect_server", "workspace")

CYCLE = Cycle(source="demo", time=START)
ALL = ["t2m", "d2m", "sp", "msl", "wind_speed"]
# of each there are pictures, which take longest
TEMPERATURES: dict[str, Any] = {"variables": ["t2m", "d2m"], "required": None}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, invented: pd.DataFrame, prefect_server: None) -> Path:
    """A store with the month, and the demo's product after it. To be read only."""
    folder = tmp_path_factory.mktemp("calibrated")
    put(folder / "store", invented)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINESCALE_WORKSPACE", str(folder / "workspace"))
        assert downscale("hubei", source="demo", store=str(folder / "store")).made
    return folder / "store"


@pytest.fixture
def store(tmp_path: Path, made: Path) -> Path:
    """One's own."""
    return Path(shutil.copytree(made, tmp_path / "store"))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Hubei of temperatures alone."""
    return str(write_region(tmp_path_factory.mktemp("regions") / "hubei", **TEMPERATURES))


@pytest.fixture(scope="module")
def observations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What stations measured at the product's valid time: those of the month, and some that are new."""
    return truth_at_stations(tmp_path_factory.mktemp("observations") / "truth.csv", stations=MANY)


def product(store: Path) -> str:
    return str(store / f"{DEMO_PRODUCT}.zarr")


def entry_of(store: Path | str, cycle: Cycle = CYCLE) -> LedgerEntry:
    found = read_entry(str(store), "hubei", cycle)
    assert found is not None
    return found


def chunks(uri: str | Path) -> dict[str, bytes]:
    """All values of a product, and of every group in it, as they lie on the disk."""
    root = Path(uri)
    found = {str(f.relative_to(root)): f.read_bytes() for f in root.rglob("*") if f.is_file()}
    return {name: data for name, data in found.items() if not name.endswith("zarr.json")}


def groups(uri: str | Path) -> set[str]:
    return {p.name for p in Path(uri).iterdir() if p.is_dir()}


def test_product_ledger_latest_and_catalogue_say_which_variables_stations_have_corrected(made: Path) -> None:
    entry = entry_of(made)
    assert [(p.variable, p.day, p.used) for p in entry.scorecard.calibration] == [(v, 1, True) for v in ALL]
    assert entry.scorecard.calibrated == ALL
    opened = xr.open_zarr(product(made))
    assert opened.attrs["finescale_calibrated"] == " ".join(ALL)
    in_ledger = json.loads(entry.scorecard.model_dump_json())["calibration"]
    assert json.loads(opened.attrs["scorecard"])["calibration"] == in_ledger
    (item,) = (made / "hubei/demo/items").rglob(f"{DEMO}.json")
    assert json.loads(item.read_text())["properties"]["finescale:calibrated"] == ALL
    latest = json.loads((made / "hubei/demo/latest.json").read_text())
    assert latest["product"] == entry.product
    assert entry.quality == "unverified"


def test_every_check_passes_and_the_truth_sees_the_product_before_calibration(made: Path, demo_store: Path) -> None:
    """Reading error and RMSE against the finer forecast: those of the product before it, to its rounding."""
    after, before = entry_of(made).scorecard, entry_of(demo_store).scorecard
    assert after.failed == []
    top = {"t2m": 300.0, "d2m": 300.0, "u10": 16.0, "v10": 16.0, "sp": 1.05e5, "msl": 1.05e5, "tp": 0.0}
    rounding = {n: largest_error(n, v) if v else 0.0 for n, v in top.items()}
    for mine, plain in zip(after.truth, before.truth, strict=True):
        assert mine.product == pytest.approx(plain.product, rel=0, abs=rounding[mine.variable])
        assert (mine.bilinear, mine.bicubic, mine.at_height) == (plain.bilinear, plain.bicubic, plain.at_height)
    for check, plain_check in zip(after.checks, before.checks, strict=True):
        if check.name.endswith("error"):  # in units of the variable's standard deviation at most
            assert check.value <= check.limit
            assert check.variable != "tp" or check.value == plain_check.value


def test_what_is_read_is_what_the_ledger_has_digests_of(store: Path) -> None:
    entry = entry_of(store)
    assert verify_product(str(store), entry) == []
    report = maintain("hubei", store=str(store))
    assert (report.checked, report.damaged) == ([entry.cycle], {})


def test_without_increments_the_product_is_that_of_a_run_that_knew_no_station(made: Path, demo_store: Path) -> None:
    after, before = xr.open_zarr(product(made)), xr.open_zarr(product(demo_store))
    added = xr.open_zarr(product(made), group="calibration")
    for name in VARIABLES:
        raw = after[name] - added.get(name, 0.0)
        top = float(np.abs(after[name]).max())
        allowed = largest_error(name, top) + float(np.spacing(np.float32(top))) if name in added else 0.0
        assert float(np.abs(raw - before[name]).max()) <= allowed, name
        assert name not in added or bool((after[name] != before[name]).any())
    assert "tp" not in added
    assert (after["d2m"] <= after["t2m"]).all()


@pytest.fixture(scope="module")
def unknowing(small: str, tmp_path_factory: pytest.TempPathFactory, prefect_server: None) -> Path:
    """The product of temperatures of a run without the step. To be read only."""
    folder = tmp_path_factory.mktemp("unknowing")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINESCALE_WORKSPACE", str(folder / "workspace"))
        return Path(downscale(small, source="demo", store=str(folder / "store"), calibration=False).product)


@pytest.mark.parametrize("way", ["no history", "not in this run", "not in this region"])
def test_without_calibration_the_product_is_that_of_a_run_without_the_step_to_the_bit(
    tmp_path: Path, small: str, unknowing: Path, t2m_month: pd.DataFrame, way: str
) -> None:
    region = small
    if way != "no history":
        put(tmp_path / "store", t2m_month)
    if way == "not in this region":
        region = str(write_region(tmp_path / "regions/hubei", **TEMPERATURES, calibration={"enabled": False}))
    outcome = downscale(region, source="demo", store=str(tmp_path / "store"), calibration=way != "not in this run")
    assert chunks(outcome.product) == chunks(unknowing)
    assert groups(outcome.product) == groups(unknowing)
    assert "calibration" not in groups(outcome.product)
    assert open_calibration(outcome.product) is None
    assert outcome.entry.scorecard.calibration == []
    assert xr.open_zarr(outcome.product).attrs["finescale_calibrated"] == ""
    assert outcome.entry.scorecard.why == ["no observations yet"]


def test_lead_times_of_days_that_are_not_proven_are_left_as_they_are(
    tmp_path: Path, small: str, places: pd.DataFrame
) -> None:
    """Ten lead times, more than a shard; of the second day there are pairs of eight days only."""
    pairs = month(places, ("t2m",), (6.0, 12.0, 18.0, 24.0, 30.0))
    pairs = pairs[(pairs["lead_hours"] <= 24) | (pairs["time"] > pairs["time"].max() - pd.Timedelta(days=8))]
    put(tmp_path / "store", rolling(pairs.reset_index(drop=True)), source="file")
    grib = write_grib(tmp_path / "leads.grib2")
    outcome = downscale(small, inputs=[str(grib)], store=str(tmp_path / "store"))
    plain = downscale(small, inputs=[str(grib)], store=str(tmp_path / "plain"))
    first, second = outcome.entry.scorecard.calibration
    assert (first.day, first.used) == (1, True)
    assert (second.day, second.used, second.why.endswith("days, 10 are needed")) == (2, False, True)
    assert xr.open_zarr(outcome.product).attrs["finescale_calibrated"] == "t2m"
    added, later = xr.open_zarr(outcome.product, group="calibration"), np.array(HOURS) > 24
    np.testing.assert_array_equal(added["t2m_applied"].values, ~later)
    assert not added["t2m"].values[later].any()
    assert (np.abs(added["t2m"].values[~later]).max(axis=(1, 2)) > 0.5).all()
    after, before = xr.open_zarr(outcome.product).load(), xr.open_zarr(plain.product).load()
    for name in ("t2m", "d2m"):
        np.testing.assert_array_equal(after[name].values[later], before[name].values[later])
    assert (after["d2m"] <= after["t2m"]).all()
    assert np.isfinite(added["t2m_left_out"].values).all(), "what is not used is known nevertheless: it may be proven"
    assert verify_product(outcome.store, outcome.entry) == []
    assert outcome.entry.scorecard.failed == []


# --- its verdict ------------------------------------------------------------------------------------------------------


def matched(uri: str, observations: Path, calibration: Calibration | None) -> pd.DataFrame:
    return match(open_product(uri), open_input(uri), read_observations(str(observations)), calibration)


def test_each_station_is_held_against_the_product_as_it_would_be_without_it(
    made: Path, demo_store: Path, observations: Path
) -> None:
    kept = open_calibration(product(made))
    assert kept is not None
    found = matched(product(made), observations, kept)
    plain = matched(product(demo_store), observations, None)
    whole = matched(product(made), observations, None)
    keys = ["station", "variable"]
    assert found[keys].equals(plain[keys])
    assert found[keys].equals(whole[keys])
    for variable, column in {"t2m": "bilinear_standard", "d2m": "bilinear_none", "sp": "bilinear_standard",
                             "msl": "bilinear_none", "wind_speed": "bilinear_none"}.items():  # fmt: skip
        mine = (found["variable"] == variable).to_numpy()
        known = mine & found["station"].isin(kept.stations).to_numpy()
        raw, left_out = found[f"raw_{column}"], found["left_out"]
        rounding = 0.02 if variable == "wind_speed" else largest_error(variable, float(raw[mine].max()))
        np.testing.assert_allclose(raw[mine], plain.loc[mine, f"product_{column}"], rtol=0, atol=2 * rounding)
        assert left_out[known].notna().all()
        expected = raw[known] - left_out[known]
        if variable == "wind_speed":  # of a wind that is hardly there its factor is bounded
            strong = raw[known] > 1.5
            expected, known = expected[strong], known & (found["raw_bilinear_none"] > 1.5).to_numpy()
        # pressure is corrected where the product is, and brought to the station's height then
        near = 1.0 if variable == "sp" else 1e-3
        np.testing.assert_allclose(found.loc[known, f"product_{column}"], expected, rtol=0, atol=near)
        new = mine & ~found["station"].isin(kept.stations).to_numpy()
        np.testing.assert_array_equal(found.loc[new, f"product_{column}"], whole.loc[new, f"product_{column}"])
        assert left_out[new].isna().all()
    assert (found["station"].nunique(), len(kept.stations)) == (MANY, STATIONS)


def test_pairs_go_into_the_history_as_forecasts_before_calibration_and_verifying_again_changes_nothing(
    store: Path, observations: Path
) -> None:
    file = Path(history_uri(str(store), "hubei", CYCLE))
    assert not file.exists()
    report = verify("hubei", source="demo", cycle=DEMO, observations=str(observations), store=str(store))
    assert list(report.scored) == [f"demo/{DEMO}"]
    kept = open_calibration(product(store))
    assert kept is not None
    rows = read_parquet(str(file))
    found = matched(product(store), observations, kept)
    t2m = rows[rows["variable"] == "t2m"].set_index("station").sort_index()
    wanted = found[found["variable"] == "t2m"].set_index("station").sort_index().loc[t2m.index]
    np.testing.assert_allclose(t2m["forecast"], wanted["raw_bilinear_standard"], rtol=0, atol=1e-4)
    np.testing.assert_allclose(t2m["simple"], wanted["input_bilinear_standard"], rtol=0, atol=1e-4)
    assert t2m["land"].between(0, 1).all()
    for part in ("left_out", "own"):
        at = pd.Series(getattr(kept, part)["t2m"][0], kept.stations).reindex(t2m.index)
        np.testing.assert_array_equal(t2m[part].to_numpy(), at.to_numpy(np.float32))
    assert int(t2m["left_out"].isna().sum()) == MANY - STATIONS
    assert set(rows["variable"]) == set(ALL)
    assert entry_of(store).scorecard.calibrated == ALL

    before = {f: f.read_bytes() for f in store.rglob("*") if f.is_file() and f.suffix != ".png"}
    again = verify("hubei", source="demo", cycle=DEMO, observations=str(observations), store=str(store))
    assert again.unchanged == [f"demo/{DEMO}"]
    assert {f: f.read_bytes() for f in store.rglob("*") if f.is_file() and f.suffix != ".png"} == before
    assert verify_product(str(store), entry_of(store)) == []


def test_the_verdict_scores_the_product_beside_what_it_was_before(store: Path, observations: Path) -> None:
    verify("hubei", source="demo", cycle=DEMO, observations=str(observations), store=str(store))
    found = entry_of(store).scorecard.verification
    assert found is not None
    candidates = {s.candidate for s in found.scores if s.variable == "t2m"}
    assert {"product_bilinear_standard", "raw_bilinear_standard", "input_bilinear_standard"} <= candidates


def test_verify_of_its_file_alone_gives_the_same_scores(
    store: Path, observations: Path, finescale: CommandLine
) -> None:
    verify("hubei", source="demo", cycle=DEMO, observations=str(observations), store=str(store))
    shown = finescale("verify", "--grid", product(store), "--stations", observations, "--json")
    assert shown.exit_code == 0, shown.output
    found = entry_of(store).scorecard.verification
    assert found is not None
    assert json.loads(shown.stdout)["scores"] == json.loads(found.model_dump_json())["scores"]


def test_pairs_are_kept_as_long_as_the_region_says(tmp_path: Path, small: str, t2m_month: pd.DataFrame) -> None:
    """By default 400 days: of those of 2021 none is left."""
    put(tmp_path / "store", t2m_month)
    maintain(small, store=str(tmp_path / "store"))
    assert not list((tmp_path / "store/hubei/calibration").rglob("*.parquet"))


# --- faults -----------------------------------------------------------------------------------------------------------


def test_of_two_runs_at_once_one_publishes_and_the_other_finds_it(
    tmp_path: Path, small: str, t2m_month: pd.DataFrame
) -> None:
    put(tmp_path / "store", t2m_month)

    def run(_: int) -> Outcome:
        return downscale(small, source="demo", store=str(tmp_path / "store"), return_state=True).result()

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(run, range(2)))
    assert sorted(o.made for o in outcomes) == [False, True]
    assert len({o.entry.product for o in outcomes}) == 1
    entry = entry_of(tmp_path / "store")
    assert entry.scorecard.calibrated == ["t2m"]
    assert verify_product(str(tmp_path / "store"), entry) == []
    assert not [f for f in (tmp_path / "store/_staging").rglob("*.zarr") if f.is_dir()]
    assert len(list((tmp_path / "store/hubei").rglob("*.zarr"))) == 1


def test_a_step_that_breaks_before_it_changes_anything_is_in_the_scorecard_of_a_plain_product(
    tmp_path: Path, small: str, unknowing: Path, t2m_month: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> None:
        raise TypeError("nobody foresaw this")

    put(tmp_path / "store", t2m_month)
    monkeypatch.setattr("tasks.calibrate.correction", breaks)
    outcome = downscale(small, source="demo", store=str(tmp_path / "store"))
    assert outcome.entry.scorecard.why == ["not calibrated: TypeError: nobody foresaw this"]
    assert outcome.entry.scorecard.calibration == []
    assert chunks(outcome.product) == chunks(unknowing)
    assert "calibration" not in groups(outcome.product)
    assert verify_product(outcome.store, outcome.entry) == []


def test_a_verdict_takes_nothing_back_of_why_a_product_is_not_calibrated(
    tmp_path: Path, small: str, t2m_month: pd.DataFrame, observations: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> None:
        raise TypeError("nobody foresaw this")

    put(tmp_path / "store", t2m_month)
    monkeypatch.setattr("tasks.calibrate.correction", breaks)
    outcome = downscale(small, source="demo", store=str(tmp_path / "store"), observations=str(observations))
    assert outcome.entry.scorecard.verification is not None
    assert "not calibrated: TypeError: nobody foresaw this" in outcome.entry.scorecard.why
    verify(small, source="demo", cycle=DEMO, observations=str(observations), store=outcome.store)
    assert "not calibrated: TypeError: nobody foresaw this" in entry_of(outcome.store).scorecard.why


def test_a_step_that_breaks_in_the_middle_of_changing_values_publishes_nothing(
    tmp_path: Path, small: str, t2m_month: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> None:
        raise RuntimeError("nobody foresaw this")

    put(tmp_path / "store", t2m_month)
    monkeypatch.setattr(sys.modules["tasks.calibrate.apply"], "field_digest", breaks)
    with pytest.raises(RuntimeError, match="nobody foresaw this"):
        downscale(small, source="demo", store=str(tmp_path / "store"))
    assert read_entry(str(tmp_path / "store"), "hubei", CYCLE) is None
    assert not list((tmp_path / "store").rglob("*.zarr"))


def test_a_place_s_forecast_says_how_sure_it_is(made: Path, finescale: CommandLine, tmp_path: Path) -> None:
    """What is left of the month's errors, of stations that a correction does not know: 0.9 to 1 SCALE."""
    where = ("hubei", "--store", made, "--lat", "31", "--lon", "111.5")
    found = json.loads(finescale("point", *where, "--json").stdout)
    assert found["quantiles"] == [5, 10, 25, 50, 75, 90, 95]
    assert found["ranges"].keys() == set(ALL)
    for name, scale in (("t2m", 1.0), ("sp", 0.6), ("msl", 0.6)):
        ((_, tenth, _, median, _, ninetieth, _),) = found["ranges"][name]
        assert ninetieth - tenth == pytest.approx(2 * 1.2816 * 0.97 * scale, rel=0.2)
        assert median == pytest.approx(found["series"][0][name], abs=0.35 * scale)
    assert found["ranges"]["wind_speed"][0][0] >= 0
    table = finescale("point", *where).stdout
    assert "in brackets: the truth lies within eight times in ten" in table
    assert f"({found['ranges']['t2m'][0][1]:.1f} to {found['ranges']['t2m'][0][5]:.1f})" in table
    places = tmp_path / "places.csv"
    places.write_text("name,lat,lon\nhere,31,111.5\n")
    head, row = finescale("point", "hubei", "--store", made, "--places", places).stdout.splitlines()
    at = head.split(",").index("t2m 10 % [°C]")
    assert head.split(",")[at + 1] == "t2m 90 % [°C]"
    assert float(row.split(",")[at]) == found["ranges"]["t2m"][0][1]


def test_a_place_s_forecast_says_how_likely_frost_is(made: Path, finescale: CommandLine) -> None:
    where = ("hubei", "--store", made, "--lat", "31", "--lon", "111.5")
    found = json.loads(finescale("point", *where, "--json").stdout)
    tenth, quarter = found["ranges"]["t2m"][0][1:3]
    asked = ("--chance", f"t2m<{tenth}", "--chance", f"t2m > {quarter}", "--chance", "wind_speed>90")
    more = json.loads(finescale("point", *where, *asked, "--json").stdout)
    names = [f"t2m<{tenth:g}", f"t2m>{quarter:g}", "wind_speed>90"]
    assert [more["units"][n] for n in names] == ["%"] * 3
    assert [more["series"][0][n] for n in names] == pytest.approx([10, 75, 5], abs=0.2)
    table = finescale("point", *where, *asked)
    assert "wind_speed>90 %" in table.stdout
    assert "≤5" in table.stdout


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("tp>2", "of hubei it is known how sure these are: t2m, d2m, "),
        ("frost", "write it like 't2m<0' or 'wind_speed>10.8'"), ("t2m<", "write it like"), ("t2m<1e9", "write it"),
    ],
)  # fmt: skip
def test_a_chance_that_nobody_knows_is_refused(made: Path, finescale: CommandLine, asked: str, said: str) -> None:
    result = finescale("point", "hubei", "--store", made, "--lat", "31", "--lon", "111.5", "--chance", asked)
    assert (result.exit_code, said in result.stderr) == (2, True), result.stderr
