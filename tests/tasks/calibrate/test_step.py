"""Step calibrate on a copy of the demo's product: what it changes, what it leaves, and what no fault may do."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tasks.calibrate as step
from tasks.calibrate.learn import Learner
from tasks.calibrate.proof import proofs
from tasks.calibrate.rolling import rolling
from tasks.errors import StoreNotReadable
from tasks.handover.calibrated import Calibrated
from tasks.handover.cycle import Cycle
from tasks.handover.shards import field_digest
from tasks.region import search as regions
from tasks.storage import write_bytes
from tasks.store.calibration import open_calibration
from tasks.store.history import believable, write_history
from tasks.store.packing import largest_error
from tasks.store.paths import history_folder, history_uri
from tasks.store.product import open_product
from tests.invented_month import SAMPLING, SCALE, START, month, put, systematic
from tests.published import DEMO_PRODUCT

CYCLE = Cycle(source="demo", time=START)
FIELDS = ("t2m", "d2m", "u10", "v10", "sp", "msl")


@dataclass(frozen=True)
class Staged:
    """A store with a history, a product that is not published yet, and the one that it is a copy of."""

    store: Path
    product: Path
    plain: Path

    def calibrate(self, **settings: object) -> Calibrated:
        region = regions.load("hubei")
        changed = region.calibration.model_copy(update=settings)
        return step.calibrate.fn(
            CYCLE, region.model_copy(update={"calibration": changed}), str(self.store), str(self.product)
        )

    def added(self, name: str = "t2m") -> np.ndarray:
        """Increments (row, col); 0 where the product has none of the variable."""
        found = open_calibration(str(self.product))
        if found is None or found.increments is None or name not in found.increments.fields:
            return np.zeros((89, 159))
        return np.asarray(found.increments.fields[name].values[0])

    def values(self, name: str) -> np.ndarray:
        return np.asarray(open_product(str(self.product)).fields[name].values[0])

    @property
    def files(self) -> dict[str, bytes]:
        return files(self.product)

    @property
    def untouched(self) -> bool:
        """Whether the product is that of a run without the step, to the last byte of every file, and has no group."""
        return self.files == files(self.plain)

    @property
    def as_it_was(self) -> bool:
        """The same of its values, whatever was noted beside them."""
        here, there = self.files, files(self.plain)
        return all(here[f] == data for f, data in there.items() if f.rsplit("/", 1)[-1] != "zarr.json")


def files(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


def stage(folder: Path, plain: Path, pairs: pd.DataFrame | None) -> Staged:
    if pairs is not None:
        put(folder, pairs)
    return Staged(folder, Path(shutil.copytree(plain, folder / "_staging" / "a.zarr")), plain)


@pytest.fixture(scope="module")
def plain(demo_store: Path) -> Path:
    """The demo's product. To be read only."""
    return demo_store / f"{DEMO_PRODUCT}.zarr"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, plain: Path, invented: pd.DataFrame) -> tuple[Staged, Calibrated]:
    """After the month. To be read only."""
    staged = stage(tmp_path_factory.mktemp("done"), plain, invented)
    return staged, staged.calibrate()


def test_every_variable_is_proven_and_corrected_by_all_stations(done: tuple[Staged, Calibrated]) -> None:
    found = done[1]
    assert (found.stations, found.trouble, set(found.digests)) == (60, "", set(FIELDS))
    assert [(p.variable, p.used, p.why, p.stations, p.times) for p in found.proofs] == [
        (name, True, "", 60, 27) for name in ("t2m", "d2m", "sp", "msl", "wind_speed")
    ]
    for proof in found.proofs:
        assert proof.low is not None
        assert 0 < proof.low <= proof.gain <= proof.high  # type: ignore[operator]


@pytest.mark.parametrize("name", FIELDS)
def test_product_less_increment_is_the_one_before_to_the_rounding_of_both(
    done: tuple[Staged, Calibrated], name: str
) -> None:
    staged = done[0]
    before = open_product(str(staged.plain)).fields[name].values[0].astype(np.float64)
    after, added = staged.values(name).astype(np.float64), staged.added(name).astype(np.float64)
    assert np.abs(added).max() > 0
    top = float(np.abs(after).max())
    allowed = largest_error(name, top) + float(np.spacing(np.float32(top)))  # of packing; of the sum in float32
    assert np.abs(after - added - before).max() <= allowed


