"""What is known at stations, spread between them: optimal interpolation, which is the best linear unbiased estimate.

Gandin 1963; with a drift, universal kriging. All stations take part in every point, so that there are no seams where
one station more comes into reach, and each station's own estimate without it costs nothing (`left_out`).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.linalg import cho_factor, cho_solve, cholesky, solve_triangular
from scipy.spatial.distance import cdist

from models.constants import EARTH_RADIUS

ACROSS_SHORE = 0.3  # of what two places on land have in common, what one on land and one at sea have
DRIFT = 0.5  # variance of mean and slopes over that of the bias: each is a guess that the values soon overrule
HEIGHT_UNIT = 500.0  # m, of the slope with height
DISTANCES, HEIGHTS, SHARES = (50.0, 100.0, 200.0, 400.0), (200.0, 400.0, 800.0, 1600.0), (0.1, 0.3, 0.6, 0.85)
FEWEST_TO_FIT = 10  # with fewer the usual one is taken
MOST_TO_FIT = 400  # stations that say what the structure is: more say the same


@dataclass(frozen=True)
class Places:
    """Points (n,): degrees, height in m, share of land, and the forecast's usual level there in its units."""

    latitude: np.ndarray
    longitude: np.ndarray
    height: np.ndarray
    land: np.ndarray
    level: np.ndarray

    def __len__(self) -> int:
        return len(self.latitude)

    def __getitem__(self, which: np.ndarray | slice) -> Places:
        return Places(*(v[which] for v in (self.latitude, self.longitude, self.height, self.land, self.level)))

    def away(self, other: Places) -> np.ndarray:
        """Kilometres (n, m) to other places, along the great circle; within a thousandth up to 5,000 km."""
        unit = [np.stack([np.cos(la) * np.cos(lo), np.cos(la) * np.sin(lo), np.sin(la)], axis=1) for la, lo in (
            (np.deg2rad(p.latitude), np.deg2rad(p.longitude)) for p in (self, other))]  # fmt: skip
        chord = cdist(*unit)
        square = chord**2
        square *= 3.0 / 640.0 * square + 1.0 / 24.0
        square += 1.0
        chord *= square
        chord *= 1e-3 * EARTH_RADIUS
        return np.asarray(chord)


@dataclass(frozen=True)
class Structure:
    """How alike what is estimated is at two places.

    `variance`: of it, units squared. `share` of that is had in common, falling with `distance` (km, to 1/e) and with
    the difference in height (m, Gaussian); the rest is a site's own.
    """

    variance: float
    share: float
    distance: float
    height: float

    def covariance(self, away: np.ndarray, up: np.ndarray, ground: np.ndarray) -> np.ndarray:
        """Of places that are so far (km) and so much height (m) apart, on such ground; any one shape, without drift."""
        near = self.share * np.exp(-away / self.distance)
        return self.variance * near * alike(up / self.height) * ground


def same_ground(land: np.ndarray, other: np.ndarray) -> np.ndarray:
    """How far two places are on the same ground, by their shares of land: 1 for both on land or both at sea."""
    return np.asarray(ACROSS_SHORE + (1.0 - ACROSS_SHORE) * (land * other + (1.0 - land) * (1.0 - other)))


def alike(difference: np.ndarray) -> np.ndarray:
    """Gaussian, 1 at none."""
    return np.asarray(np.exp(-0.5 * difference**2))


@dataclass(frozen=True)
class Drift:
    """Regressors (n, 3) of mean, height and level: beyond the stations' range they stay at its end.

    A slope that was learned between 20 and 400 m says little of a summit.
    """

    low: np.ndarray
    high: np.ndarray
    middle: np.ndarray
    unit: np.ndarray

    @classmethod
    def of(cls, places: Places) -> Drift:
        """Of stations."""
        values = np.stack([places.height, places.level], axis=1)
        spread = np.maximum(values.std(axis=0), 1e-6)
        return cls(values.min(axis=0), values.max(axis=0), values.mean(axis=0), np.array([HEIGHT_UNIT, spread[1]]))

    def __call__(self, places: Places) -> np.ndarray:
        """Regressors of places (n, 3)."""
        values = np.stack([places.height, places.level], axis=1)
        slopes = (np.clip(values, self.low, self.high) - self.middle) / self.unit
        return np.concatenate([np.ones((len(places), 1)), slopes], axis=1)


