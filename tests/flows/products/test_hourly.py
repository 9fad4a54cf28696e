"""Hours between lead times: what was given stays, sums add up, nothing new is made."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from flows.products.hourly import hourly
from tasks.errors import BadInput
from tests.flows.conftest import CommandLine

GIVEN = [0.0, 3.0, 6.0, 12.0]
STARTS = np.array([0.0, 0.0, 3.0, 6.0])


def fields(seed: int = 0) -> dict[str, np.ndarray]:
    """(lead times, places)"""
    rng = np.random.default_rng(seed)
    rain = rng.gamma(0.5, 1e-3, (4, 50)) * (rng.random((4, 50)) > 0.4)
    rain[0] = 0.0
    return {"t2m": rng.normal(285, 5, (4, 50)), "u10": rng.normal(0, 4, (4, 50)), "tp": rain}


def test_what_is_given_stays_and_states_make_no_new_extreme() -> None:
    raw = fields()
    every, made = hourly(GIVEN, raw, STARTS)
    assert every == [float(h) for h in range(13)]
    for name in ("t2m", "u10"):
        np.testing.assert_allclose(made[name][[0, 3, 6, 12]], raw[name], rtol=1e-12)
        for first, last in ((0, 3), (3, 6), (6, 12)):
            ends = np.sort(made[name][[first, last]], axis=0)
            part = made[name][first : last + 1]
            assert (part >= ends[0] - 1e-9).all()
            assert (part <= ends[1] + 1e-9).all()


def test_sums_keep_their_amounts_and_dry_intervals_stay_dry() -> None:
    raw = fields()["tp"]
    _, made = hourly(GIVEN, {"tp": raw}, STARTS)
    assert (made["tp"] >= 0).all()
    for i, (first, last) in enumerate(((0, 3), (3, 6), (6, 12)), 1):
        np.testing.assert_allclose(made["tp"][first + 1 : last + 1].sum(axis=0), raw[i], atol=1e-15)
        assert (made["tp"][first + 1 : last + 1][:, raw[i] == 0] == 0).all()


def test_a_first_sum_that_begins_before_its_lead_time_gives_its_last_hour() -> None:
    _, made = hourly([3.0, 6.0], {"tp": np.array([[3e-3], [3e-3]])}, np.array([0.0, 3.0]))
    np.testing.assert_allclose(made["tp"], 1e-3)


def test_a_gust_is_the_interval_s_in_each_of_its_hours() -> None:
    _, made = hourly([3.0, 6.0], {"fg10": np.array([[8.0], [12.0]])}, None)
    assert made["fg10"].ravel().tolist() == [8.0, 12.0, 12.0, 12.0]


@pytest.mark.parametrize(
    ("hours", "raw", "what"),
    [
        ([0.0, 12.0], "t2m", "whole hours, 6 apart at most"),
        ([0.0, 0.5], "t2m", "whole hours"),
        ([0.0, 3.0], "tp", "nothing says which time tp covers"),
    ],
)
def test_what_cannot_be_done_is_said(hours: list[float], raw: str, what: str) -> None:
    with pytest.raises(BadInput, match=what):
        hourly(hours, {raw: np.zeros((2, 1))}, None)


def test_one_lead_time_has_no_hours_between(demo_store: Path, finescale: CommandLine) -> None:
    where = ("hubei", "--store", demo_store, "--lat", "31", "--lon", "111.5", "--hourly", "--json")
    found = json.loads(finescale("point", *where).stdout)
    assert (len(found["series"]), found["interpolated"]) == (1, [])
