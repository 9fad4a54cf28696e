"""What an input value is: a sample or a mean, of a field with a footprint; and how a network is told."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.cell_means import overlap_weights
from models.geometry import Axis
from models.ground import away
from models.interpolation import interpolant, point_interpolant
from models.observed import reading_weights
from models.operator import CELL_MEANS, ERA5, IFS, MEANS, Operator, Sampling, cell_km
from tests.models.axes import fine_axis


def through(fine: torch.Tensor, sampling: Sampling, axis: Axis, n: int) -> torch.Tensor:
    observe = overlap_weights if sampling is Sampling.MEANS else reading_weights
    weights = torch.from_numpy(observe(axis, n)).to(fine)
    return weights @ fine @ weights.T


@pytest.mark.parametrize("offset", [0.0, 0.2, 0.5])
def test_a_product_of_samples_gives_its_input_back_where_its_points_lie_on_the_input_s(offset: float) -> None:
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(12, 12)))
    axis = Axis(np.arange(-10, 120) / 5 + offset, 0.2)
    fine = point_interpolant(x)(axis, axis).double()
    back = through(fine, Sampling.SAMPLES, axis, 12)
    inside = np.flatnonzero((np.arange(12) > axis.centres[0]) & (np.arange(12) < axis.centres[-1]))
    error = float((back - x)[inside][:, inside].abs().max())
    assert error < (1e-5 if offset in (0.0, 0.2) else 0.2)


def test_samples_are_values_at_points_and_not_means_over_cells() -> None:
    fine = torch.zeros(41, 41, dtype=torch.float64)
    fine[20, 20] = 1.0  # a peak on an input point
    axis = Axis(np.arange(41) / 4, 0.25)
    assert float(through(fine, Sampling.SAMPLES, axis, 11)[5, 5]) == 1.0
    assert float(through(fine, Sampling.MEANS, axis, 11)[5, 5]) < 0.1


def test_each_sampling_has_the_interpolation_that_gives_its_input_back() -> None:
    x = torch.from_numpy(np.random.default_rng(1).normal(size=(1, 16, 16))).float()
    points, cells = Axis(np.arange(16.0), 1 / 3), fine_axis(48, 3.0, 0.0)
    seen = IFS.on(cell_km(0.25, 0.25))
    torch.testing.assert_close(interpolant(x, seen)(points, points), x, atol=1e-5, rtol=0)
    fine = interpolant(x, MEANS)(cells, cells).double()
    back = through(fine[0], Sampling.MEANS, cells, 16)
    torch.testing.assert_close(back.float()[3:-3, 3:-3], x[0, 3:-3, 3:-3], atol=1e-3, rtol=0)


def test_an_operator_is_seen_in_cells_of_the_input() -> None:
    quarter = cell_km(0.25, 0.25)
    ifs, era5 = IFS.on(quarter), ERA5.on(quarter)
    assert ifs.footprint == pytest.approx(9 / 27.8, rel=1e-3)
    assert ifs.detail(2.5) == pytest.approx((1.627, 0.0), abs=1e-3)
    assert ifs.detail(5.0) == ifs.detail(2.5), "finer queries do not make a finer field"
    assert ERA5.on(quarter, target=9.0).detail(2.5)[1] == pytest.approx(np.log2(31 / 9))
    assert len({tuple(s.code(2.5)) for s in (ifs, era5, MEANS, ERA5.on(quarter, 9.0))}) == 4
    assert CELL_MEANS.on(quarter) == MEANS == Operator(Sampling.MEANS, 31.0).on(quarter)


def test_at_a_sample_next_to_nothing_is_left_to_learn() -> None:
    axis = Axis(np.arange(0, 10, 0.1), 0.1)
    factor = away(axis, axis, IFS.on(25.0))
    assert float(factor[20, 30]) < 0.2 < 1.0 < float(factor[25, 35])
    assert float(factor[20:80, 20:80].square().mean()) == pytest.approx(1.0, abs=0.05)
    for smooth in (MEANS, ERA5.on(25.0, target=9.0)):
        assert away(axis, axis, smooth).tolist() == [[1.0]]
