"""Spreading between stations: exact where it can be, right where it is estimated, without seams."""

from __future__ import annotations

from itertools import pairwise

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


def covariance_of(some: Places, others: Places, structure: Structure, stations: Places, drift: float) -> np.ndarray:
    """From the formulas alone; `stations`: whose range slopes hold in."""
    latitude, longitude = (
        np.deg2rad(np.subtract.outer(a, b))
        for a, b in ((some.latitude, others.latitude), (some.longitude, others.longitude))
    )
    across = np.multiply.outer(np.cos(np.deg2rad(some.latitude)), np.cos(np.deg2rad(others.latitude)))
    angle = 2 * np.arcsin(np.sqrt(np.sin(latitude / 2) ** 2 + across * np.sin(longitude / 2) ** 2))
    up = np.subtract.outer(some.height, others.height) / structure.height
    ground = 0.3 + 0.7 * (np.multiply.outer(some.land, others.land) + np.multiply.outer(1 - some.land, 1 - others.land))
    alike = structure.share * np.exp(-6371.0 * angle / structure.distance - up**2 / 2) * ground
    trend = np.ones_like(alike)
    for name, unit in (("height", 500.0), ("level", max(float(stations.level.std()), 1e-6))):
        here = getattr(stations, name)
        slopes = [(np.clip(getattr(p, name), here.min(), here.max()) - here.mean()) / unit for p in (some, others)]
        trend += np.multiply.outer(*slopes)
    return np.asarray(structure.variance * (alike + drift * trend))


def solved_anew(
    to: Places, stations: Places, values: np.ndarray, noise: np.ndarray, structure: Structure, every: Places
) -> np.ndarray:
    """Optimal interpolation by its formula; `every`: whose range slopes hold in."""
    own = (1 - structure.share) * structure.variance
    among = covariance_of(stations, stations, structure, every, 0.5) + np.diag(noise + own)
    return np.asarray(covariance_of(to, stations, structure, every, 0.5) @ np.linalg.solve(among, values))


def test_left_out_is_what_all_other_stations_say_when_they_are_asked_alone() -> None:
    stations, rng = places(25), np.random.default_rng(1)
    values, noise = rng.normal(0, 1, (25, 3)), rng.uniform(0.1, 0.5, 25)
    found = Spread(stations, noise, STRUCTURE).left_out(values)
    for i in range(25):
        one, others = stations[np.array([i])], np.arange(25) != i
        alone = solved_anew(one, stations[others], values[others], noise[others], STRUCTURE, stations)
        np.testing.assert_allclose(found[i], alone[0], rtol=1e-4, atol=5e-5)  # of the distance, which has a series


def test_left_out_does_not_hear_the_stations_own_value() -> None:
    stations, rng = places(40), np.random.default_rng(1)
    values, noise = rng.normal(0, 1, 40), rng.uniform(0.1, 0.5, 40)
    spread = Spread(stations, noise, STRUCTURE)
    other = values + np.where(np.arange(40) == 11, 100.0, 0.0)
    moved = np.abs(spread.left_out(other) - spread.left_out(values))
    assert moved[11] < 1e-9
    assert np.delete(moved, 11).max() > 0.1


