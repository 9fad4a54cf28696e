"""A correction is used where earlier runs exclude that it does harm, and nowhere else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tasks.calibrate.proof import FEWEST_STATIONS, FEWEST_TIMES, MOST_BLOCKS, Record, proofs
from tasks.handover.scorecard import Proof

START = pd.Timestamp("2026-03-01")


def pairs(
    *, found: float = 0.5, chance: float = 0.0, stations: int = 30, days: int = 30, leads: tuple[float, ...] = (6.0,),
    seed: int = 0, variable: str = "t2m",
) -> pd.DataFrame:  # fmt: skip
    """Pairs of a run a day. found: of each error, how much was expected; chance: standard deviation of more of it."""
    rng = np.random.default_rng(seed)
    latitude, longitude = rng.uniform(29, 33, stations), rng.uniform(109, 116, stations)
    parts = []
    for day in range(days):
        for lead in leads:
            error = rng.normal(0, 0.6) + rng.normal(0, 1.5, stations)
            forecast = 285.0 + rng.normal(0, 3, stations)
            place = {"station": [f"S{i:03d}" for i in range(stations)], "latitude": latitude, "longitude": longitude}
            when = {"time": START + pd.Timedelta(days=day, hours=lead), "lead_hours": lead, "variable": variable}
            values = {
                "forecast": forecast, "observed": forecast - error, "simple": forecast - error + 2.0,
                "left_out": found * error + rng.normal(0, chance, stations), "own": 0.8 * error,
            }  # fmt: skip
            parts.append(pd.DataFrame(place | when | values))
    return pd.concat(parts, ignore_index=True)


def only(table: pd.DataFrame) -> Proof:
    (one,) = proofs(table)
    return one


def rms(values: pd.Series) -> float:
    return float(np.sqrt((values**2).mean()))


def test_a_correction_that_takes_half_of_every_error_is_used_and_its_figures_are_those_of_the_pairs() -> None:
    table = pairs()
    proof, error = only(table), table["forecast"] - table["observed"]
    assert (proof.used, proof.why, proof.units, proof.day) == (True, "", "K", 1)
    assert (proof.count, proof.stations, proof.times) == (900, 30, 30)
    assert proof.raw == pytest.approx(rms(error), rel=1e-5)
    assert proof.corrected == pytest.approx(0.5 * rms(error), rel=1e-5)
    assert proof.own == pytest.approx(0.2 * rms(error), rel=1e-5)
    assert proof.simple == pytest.approx(2.0)
    assert (proof.gain, proof.low, proof.high) == pytest.approx((0.5, 0.5, 0.5), rel=1e-4)


@pytest.mark.parametrize(
    ("found", "chance"), [(-0.2, 0.0), (0.0, 0.0), (0.0, 1.0), (0.1, 1.5)],
    ids=["the wrong way", "nothing", "by chance", "more by chance than not"],
)  # fmt: skip
def test_a_correction_that_is_of_no_use_is_not_used_and_says_why(found: float, chance: float) -> None:
    proof = only(pairs(found=found, chance=chance))
    assert not proof.used
    assert proof.low is not None
    assert proof.low <= 0
    assert "is not beyond chance (95 %: " in proof.why


def test_a_small_gain_needs_many_pairs() -> None:
    small = [pairs(found=0.12, chance=0.6, days=d, seed=3) for d in (10, 120)]
    few, many = (only(t) for t in small)
    assert (few.used, many.used) == (False, True)
    assert few.low is not None
    assert many.low is not None
    assert few.low < 0 < many.low


def test_fewer_stations_or_days_than_it_takes_prove_nothing() -> None:
    stations = [only(pairs(stations=n)) for n in (FEWEST_STATIONS - 1, FEWEST_STATIONS)]
    days = [only(pairs(days=n)) for n in (FEWEST_TIMES - 1, FEWEST_TIMES)]
    assert [p.used for p in stations + days] == [False, True, False, True]
    assert stations[0].why == "4 stations, 5 are needed"
    assert days[0].why == "pairs of 9 days, 10 are needed"
    assert (FEWEST_STATIONS, FEWEST_TIMES) == (5, 10)


def test_hours_of_one_day_are_one_day() -> None:
    proof = only(pairs(days=5, leads=(6.0, 12.0, 18.0)))
    assert (proof.times, proof.used) == (5, False)


def test_days_of_lead_time_are_proven_each_for_itself() -> None:
    good, bad = pairs(leads=(0.0, 24.0)), pairs(found=-0.3, leads=(24.5, 48.0), seed=1)
    one, two = proofs(pd.concat([good, bad], ignore_index=True))
    assert [(p.day, p.used, p.count) for p in (one, two)] == [(1, True, 1800), (2, False, 1800)]


def test_variables_are_proven_each_for_itself_and_in_order() -> None:
    tables = [pairs(variable="wind_speed", found=-0.3), pairs(), pairs(variable="tp")]
    found = proofs(pd.concat(tables, ignore_index=True))
    assert [(p.variable, p.units, p.used) for p in found] == [("t2m", "K", True), ("wind_speed", "m s-1", False)]


def test_without_a_correction_that_observations_have_come_for_it_says_so() -> None:
    for found in (proofs(pairs().assign(left_out=np.nan)), Record().proofs(["t2m"])):
        (proof,) = found
        assert (proof.used, proof.count, proof.raw) == (False, 0, None)
        assert proof.why == "no earlier run has made a correction that observations have come for"
    assert proofs(pairs().iloc[:0]) == []


def test_pairs_that_nothing_was_known_of_do_not_count() -> None:
    table = pairs()
    half = table.assign(left_out=table["left_out"].where(table["station"] < "S015"))
    assert only(half) == only(table[table["station"] < "S015"])


def test_the_interval_is_that_of_days_in_boxes_of_two_degrees_drawn_again() -> None:
    table = pairs(found=0.2, chance=0.5, stations=40)
    proof, rng = only(table), np.random.default_rng(7)
    error = table["forecast"] - table["observed"]
    box = [np.floor(table[c] / 2.0) for c in ("latitude", "longitude")]
    block = pd.DataFrame({"raw": error**2, "left": (error - table["left_out"]) ** 2})
    sums = block.groupby([table["time"].dt.floor("D"), *box]).sum().to_numpy()
    drawn = sums[rng.integers(0, len(sums), (4000, len(sums)))].sum(axis=1)
    low, high = np.percentile(1 - np.sqrt(drawn[:, 1] / drawn[:, 0]), [2.5, 97.5])
    assert proof.low == pytest.approx(low, abs=0.1 * (high - low))
    assert proof.high == pytest.approx(high, abs=0.1 * (high - low))


def test_errors_that_a_day_has_in_common_say_less_than_as_many_of_their_own() -> None:
    rng, table = np.random.default_rng(2), pairs(stations=40).assign(latitude=30.5, longitude=112.5)  # one box
    day, error = np.repeat(rng.normal(0, 1, 30), 40), rng.normal(0, 0.5, 1200)
    table = table.assign(observed=table["forecast"] - error)
    widths = []
    for missed in (day, rng.normal(0, 1, 1200)):
        proof = only(table.assign(left_out=missed))
        assert proof.low is not None
        assert proof.high is not None
        widths.append(proof.high - proof.low)
    assert widths[0] > 2 * widths[1]


@pytest.mark.parametrize("by", ["time", "half", "station"])
def test_runs_one_at_a_time_prove_what_all_at_once_do(by: str) -> None:
    table = pairs(found=0.3, chance=0.3, leads=(6.0, 18.0, 30.0))
    record, keys = Record(), {"half": table["time"] < START + pd.Timedelta(days=15)}
    for _, part in table.groupby(keys.get(by, by), sort=False):
        record.add(part.astype({"station": "category", "variable": "category"}))
    for parts, whole in zip(record.proofs(["t2m"]), proofs(table), strict=True):
        words = {"variable", "units", "why"}
        assert parts.model_dump(include=words) == whole.model_dump(include=words)
        assert parts.model_dump(exclude=words) == pytest.approx(whole.model_dump(exclude=words), rel=1e-5)


def without_input(table: pd.DataFrame, which: pd.Series) -> pd.DataFrame:
    """Pairs of which some runs' input is not known any more."""
    return table.assign(simple=table["simple"].mask(which))


