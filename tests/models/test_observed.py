"""Fine fields as samples see them: read at the input's points, linear between fine points, nothing beyond."""

from __future__ import annotations

import numpy as np
import pytest

from models.geometry import Axis
from models.observed import PointReadings, reading_weights, upward_weights


def field(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(280.0, 10.0, shape).astype(np.float32)


def lattice(count: int, per_cell: int, first: float = 0.0) -> Axis:
    """Fine points, `per_cell` to an input cell, the first of them at `first`."""
    return Axis(first + np.arange(count) / per_cell, 1 / per_cell)


@pytest.mark.parametrize("per_cell", [1, 2, 5])
def test_a_product_at_multiples_of_the_input_s_points_gives_the_input_back(per_cell: int) -> None:
    axis, x = lattice(8 * per_cell + 1, per_cell), field(2, 9, 9)
    fine = field(2, len(axis), len(axis), seed=1)
    fine[:, ::per_cell, ::per_cell] = x  # whatever lies between
    read = PointReadings(axis, axis, 9, 9)
    assert read(fine).dtype == np.float64
    np.testing.assert_array_equal(read(fine), x)
    assert read.error(fine, x) == 0
    assert np.abs(read.gap(fine + 1, x) + 1).max() < 1e-4


def test_off_the_points_it_is_read_linearly() -> None:
    axis = lattice(20, 3, first=-0.1)  # input points at 0.3, 3.3, 6.3 ... of the fine lattice
    fine = np.outer(2.0 + 3.0 * axis.centres, 1.0 + axis.centres)
    x = np.outer(2.0 + 3.0 * np.arange(6), 1.0 + np.arange(6.0))
    read = PointReadings(axis, axis, 6, 6)
    np.testing.assert_allclose(read(fine), x, rtol=1e-12)
    assert reading_weights(axis, 6)[2][[6, 7]].tolist() == pytest.approx([0.7, 0.3])


def test_points_beyond_the_fine_ones_are_not_asked() -> None:
    rows, cols = lattice(10, 2, first=0.75), lattice(9, 4, first=2.0)  # 0.75 to 5.25, 2 to 4
    read, x = PointReadings(rows, cols, 7, 6), field(7, 6)
    assert read.inside_rows.tolist() == [False, True, True, True, True, True, False]
    assert read.inside_cols.tolist() == [False, False, True, True, True, False]
    weights = reading_weights(rows, 7)
    assert weights.sum(axis=1).tolist() == pytest.approx([0, 1, 1, 1, 1, 1, 0])
    assert read(field(10, 9)).shape == read.select(x).shape == (5, 3)


def test_a_peak_between_points_is_not_seen_by_samples() -> None:
    axis, x = lattice(41, 4), np.full((11, 11), 280.0)
    fine = np.full((41, 41), 280.0)
    fine[22, 22] += 100.0
    assert np.array_equal(PointReadings(axis, axis, 11, 11)(fine), x)


def test_error_is_in_deviations_of_the_input_and_sees_what_is_missing() -> None:
    axis, x = lattice(11, 2), field(6, 6)
    read, fine = PointReadings(axis, axis, 6, 6), field(11, 11)
    fine[::2, ::2] = x
    assert read.error(fine + 2, x) == pytest.approx(2 / x.astype(np.float64).std(), rel=1e-5)
    assert np.isnan(read.error(np.where(fine == x[3, 3], np.nan, fine), x))
    assert read.error(fine, np.full((6, 6), 280.0)) == 0, "nothing varies"


def test_what_linear_reading_does_to_any_field_is_no_error() -> None:
    """Points every 0.2 of points every 0.25 degree meet at few: read back, a shower is lower than it was."""
    coarse = np.zeros((21, 21))
    coarse[5::3, 4::3] = 1.0
    fine = Axis(np.arange(0.0, 20.0, 0.8), 0.8)
    read = PointReadings(fine, fine, 21, 21)
    up = upward_weights(fine, 21)
    interpolated = up @ coarse @ up.T
    assert read.error(interpolated, coarse) == pytest.approx(0.0, abs=1e-12)
    assert np.abs(read(interpolated) - read.select(coarse)).max() > 0.3, "which by itself would be an error"
    assert read.error(np.roll(interpolated, 2, axis=0), coarse) > 0.5, "rain elsewhere is one"
    assert read.error(np.zeros_like(interpolated), coarse) > 0.3, "and so is none"


def on_mountains(rate: float) -> tuple[PointReadings, np.ndarray, np.ndarray, np.ndarray]:
    """Readings, a field that changes by `rate` a metre where its terrain is not the input's, that input, and `beyond`.

    The input's terrain lacks hills of 300 m that the field has at its points; the input varies by 5 K.
    """
    axis, rng = lattice(41, 4), np.random.default_rng(3)
    read, up = PointReadings(axis, axis, 11, 11), upward_weights(axis, 11)
    x, coarse = rng.normal(285.0, 5.0, (11, 11)), rng.uniform(0.0, 1000.0, (11, 11))
    ground = up @ (coarse + rng.normal(0.0, 300.0, (11, 11))) @ up.T
    fine = up @ x @ up.T + rate * (ground - up @ coarse @ up.T)
    return read, fine, x, read.beyond(ground, coarse)


def test_what_goes_with_terrain_that_the_input_lacks_counts_a_quarter() -> None:
    read, fine, x, higher = on_mountains(-0.0065)
    whole = read.error(fine, x)
    assert 0.25 < whole < 0.6, "by itself more than the gate allows"
    assert read.error(fine, x, higher) == pytest.approx(whole / 4)
    assert read.error(fine, x, np.zeros_like(higher)) == whole, "on the input's own terrain there is nothing of that"


def test_of_a_variable_whose_rate_is_known_that_much_is_free_and_all_above_counts() -> None:
    for rate, counted in ((-0.0065, 0.0), (0.012, 0.0), (-0.024, 0.012), (-0.065, 0.053)):
        read, fine, x, higher = on_mountains(rate)
        wanted = counted * np.sqrt((higher**2).mean()) / x.std()
        assert read.error(fine, x, higher, 0.012) == pytest.approx(wanted, abs=1e-9)
        assert read.error(fine, x, None, 0.012) == read.error(fine, x), "without heights all of it"


def test_what_does_not_go_with_terrain_counts_whole_beside_it() -> None:
    read, fine, x, higher = on_mountains(-0.0065)
    damage = np.random.default_rng(4).normal(0.0, 3.0, fine.shape)
    assert read.error(fine + damage, x, higher) == pytest.approx(3.0 / x.std(), rel=0.1)
    shifted = np.roll(fine, 4, axis=1)  # by a cell of the input
    assert read.error(shifted, x, higher) > 1.0
    assert np.isnan(read.error(np.where(fine > fine.mean(), np.nan, fine), x, higher))


def test_a_rate_ten_times_too_steep_is_no_terrain() -> None:
    read, fine, x, higher = on_mountains(-0.065)
    assert read.error(fine, x, higher) > 0.8
