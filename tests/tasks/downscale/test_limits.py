"""A plan's fields are held by the code that scores methods, and only what is beyond the grid differs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from flows.products.field import subdivided
from models.interpolation import INTERPOLATION_HALO, ConservativeBicubic
from models.limits import ROUNDS, deviations
from models.operator import CELL_MEANS, IFS, Operator
from models.training.data import Box, load
from models.training.evaluate import Method, forecast
from models.training.scenes import EDGE, box_scene
from tasks.downscale.fields import downscale_fields
from tasks.downscale.limits import AMOUNTS, PlanLimits
from tasks.downscale.predict import Plan, make_plan
from tasks.grids.grid import Grid
from tasks.handover.prepared import Prepared
from tests.models.training.test_train import write_pack

NAMES = ("t2m", "d2m", "u10", "tp")


def plan_of(coarse: Grid, scale: float, operator: Operator) -> Plan:
    """The whole domain of an input, as `finescale field` takes it."""
    return make_plan(coarse, subdivided(coarse, (scale, scale)), operator, halo=8, reach=8)


def fields(*shape: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Rough fields (1, *shape) float32; rain below zero in places."""
    rng = np.random.default_rng(seed)
    found = {n: rng.normal(280, 8, (1, *shape)) for n in NAMES} | {"tp": rng.normal(1e-3, 1e-3, (1, *shape))}
    return {n: f.astype(np.float32) for n, f in found.items()}


@pytest.mark.parametrize(("sy", "sx"), [(2.0, 2.0), (4.0, 2.0), (2.5, 3.5), (3.1, 1.7)])
@pytest.mark.parametrize("operator", [IFS, CELL_MEANS], ids=lambda o: str(o.sampling))
def test_a_field_is_scored_as_a_user_would_get_it(operator: Operator, sy: float, sx: float, tmp_path: Path) -> None:
    """Input, cells or points and all: what `finescale field` makes of a file is what `models.training.evaluate` scores.

    At fractional scales queries end amid an input cell, and cells straddle each other.
    """
    dataset = load(write_pack(tmp_path / "pack.npz"), ())["hres"]
    scene = box_scene(dataset, Box(50.0, 40.0, 60.0, 72.0), 0, list(NAMES), sy, sx, sampling=operator.sampling)
    scored, _ = forecast(Method(ConservativeBicubic()), scene, list(NAMES), AMOUNTS)
    known = scene.x[0, :, EDGE:-EDGE, EDGE:-EDGE].numpy()
    grid = Grid(50.0, 60.0, 0.1 * sy, 0.1 * sx, *known.shape[1:])
    first = (0.0, 0.0) if operator is IFS else (0.05 * (sy - 1), 0.05 * (sx - 1))  # points meet, or edges of cells
    target = Grid(50.0 + first[0], 60.0 - first[1], 0.1, 0.1, len(scene.rows), len(scene.cols))
    coordinates = {"step": [np.timedelta64(1, "h")], "latitude": grid.latitude, "longitude": grid.longitude}
    file = xr.Dataset({n: (tuple(coordinates), known[None, i]) for i, n in enumerate(NAMES)}, coordinates)
    plan = make_plan(grid, target, operator, halo=INTERPOLATION_HALO, reach=INTERPOLATION_HALO)
    product = downscale_fields(Prepared(file, grid, operator, None), plan, ConservativeBicubic(), list(NAMES))
    assert sorted(AMOUNTS & set(NAMES)) == ["tp"]
    for i, name in enumerate(NAMES):
        gap = np.abs(product[name].values - scored[name]).max()
        assert gap < 1e-4 * known[i].std(), (name, gap)


def test_over_the_pole_a_correction_turns_with_the_wind() -> None:
    """What u10 lacks in the last row it lacks with the other sign on the other side of the pole; a temperature not."""
    globe = Grid(88.75, -180.0, 2.5, 2.5, 72, 144)
    plan = plan_of(globe, 2.0, CELL_MEANS)
    fine = {n: np.zeros((1, plan.work.rows, plan.work.cols), np.float32) for n in ("t2m", "u10")}
    gap = np.zeros((1, 72, 144), np.float32)
    gap[:, 0] = 1.0
    held = PlanLimits(plan, CELL_MEANS).hold(fine, {"t2m": gap, "u10": gap}, [{"t2m": 1.0, "u10": 1.0}])
    at_the_pole = {n: float(f[0, 0].mean()) for n, f in held.items()}
    assert at_the_pole["t2m"] > 1.1 > 0.9 > at_the_pole["u10"]


def test_a_calm_part_of_the_input_is_held_to_the_tolerance_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dry block's own deviation is 0: it would be corrected as often as is allowed, for nothing."""
    grid = Grid(40.0, 100.0, 0.25, 0.25, 60, 60)
    plan = make_plan(grid, Grid(39.0625, 100.9375, 0.125, 0.125, 16, 16), CELL_MEANS, halo=8, reach=8)
    whole = {n: f for n, f in fields(60, 60).items() if n in ("t2m", "tp")}
    whole["tp"] = np.maximum(whole["tp"], 0)
    whole["tp"][:, :40, :40] = 0.0
    whole["t2m"][:, :40, :40] = 280.0
    coarse = {n: plan.window.of(f) for n, f in whole.items()}
    assert all(c.std() == 0 for c in coarse.values())
    shape, rng = (1, plan.work.rows, plan.work.cols), np.random.default_rng(1)
    fine = {"t2m": rng.normal(281, 1, shape).astype(np.float32), "tp": rng.normal(0, 1e-4, shape).astype(np.float32)}
    limits, rounds = PlanLimits(plan, CELL_MEANS), []
    monkeypatch.setattr(limits.means, "gap", lambda *of, gap=limits.means.gap: rounds.append(1) or gap(*of))
    held = limits.hold(fine, coarse, [deviations(whole)])
    assert len(rounds) <= 4 < ROUNDS
    assert not held["tp"].any()
    assert abs(float(held["t2m"].mean()) - 280) < 1e-2


def test_of_samples_no_means_are_held_and_signs_are() -> None:
    plan = plan_of(Grid(40.0, 100.0, 0.25, 0.25, 20, 20), 2.0, IFS)
    assert plan.work == plan.target, "nothing is computed that is not asked for"
    raw, x = fields(plan.work.rows, plan.work.cols), fields(plan.coarse.rows, plan.coarse.cols, seed=1)
    held = PlanLimits(plan, IFS).hold({n: f.copy() for n, f in raw.items()}, x, [])
    assert np.array_equal(held["t2m"], raw["t2m"])
    assert np.array_equal(held["tp"], np.maximum(raw["tp"], 0))
    assert np.array_equal(held["d2m"], np.minimum(raw["d2m"], raw["t2m"]))
