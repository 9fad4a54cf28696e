"""Static fields: what the coarse fields say of them, how windows and queries line up, pressure over terrain."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.cell_means import area_mean
from models.constants import SCALE_HEIGHT
from models.downscaler import RATE_LIMIT, Downscaler
from models.geometry import Axis, subdivide
from models.ground import barometric
from models.interpolation import conservative_bicubic
from models.operator import MEANS, Seen
from models.regression import POINT_TERMS, SHARPER
from models.statics import (
    COARSE_CHANNELS,
    FINE_CHANNELS,
    FINE_MARGIN,
    HEIGHT,
    LAND,
    RATES_REACH,
    SPACING_UNIT,
    STATICS,
    Statics,
    cell_sizes,
    own_rates,
)
from models.statistics import Statistics, VariableStatistics
from models.training.fitting import predictors
from tests.models.laws import law

R, G = 287.05, 9.80665


class Silent(nn.Module):
    """A network that adds nothing."""

    ratio = None
    reach = 0

    def encode(self, inputs: Tensor, rows: Axis, cols: Axis, seen: Seen) -> Tensor:
        return inputs[:, :0]

    def decode(self, features: Tensor, fine: Tensor, rows: Axis, cols: Axis, seen: Seen) -> Tensor:
        return features.new_zeros(1)


def downscaler() -> Downscaler:
    """t2m, sp and tp, without a network."""
    statistics = Statistics(
        {
            "t2m": VariableStatistics(280.0, 15.0, law(0.2, 0.8)),
            "sp": VariableStatistics(96000.0, 8000.0, law(250.0, 0.7), hydrostatic=True),
            "tp": VariableStatistics(1.0, 1.2, law(2e-4, 0.6), amount=True),
        }
    )
    return Downscaler(Silent(), statistics).eval()


def random(*shape: int, low: float = 0.0, high: float = 1.0, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).uniform(low, high, shape)).float()


def two_statics(height: Tensor, land: Tensor) -> Tensor:
    return torch.stack([height, land])[None]


def known_statics(coarse: Tensor, fine: Tensor, latitude: float = 30.0) -> Statics:
    return Statics(coarse, fine, torch.ones(1, 2), cell_sizes(np.full(coarse.shape[-2], latitude), 0.25, 0.25))


NO_PRIOR = torch.zeros(2)


def test_own_rates_find_a_lapse_rate_and_the_step_at_a_coast_at_once() -> None:
    height, land = random(20, 24, high=2500.0), (random(20, 24, seed=1) > 0.5).float()
    fields = torch.stack([285 - 6.5 * height / 1000 - 4.0 * land, 5 + 3.0 * land])[None]
    rates = own_rates(fields, two_statics(height, land), NO_PRIOR)
    assert rates.shape == (1, len(STATICS), 2, 20, 24)
    for static, want in ((HEIGHT, (-6.5, 0.0)), (LAND, (-4.0, 3.0))):
        for v in (0, 1):
            found = rates[0, static, v, 2:-2, 2:-2]
            torch.testing.assert_close(found, torch.full_like(found, want[v]), rtol=0.08, atol=0.15)


def test_own_rates_are_those_of_the_place() -> None:
    height = random(12, 36, high=2500.0)
    lapse = torch.where(torch.arange(36) < 18, -3.0, -9.0)
    statics = two_statics(height, torch.ones(12, 36))
    rates = own_rates((280 + lapse * height / 1000)[None, None], statics, torch.zeros(1))[0, HEIGHT, 0]
    west, east = rates[:, : 18 - RATES_REACH], rates[:, 18 + RATES_REACH :]
    torch.testing.assert_close(west, torch.full_like(west, -3.0), rtol=0.05, atol=0)
    torch.testing.assert_close(east, torch.full_like(east, -9.0), rtol=0.05, atol=0)
    other = torch.where(torch.arange(36) < 18 - RATES_REACH, 0.0, 50.0)  # what lies beyond the reach does not matter
    changed = own_rates(
        (280 + lapse * height / 1000 + other * random(12, 36, seed=3))[None, None], statics, NO_PRIOR[:1]
    )
    near = slice(0, 18 - 2 * RATES_REACH)
    assert torch.equal(changed[0, HEIGHT, 0, :, near], rates[:, near])


def test_own_rates_are_float32_under_autocast() -> None:
    height, land = random(16, 16, high=2500.0), (random(16, 16, seed=1) > 0.5).float()
    fields, statics = (280 - 6.5 * height / 1000 - 4.0 * land)[None, None], two_statics(height, land)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        reduced = own_rates(fields, statics, torch.zeros(1))
    torch.testing.assert_close(reduced, own_rates(fields, statics, torch.zeros(1)))


def test_what_a_range_differs_by_from_the_plain_is_no_lapse_rate() -> None:
    """A wide massif that is cold for its weather, not for its height: detail knows the lapse rate of its valleys."""
    x = torch.linspace(-3, 3, 60)
    massif = 3000 * torch.exp(-(x[:, None] ** 2) - x**2)
    height = massif + random(60, 60, low=-400.0, high=400.0)
    field = 285 - 0.02 * massif - 6.5 * (height - massif) / 1000
    rates = own_rates(field[None, None], two_statics(height, torch.ones(60, 60)), torch.zeros(1))[0, HEIGHT, 0]
    torch.testing.assert_close(rates, torch.full_like(rates, -6.5), rtol=0.1, atol=0)


def test_flat_terrain_has_the_rate_that_it_is_told_and_no_contrast() -> None:
    fields = random(1, 2, 14, 14, low=-1.0)  # K, unrelated to anything
    prior = torch.tensor([-6.5, 0.0])
    plateau = two_statics(torch.full((14, 14), 4500.0), torch.ones(14, 14))
    rates = own_rates(fields, plateau, prior)
    torch.testing.assert_close(rates[0, HEIGHT], prior[:, None, None].expand(-1, 14, 14))
    assert rates[0, LAND].abs().max() == 0
    # 5 m of relief would explain hundreds of K/km if it were taken at its word
    bumpy = two_statics(4500 + random(14, 14, high=5.0, seed=1), 1 - 0.01 * random(14, 14, seed=2))
    rates = own_rates(fields, bumpy, prior)
    assert (rates[0, HEIGHT] - prior[:, None, None]).abs().max() < 1.0
    assert rates[0, LAND].abs().max() < 0.2


def test_where_there_is_height_the_field_outweighs_what_it_is_told() -> None:
    height = random(16, 16, high=2000.0)
    statics = two_statics(height, torch.ones(16, 16))
    rates = own_rates((280 + 4.0 * height / 1000)[None, None], statics, torch.tensor([-6.5]))[0, HEIGHT, 0]
    torch.testing.assert_close(rates, torch.full_like(rates, 4.0), rtol=0.05, atol=0)


def test_cells_shrink_towards_the_poles() -> None:
    sizes = cell_sizes(np.array([0.0, 60.0, -60.0, 90.0]), 0.25, 0.5)
    assert sizes.shape == (1, 2, 4)
    assert sizes[0, 0].tolist() == pytest.approx([27.8] * 4, abs=0.01)
    assert sizes[0, 1, :3].tolist() == pytest.approx([55.6, 27.8, 27.8], abs=0.01)
    assert sizes[0, 1, 3] > 0.01  # its logarithm is an input


def place(top: int, bottom: int, left: int, right: int) -> Statics:
    """Statics of input cells top..bottom, left..right of one 20 x 24 grid at x2, straight from the fine fields."""
    m = FINE_MARGIN
    fine = random(1, 2, 40 + 2 * m, 48 + 2 * m)
    coarse = torch.nn.functional.avg_pool2d(fine[..., m:-m, m:-m], 2)
    spacing = cell_sizes(50 - 0.25 * np.arange(20), 0.25, 0.25)[..., top:bottom]
    around = fine[..., 2 * top : 2 * bottom + 2 * m, 2 * left : 2 * right + 2 * m]
    return Statics(coarse[..., top:bottom, left:right], around, torch.ones(1, 2), spacing)


def test_a_window_of_statics_is_the_statics_of_the_window() -> None:
    here = place(0, 20, 0, 24).window(slice(4, 13), slice(6, 17)).part(8, 26, 12, 34)
    there = place(4, 13, 6, 17)
    for name in ("coarse", "fine", "known", "spacing"):
        torch.testing.assert_close(getattr(here, name), getattr(there, name), rtol=0, atol=0)


def test_predictors_of_some_queries_are_those_of_all_of_them() -> None:
    model, statics = downscaler(), place(0, 20, 0, 24)
    statics = replace(statics, coarse=1000 * statics.coarse, fine=1000 * statics.fine)
    rows, cols = subdivide(20, 2.0), subdivide(24, 2.0)
    x = torch.stack([280 + random(20, 24), 9e4 + 1e3 * random(20, 24, seed=1), 1e-3 * random(20, 24, seed=2)])[None]
    encoded = model.encode(x, torch.ones(1, 3), statics, rows, cols, MEANS)
    whole, _ = predictors(model, encoded, statics, rows, cols)
    part, _ = predictors(model, encoded, statics.part(8, 26, 12, 34), rows.part(8, 26), cols.part(12, 34))
    torch.testing.assert_close(part, whole[..., 8:26, 12:34])


def test_forgotten_statics_are_zero_and_known_to_be_unknown() -> None:
    statics = place(0, 20, 0, 24)
    less = statics.without(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    assert less.known.tolist() == [[1.0, 0.0], [0.0, 1.0]]
    for before, after in ((statics.coarse, less.coarse), (statics.fine, less.fine)):
        assert after.shape == (2, *before.shape[1:])
        assert torch.equal(after[0, HEIGHT], before[0, HEIGHT])
        assert torch.equal(after[1, LAND], before[0, LAND])
        assert float(after[0, LAND].abs().max()) == float(after[1, HEIGHT].abs().max()) == 0
    assert torch.equal(less.spacing, statics.spacing)
    assert less.coarse_channels().shape == (2, COARSE_CHANNELS, 20, 24)


def test_of_an_unknown_place_the_network_sees_the_spacing_alone() -> None:
    rows, cols = subdivide(6, 2.0), subdivide(7, 3.0)
    spacing = torch.tensor([[[2.0], [0.5]]]).expand(1, 2, 6) * SPACING_UNIT
    nothing = Statics.unknown(6, 7, rows, cols, spacing)
    channels = nothing.coarse_channels()
    assert channels.shape == (1, COARSE_CHANNELS, 6, 7)
    assert channels[0, :-2].abs().max() == 0
    assert channels[0, -2:, 0, 0].tolist() == [1.0, -1.0]  # log2, of height and of width
    assert Statics.unknown(6, 7, rows, cols).coarse_channels().abs().max() == 0
    m = 2 * FINE_MARGIN
    fine = nothing.fine_channels(torch.zeros_like(nothing.fine), 2.0)
    assert fine.shape == (1, FINE_CHANNELS, 12 + m, 21 + m)
    assert fine.abs().max() == 0


def test_known_statics_are_brought_near_one() -> None:
    coarse, fine = torch.full((1, 2, 6, 7), 0.5), torch.full((1, 2, 12, 12), 0.5)
    coarse[:, HEIGHT], fine[:, HEIGHT] = 3000.0, 2000.0
    statics = known_statics(coarse, fine)
    assert statics.coarse_channels()[0, :4, 0, 0].tolist() == [3.0, 0.5, 1.0, 1.0]
    difference = torch.full((1, 2, 12, 12), 0.25)
    difference[:, HEIGHT] = -100.0
    assert statics.fine_channels(difference, 4.0)[0, :, 0, 0].tolist() == [-0.5, 0.25, 2.0, 0.5, 1.0, 1.0]
    smaller = statics.fine_channels(difference, 2.0)[0, :, 0, 0]  # at x2 the same metres are worth more
    assert smaller[0] == pytest.approx(-0.5 * 2**0.8)
    assert smaller[1:].tolist() == [0.25, 2.0, 0.5, 1.0, 1.0]


def test_barometric_is_the_mean_of_an_exponential() -> None:
    z = torch.linspace(-2000, 2000, 81, dtype=torch.float64)
    z = z[z != 0]
    exact = (1 - torch.exp(-z / SCALE_HEIGHT)) / (z / SCALE_HEIGHT)
    torch.testing.assert_close(barometric(z), exact, rtol=0, atol=1e-4)
    assert float(barometric(torch.zeros(1))) == 1


def mountains(cells: int, scale: int) -> Tensor:
    """Heights in m (n, n), n with the statics' margin; rough, but not from one pixel to the next."""
    n = cells * scale + 2 * FINE_MARGIN
    seeds = random(1, 1, n // 3 + 3, n // 3 + 3, high=1500.0, seed=5)
    return torch.nn.functional.interpolate(seeds, size=(n, n), mode="bilinear")[0, 0]


@pytest.mark.parametrize("with_t2m", [True, False])
@pytest.mark.parametrize("scale", [2, 4])
def test_pressure_of_an_atmosphere_at_rest_is_found_again_from_its_means(scale: int, with_t2m: bool) -> None:
    """Isothermal and hydrostatic over rough terrain: the regression with its rate of pressure taken as it is."""
    model, cells, temperature = downscaler(), 24, 270.0
    t2m, sp = 0, 1
    model.regression.coefficients.data[sp, POINT_TERMS, HEIGHT] = 1.0  # sp's own rate times the height
    fine = mountains(cells, scale)
    m = FINE_MARGIN
    truth = 101325 * torch.exp(-fine[m:-m, m:-m].double() * G / (R * temperature))
    axis = subdivide(cells, scale)
    x = torch.zeros(1, 3, cells, cells)
    x[0, sp] = area_mean(truth, axis, axis, cells, cells)
    x[0, t2m] = temperature if with_t2m else 0.0
    height = area_mean(fine[m:-m, m:-m], axis, axis, cells, cells)
    statics = known_statics(two_statics(height, torch.ones_like(height)), two_statics(fine, torch.ones_like(fine)))
    present = torch.tensor([[float(with_t2m), 1.0, 0.0]])
    with torch.inference_mode():
        out = model(x, present, statics, axis, axis, MEANS)
    inside = slice(4 * scale, -4 * scale)
    error = lambda y: float((y[0, sp].double() - truth)[inside, inside].square().mean().sqrt())  # noqa: E731
    interpolated = error(conservative_bicubic(x, axis, axis))
    assert interpolated > 500  # Pa: there is something to find
    assert error(out) < (0.06 if with_t2m else 0.09) * interpolated
    torch.testing.assert_close(out[:, t2m], conservative_bicubic(x, axis, axis)[:, t2m])


def test_pressure_on_peaks_and_in_valleys_of_a_plain_is_the_exponential() -> None:
    model, cells, dz = downscaler(), 12, random(24 + 2 * FINE_MARGIN, 24 + 2 * FINE_MARGIN, low=-2000.0, high=2000.0)
    model.regression.coefficients.data[1, POINT_TERMS, HEIGHT] = 1.0
    plain, land = torch.full((cells, cells), 600.0), torch.ones(cells, cells)
    statics = known_statics(two_statics(plain, land), two_statics(600 + dz, torch.ones_like(dz)))
    x = torch.zeros(1, 3, cells, cells)
    x[0, 0], x[0, 1] = SCALE_HEIGHT * G / R, 9e4
    axis = subdivide(cells, 2.0)
    with torch.inference_mode():
        sp = model(x, torch.tensor([[1.0, 1.0, 0.0]]), statics, axis, axis, MEANS)[0, 1]
    m = FINE_MARGIN
    torch.testing.assert_close(sp, 9e4 * torch.exp(-dz[m:-m, m:-m] / SCALE_HEIGHT), rtol=1e-4, atol=0)


def rates_of(x: Tensor, present: list[float], statics: Statics) -> Tensor:
    """(S, V, H, W) of one case."""
    shown = torch.tensor([present])
    axis = subdivide(x.shape[-1], 2.0)
    return downscaler().encode(x * shown[:, :, None, None], shown, statics, axis, axis, MEANS).read[0, : len(STATICS)]


def test_rates_are_physical_and_only_where_there_is_something_to_say() -> None:
    height, land = random(16, 16, high=2500.0), (random(16, 16, seed=1) > 0.5).float()
    fine = torch.zeros(1, 2, 32 + 2 * FINE_MARGIN, 32 + 2 * FINE_MARGIN)
    statics = known_statics(two_statics(height, land), fine)
    t2m = 285 - 6.5 * height / 1000
    x = torch.stack([t2m, torch.full_like(t2m, 9e4), 1e-3 * land])[None]
    rates = rates_of(x, [1, 1, 1], statics)
    inside = rates[..., 2:-2, 2:-2]
    torch.testing.assert_close(inside[HEIGHT, 0], torch.full((12, 12), -6.5), rtol=0.02, atol=0)
    torch.testing.assert_close(rates[HEIGHT, 1], -1000 * G / R * 9e4 / t2m)  # Pa per km
    assert rates[LAND, 1].abs().max() == 0, "a coast is no step of pressure"
    assert rates[:, 2].abs().max() == 0, "rain has no rates"
    standard = rates_of(x, [0, 1, 1], statics)[HEIGHT, 1]
    torch.testing.assert_close(standard, -1000 * G / R * 9e4 / (288.15 - 6.5 * height / 1000))
    assert rates_of(x, [1, 0, 1], statics)[:, 1].abs().max() == 0, "no pressure, no rate of it"
    unknown = rates_of(x, [1, 1, 1], statics.without(torch.tensor([[0.0, 1.0]])))
    assert unknown[HEIGHT, 1].abs().max() == 0
    told = torch.full((16, 16), -6.5)
    torch.testing.assert_close(unknown[HEIGHT, 0], told, msg="of no height, what is told")


def test_rates_are_cut_where_they_must_be_noise() -> None:
    height = random(16, 16, high=2500.0)
    fine = torch.zeros(1, 2, 32 + 2 * FINE_MARGIN, 32 + 2 * FINE_MARGIN)
    statics = known_statics(two_statics(height, torch.ones(16, 16)), fine)
    x = torch.stack([285 - 60 * height / 1000, torch.full_like(height, 9e4), torch.zeros(16, 16)])[None]
    rates = rates_of(x, [1, 1, 1], statics)[HEIGHT, 0, 2:-2, 2:-2]
    limit = RATE_LIMIT * 0.2 * 4**0.8
    assert limit < 50
    torch.testing.assert_close(rates, torch.full((12, 12), -limit))


def test_detail_is_what_a_cell_differs_by_from_those_around_it() -> None:
    model, x = downscaler(), torch.full((1, 3, 9, 9), 280.0)
    sigma = 0.2 * 4**0.8 * math.hypot(1, 0.25)
    x[0, 0, 4, 4] += 0.9 * sigma
    x[0, 1, 4, 4] += 1e6
    axis = subdivide(9, 4.0)
    shown = torch.tensor([[1.0, 1.0, 0.0]])
    detail = model.encode(x, shown, Statics.unknown(9, 9, axis, axis), axis, axis, MEANS).read[0, SHARPER]
    assert float(detail[0, 4, 4]) == pytest.approx(0.8, abs=1e-3)
    assert float(detail[0, 3, 4]) == pytest.approx(-0.1, abs=1e-3)
    assert float(detail[0, 1, 1]) == 0
    assert float(detail[1].max()) == 10, "what no weather makes is cut"
    assert detail[2].abs().max() == 0