def test_rain_terrain_and_input_are_untouched_to_the_bit(done: tuple[Staged, Calibrated]) -> None:
    here, there = done[0].files, files(done[0].plain)
    changed = {f.split("/")[0] for f, data in there.items() if here[f] != data and not f.endswith("zarr.json")}
    assert changed == set(FIELDS)
    assert {f.split("/")[0] for f in set(here) - set(there)} == {"calibration"}


def test_dew_point_is_at_or_below_temperature_everywhere(done: tuple[Staged, Calibrated]) -> None:
    assert (done[0].values("d2m") <= done[0].values("t2m")).all()


def test_wind_keeps_its_direction_and_changes_its_speed(done: tuple[Staged, Calibrated]) -> None:
    before = open_product(str(done[0].plain)).fields
    was = before["u10"].values[0] + 1j * before["v10"].values[0]
    now = done[0].values("u10") + 1j * done[0].values("v10")
    assert np.abs(np.angle(now / was)).max() < 2**-7  # rad: each component is rounded to 2**-9 of itself, twice
    assert np.abs(np.abs(now) - np.abs(was)).mean() > 0.05


@pytest.mark.parametrize("name", ["t2m", "d2m", "sp", "msl"])
def test_known_error_is_found_to_less_than_what_a_single_station_can_say(
    done: tuple[Staged, Calibrated], name: str
) -> None:
    """0.13 of SCALE where a station's own mean is off by 0.34: neighbours tell more than each of them."""
    product = open_product(str(done[0].product))
    latitude, longitude = np.meshgrid(product.grid.latitude, product.grid.longitude, indexing="ij")
    assert product.height is not None
    among = (latitude >= 29.2) & (latitude <= 33.2) & (longitude >= 108.5) & (longitude <= 116.0)
    among &= product.height < 1800.0  # the highest station
    error = systematic(latitude, longitude, product.height)[among]
    found = -done[0].added(name)[among] / SCALE[name]
    assert float(np.sqrt(((found - error) ** 2).mean())) < SAMPLING
    assert float(np.corrcoef(found, error)[0, 1]) > 0.95


def test_digests_are_those_of_the_values_that_are_read(done: tuple[Staged, Calibrated]) -> None:
    fields = open_product(str(done[0].product)).fields
    for name, digests in done[1].digests.items():
        side = fields[name].encoding["shards"][-2:]
        assert digests == [field_digest(fields[name].values[0], *side)]


def test_without_history_nothing_is_touched(tmp_path: Path, plain: Path) -> None:
    staged = stage(tmp_path, plain, None)
    assert staged.calibrate() == Calibrated()
    assert staged.untouched


def test_a_region_that_wants_none_has_none(tmp_path: Path, plain: Path, t2m_month: pd.DataFrame) -> None:
    staged = stage(tmp_path, plain, t2m_month)
    assert staged.calibrate(enabled=False) == Calibrated()
    assert staged.untouched


def test_the_same_history_makes_the_same_correction(tmp_path: Path, plain: Path, t2m_month: pd.DataFrame) -> None:
    first, second = (stage(tmp_path / n, plain, t2m_month) for n in ("a", "b"))
    assert first.calibrate() == second.calibrate()
    assert first.files == second.files


@pytest.mark.parametrize("count", [1, 4])
def test_few_stations_prove_nothing_and_the_proof_says_how_many_are_needed(
    tmp_path: Path, plain: Path, places: pd.DataFrame, count: int
) -> None:
    staged = stage(tmp_path, plain, rolling(month(places.head(count), ("t2m",))))
    found = staged.calibrate()
    assert (found.trouble, found.digests, found.stations) == ("", {}, count)
    assert [p.why for p in found.proofs] == [f"{count} stations, 5 are needed"]
    assert staged.as_it_was
    kept = open_calibration(str(staged.product))
    assert kept is not None
    assert (kept.increments, kept.applied["t2m"].tolist()) == (None, [False])


def test_what_is_proven_for_days_that_the_product_has_not_is_not_its_own(
    tmp_path: Path, plain: Path, places: pd.DataFrame
) -> None:
    """It has 8 hours, of which there are pairs of a few days; the second day's are proven."""
    pairs = rolling(month(places, ("t2m",), (8.0, 32.0)))
    some = (pairs["lead_hours"] > 24) | (pairs["time"] > pairs["time"].max() - pd.Timedelta(days=7))
    staged = stage(tmp_path, plain, pairs[some])
    found = staged.calibrate()
    assert found.digests == {}
    assert staged.as_it_was
    assert [p.variable for p in found.proofs if p.used] == [], "the product would say that it was corrected"


