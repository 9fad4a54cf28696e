"""Each limit on fields that break it: means restored smoothly, rain by factors, dew points cut."""

from __future__ import annotations

import numpy as np
import pytest

from models.cell_means import CellMeans
from models.geometry import subdivide
from models.interpolation import INTERPOLATION_HALO
from models.limits import TOLERANCE, Limits, deviations, hold_signs, repeat_edges

EDGE = 4  # cells around, of which nothing is known


def field(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(280.0, 10.0, (1, *shape)).astype(np.float32)


def rain(*shape: int, seed: int = 0) -> np.ndarray:
    """Of the network, with values below zero."""
    return np.random.default_rng(seed).normal(1e-3, 2e-3, (1, *shape)).astype(np.float32)


def hold(means: CellMeans, fine: dict[str, np.ndarray], coarse: dict[str, np.ndarray]) -> None:
    Limits(means, {"tp"}).hold(fine, coarse, deviations(coarse))


@pytest.mark.parametrize("scale", [1, 2, 5])
def test_cell_means_are_given_back_up_to_the_edge_of_what_is_known(scale: int) -> None:
    """As in evaluation: the queries' cells have some around them that nothing is known of."""
    cells, n = 20, 20 + 2 * EDGE
    axis = subdivide(cells, scale).shifted(-EDGE)
    means, x, fine = CellMeans(axis, axis, n, n), field(n, n), {"t2m": field(cells * scale, cells * scale, seed=1)}
    before = np.abs(means.gap(fine["t2m"], x)).max()
    hold(means, fine, {"t2m": x})
    after = means.gap(fine["t2m"], x)
    assert before > 1
    assert np.sqrt((after**2).mean()) <= TOLERANCE * x.std()
    assert np.abs(after).max() < 1e-3 * before


@pytest.mark.parametrize("scale", [1.6, 2.5, 3.3])
def test_cell_means_are_given_back_where_cells_straddle(scale: float) -> None:
    axis = subdivide(30, scale)
    means, x, fine = CellMeans(axis, axis, 30, 30), field(30, 30), {"u10": field(len(axis), len(axis), seed=1)}
    hold(means, fine, {"u10": x})
    assert means.error(fine["u10"], x) < 2 * TOLERANCE


def test_correction_is_smooth() -> None:
    """What is missing everywhere is given to every query alike."""
    axis = subdivide(26, 3)
    means, fine = CellMeans(axis, axis, 26, 26), field(78, 78)
    x = (means(fine) + 2.0).astype(np.float32)
    held = {"t2m": fine.copy()}
    hold(means, held, {"t2m": x})
    np.testing.assert_allclose(held["t2m"], fine + 2.0, rtol=0, atol=2e-3)


def test_what_already_has_its_means_is_left_as_it_is() -> None:
    axis = subdivide(12, 4)
    means, fine = CellMeans(axis, axis, 12, 12), field(48, 48)
    held = {"t2m": fine.copy()}
    hold(means, held, {"t2m": means(fine).astype(np.float32)})
    assert np.array_equal(held["t2m"], fine)


def test_cells_that_are_not_covered_whole_are_not_asked() -> None:
    whole = subdivide(12, 4)
    rows, cols = whole.part(2, 46), whole.part(0, 45)  # cuts the first and last rows, and the last column of cells
    means, fine = CellMeans(rows, cols, 12, 12), field(44, 45)
    x = np.full((1, 12, 12), 9999.0, np.float32)
    x[:, 1:-1, :-1] = means(fine)
    held = {"t2m": fine.copy()}
    Limits(means, ()).hold(held, {"t2m": x}, {"t2m": 10.0})
    assert np.array_equal(held["t2m"], fine)
    Limits(means, ()).hold(held, {"t2m": x + 5}, {"t2m": 10.0})
    assert (held["t2m"] - fine).min() > 4


@pytest.mark.parametrize("scale", [2, 2.5, 4])
def test_rain_never_falls_below_zero_and_dry_cells_stay_dry(scale: float) -> None:
    axis = subdivide(24, scale)
    means, x = CellMeans(axis, axis, 24, 24), np.abs(rain(24, 24, seed=2))
    x[:, 6:14, 6:14] = 0  # dry
    fine = {"tp": rain(len(axis), len(axis), seed=1)}
    assert (fine["tp"] < 0).any()
    hold(means, fine, {"tp": x})
    assert fine["tp"].min() >= 0
    inside = round(7 * scale)
    assert (fine["tp"][:, inside : round(13 * scale), inside : round(13 * scale)] == 0).all()
    assert means.error(fine["tp"], x) < (1e-3 if scale != 2.5 else 0.02)


def test_rain_is_found_again_where_the_network_had_none() -> None:
    """Nothing multiplies zero: some of the cell's rain is put everywhere first."""
    axis = subdivide(12, 3)
    means, x, fine = CellMeans(axis, axis, 12, 12), np.abs(rain(12, 12)), {"tp": np.zeros((1, 36, 36), np.float32)}
    hold(means, fine, {"tp": x})
    np.testing.assert_allclose(means(fine["tp"]), x, atol=1e-3 * x.std())


def test_dew_points_are_at_most_the_temperature_and_means_are_restored_after_the_cut() -> None:
    axis = subdivide(20, 4)
    means, x = CellMeans(axis, axis, 20, 20), field(20, 20)
    coarse, raw = {"t2m": x, "d2m": x - 1.0}, {"t2m": field(80, 80, seed=1), "d2m": field(80, 80, seed=2)}
    together, each = ({n: f.copy() for n, f in raw.items()} for _ in range(2))
    hold(means, together, coarse)
    for name in each:
        hold(means, one := {name: each[name]}, coarse)
        each |= one
    assert (together["d2m"] <= together["t2m"]).all()
    assert np.array_equal(together["t2m"], each["t2m"]), "the temperature does not give way"
    cut_last = np.minimum(each["d2m"], each["t2m"])
    assert means.error(together["d2m"], coarse["d2m"]) < 0.5 * means.error(cut_last, coarse["d2m"])


def test_without_a_temperature_dew_points_are_free() -> None:
    axis = subdivide(12, 2)
    means, x, fine = CellMeans(axis, axis, 12, 12), field(12, 12), {"d2m": field(24, 24, seed=1)}
    hold(means, fine, {"d2m": x})
    assert means.error(fine["d2m"], x) < 2 * TOLERANCE


def test_what_lies_beyond_is_asked_for_by_variable() -> None:
    """Whoever knows that a wind turns over the pole can say so; without a word edges are repeated."""
    axis = subdivide(40, 2)
    means, x, fine = CellMeans(axis, axis, 40, 40), field(40, 40), field(80, 80, seed=1)

    def turned(name: str, gap: np.ndarray) -> np.ndarray:
        around = repeat_edges(name, gap)
        if name == "u10":
            around[:, :INTERPOLATION_HALO] *= -1  # beyond the first row
        return around

    held = []
    for name, pad in (("u10", repeat_edges), ("u10", turned), ("t2m", turned)):
        held.append({name: fine.copy()})
        Limits(means, (), pad).hold(held[-1], {name: x}, deviations({name: x}))
    (plain,), (wind,), (state,) = (h.values() for h in held)
    assert np.array_equal(plain, state)
    assert np.abs(wind - plain)[:, :2].max() > 0.1
    np.testing.assert_allclose(wind[:, 40:], plain[:, 40:], atol=1e-3)


def test_edges_are_repeated_in_all_directions() -> None:
    gap, h = np.arange(12.0).reshape(1, 3, 4), INTERPOLATION_HALO
    around = repeat_edges("u10", gap)
    assert around.shape == (1, 3 + 2 * h, 4 + 2 * h)
    assert np.array_equal(around[:, h:-h, h:-h], gap)
    assert (around[0, 0, 0], around[0, -1, 0], around[0, 0, -1]) == (0, 8, 3)


def test_of_samples_signs_alone_are_held() -> None:
    raw = {"t2m": field(9, 9), "d2m": field(9, 9, seed=1), "tp": rain(9, 9), "u10": rain(9, 9)}
    held = {n: f.copy() for n, f in raw.items()}
    hold_signs(held, {"tp"})
    assert np.array_equal(held["tp"], np.maximum(raw["tp"], 0))
    assert (raw["tp"] < 0).any()
    assert np.array_equal(held["d2m"], np.minimum(raw["d2m"], raw["t2m"]))
    assert all(np.array_equal(held[n], raw[n]) for n in ("t2m", "u10")), "a wind may be negative"
    hold_signs(alone := {"d2m": raw["d2m"].copy()}, {"tp"})
    assert np.array_equal(alone["d2m"], raw["d2m"])