def test_of_input_that_some_runs_do_not_have_there_is_no_figure() -> None:
    table = pairs()
    proof = only(without_input(table, table["time"] < START + pd.Timedelta(days=15)))
    assert proof.simple is None
    assert proof.used


def test_of_input_that_some_runs_of_the_same_day_do_not_have_there_is_no_figure_either() -> None:
    """Two runs are valid on one day, in the same blocks; of the first one there is no input."""
    table = pairs(leads=(6.0, 18.0))
    table = without_input(table, table["lead_hours"] == 6.0)
    assert only(table).simple is None
    record = Record()
    for _, run in table.groupby("lead_hours"):
        record.add(run)
    (proof,) = record.proofs(["t2m"])
    assert proof.simple is None


def test_of_input_that_one_block_of_very_many_does_not_have_there_is_no_figure_either() -> None:
    table = pairs(stations=60, days=150)
    assert len(table.groupby([table["time"], table["latitude"] // 2, table["longitude"] // 2])) > MOST_BLOCKS
    proof = only(without_input(table, table["time"] == table["time"].min()))
    assert proof.simple is None


def test_very_many_blocks_are_drawn_together_and_prove_the_same() -> None:
    table = pairs(found=0.2, chance=0.5, stations=60, days=150)
    proof, error = only(table), table["forecast"] - table["observed"]
    assert proof.count == 9000
    assert proof.raw == pytest.approx(rms(error), rel=1e-5)
    assert proof.corrected == pytest.approx(rms(error - table["left_out"]), rel=1e-5)
    assert proof.low is not None
    assert proof.high is not None
    assert proof.low < 1 - rms(error - table["left_out"]) / rms(error) < proof.high