def test_elsewhere_and_at_stations_the_estimate_is_that_of_the_formula() -> None:
    stations, to, rng = places(25), places(12, 7), np.random.default_rng(1)
    values, noise = rng.normal(0, 1, (25, 2)), rng.uniform(0.1, 0.5, 25)
    spread = Spread(stations, noise, STRUCTURE)
    right = solved_anew(to, stations, values, noise, STRUCTURE, stations)
    np.testing.assert_allclose(spread.at(to, values), right, rtol=1e-5, atol=1e-5)
    own = (1 - STRUCTURE.share) * STRUCTURE.variance
    mine = covariance_of(stations, stations, STRUCTURE, stations, 0.5) + own * np.eye(25)
    right = mine @ np.linalg.solve(mine + np.diag(noise), values)
    np.testing.assert_allclose(spread.at_stations(values), right, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(spread.at_stations(values[:, 1]), right[:, 1], rtol=1e-5, atol=1e-5)
    assert np.abs(spread.at_stations(values) - spread.at(stations, values)).max() > 0.1, "a site has something its own"


def test_a_station_is_as_strange_as_it_is_far_from_what_the_others_expect() -> None:
    stations, rng = places(60), np.random.default_rng(4)
    noise = np.full(60, 0.2)
    among = covariance_of(stations, stations, STRUCTURE, stations, 0.5)
    among += np.diag(noise + (1 - STRUCTURE.share) * STRUCTURE.variance)
    drawn = np.linalg.cholesky(among) @ rng.normal(0, 1, (60, 200))
    spread = Spread(stations, noise, STRUCTURE)
    usual = spread.strangeness(drawn)
    np.testing.assert_allclose(usual, np.sqrt(2 / np.pi), rtol=0.2)  # mean of what is normal, without its sign
    drawn[7] += 20.0
    assert spread.strangeness(drawn).argmax() == 7
    assert spread.strangeness(drawn)[7] > 5 * usual[7]


@pytest.fixture
def no_drift(monkeypatch: pytest.MonkeyPatch) -> None:
    """Peers know none."""
    monkeypatch.setattr("tasks.calibrate.spread.DRIFT", 0.0)


def by_gridpp(to: Places, stations: Places, values: np.ndarray, ratios: np.ndarray, structure: object) -> np.ndarray:
    """The Norwegian Meteorological Institute's optimal interpolation, all stations at every place."""
    gridpp = pytest.importorskip("gridpp")
    there, here = (gridpp.Points(p.latitude, p.longitude, p.height, p.land) for p in (to, stations))
    none = np.zeros(len(to)), np.zeros(len(stations))
    return np.asarray(
        gridpp.optimal_interpolation(there, none[0], here, values, ratios, none[1], structure, len(stations))
    )


@pytest.mark.usefixtures("no_drift")
def test_stations_above_each_other_are_spread_as_gridpp_does() -> None:
    """Both are Gaussian in height."""
    gridpp, rng = pytest.importorskip("gridpp"), np.random.default_rng(0)

    def mast(heights: np.ndarray) -> Places:
        same = np.ones(len(heights))
        return Places(30 * same, 114 * same, heights, same, 280 * same)

    stations, to = mast(rng.uniform(0, 2000, 40)), mast(np.linspace(0, 2500, 50))
    values, noise = rng.normal(0, 1, 40), rng.uniform(0.1, 0.5, 40)
    ours = Spread(stations, noise, Structure(1.7, 1.0, 100.0, 600.0)).at(to, values)
    theirs = by_gridpp(to, stations, values, noise / 1.7, gridpp.BarnesStructure(1e5, 600.0, 0.0))
    np.testing.assert_allclose(ours, theirs, atol=1e-4)  # float32
    assert ours.std() > 0.2


class Barnes(Structure):
    """Gaussian in distance too, as gridpp has it; ours is exponential, which gridpp has not."""

    def covariance(self, away: np.ndarray, up: np.ndarray, ground: np.ndarray) -> np.ndarray:
        near = np.exp(-0.5 * (away / self.distance) ** 2 - 0.5 * (up / self.height) ** 2)
        return np.asarray(self.variance * self.share * near * ground)


@pytest.mark.usefixtures("no_drift")
def test_with_gridpps_structure_stations_are_spread_as_gridpp_does() -> None:
    gridpp, rng = pytest.importorskip("gridpp"), np.random.default_rng(0)
    stations, to = (
        Places(p.latitude, p.longitude, p.height, np.ones(len(p)), p.level) for p in (places(40), places(200, 8))
    )
    values, noise = rng.normal(0, 1, 40), rng.uniform(0.1, 0.5, 40)
    ours = Spread(stations, noise, Barnes(1.7, 1.0, 100.0, 600.0)).at(to, values)
    theirs = by_gridpp(to, stations, values, noise / 1.7, gridpp.BarnesStructure(1e5, 600.0, 0.0, 1e7))
    assert np.abs(ours - theirs).max() < 0.01 * ours.std()  # the Earth's radius differs by a thousandth
    assert ours.std() > 0.4


@pytest.mark.parametrize("degrees", [0.001, 1.0, 10.0, 30.0, 44.9])
def test_kilometres_up_to_5000_are_within_a_thousandth(degrees: float) -> None:
    """Of latitude, whose kilometres anybody knows."""
    one, other = (Places(*(np.array([v]) for v in (la, 114.0, 0.0, 1.0, 280.0))) for la in (5.0, 5.0 + degrees))
    assert one.away(other).item() == pytest.approx(np.deg2rad(degrees) * 6371.0, rel=1e-3)


def test_kilometres_over_the_date_line_are_few() -> None:
    one, other = (Places(*(np.array([v]) for v in (-17.0, lo, 0.0, 1.0, 280.0))) for lo in (179.9, -179.9))
    assert one.away(other).item() == pytest.approx(0.2 * 111.2 * np.cos(np.deg2rad(17.0)), rel=2e-3)
    assert one.away(one).item() == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize("land", [1.0, 0.0])
def test_across_the_shore_a_station_says_less(land: float) -> None:
    one = Places(*(np.array([v]) for v in (30.0, 114.0, 0.0, land, 280.0)))
    two = Places(*(np.array([v, v]) for v in (30.1, 114.0, 0.0)), np.array([land, 1 - land]), np.full(2, 280.0))
    common = covariance_of(two, one, STRUCTURE, one, 0.0)[:, 0]
    assert common[1] == pytest.approx(0.3 * common[0])
    same, across = Spread(one, np.array([0.1]), STRUCTURE).at(two, np.ones(1))
    assert 0 < across < same


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


def test_beyond_the_stations_level_the_slope_with_it_is_held_too() -> None:
    stations = places(60)
    values = 0.1 * (stations.level - stations.level.mean())
    spread = Spread(stations, np.full(60, 0.01), STRUCTURE)
    low, high = float(stations.level.min()), float(stations.level.max())
    level = np.array([low, low - 40.0, high, high + 40.0])
    far = Places(np.full(4, 60.0), np.full(4, 10.0), np.full(4, 300.0), np.ones(4), level)
    found = spread.at(far, values)
    assert found[0] == pytest.approx(found[1])
    assert found[2] == pytest.approx(found[3])
    assert found[2] - found[0] > 0.5 * (values.max() - values.min())


def drawn_from(true: Structure, stations: Places, noise: np.ndarray, seed: int, *, slopes: bool) -> np.ndarray:
    """Eight draws of what such a structure makes likely, with errors of variance `noise`: (stations, 8)."""
    covariance = covariance_of(stations, stations, true, stations, 0.5 if slopes else 0.0)
    covariance += np.diag(noise + (1 - true.share) * true.variance)
    drawn = np.random.default_rng(seed).normal(0, 1, (len(stations), 8))
    return np.asarray(np.linalg.cholesky(covariance) @ drawn)


@pytest.mark.parametrize(("distance", "seed"), [(50.0, 3), (100.0, 4), (200.0, 3)])
def test_the_structure_of_drawn_values_is_found(distance: float, seed: int) -> None:
    stations, noise = places(250, seed + 10), np.full(250, 0.2)
    drawn = drawn_from(Structure(2.0, 0.6, distance, 800.0), stations, noise, seed, slopes=False)
    found = fitted(stations, drawn, noise)
    assert distance / 2 <= found.distance <= 2 * distance
    assert 400.0 <= found.height <= 1600.0
    assert found.share == pytest.approx(0.6, abs=0.3)
    assert found.variance == pytest.approx(2.0, rel=0.6)
    shuffled = np.random.default_rng(seed).permutation(250)
    again = fitted(stations[shuffled], drawn[shuffled], noise)
    assert (again.distance, again.height, again.share) == (found.distance, found.height, found.share)


@pytest.mark.parametrize("seed", [3, 4])
def test_where_values_have_slopes_what_is_found_spreads_them_as_well_as_what_they_were_drawn_from(seed: int) -> None:
    stations, noise, true = places(250, seed + 10), np.full(250, 0.2), Structure(2.0, 0.6, 100.0, 800.0)
    drawn = drawn_from(true, stations, noise, seed, slopes=True)
    ours, best = (
        float(np.sqrt(((drawn - Spread(stations, noise, s).left_out(drawn)) ** 2).mean()))
        for s in (fitted(stations, drawn, noise), true)
    )
    assert ours < 1.02 * best


def test_of_very_many_stations_some_say_what_the_structure_is_and_of_few_it_is_the_usual_one() -> None:
    rng, stations = np.random.default_rng(3), places(600, 4)
    true, noise = Structure(2.0, 0.85, 200.0, 800.0), np.full(600, 0.1)
    covariance = Spread(stations, noise, true)._own + np.diag(noise)
    drawn = np.linalg.cholesky(covariance) @ rng.normal(0, 1, (600, 4))
    assert fitted(stations, drawn, noise).distance in (100.0, 200.0, 400.0)
    few = np.arange(9)
    usual = fitted(stations[few], drawn[few], noise[few])
    assert (usual.distance, usual.height, usual.share) == (100.0, 800.0, 0.6)
    assert usual.variance == pytest.approx(float((drawn[few] ** 2).mean()) - 0.1)


def test_values_of_noise_alone_have_little_in_common() -> None:
    stations, rng = places(200, 4), np.random.default_rng(6)
    found = fitted(stations, rng.normal(0, 1, (200, 8)), np.full(200, 0.9))
    spread = Spread(stations, np.full(200, 0.9), found)
    assert spread.left_out(rng.normal(0, 1, 200)).std() < 0.2


def test_values_that_are_all_none_are_spread_as_none() -> None:
    stations = places(30)
    structure = fitted(stations, np.zeros((30, 3)), np.full(30, 0.1))
    assert structure.variance > 0
    assert (Spread(stations, np.full(30, 0.1), structure).at(places(5, 1), np.zeros((30, 3))) == 0).all()


def test_a_row_of_points_across_the_domain_has_no_jump() -> None:
    """Beside stations too, where the estimate has a cusp and no step: half the way, half the difference."""
    stations, rng = places(80), np.random.default_rng(9)
    values = rng.normal(0, 1, 80)
    spread = Spread(stations, np.full(80, 0.1), STRUCTURE)

    def largest(points: int) -> float:
        one = np.ones(points)
        row = Places(30.7 * one, np.linspace(108, 117, points), 200 * one, one, 280 * one)
        return float(np.abs(np.diff(spread.at(row, values))).max())

    steps = [largest(n) for n in (901, 1801, 3601, 7201)]
    for wide, narrow in pairwise(steps):
        assert narrow < 0.65 * wide


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