class Spread:
    """Estimates from values at stations, whose errors have variances `noise` (n,), units squared."""

    def __init__(self, places: Places, noise: np.ndarray, structure: Structure) -> None:
        self.places, self.structure = places, structure
        self.drift = Drift.of(places)
        regressors = self.drift(places)
        own = (1.0 - structure.share) * structure.variance * np.eye(len(places))
        self._own = structure.covariance(*_differences(places)) + _of_drift(structure, regressors, regressors) + own
        factor = cho_factor(self._own + np.diag(noise), lower=True)
        self._inverse = np.asarray(cho_solve(factor, np.eye(len(places))))

    def weights(self, values: np.ndarray) -> np.ndarray:
        """What each station adds to an estimate, by covariance with it: values (n,) or (n, k)."""
        return np.asarray(self._inverse @ values)

    def at_stations(self, values: np.ndarray) -> np.ndarray:
        """The estimate at each station, from all: values (n,) or (n, k)."""
        return np.asarray(self._own @ self.weights(values))

    def left_out(self, values: np.ndarray) -> np.ndarray:
        """The estimate at each station from all others, exactly: values (n,) or (n, k)."""
        own = np.diag(self._inverse)
        return np.asarray(values - self.weights(values) / (own if values.ndim == 1 else own[:, None]))

    def strangeness(self, values: np.ndarray) -> np.ndarray:
        """How far stations are from what all others expect, in standard deviations of that: (n,), mean of k."""
        values = values.reshape(len(self.places), -1)
        apart = np.abs(values - self.left_out(values))
        return np.asarray(apart.mean(axis=1) * np.sqrt(np.diag(self._inverse)))

    def at(self, places: Places, values: np.ndarray) -> np.ndarray:
        """The estimate at other places (m,): values (n,) or (n, k)."""
        covariance = self.structure.covariance(*_differences(places, self.places))
        covariance += _of_drift(self.structure, self.drift(places), self.drift(self.places))
        return np.asarray(covariance @ self.weights(values))


def _differences(places: Places, others: Places | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    others = others or places
    return (
        places.away(others),
        np.abs(places.height[:, None] - others.height),
        same_ground(places.land[:, None], others.land),
    )


def _of_drift(structure: Structure, some: np.ndarray, others: np.ndarray) -> np.ndarray:
    return np.asarray(DRIFT * structure.variance * (some @ others.T))


def fitted(places: Places, values: np.ndarray, noise: np.ndarray) -> Structure:
    """The structure under which values (n,) or (n, k) with errors of variance `noise` (n,) are most likely.

    Looked for among DISTANCES, HEIGHTS and SHARES and three variances around what the values have beyond their noise.
    """
    values = values.reshape(len(places), -1)
    if len(places) < FEWEST_TO_FIT:
        return Structure(
            max(float((values**2).mean()) - float(noise.mean()), 1e-12), SHARES[2], DISTANCES[1], HEIGHTS[2]
        )
    if len(places) > MOST_TO_FIT:
        some = np.random.default_rng(0).choice(len(places), MOST_TO_FIT, replace=False)
        places, values, noise = places[some], values[some], noise[some]
    total = float((values - values.mean(axis=0)).var())
    beyond = max(total - float(noise.mean()), 0.1 * total, 1e-12)
    regressors = Drift.of(places)(places)
    best, found = -np.inf, Structure(beyond, SHARES[2], DISTANCES[1], HEIGHTS[2])
    differences = _differences(places)
    for distance, height, share, factor in product(DISTANCES, HEIGHTS, SHARES, (0.5, 1.0, 2.0)):
        structure = Structure(factor * beyond, share, distance, height)
        covariance = structure.covariance(*differences) + _of_drift(structure, regressors, regressors)
        root = cholesky(covariance + np.diag(noise + (1.0 - share + 1e-6) * structure.variance), lower=True)
        white = solve_triangular(root, values, lower=True)
        likelihood = -0.5 * float((white**2).sum()) - values.shape[1] * float(np.log(np.diag(root)).sum())
        if likelihood > best:
            best, found = likelihood, structure
    return found
