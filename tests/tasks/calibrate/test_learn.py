"""What stations have taught: by hour of the day and day of lead time, known where they reported often enough."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tasks.calibrate.bias import FEWEST
from tasks.calibrate.learn import Expected, Learner, codes_of

START = pd.Timestamp("2026-03-01")
NAMES = ["A", "B", "C"]


def stations(names: list[str] = NAMES) -> pd.DataFrame:
    count = len(names)
    return pd.DataFrame(
        {"latitude": 30.0 + np.arange(count), "longitude": 110.0, "elevation": 100.0, "land": 1.0}, index=names
    )


def pair(
    day: int, hour: float, error: float, *, lead: float | None = None, station: str = "A", variable: str = "t2m",
    forecast: float = 280.0,
) -> dict[str, object]:  # fmt: skip
    """Valid at that hour of the day, of a run that began at 0 h of it where no lead time is given."""
    return {
        "station": station, "variable": variable, "time": START + pd.Timedelta(days=day, hours=hour),
        "lead_hours": hour if lead is None else lead, "forecast": forecast, "observed": forecast - error,
    }  # fmt: skip


def taught(rows: list[dict[str, object]], *, days: int = 2, variables: tuple[str, ...] = ("t2m",)) -> Learner:
    learner, pairs = Learner(stations(), variables, days), pd.DataFrame(rows).sort_values("time", kind="stable")
    learner.add(pairs, pairs["time"].max())
    return learner


def ask(
    learner: Learner, hours: list[float], leads: list[float], forecast: float = np.nan, variable: str = "t2m"
) -> Expected:
    forecasts = np.full((len(hours), len(learner.stations)), forecast)
    return learner.expected(variable, np.array(hours), np.array(leads), forecasts)


def test_hours_of_the_day_are_kept_apart() -> None:
    learner = taught([pair(d, h, e) for d in range(5) for h, e in ((0, 0.5), (6, 1.0), (12, 3.0), (21, -2.0))])
    found = ask(learner, [0, 6, 12, 21], [24, 6, 12, 21])
    np.testing.assert_allclose(found.error, [[0.5, 1.0, 3.0, -2.0]])


def test_days_of_lead_time_are_kept_apart_and_the_last_one_stands_for_all_beyond() -> None:
    learner = taught([pair(d, 6, e, lead=lead) for d in range(5) for lead, e in ((6.0, 1.0), (30.0, 2.0))])
    found = ask(learner, [6, 6, 6, 0, 6], [6, 30, 150, 24, 0])
    assert found.error[0, :3] == pytest.approx([1.0, 2.0, 2.0])
    assert learner.day_of(np.array([0.0, 1, 24, 24.5, 48, 48.1, 500])).tolist() == [0, 0, 0, 1, 1, 1, 1]


def test_variables_are_kept_apart() -> None:
    rows = [pair(d, 6, e, variable=v) for d in range(5) for v, e in (("t2m", 1.0), ("sp", 80.0), ("msl", 9.0))]
    learner = taught(rows, variables=("sp", "t2m"))
    assert ask(learner, [6], [6]).error.item() == pytest.approx(1.0)
    assert ask(learner, [6], [6], variable="sp").error.item() == pytest.approx(80.0)


@pytest.mark.parametrize(
    ("hour", "error"), [(6, 1.0), (7, 1 + 2 / 3), (7.5, 2.0), (8.75, 1 + 11 / 6), (9, 3.0), (22.5, -1.5), (23, -1.0)]
)
def test_between_two_hours_what_is_expected_goes_over_from_one_to_the_other(hour: float, error: float) -> None:
    """Over midnight too."""
    rows = [pair(d, h, e, lead=12) for d in range(5) for h, e in ((0, 0.0), (6, 1.0), (9, 3.0), (21, -3.0))]
    assert ask(taught(rows), [hour], [12]).error.item() == pytest.approx(error)


def test_an_observation_counts_at_the_nearest_hours() -> None:
    learner = taught([pair(d, h, e, lead=12) for d in range(5) for h, e in ((5, 1.0), (10, 3.0), (23, 7.0))])
    np.testing.assert_allclose(ask(learner, [6, 9, 0], [12] * 3).error, [[1.0, 3.0, 7.0]])


@pytest.mark.parametrize(("hours", "known"), [([6], ["A"]), ([6, 12], ["A", "B"]), ([0, 6, 12, 18], ["A", "B"])])
def test_a_station_known_at_fewer_than_half_of_the_hours_is_not_known(hours: list[int], known: list[str]) -> None:
    rows = [pair(d, h, 1.0, lead=12) for d in range(5) for h in (0, 6, 12, 18)]
    rows += [pair(d, h, 2.0, lead=12, station="B") for d in range(5) for h in hours]
    found = ask(taught(rows), [6], [12])
    assert [NAMES[i] for i in found.known] == known
    assert found.error.shape == (len(known), 1)


def test_hours_at_which_a_station_is_silent_are_filled_by_those_at_which_it_is_not() -> None:
    rows = [pair(d, h, 0.0, lead=12) for d in range(5) for h in (0, 6, 12, 18)]
    rows += [pair(d, h, e, lead=12, station="B") for d in range(5) for h, e in ((6, 1.0), (12, 3.0))]
    found = ask(taught(rows), [0, 6, 12, 18], [12] * 4)
    np.testing.assert_allclose(found.error[1], [2.0, 1.0, 3.0, 2.0])


def test_too_few_pairs_are_no_knowledge() -> None:
    for days in range(1, FEWEST + 2):
        found = ask(taught([pair(d, 6, 1.0) for d in range(days)]), [6], [6])
        assert len(found.known) == (days >= FEWEST)
        assert found.error.shape == (len(found.known), 1)
        assert found.noise.shape == found.places.latitude.shape == found.known.shape


def test_stations_without_elevation_or_land_stand_at_sea_level_on_land() -> None:
    places = stations().assign(elevation=[np.nan, 300.0, np.nan], land=[np.nan, np.nan, 0.2])
    learner = Learner(places, ["t2m"], 1)
    learner.add_run(pd.DataFrame([pair(0, 6, 1.0, station=s) for s in NAMES]))
    found = learner.places(np.arange(3), np.full(3, 280.0))
    assert found.height.tolist() == [0.0, 300.0, 0.0]
    assert found.land.tolist() == [1.0, 1.0, 0.2]


def test_pairs_of_one_valid_time_from_two_runs_are_one_pair() -> None:
    """Two errors of one observation are not twice as much knowledge."""
    rows = [pair(d, 18, e, lead=lead) for d in range(FEWEST) for lead, e in ((6.0, 1.0), (18.0, 3.0))]
    assert len(ask(taught(rows[: 2 * (FEWEST - 1)]), [18], [18]).known) == 0
    assert ask(taught(rows), [18], [18]).error.item() == pytest.approx(2.0)


def noisy(days: int = 12, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = [
        pair(d, h, rng.normal(1, 1), lead=lead, station=s, forecast=280 + rng.normal(0, 3))
        for d in range(days) for h in (3, 6, 18) for lead in (h, h + 24.0) for s in NAMES if rng.random() < 0.9
    ]  # fmt: skip
    return pd.DataFrame(rows)


def same(one: Learner, other: Learner) -> None:
    forecasts = np.random.default_rng(1).normal(280, 5, (4, 3))
    found = [x.expected("t2m", np.array([3.0, 6, 16, 18]), np.array([3.0, 6, 40, 18]), forecasts) for x in (one, other)]
    for name in ("known", "error", "noise", "today"):
        np.testing.assert_array_equal(*(getattr(f, name) for f in found), err_msg=name)
    np.testing.assert_array_equal(*(f.places.level for f in found))


@pytest.mark.parametrize("ends", [[12], [4, 8, 12], [1, 2, 3, 12], list(range(1, 13))])
def test_chunks_of_days_are_learned_as_days_one_after_another(ends: list[int]) -> None:
    pairs = noisy()
    daily, chunked = Learner(stations(), ["t2m"], 2), Learner(stations(), ["t2m"], 2)
    for _, run in pairs.groupby(pairs["time"].dt.floor("D")):
        daily.add_run(run)
    done = START
    for end in ends:
        until = START + pd.Timedelta(days=end) - pd.Timedelta(hours=1)
        chunked.add(pairs[(pairs["time"] > done) & (pairs["time"] <= until)], until)
        done = until
    same(daily, chunked)


def test_a_gap_of_two_years_changes_nothing() -> None:
    pairs, whole, broken = noisy(), Learner(stations(), ["t2m"], 2), Learner(stations(), ["t2m"], 2)
    whole.add(pairs, pairs["time"].max())
    gap = pd.Timedelta(days=730)
    pairs["time"] += gap * (pairs["time"] > START + pd.Timedelta(days=6)).astype(int)
    broken.add(pairs, pairs["time"].max())
    same(whole, broken)


def test_categories_are_names() -> None:
    pairs, names, categories = noisy(), Learner(stations(), ["t2m"], 2), Learner(stations(), ["t2m"], 2)
    names.add(pairs, pairs["time"].max())
    categories.add(pairs.astype({"station": "category", "variable": "category"}), pairs["time"].max())
    same(names, categories)
    some = pd.Series(["C", "X", "A"])
    assert codes_of(some, pd.Index(NAMES)).tolist() == [2, -1, 0]
    assert codes_of(some.astype("category"), pd.Index(NAMES)).tolist() == [2, -1, 0]


def test_pairs_of_stations_elsewhere_and_without_a_value_teach_nothing() -> None:
    pairs, with_more, alone = noisy(), Learner(stations(), ["t2m"], 2), Learner(stations(), ["t2m"], 2)
    more = [pair(3, 6, 5.0, station="X"), pair(4, 6, np.nan), pair(5, 6, 9.0, variable="d2m")]
    alone.add(pairs, pairs["time"].max())
    with_more.add(pd.concat([pairs, pd.DataFrame(more)], ignore_index=True), pairs["time"].max())
    same(alone, with_more)


def test_forecasts_that_are_not_there_count_as_usual_ones() -> None:
    pairs = noisy(40)
    learner = Learner(stations(), ["t2m"], 2)
    learner.add(pairs, pairs["time"].max())
    usual = ask(learner, [6, 18], [6, 18])
    level = usual.places.level
    assert level == pytest.approx(280.0, abs=2.0)
    warm, warmer = (ask(learner, [6, 18], [6, 18], f) for f in (285.0, 290.0))
    assert warmer.today - warm.today == pytest.approx(5.0)
    assert usual.today == pytest.approx(0.0, abs=1.5)


def test_departures_are_of_what_was_usual_before_and_of_known_stations_alone() -> None:
    learner, got = Learner(stations(), ["t2m"], 1), []
    for day in range(FEWEST + 1):
        error = 1.0 if day < FEWEST else 4.0
        rows = pd.DataFrame([pair(day, 6, error), *([pair(day, 6, 7.0, station="B")] if day == FEWEST else [])])
        learner.add_run(rows, lambda *found: got.append(found))
    assert [len(g[1]) for g in got] == [0] * FEWEST + [1]
    variable, station, lead, departure = got[-1]
    assert (variable, station.tolist(), lead.tolist()) == (0, [0], [6.0])
    assert departure == pytest.approx([3.0])


def test_more_and_fewer_of_what_is_expected() -> None:
    rows = [pair(d, 6, 1.0 + i, station=s) for d in range(5) for i, s in enumerate(NAMES)]
    found = ask(taught(rows), [6], [6])
    np.testing.assert_allclose(found.plus(np.full((3, 1), 0.5)).error, found.error + 0.5)
    some = found.only(np.array([True, False, True]))
    assert (some.known.tolist(), len(some.places)) == ([0, 2], 2)
    np.testing.assert_allclose(some.error, [[1.0], [3.0]])