def test_runs_that_brought_no_pair_leave_nobody_known(tmp_path: Path, plain: Path, t2m_month: pd.DataFrame) -> None:
    staged = stage(tmp_path, plain, t2m_month)
    for day in range(1, 21):
        write_history(str(tmp_path), "hubei", Cycle(source="demo", time=START - timedelta(days=day)), t2m_month.head(0))
    assert staged.calibrate() == Calibrated()
    assert staged.untouched


def test_stations_that_fell_silent_months_ago_change_nothing(
    tmp_path: Path, plain: Path, t2m_month: pd.DataFrame
) -> None:
    """No run has written pairs since: a summer's errors are not an autumn's."""
    old = t2m_month.assign(time=t2m_month["time"] - pd.Timedelta(days=120))
    staged = stage(tmp_path, plain, old)
    staged.calibrate()
    assert staged.as_it_was


@pytest.fixture(scope="module")
def without_one(
    tmp_path_factory: pytest.TempPathFactory, plain: Path, places: pd.DataFrame
) -> tuple[np.ndarray, pd.DataFrame]:
    """(increments of a month without its first station, the month's pairs with it)."""
    pairs = month(places, ("t2m",))
    staged = stage(
        tmp_path_factory.mktemp("without"),
        plain,
        rolling(pairs[pairs["station"] != "truth-000"].reset_index(drop=True)),
    )
    assert staged.calibrate().digests
    return staged.added(), pairs


def wrong_by(kelvin: float, pairs: pd.DataFrame) -> pd.DataFrame:
    """The first station measures so much too little."""
    return pairs.assign(observed=pairs["observed"].where(pairs["station"] != "truth-000", pairs["observed"] - kelvin))


def test_a_station_that_is_wrong_by_30_degrees_all_month_is_not_believed(
    tmp_path: Path, plain: Path, without_one: tuple[np.ndarray, pd.DataFrame]
) -> None:
    clean, pairs = without_one
    staged = stage(tmp_path, plain, rolling(believable(wrong_by(30.0, pairs))))
    assert staged.calibrate().stations == 59
    np.testing.assert_array_equal(staged.added(), clean)


@pytest.mark.parametrize("kelvin", [6.0, 12.0, 30.0])
def test_a_broken_thermometer_that_is_believed_is_found_by_its_neighbours_and_corrects_nobody(
    tmp_path: Path, plain: Path, without_one: tuple[np.ndarray, pd.DataFrame], kelvin: float
) -> None:
    """Up to 15 K pairs are believed; 30 K is what somebody put into the history."""
    clean, pairs = without_one
    staged = stage(tmp_path, plain, rolling(wrong_by(kelvin, pairs)))
    assert staged.calibrate().stations == 59
    assert np.abs(staged.added() - clean).max() < 0.1


def test_a_file_that_was_cut_is_as_if_it_were_not_there(
    tmp_path: Path, plain: Path, t2m_month: pd.DataFrame, caplog: pytest.LogCaptureFixture
) -> None:
    cut, gone = (stage(tmp_path / n, plain, t2m_month) for n in ("cut", "gone"))
    name = "2021-11-30T12.parquet"
    file = Path(history_folder(str(cut.store), "hubei", "demo")) / name
    file.write_bytes(file.read_bytes()[:2000])
    (Path(history_folder(str(gone.store), "hubei", "demo")) / name).unlink()
    found = cut.calibrate()
    assert f"{name} is damaged and left out" in caplog.text
    assert found == gone.calibrate()
    assert found.digests
    assert cut.files == gone.files


def test_a_file_of_something_else_is_left_out(tmp_path: Path, plain: Path, t2m_month: pd.DataFrame) -> None:
    staged, other = (stage(tmp_path / n, plain, t2m_month) for n in ("a", "b"))
    folder = Path(history_folder(str(staged.store), "hubei", "demo"))
    pd.DataFrame({"a": [1]}).to_parquet(folder / "2021-11-09T12.parquet")
    write_bytes(str(folder / "2021-11-08T12.parquet"), b"")
    assert staged.calibrate() == other.calibrate()
    assert staged.files == other.files


