"""Spreading between stations: exact where it can be, right where it is estimated, without seams."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.calibrate.field import FieldSpread
from tasks.calibrate.spread import Places, Spread, Structure, fitted
from tasks.grids.grid import Grid

STRUCTURE = Structure(variance=1.5, share=0.7, distance=100.0, height=600.0)


def places(count: int, seed: int = 0) -> Places:
    rng = np.random.default_rng(seed)
    return Places(
        rng.uniform(29, 33, count), rng.uniform(109, 116, count), rng.gamma(1.5, 300.0, count),
        np.where(rng.random(count) < 0.2, 0.3, 1.0), rng.normal(280, 4, count),
    )  # fmt: skip


def test_kilometres_are_those_of_the_great_circle() -> None:
    one = Places(*(np.array([v]) for v in (30.0, 114.0, 0.0, 1.0, 280.0)))
    other = Places(
        *(np.array(v, float) for v in ([30.0, 40.0, 31.0], [115.0, 114.0, 114.0], [0] * 3, [1] * 3, [280] * 3))
    )
    assert one.away(other)[0] == pytest.approx([96.3, 1111.9, 111.2], rel=2e-3)


def test_left_out_is_what_all_other_stations_say_when_they_are_asked_alone() -> None:
    stations, rng = places(40), np.random.default_rng(1)
    values, noise = rng.normal(0, 1, (40, 3)), rng.uniform(0.1, 0.5, 40)
    spread = Spread(stations, noise, STRUCTURE)
    found = spread.left_out(values)
    for i in range(5, 40, 7):
        others = np.arange(40) != i
        alone = Spread(stations[others], noise[others], STRUCTURE)
        alone.drift = spread.drift  # the range that slopes hold in is that of all
        alone = _again(alone, stations[others], noise[others])
        np.testing.assert_allclose(
            found[i], alone.at(stations[np.array([i])], values[others])[0], rtol=1e-8, atol=1e-10
        )


def _again(spread: Spread, stations: Places, noise: np.ndarray) -> Spread:
    """The same with the regressors of its `drift`."""
    covariance = spread.structure.covariance(*_pairs(stations)) + _drift(spread, stations)
    own = (1.0 - spread.structure.share) * spread.structure.variance * np.eye(len(stations))
    spread._inverse = np.linalg.inv(covariance + own + np.diag(noise))
    return spread


def _pairs(stations: Places) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    from tasks.calibrate.spread import same_ground

    up = np.abs(stations.height[:, None] - stations.height)
    return stations.away(stations), up, same_ground(stations.land[:, None], stations.land)


def _drift(spread: Spread, stations: Places) -> np.ndarray:
    from tasks.calibrate.spread import DRIFT

    regressors = spread.drift(stations)
    return np.asarray(DRIFT * spread.structure.variance * (regressors @ regressors.T))


def test_a_station_that_is_known_without_error_is_believed_and_one_that_is_not_is_not() -> None:
    stations = places(30)
    values = np.random.default_rng(2).normal(0, 1, 30)
    sure = Spread(stations, np.full(30, 1e-9), STRUCTURE).at_stations(values)
    np.testing.assert_allclose(sure, values, atol=1e-6)
    unsure = Spread(stations, np.full(30, 1e6), STRUCTURE).at_stations(values)
    assert np.abs(unsure).max() < 1e-3


def test_slopes_stay_where_the_stations_range_ends() -> None:
    stations = places(60)
    values = 0.002 * stations.height
    spread = Spread(stations, np.full(60, 0.01), STRUCTURE)
    top = float(stations.height.max())
    far = Places(*(np.array([v, v]) for v in (60.0, 10.0)), np.array([top, 3 * top]), np.ones(2), np.full(2, 280.0))
    summit, beyond = spread.at(far, values)
    assert summit == pytest.approx(beyond)
    assert summit > 0.5 * 0.002 * top


def test_the_structure_of_drawn_values_is_found() -> None:
    rng, stations = np.random.default_rng(3), places(250, 4)
    true = Structure(2.0, 0.6, 100.0, 800.0)
    up = np.abs(stations.height[:, None] - stations.height)
    covariance = true.covariance(stations.away(stations), up, np.ones((250, 250)))
    covariance += (1 - true.share) * true.variance * np.eye(250)
    drawn = np.linalg.cholesky(covariance + 0.2 * np.eye(250)) @ rng.normal(0, 1, (250, 8))
    found = fitted(stations, drawn, np.full(250, 0.2))
    assert found.distance in (50.0, 100.0, 200.0)
    assert found.height in (400.0, 800.0, 1600.0)
    assert found.share == pytest.approx(0.6, abs=0.3)
    assert found.variance == pytest.approx(2.0, rel=0.6)


@pytest.mark.parametrize(
    "structure", [STRUCTURE, Structure(1.0, 0.85, 400.0, 1600.0), Structure(1.0, 0.6, 50.0, 200.0)]
)
def test_a_field_is_what_every_point_would_be_by_itself(structure: Structure) -> None:
    rng, stations = np.random.default_rng(5), places(60, 6)
    grid = Grid(33.0, 109.0, 0.05, 0.05, 81, 141)
    latitude, longitude = np.meshgrid(grid.latitude, grid.longitude, indexing="ij")
    height = 800.0 * (1 + np.sin(3 * latitude) * np.cos(2 * longitude))
    land = np.clip(longitude - 110.0, 0.0, 1.0)
    level = 285.0 - 0.006 * height
    values = rng.normal(0, 1, (60, 10))
    spread = Spread(stations, np.full(60, 0.3), structure)
    found = np.stack(list(FieldSpread(spread, grid, height, land, level)(values)))
    every = Places(*(v.ravel() for v in (latitude, longitude, height, land, level)))
    right = spread.at(every, values).T.reshape(found.shape)
    assert np.sqrt(((found - right) ** 2).mean()) < 0.03 * right.std()
    assert np.abs(np.diff(found, axis=2)).max() < 1.2 * np.abs(np.diff(right, axis=2)).max()  # no seams
    alone = np.stack(list(FieldSpread(spread, grid, height, land, level)(values[:, 3:4])))
    np.testing.assert_allclose(alone[0], found[3], rtol=1e-4, atol=1e-5)
