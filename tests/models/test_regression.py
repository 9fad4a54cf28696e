"""Regressions in closed form: what was planted is found, and two numbers on terrain are worth what FACTS.md says."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from models.baselines.regression import LAPSE_RANGE, NeighbourhoodRegression, StaticsOnly, static_predictors
from models.cell_means import area_mean
from models.downscaler import Downscaler
from models.geometry import mean_scale, subdivide
from models.interpolation import Bicubic, ConservativeBicubic, conservative_bicubic
from models.operator import MEANS, Sampling, Seen
from models.regression import PREDICTORS, TERMS, LeastSquares, StaticRegression, operator_terms
from models.statics import FINE_MARGIN, HEIGHT, Statics
from models.statistics import VARIABLES
from models.training.batches import Batch, Batches
from models.training.data import EVERYWHERE, Box, Dataset, load
from models.training.fitting import fit_regression, fit_statistics, predictors
from models.training.methods import build
from models.training.metrics import rmse
from models.training.scenes import EDGE, box_scene
from tasks.datasets.training import of_model, pack, read_fields, statics_0p1, with_statics
from tests.models.training.test_train import SETTINGS, write_pack

NETWORK = {"channels": 4, "blocks": 1, "hidden": 4, "heads": 2, "terrain_channels": 0}


def random(*shape: int, low: float = -1.0, high: float = 1.0, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).uniform(low, high, shape)).float()


def says(regression: StaticRegression, predictors: Tensor, seen: Seen, scale: float) -> Tensor:
    """The sum that a regression is, predictor by predictor: (B, V, P, Qy, Qx) -> (B, V, Qy, Qx)."""
    return (regression.at_scale(seen, scale)[:, :, None, None] * predictors).sum(dim=2)


def test_sums_of_batches_give_every_variable_its_own_least_squares() -> None:
    predictors, target = random(6, 3, 5, 7, 8), random(6, 3, 7, 8, seed=1)
    target[:, :2] += 2 * predictors[:, :2, 1] - predictors[:, :2, 4]
    sums = LeastSquares(3, 5)
    for part in (slice(0, 2), slice(2, 6)):
        sums.add(predictors[part], target[part], torch.ones(6, 3)[part])
    for v, (plain, damped) in enumerate(zip(sums.solve(ridge=0.0), sums.solve(), strict=True)):
        flat = predictors[:, v].double().movedim(1, -1).flatten(0, 2).numpy()
        want = np.linalg.lstsq(flat, target[:, v].double().flatten().numpy(), rcond=None)[0]
        np.testing.assert_allclose(plain, want, atol=1e-6)
        np.testing.assert_allclose(damped, want, atol=1e-3)  # the ridge is no more than a guard


def test_what_is_not_known_of_a_variable_is_not_fitted() -> None:
    predictors = random(4, 2, 1, 9, 9)
    target = 3 * predictors[:, :, 0]
    target[:2, 0] = 100.0  # absent there
    sums = LeastSquares(2, 1)
    sums.add(predictors, target, torch.tensor([[0.0, 1.0], [0.0, 1.0], [1.0, 1.0], [1.0, 1.0]]))
    solution = sums.solve()
    assert solution.flatten().tolist() == pytest.approx([3, 3], rel=1e-3)
    assert float(sums.left(solution).max()) < 0.02


def test_coefficients_are_parabolas_of_the_scale_and_each_sampling_s_own() -> None:
    """Each batch at one scale; at a scale that was not among them the coefficient is found all the same."""
    sums, regression = LeastSquares(1, TERMS * PREDICTORS), StaticRegression(1)
    want = {MEANS.sampling: lambda m: 2 - 3 * m + 0.5 * m**2, Sampling.SAMPLES: lambda m: 1 + m}

    def case(sampling: Sampling, scale: float) -> tuple[Seen, float]:
        seen = MEANS if sampling is Sampling.MEANS else Seen(sampling, 1 / scale, 1 / scale)
        return seen, want[sampling](math.log2(scale) / 1.5 - 1)

    for sampling in Sampling:
        for i, scale in enumerate((1.0, 1.7, 4.0, 8.0)):
            predictors = random(2, 1, PREDICTORS, 9, 9, seed=i)
            seen, coefficient = case(sampling, scale)
            sums.add(predictors, coefficient * predictors[:, :, 1], torch.ones(2, 1), operator_terms(seen, scale))
    solution = sums.solve(ridge=1e-9)
    assert float(sums.left(solution)) == pytest.approx(0, abs=0.02)
    assert float(sums.left(torch.zeros_like(solution))) == 1
    regression.coefficients.data = solution.view(1, TERMS, PREDICTORS)
    predictors = random(1, 1, PREDICTORS, 5, 5, seed=9)
    for sampling in Sampling:
        seen, coefficient = case(sampling, 2.5)
        said = says(regression, predictors, seen, 2.5)
        torch.testing.assert_close(said, coefficient * predictors[:, :, 1], atol=1e-3, rtol=0)


def test_of_samples_a_coefficient_depends_on_what_the_footprint_hides() -> None:
    regression, predictors = StaticRegression(2), random(1, 2, PREDICTORS, 4, 4)
    regression.requires_grad_(False).coefficients[:, 3, 2] = 1.0  # times the octaves hidden
    sharp, smooth = Seen(Sampling.SAMPLES, 0.25, 0.25), Seen(Sampling.SAMPLES, 1.0, 0.25)
    assert float(says(regression, predictors, sharp, 4.0).abs().max()) == 0
    torch.testing.assert_close(says(regression, predictors, smooth, 4.0), 2 * predictors[:, :, 2])
    assert float(says(regression, predictors, MEANS, 4.0).abs().max()) == 0


@pytest.mark.parametrize("seen", [MEANS, Seen(Sampling.SAMPLES, 0.4, 0.4), Seen(Sampling.SAMPLES, 1.1, 0.4)])
def test_what_is_added_up_before_the_first_field_is_the_sum_over_predictors(tmp_path: Path, seen: Seen) -> None:
    """Of all kinds of variables, two lead times over one ground; the network says nothing yet."""
    dataset = load(write_pack(tmp_path / "pack.npz"), ())["hres"]
    names = list(VARIABLES)
    model = build("inr", fit_statistics(dataset, names, 16), NETWORK)
    assert isinstance(model, Downscaler)
    torch.nn.init.normal_(model.regression.coefficients, generator=torch.Generator().manual_seed(1))
    batch = Batches(dataset, names, replace(SETTINGS, parts=1), np.random.default_rng(0)).draw()
    x = batch.x[:1] * torch.tensor([1.0, 1.001]).view(2, 1, 1, 1)
    statics = replace(
        batch.statics, **{n: getattr(batch.statics, n)[:1] for n in ("coarse", "fine", "known", "spacing")}
    )
    rows, cols = batch.rows, batch.cols
    with torch.inference_mode():
        encoded = model.encode(x, torch.ones(1, len(names)), statics, rows, cols, seen)
        fine = model.decode(encoded, model.ground(encoded, statics, rows, cols))
        of_places, sigma = predictors(model, encoded, statics, rows, cols)
        want = encoded.interpolant(rows, cols) + sigma * says(model.regression, of_places, seen, mean_scale(rows, cols))
    assert len(fine) == 2
    for i in range(len(names)):
        torch.testing.assert_close(fine[:, i], want[:, i], atol=1e-4 * float(sigma[:, i].mean()), rtol=1e-5)


def test_a_predictor_that_is_always_zero_gets_zero() -> None:
    predictors = random(2, 1, 3, 9, 9)
    predictors[:, :, 1] = 0
    sums = LeastSquares(1, 3)
    sums.add(predictors, 4 * predictors[:, :, 0], torch.ones(2, 1))
    solution = sums.solve()
    assert float(solution[0, 1]) == 0
    assert float(solution[0, 0]) == pytest.approx(4, rel=1e-3)


def test_the_same_predictor_twice_is_solved_all_the_same() -> None:
    predictor = random(2, 1, 1, 9, 9)
    sums = LeastSquares(1, 2)
    sums.add(predictor.expand(-1, -1, 2, -1, -1), 4 * predictor[:, :, 0], torch.ones(2, 1))
    assert sums.solve()[0].tolist() == pytest.approx([2, 2], rel=1e-3)


def test_rain_is_not_regressed_on_terrain_and_slopes_are_for_wind(tmp_path: Path) -> None:
    """Predictors begin with rates times height and land, and end with slopes east and north and speed-up."""
    dataset = load(write_pack(tmp_path / "pack.npz"), ())["hres"]
    dataset = replace(dataset, fields=dataset.fields | {"tp": dataset.fields["t2m"]})  # which follows the terrain
    names = list(VARIABLES)
    model = build("inr", fit_statistics(dataset, names, 16), NETWORK)
    assert isinstance(model, Downscaler)
    batches = Batches(dataset, names, SETTINGS, np.random.default_rng(0))
    fit_regression(model, (batches.draw() for _ in range(20)))
    size = model.regression.coefficients.detach().abs().amax(dim=1)
    used = {n: (s > 0).tolist() for n, s in zip(names, size, strict=True)}
    assert {n: u[:2] for n, u in used.items()} == {n: [n != "tp", n not in ("tp", "sp")] for n in names}
    assert {n: u[-3:] for n, u in used.items()} == {n: [n in ("u10", "v10")] * 3 for n in names}
    assert all(u[2] for u in used.values()), "how sharp interpolation is best, each has an answer to"
    assert float(size[names.index("t2m"), 0]) > 0.1


def terrain_scene(
    scale: float, fields: Callable[[Tensor, Tensor], list[Tensor]], seed: int = 0, cells: int = 20
) -> Batch:
    """Fields of height (m) and land over random terrain, and their means."""
    axis, m = subdivide(cells, scale), FINE_MARGIN
    n = len(axis) + 2 * m
    smooth = random(1, 1, n // 2 + 2, n // 2 + 2, low=0, high=2000, seed=seed)
    height = torch.nn.functional.interpolate(smooth, size=(n, n), mode="bilinear")[0, 0]
    static = torch.stack([height, (random(n, n, seed=seed + 50) > 0).float()])[None]
    inner = static[..., m:-m, m:-m]
    target = torch.stack(fields(inner[0, 0], inner[0, 1]))[None]
    coarse = area_mean(inner, axis, axis, cells, cells)
    statics = replace(Statics.unknown(cells, cells, axis, axis), coarse=coarse, fine=static, known=torch.ones(1, 2))
    x = area_mean(target, axis, axis, cells, cells)
    return Batch(x, torch.ones(1, x.shape[1]), statics, axis, axis, MEANS, target)


def forecast(model: torch.nn.Module, s: Batch) -> Tensor:
    with torch.inference_mode():
        return model(s.x, s.present, s.statics, s.rows, s.cols, s.seen)


def inside(t: Tensor, cells: int, scale: float) -> Tensor:
    edge = round(cells * scale)
    return t[..., edge:-edge, edge:-edge]


def test_terrain_regression_finds_a_lapse_rate_of_its_own_in_every_place() -> None:
    """One lapse rate is learnt by the first coefficient, one that differs from scene to scene by the second alone."""
    scenes = [terrain_scene(3.0, lambda z, _, k=k: [290 - k * z / 1000, 5 + 0 * z], seed=k) for k in (3, 5, 7, 9)]
    model = StaticsOnly(["t2m", "u10"])
    model.fit(scenes[:3])
    assert model.coefficients.shape == (2, 2)
    assert model.coefficients[0].tolist() == pytest.approx([0, 1], abs=0.15)
    assert model.coefficients[1].abs().max() < 1e-3
    new = scenes[3]
    found, before = (rmse(inside(f, 4, 3), inside(new.target, 4, 3)) for f in (forecast(model, new), interpolated(new)))
    assert found[0] < 0.1 * before[0]
    torch.testing.assert_close(forecast(model, new)[:, 1], new.target[:, 1])


def interpolated(s: Batch) -> Tensor:
    return conservative_bicubic(s.x, s.rows, s.cols)


def test_coasts_are_seen_with_land_only() -> None:
    scenes = [terrain_scene(2.0, lambda _, land: [280 + 4 * land], seed=seed) for seed in (0, 1)]
    errors = {}
    for land in (False, True):
        model = StaticsOnly(["t2m"], land=land)
        model.fit(scenes[:1])
        assert model.coefficients.shape == (1, 4 if land else 2)
        errors[land] = rmse(inside(forecast(model, scenes[1]), 4, 2), inside(scenes[1].target, 4, 2))
    assert errors[True] < 0.1 * errors[False]


def test_lapse_rates_of_temperature_are_cut_and_those_of_pressure_are_not() -> None:
    s = terrain_scene(2.0, lambda z, _: [400 - 0.05 * z, 400 - 0.05 * z, 200 + 0.02 * z, 101325 - 12 * z])
    names = ["t2m", "sp", "d2m", "sp"]
    predictors = inside(static_predictors(s.x, names, s.statics, s.rows, s.cols, s.seen), 3, 2)
    assert predictors.shape[:3] == (1, 4, 4)
    height = predictors[0, :, HEIGHT]
    coarse = conservative_bicubic(s.statics.coarse, s.rows, s.cols)
    m = FINE_MARGIN
    difference = (s.statics.fine[..., m:-m, m:-m] - coarse)[0, HEIGHT] / 1000
    torch.testing.assert_close(height, inside(difference, 3, 2).expand_as(height), atol=1e-4, rtol=0)
    steep = height.abs() > 0.1
    rate = torch.where(steep, predictors[0, :, 2] / height.where(steep, torch.ones(())), float("nan"))
    for v, want in enumerate((LAPSE_RANGE[0], -50.0, LAPSE_RANGE[1], -12000.0)):
        assert rate[v].nanmedian() == pytest.approx(want, rel=0.03)


def neighbour_scene(scale: int, seed: int) -> Batch:
    """In the western half of every cell, 0.4 of what the cell to the west has more."""
    cells = 22
    x, axis = 280 + 5 * random(1, 2, cells, cells, seed=seed), subdivide(cells, scale)
    west = torch.cat([x[..., :1], x[..., :-1]], dim=-1) - x
    fine = west.repeat_interleave(scale, -1).repeat_interleave(scale, -2)
    western = torch.arange(cells * scale) % scale < scale / 2
    target = conservative_bicubic(x, axis, axis) + 0.4 * fine * western
    statics = Statics.unknown(cells, cells, axis, axis)
    return Batch(x, torch.ones(1, 2), statics, axis, axis, MEANS, target)


def test_neighbourhood_regression_finds_what_each_place_in_a_cell_takes_from_its_neighbours() -> None:
    model = NeighbourhoodRegression(["t2m", "d2m"])
    model.fit([neighbour_scene(2, seed) for seed in range(4)])
    assert len(model.tables) == 4
    new = neighbour_scene(2, 9)
    found, before = (rmse(inside(f, 2, 2), inside(new.target, 2, 2)) for f in (forecast(model, new), interpolated(new)))
    assert (found < 0.01 * before).all()


def test_neighbourhood_regression_uses_the_terrain() -> None:
    scenes = [terrain_scene(2.0, lambda z, _: [290 - 6.5 * z / 1000], seed=seed, cells=30) for seed in range(3)]
    model = NeighbourhoodRegression(["t2m"])
    model.fit(scenes[:2])
    new = scenes[2]
    found, before = (rmse(inside(f, 4, 2), inside(new.target, 4, 2)) for f in (forecast(model, new), interpolated(new)))
    assert found[0] < 0.1 * before[0]


def test_a_place_in_the_cell_that_was_not_trained_is_refused() -> None:
    model = NeighbourhoodRegression(["t2m", "d2m"])
    model.fit([neighbour_scene(2, 0)])
    with pytest.raises(KeyError):
        forecast(model, neighbour_scene(3, 0))


# FACTS.md: RMSE of bicubic, of back-projection, of back-projection with terrain; K, Pa, m/s
FACTS = [
    (2, "t2m", 0.456, 0.421, 0.365),
    (2, "sp", 493, 418, 52),
    (4, "t2m", 0.847, 0.823, 0.636),
    (4, "d2m", 0.635, 0.609, 0.442),
    (4, "sp", 1188, 1142, 125),
    (4, "u10", 0.538, 0.522, 0.522),
    (4, "v10", 0.588, 0.573, 0.573),
    (8, "t2m", 1.126, 1.101, 0.785),
]
WEST = Box(70, 5, -10, 60)


@pytest.fixture(scope="module")
def real(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Dataset]:
    """Western Eurasia to fit on and the China box to test on, of one HRES forecast."""
    names = sorted({f[1] for f in FACTS})
    statics = statics_0p1(shared_data / "static")
    west = read_fields(shared_data / "train/hres_0p1_nh_20211210T20.nc", *names)
    west = west.sel(latitude=slice(WEST.north, WEST.south), longitude=slice(WEST.west, WEST.east))
    china = read_fields(shared_data / "test/hres_0p1_china_20211210T20.nc", *names)
    out = tmp_path_factory.mktemp("terrain") / "pack.npz"
    pack({n: of_model(with_statics(f, statics), 9.0) for n, f in (("west", west), ("china", china))}, out)
    return load(out, ())


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_two_numbers_on_terrain_are_worth_what_the_facts_say(scale: int, real: dict[str, Dataset]) -> None:
    """The share of the error that terrain takes away is that of FACTS.md within 8 %, the errors themselves within 12 %.

    Of cell means. The source does not state its exact window; taken here is the China box without 3 input cells at its
    edge, where a window of 5x5 for lapse rates would hold repeated values. Its plain bicubic is sharper than ours
    (a = -0.75, as torch's, instead of -0.5), hence 13 % for that.
    """
    names = real["china"].variables
    model = StaticsOnly(names)
    model.fit([box_scene(real["west"], WEST, 0, names, scale, scale, sampling=Sampling.MEANS)])
    scene = box_scene(real["china"], EVERYWHERE, 0, names, scale, scale, sampling=Sampling.MEANS)
    assert scene.x.shape[-2:] == (201 // scale + 2 * EDGE, 251 // scale + 2 * EDGE)
    target = inside(scene.target, 3, scale)
    methods = Bicubic(), ConservativeBicubic(), model
    errors = [rmse(inside(forecast(m, scene), 3, scale), target) for m in methods]
    for _, name, *facts in (f for f in FACTS if f[0] == scale):
        bicubic, projected, terrain = (float(e[names.index(name)]) for e in errors)
        assert terrain / projected == pytest.approx(facts[2] / facts[1], rel=0.08), name
        assert [projected, terrain] == pytest.approx(facts[1:], rel=0.12), name
        assert bicubic == pytest.approx(facts[0], rel=0.13), name
        assert bicubic > projected