def test_every_file_damaged_is_as_none(tmp_path: Path, plain: Path, t2m_month: pd.DataFrame) -> None:
    staged = stage(tmp_path, plain, t2m_month)
    for file in Path(history_folder(str(staged.store), "hubei", "demo")).glob("*.parquet"):
        file.write_bytes(b"PAR1")
    assert staged.calibrate() == Calibrated()
    assert staged.untouched


def test_another_regions_history_is_not_read_and_its_stations_are_elsewhere(
    tmp_path: Path, plain: Path, t2m_month: pd.DataFrame
) -> None:
    staged = stage(tmp_path, plain, None)
    put(staged.store, t2m_month, region="guangdong")
    put(staged.store, t2m_month, source="ifs")
    assert staged.calibrate() == Calibrated()
    put(staged.store, t2m_month.assign(latitude=t2m_month["latitude"] - 8.0))  # somebody copied the folder
    assert staged.calibrate() == Calibrated()
    assert staged.untouched


def test_what_was_valid_after_the_run_began_is_not_known_to_it(
    tmp_path: Path, plain: Path, t2m_month: pd.DataFrame
) -> None:
    """A cycle that is made again, or in a backfill, learns what it would have known; else its proof is none."""
    later = t2m_month[t2m_month["time"] == t2m_month["time"].max()]
    later = later.assign(time=later["time"] + pd.Timedelta(hours=24), lead_hours=32.0)
    later = later.assign(observed=later["forecast"] - 5.0)  # valid 8 h after the cycle began
    knowing, plainly = stage(tmp_path / "knowing", plain, None), stage(tmp_path / "plainly", plain, t2m_month)
    put(knowing.store, pd.concat([t2m_month, later], ignore_index=True))
    knowing.calibrate()
    plainly.calibrate()
    np.testing.assert_array_equal(knowing.added(), plainly.added())


def test_dew_point_alone_corrected_stays_at_or_below_temperature(
    tmp_path: Path, plain: Path, places: pd.DataFrame
) -> None:
    """A history of dew points alone, which are forecast too dry."""
    pairs = month(places, ("d2m",))
    staged = stage(tmp_path, plain, rolling(pairs.assign(observed=pairs["observed"] + 4.0)))
    assert "d2m" in staged.calibrate().digests
    assert staged.added("d2m").max() > 2.0
    assert (staged.values("d2m") <= staged.values("t2m")).all()


def off(seed: int, departure: float) -> float:
    """What fifteen calm days lead to expect, whose errors are none but by chance, of a forecast of another day."""
    rng, count = np.random.default_rng(seed), 60
    names = [f"S{i}" for i in range(count)]
    places = {"latitude": rng.uniform(29, 33, count), "longitude": rng.uniform(109, 116, count)}
    learner = Learner(pd.DataFrame(places | {"elevation": 50.0, "land": 1.0}, index=names), ["t2m"], 1)
    for day in range(15):
        forecast = np.full(count, 280.0 + rng.normal(0, 1.0))
        error = rng.normal(0, 0.7) + rng.normal(0, 1.0, count)
        time = pd.Timestamp("2026-11-01T12") + pd.Timedelta(days=day)
        pairs = {"station": names, "variable": "t2m", "lead_hours": 12.0, "time": time, "forecast": forecast}
        learner.add_run(pd.DataFrame(pairs | {"observed": forecast - error}))
    at = np.array([12.0])
    return float(learner.expected("t2m", at, at, np.full((1, count), 280.0 + departure)).error.mean())


def test_a_forecast_unlike_any_before_is_corrected_with_the_same_care() -> None:
    """A cold outbreak of 6 K, after days that differed by 1 K."""
    usual, outbreak = (np.sqrt(np.mean([off(seed, d) ** 2 for seed in range(10)])) for d in (0.0, -6.0))
    assert usual < 0.3
    assert outbreak < 2 * usual


def test_weather_as_it_comes_hinders_no_proof(places: pd.DataFrame) -> None:
    """The errors' gain is a quarter; no early run, which knew of three days, makes it less than chance would."""
    found = rolling(month(places, ("t2m",), weather=1.5, seed=4))
    (proof,) = proofs(found)
    assert proof.used, proof.why
    assert float(found["left_out"].abs().max()) < 3.0  # what is to be found lies between -1 and 2.5


