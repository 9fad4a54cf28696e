"""A plan's fields are held by the code that scores methods, and only what is beyond the grid differs."""

from __future__ import annotations

import numpy as np
import pytest

from flows.products.field import subdivided
from models.cell_means import CellMeans
from models.geometry import subdivide
from models.limits import ROUNDS, Limits, deviations
from tasks.downscale.limits import AMOUNTS, PlanLimits
from tasks.downscale.predict import Plan, make_plan
from tasks.grids.grid import Grid
from tests.models.test_limits import EDGE

NAMES = ("t2m", "d2m", "u10", "tp")


def plan_of(coarse: Grid, scale: float) -> Plan:
    """The whole domain of an input, as `finescale field` takes it."""
    return make_plan(coarse, subdivided(coarse, (scale, scale)), halo=8, reach=8)


def fields(*shape: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Rough fields (1, *shape) float32; rain below zero in places."""
    rng = np.random.default_rng(seed)
    found = {n: rng.normal(280, 8, (1, *shape)) for n in NAMES} | {"tp": rng.normal(1e-3, 1e-3, (1, *shape))}
    return {n: f.astype(np.float32) for n, f in found.items()}


@pytest.mark.parametrize("scale", [2.0, 2.5, 4.0])
def test_a_product_is_held_as_a_scored_field_is(scale: float) -> None:
    """`models.training.evaluate` sees cells with EDGE around them, a product its grid and more of its own cells."""
    grid = Grid(40.0, 100.0, 0.25, 0.25, 20, 24)
    plan, coarse = plan_of(grid, scale), fields(20, 24)
    coarse["tp"] = np.maximum(coarse["tp"], 0)
    fine = fields(plan.work.rows, plan.work.cols, seed=1)
    top, bottom, left, right = plan.edges
    scored = {n: f[:, top : plan.work.rows - bottom, left : plan.work.cols - right].copy() for n, f in fine.items()}
    product = PlanLimits(plan).hold(fine, coarse, deviations(coarse))
    rows, cols = subdivide(20, scale).shifted(-EDGE), subdivide(24, scale).shifted(-EDGE)
    seen = {n: np.pad(c, ((0, 0), (EDGE, EDGE), (EDGE, EDGE)), mode="edge") for n, c in coarse.items()}
    Limits(CellMeans(rows, cols, 20 + 2 * EDGE, 24 + 2 * EDGE), AMOUNTS).hold(scored, seen, deviations(coarse))
    assert sorted(AMOUNTS) == ["tp"]
    for name in NAMES:
        assert product[name].shape == scored[name].shape
        np.testing.assert_allclose(product[name], scored[name], rtol=1e-5, atol=1e-6, err_msg=name)


def test_over_the_pole_a_correction_turns_with_the_wind() -> None:
    """What u10 lacks in the last row it lacks with the other sign on the other side of the pole; a temperature not."""
    globe = Grid(88.75, -180.0, 2.5, 2.5, 72, 144)
    plan = plan_of(globe, 2.0)
    fine = {n: np.zeros((1, plan.work.rows, plan.work.cols), np.float32) for n in ("t2m", "u10")}
    gap = np.zeros((1, 72, 144), np.float32)
    gap[:, 0] = 1.0
    held = PlanLimits(plan).hold(fine, {"t2m": gap, "u10": gap}, {"t2m": 1.0, "u10": 1.0})
    at_the_pole = {n: float(f[0, 0].mean()) for n, f in held.items()}
    assert at_the_pole["t2m"] > 1.1 > 0.9 > at_the_pole["u10"]


def test_a_calm_part_of_the_input_is_held_to_the_tolerance_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dry block's own deviation is 0: it would be corrected as often as is allowed, for nothing."""
    grid = Grid(40.0, 100.0, 0.25, 0.25, 60, 60)
    plan = make_plan(grid, Grid(39.0625, 100.9375, 0.125, 0.125, 16, 16), halo=8, reach=8)
    whole = {n: f for n, f in fields(60, 60).items() if n in ("t2m", "tp")}
    whole["tp"] = np.maximum(whole["tp"], 0)
    whole["tp"][:, :40, :40] = 0.0
    whole["t2m"][:, :40, :40] = 280.0
    coarse = {n: plan.window.of(f) for n, f in whole.items()}
    assert all(c.std() == 0 for c in coarse.values())
    shape, rng = (1, plan.work.rows, plan.work.cols), np.random.default_rng(1)
    fine = {"t2m": rng.normal(281, 1, shape).astype(np.float32), "tp": rng.normal(0, 1e-4, shape).astype(np.float32)}
    limits, rounds = PlanLimits(plan), []
    monkeypatch.setattr(limits.means, "gap", lambda *of, gap=limits.means.gap: rounds.append(1) or gap(*of))
    held = limits.hold(fine, coarse, deviations(whole))
    assert len(rounds) <= 4 < ROUNDS
    assert not held["tp"].any()
    assert abs(float(held["t2m"].mean()) - 280) < 1e-2
