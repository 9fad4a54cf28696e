"""Our samples beside those of ECMWF's own interpolation: needs mir-python, of the extra `bench`, which CI lacks.

What MIR is told by default is what open data and the CDS are made with.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from models.training.degradation import Lattice, means_over, read_at

mir = pytest.importorskip("mir", reason="mir-python is not installed: pip install 'finescale[bench]'")
pytestmark = pytest.mark.slow

ROWS = 320  # between pole and equator of octahedral O320: about 31 km
DEGREES = 2.0**-2 * 1.125  # of our lattice, about as fine and nowhere on whole degrees
WAVE = 110.0  # km


def octahedral() -> tuple[np.ndarray, np.ndarray]:
    """Latitude and longitude of every point of O320."""
    points = [20 + 4 * i for i in range(ROWS)]
    points += points[::-1]
    rows = np.degrees(np.arcsin(np.polynomial.legendre.leggauss(2 * ROWS)[0]))[::-1]
    return np.repeat(rows, points), np.concatenate([np.arange(n) * 360 / n for n in points])


def to_whole_degrees(values: np.ndarray, interpolation: str | None = None) -> np.ndarray:
    """O320 -> 181 x 360 points as MIR makes them, by default or as told."""
    job, out = mir.Job(), mir.ArrayOutput()
    job.set("grid", "1/1")
    if interpolation is not None:
        job.set("interpolation", interpolation)
    job.execute(mir.ArrayInput(values, f'{{"grid":"O{ROWS}"}}'), out)
    return np.array(out.values()).reshape(181, 360)


def waves(latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    """A plane wave through the Earth: 110 km long where it runs along the surface."""
    y, x = np.deg2rad(latitude), np.deg2rad(longitude)
    along = 0.6 * np.cos(y) * np.cos(x) + 0.64 * np.cos(y) * np.sin(x) + 0.48 * np.sin(y)
    return np.cos(2 * np.pi * 6371.0 / WAVE * along)


def test_noise_is_sampled_and_not_averaged() -> None:
    noise = np.random.default_rng(0).normal(0, 3, len(octahedral()[0]))
    assert to_whole_degrees(noise).std() == pytest.approx(2.1, abs=0.05)
    assert to_whole_degrees(noise, "grid-box-average").std() == pytest.approx(1.1, abs=0.05)
    lattice = np.random.default_rng(1).normal(0, 3, (200, 200))
    for way, sd in ((read_at, 2.1), (mean_of_degree, 0.84)):
        rows = way(20 + np.arange(40) / DEGREES, 200)
        assert (rows @ lattice @ rows.T).std() == pytest.approx(sd, abs=0.15), way


def mean_of_degree(at: np.ndarray, n: int) -> np.ndarray:
    return means_over(Lattice(float(at[0]), float(at[1] - at[0]), len(at)), n)


@pytest.mark.parametrize(("way", "most"), [(read_at, 0.2), (mean_of_degree, None)])
def test_a_field_read_by_us_is_what_mir_makes_and_a_mean_is_not(
    way: Callable[[np.ndarray, int], np.ndarray], most: float | None
) -> None:
    theirs = to_whole_degrees(waves(*octahedral()))[60:121, 20:81]  # 30N to 30S, 20E to 80E
    latitude, longitude = 35 - DEGREES * np.arange(260), 15 + DEGREES * np.arange(260)
    fine = waves(latitude[:, None], longitude[None, :])
    rows, cols = way((35 - np.arange(30.0, -31.0, -1.0)) / DEGREES, 260), way(np.arange(5.0, 66.0) / DEGREES, 260)
    ours = rows @ fine @ cols.T
    difference = float((ours - theirs).std() / theirs.std())
    assert difference < most if most is not None else difference > 0.4