@pytest.mark.parametrize("name", ["learn", "changed", "open_product", "create_calibration", "_record"])
def test_a_step_that_breaks_leaves_the_product_as_it_was_and_says_so(
    tmp_path: Path, plain: Path, t2m_month: pd.DataFrame, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def breaks(*_: object) -> None:
        raise RuntimeError("nobody foresaw this\nat all")

    staged = stage(tmp_path, plain, t2m_month)
    monkeypatch.setattr(step, name, breaks)
    assert staged.calibrate() == Calibrated(trouble="not calibrated: RuntimeError: nobody foresaw this")
    assert staged.untouched


def test_a_step_that_breaks_half_way_through_its_group_leaves_none(
    tmp_path: Path, plain: Path, t2m_month: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> None:
        raise RuntimeError("nobody foresaw this")

    staged = stage(tmp_path, plain, t2m_month)
    monkeypatch.setattr("tasks.store.calibration.zarr.consolidate_metadata", breaks)
    assert staged.calibrate().trouble == "not calibrated: RuntimeError: nobody foresaw this"
    monkeypatch.undo()
    assert staged.as_it_was
    assert {f.split("/")[0] for f in staged.files} == {f.split("/")[0] for f in files(plain)}, "nothing was taken off"


def test_a_product_half_changed_is_an_error_and_no_product(
    tmp_path: Path, plain: Path, t2m_month: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> None:
        raise RuntimeError("nobody foresaw this")

    staged = stage(tmp_path, plain, t2m_month)
    monkeypatch.setattr(
        sys.modules["tasks.calibrate.apply"], "field_digest", breaks
    )  # the package's name is a function
    with pytest.raises(RuntimeError, match="nobody foresaw this"):
        staged.calibrate()


def test_a_store_that_is_away_fails_the_run(
    tmp_path: Path, plain: Path, t2m_month: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StoreNotReadable("store s3://a: cannot be read")

    staged = stage(tmp_path, plain, t2m_month)
    monkeypatch.setattr("tasks.store.history.read_all", away)
    with pytest.raises(StoreNotReadable):
        staged.calibrate()
    assert staged.untouched


def test_stations_say_what_they_led_to_expect_with_and_without_themselves(
    tmp_path: Path, plain: Path, without_one: tuple[np.ndarray, pd.DataFrame]
) -> None:
    """A station that measured 1 K more all month changes what is expected of it, and of itself without it hardly."""
    pairs = without_one[1]
    moved = pairs.assign(observed=pairs["observed"].where(pairs["station"] != "truth-007", pairs["observed"] + 1.0))
    kept = []
    for name, some in (("as it was", pairs), ("moved", moved)):
        staged = stage(tmp_path / name, plain, rolling(some))
        staged.calibrate()
        kept.append(open_calibration(str(staged.product)))
    before, after = kept
    assert before is not None
    assert after is not None
    at = before.stations.index("truth-007")
    assert after.stations == before.stations
    own, left_out = (
        np.abs(after.own["t2m"] - before.own["t2m"])[0],
        np.abs(after.left_out["t2m"] - before.left_out["t2m"])[0],
    )
    assert own[at] > 0.1
    assert (
        left_out[at] < 0.05
    )  # by the structure and the common spread alone, which one of sixty stations hardly changes
    assert np.delete(left_out, at).max() > 2 * left_out[at], "its neighbours do hear of it"


def test_newest_cycles_are_learned_from_and_no_more(tmp_path: Path, plain: Path, t2m_month: pd.DataFrame) -> None:
    few, whole = stage(tmp_path / "few", plain, None), stage(tmp_path / "whole", plain, t2m_month)
    newest = t2m_month[t2m_month["time"] > t2m_month["time"].max() - pd.Timedelta(days=12)]
    put(few.store, newest)
    assert whole.calibrate(cycles=12) == few.calibrate()
    assert whole.files == few.files


def test_its_own_cycle_is_no_history(tmp_path: Path, plain: Path, t2m_month: pd.DataFrame) -> None:
    """A cycle that is made again was verified meanwhile."""
    again, first = stage(tmp_path / "again", plain, t2m_month), stage(tmp_path / "first", plain, t2m_month)
    last = t2m_month[t2m_month["time"] == t2m_month["time"].max()]
    own = last.assign(time=last["time"] + pd.Timedelta(days=1), observed=last["observed"] + 9.0)
    write_history(str(again.store), "hubei", CYCLE, own)
    assert Path(history_uri(str(again.store), "hubei", CYCLE)).exists()
    assert again.calibrate() == first.calibrate()
    assert again.files == first.files
