"""Corrections from stations of which some are broken, moved or taken for each other: the others stay right."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

from tasks.calibrate.correction import MOVED, Correction, correction, stations_of, steady
from tasks.calibrate.learn import PLACE, Expected, Learner
from tasks.calibrate.rolling import rolling
from tasks.calibrate.spread import Places, Spread, Structure

START = pd.Timestamp("2026-03-01")
STATIONS, DAYS, NOISE = 60, 60, 0.8
STRUCTURE = Structure(1.0, 0.7, 150.0, 800.0)
MONTH = START + pd.Timedelta(days=20), START + pd.Timedelta(days=50)
HARM = 1.02  # times the error that the others have where a bad station is not there at all


def places() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    names = [f"S{i:02d}" for i in range(STATIONS)]
    where = {"latitude": rng.uniform(29, 33, STATIONS), "longitude": rng.uniform(109, 116, STATIONS)}
    return pd.DataFrame(where | {"elevation": rng.uniform(20, 400, STATIONS), "land": 1.0}, index=names)


def wrong_by(latitude: pd.Series, longitude: pd.Series) -> np.ndarray:
    """What forecasts are wrong by everywhere, always: standard deviation 1.1."""
    return np.asarray(2.0 * np.sin(longitude - 109.0) * np.cos(0.8 * (latitude - 29.0)))


@cache
def _archive() -> pd.DataFrame:
    rng, at = np.random.default_rng(1), places()
    own = rng.normal(0, 0.3, STATIONS)
    parts = []
    for day in range(DAYS):
        forecast = 285.0 + rng.normal(0, 2) + rng.normal(0, 0.5, STATIONS)
        error = wrong_by(at["latitude"], at["longitude"]) + own + rng.normal(0, NOISE, STATIONS)
        parts.append(
            at.reset_index(names="station").assign(
                time=START + pd.Timedelta(days=day, hours=6), lead_hours=6.0, variable="t2m", forecast=forecast,
                observed=forecast - error,
            )
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def archive() -> pd.DataFrame:
    return _archive().copy()


def in_month(pairs: pd.DataFrame) -> pd.Series:
    return pairs["time"].between(*MONTH)


@cache
def _good() -> pd.DataFrame:
    return rolling(_archive())


def left_out_errors(found: pd.DataFrame, without: list[str]) -> float:
    """Of all but some stations, while and after these were bad."""
    mine = found[(found["time"] >= MONTH[0]) & ~found["station"].isin(without) & found["left_out"].notna()]
    assert len(mine) > (DAYS - 21) * (STATIONS - 6)
    return float(np.sqrt(((mine["forecast"] - mine["observed"] - mine["left_out"]) ** 2).mean()))


def harm(pairs: pd.DataFrame, bad: list[str]) -> float:
    """How many times the error the others have with bad stations that they have without these."""
    gone = pairs[~pairs["station"].isin(bad)]
    return left_out_errors(rolling(pairs), bad) / left_out_errors(rolling(gone), bad)


def learnt(pairs: pd.DataFrame, structure: Structure | None = None) -> Correction:
    """From pairs up to the end of the bad month."""
    pairs = pairs[pairs["time"] <= MONTH[1]]
    stations = stations_of(pairs)
    learner = Learner(stations, ["t2m"], 1)
    mine = pairs[steady(pairs, stations)]
    learner.add(mine, mine["time"].max())
    at = np.array([6.0])
    made = correction(learner.expected("t2m", at, at, np.full((1, len(stations)), 285.0)), structure)
    assert made is not None
    return made


def test_with_good_stations_alone_none_is_strange_and_what_is_wrong_is_found() -> None:
    made, at = learnt(archive()), places()
    assert made.strange.tolist() == []
    right = wrong_by(at["latitude"], at["longitude"])
    assert np.sqrt(np.mean((made.own[:, 0] - right) ** 2)) < 0.45  # stations' own 0.3, and sampling
    assert np.sqrt(np.mean((made.left_out[:, 0] - right) ** 2)) < 0.6 * right.std()


@pytest.mark.parametrize("kelvin", [8.0, -8.0])
def test_a_thermometer_that_is_broken_for_a_month_takes_no_part_and_does_the_others_no_harm(kelvin: float) -> None:
    pairs = archive()
    pairs.loc[(pairs["station"] == "S07") & in_month(pairs), "observed"] += kelvin
    assert learnt(pairs).strange.tolist() == [7]
    assert harm(pairs, ["S07"]) < HARM


def test_a_strange_station_leaves_the_rest_as_if_it_had_not_been_there() -> None:
    pairs = archive()
    pairs.loc[pairs["station"] == "S07", "observed"] += 8.0
    there, gone = (learnt(p, STRUCTURE) for p in (pairs, pairs[pairs["station"] != "S07"]))
    assert there.strange.tolist() == [7]
    np.testing.assert_allclose(there.own, gone.own, atol=0.02)
    np.testing.assert_allclose(there.left_out, gone.left_out, atol=0.02)


def test_several_broken_thermometers_side_by_side_are_all_found() -> None:
    at = places()
    apart = np.hypot(at["latitude"] - at["latitude"].iloc[7], at["longitude"] - at["longitude"].iloc[7])
    near = at.index[apart.argsort()[:3]]
    pairs = archive()
    for name, kelvin in zip(near, (8.0, 9.0, -8.0), strict=True):
        pairs.loc[(pairs["station"] == name) & in_month(pairs), "observed"] += kelvin
    assert sorted(learnt(pairs).strange) == sorted(at.index.get_indexer(near))
    assert harm(pairs, list(near)) < 1.04  # before they are found, which takes some days


def test_more_strange_stations_than_may_be_are_no_strange_ones() -> None:
    """Where a third of a network disagrees with the rest, nobody knows who is right."""
    pairs = archive()
    bad = places().index[::3]
    pairs.loc[pairs["station"].isin(bad), "observed"] += 8.0
    made = learnt(pairs)
    assert len(made.expected.known) >= 0.9 * STATIONS
    assert len(made.strange) <= 0.1 * STATIONS


def test_a_station_that_moved_is_corrected_by_where_it_stands_now() -> None:
    """Its name and its old pairs are of another place, where 6 K less were measured."""
    pairs = archive()
    before = (pairs["station"] == "S03") & (pairs["time"] < MONTH[0])
    pairs.loc[before, ["latitude", "observed"]] += [1.0, 6.0]
    found = rolling(pairs)
    assert (found.loc[found["station"] == "S03", "time"] >= MONTH[0]).all()
    late = found[(found["station"] == "S03") & (found["time"] > MONTH[0] + pd.Timedelta(days=10))]
    good = _good()
    usual = good[(good["station"] == "S03") & good["time"].isin(late["time"])]
    for name in ("left_out", "own"):
        assert np.abs(late[name].to_numpy() - usual[name].to_numpy()).mean() < 0.3, name
    assert left_out_errors(found, ["S03"]) / left_out_errors(good, ["S03"]) < HARM


def test_two_stations_whose_names_were_exchanged_for_a_month_do_the_others_no_harm() -> None:
    """Their positions came with the names; what was measured did not. One is 5 K colder."""
    pairs = archive()
    pairs.loc[pairs["station"] == "S11", ["forecast", "observed"]] -= 5.0
    swapped = in_month(pairs)
    one, other = ((pairs["station"] == s) & swapped for s in ("S11", "S42"))
    values = pairs["observed"].to_numpy().copy()
    pairs.loc[one, "observed"], pairs.loc[other, "observed"] = values[other], values[one]
    strange = set(learnt(pairs).strange.tolist())
    assert strange
    assert strange <= {11, 42}
    assert harm(pairs, ["S11", "S42"]) < HARM


def test_two_stations_that_were_exchanged_with_their_positions_are_others_as_long() -> None:
    pairs = archive()
    names = pairs["station"].to_numpy().copy()
    swapped = in_month(pairs).to_numpy()
    names[swapped] = pd.Series(names[swapped]).replace({"S11": "S42", "S42": "S11"}).to_numpy()
    found = rolling(pairs.assign(station=names))
    assert not found[found["station"].isin(["S11", "S42"])]["time"].between(*MONTH).any()
    assert left_out_errors(found, ["S11", "S42"]) / left_out_errors(_good(), ["S11", "S42"]) < HARM


def test_stations_have_their_newest_position_whatever_the_order_of_pairs() -> None:
    pairs = archive()
    pairs.loc[(pairs["station"] == "S03") & (pairs["time"] > MONTH[1]), ["latitude", "elevation", "land"]] = [
        31.5, np.nan, 0.5,
    ]  # fmt: skip
    found = stations_of(pairs.sample(frac=1.0, random_state=0))
    assert list(found) == PLACE
    assert found.loc["S03", "latitude"] == 31.5
    assert np.isnan(found.loc["S03", "elevation"])
    assert found.loc["S03", "land"] == 0.5
    assert len(found) == STATIONS
    assert len(stations_of(pairs.drop(columns=["land"])).dropna(subset=["latitude"])) == STATIONS


@pytest.mark.parametrize(
    ("latitude", "longitude", "elevation", "same"),
    [
        (0.0, 0.0, 0.0, True), (0.02, -0.02, 40.0, True), (0.04, 0.0, 0.0, False), (0.0, -0.04, 0.0, False),
        (0.0, 0.0, 60.0, False), (0.0, 0.0, np.nan, True),
    ],
)  # fmt: skip
def test_a_station_that_stands_elsewhere_is_another(
    latitude: float, longitude: float, elevation: float, same: bool
) -> None:
    now = pd.DataFrame({"latitude": [30.0], "longitude": [112.0], "elevation": [100.0], "land": [1.0]}, index=["A"])
    pairs = pd.DataFrame(
        {"station": ["A", "B"], "latitude": 30 + latitude, "longitude": 112 + longitude, "elevation": 100 + elevation}
    )
    assert steady(pairs, now).tolist() == [same, False]
    assert MOVED == (0.03, 50.0)


def expected(count: int, seed: int = 0) -> Expected:
    rng, at = np.random.default_rng(seed), places().head(count)
    where = Places(*(at[c].to_numpy() for c in PLACE), np.full(count, 280.0))
    errors = wrong_by(at["latitude"], at["longitude"])[:, None] + rng.normal(0, 0.2, (count, 3))
    return Expected(np.arange(count), where, errors, np.full(count, 0.04), 0.0)


def test_of_no_station_there_is_no_correction_and_of_one_there_is() -> None:
    assert correction(expected(0)) is None
    made = correction(expected(1))
    assert made is not None
    assert made.own.shape == made.left_out.shape == (1, 3)
    np.testing.assert_allclose(made.left_out, 0.0, atol=1e-9)  # of nobody else nothing is known
    assert np.isfinite(made.own).all()


@pytest.mark.parametrize("count", [2, 5, 9])
def test_few_stations_are_all_believed(count: int) -> None:
    few = expected(count)
    few.error[0] += 20.0
    made = correction(few)
    assert made is not None
    assert len(made.strange) == 0
    assert np.isfinite(made.left_out).all()


def test_what_is_left_out_at_a_station_does_not_depend_on_its_own_errors() -> None:
    some = expected(30)
    error = some.error.copy()
    error[4] += 1.5
    one, other = (correction(e, STRUCTURE) for e in (some, some.plus(error - some.error)))
    assert one is not None
    assert other is not None
    assert len(one.strange) == len(other.strange) == 0
    np.testing.assert_allclose(one.left_out[4], other.left_out[4], atol=1e-9)
    assert np.abs(one.own[4] - other.own[4]).min() > 0.5


def test_a_correction_is_that_of_the_stations_that_took_part() -> None:
    some = expected(30)
    some.error[4] += 20.0
    made = correction(some, STRUCTURE)
    assert made is not None
    assert made.strange.tolist() == [4]
    others = np.arange(30) != 4
    spread = Spread(some.places[others], some.noise[others], STRUCTURE)
    np.testing.assert_allclose(made.left_out, spread.left_out(some.error[others]))
    np.testing.assert_allclose(made.own, spread.at_stations(some.error[others]))
