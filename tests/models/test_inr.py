"""The network: untrained it is the interpolation; any scale; strictly local; trains."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.downscaler import FINE_MARGIN, Downscaler
from models.geometry import Axis, subdivide
from models.inr import INR, INRConfig
from models.interpolation import conservative_bicubic
from models.statistics import Statistics, VariableStatistics

NAMES = ("t2m", "tp")
SMALL = INRConfig(variables=2, channels=8, blocks=4, hidden=16, heads=2, terrain_channels=4)


def make(seed: int = 0, trained: bool = False) -> Downscaler:
    torch.manual_seed(seed)
    statistics = Statistics(
        {
            "t2m": VariableStatistics(280.0, 15.0, (0.2, 0.8)),
            "tp": VariableStatistics(1.0, 1.2, (2e-4, 0.6), amount=True),
        }
    )
    model = Downscaler(INR(SMALL), statistics).eval()
    if trained:  # the head starts at zero: give it something to say
        for module in (model.network.head, model.network.regression.coefficients):
            torch.nn.init.normal_(module.weight, std=0.3)
    return model


def inputs(height: int, width: int, rows: Axis, cols: Axis, seed: int = 1) -> tuple[torch.Tensor, ...]:
    rng = np.random.default_rng(seed)
    t2m = 280 + rng.normal(0, 5, (height, width))
    tp = np.maximum(rng.normal(0, 1e-3, (height, width)), 0)
    x = torch.from_numpy(np.stack([t2m, tp])[None]).float()
    m = 2 * FINE_MARGIN
    z_coarse = torch.from_numpy(rng.uniform(0, 2000, (1, 1, height, width))).float()
    z_fine = torch.from_numpy(rng.uniform(0, 2000, (1, 1, len(rows) + m, len(cols) + m))).float()
    return x, torch.ones(1, 2), z_coarse, z_fine


@pytest.mark.parametrize(("sy", "sx"), [(1.0, 1.0), (2.0, 2.0), (2.5, 2.5), (np.pi, 1.7), (8.0, 3.0)])
def test_untrained_network_is_the_interpolation_at_any_scale(sy: float, sx: float) -> None:
    rows, cols = subdivide(14, sy), subdivide(12, sx)
    x, present, zc, zf = inputs(14, 12, rows, cols)
    with torch.inference_mode():
        out = make()(x, present, zc, zf, rows, cols)
    assert out.shape == (1, 2, len(rows), len(cols))
    torch.testing.assert_close(out, conservative_bicubic(x, rows, cols))


def test_network_with_weights_differs_from_the_interpolation() -> None:
    rows, cols = subdivide(14, 2.0), subdivide(12, 2.0)
    x, present, zc, zf = inputs(14, 12, rows, cols)
    with torch.inference_mode():
        out = make(trained=True)(x, present, zc, zf, rows, cols)
    assert (out - conservative_bicubic(x, rows, cols)).abs().max() > 1e-2


def test_result_changes_with_the_scale_and_with_the_terrain() -> None:
    model = make(trained=True)
    rows = cols = subdivide(12, 3.0)
    x, present, zc, zf = inputs(12, 12, rows, cols)
    wider = Axis(rows.centres, rows.width * 1.5)
    with torch.inference_mode():
        one = model(x, present, zc, zf, rows, cols)
        assert (one - model(x, present, zc, zf, wider, cols)).abs().max() > 1e-4
        assert (one - model(x, present, zc, zf + 100, rows, cols)).abs().max() > 1e-4
        assert (one - model(x, present, None, None, rows, cols)).abs().max() > 1e-4


def test_no_rain_near_means_no_rain_made() -> None:
    model = make(trained=True)
    rows = cols = subdivide(16, 2.0)
    x, present, zc, zf = inputs(16, 16, rows, cols)
    x[:, 1] = 0
    with torch.inference_mode():
        assert model(x, present, zc, zf, rows, cols)[:, 1].abs().max() == 0


def test_nothing_beyond_the_stated_reach_matters() -> None:
    model = make(trained=True)
    n = 2 * model.reach + 9
    rows = cols = subdivide(n, 2.0).part(n - 2, n + 2)  # four queries in the middle
    x, present, zc, zf = inputs(n, n, rows, cols)
    near = slice(n // 2 - model.reach - 1, n // 2 + model.reach + 2)
    x2, zc2 = x.clone() + 20, zc.clone() + 500
    x2[..., near, near], zc2[..., near, near] = x[..., near, near], zc[..., near, near]
    with torch.inference_mode():
        a, b = model(x, present, zc, zf, rows, cols), model(x2, present, zc2, zf, rows, cols)
    # the interpolation works on anomalies from the window's mean, which rounds differently
    assert (a - b).abs().max() < 2e-4


def test_every_parameter_learns() -> None:
    model = make(trained=True).train()
    rows, cols = subdivide(12, 2.0), subdivide(12, 3.0)
    model(*inputs(12, 12, rows, cols), rows, cols).square().mean().backward()
    silent = [n for n, p in model.named_parameters() if p.grad is None or float(p.grad.abs().max()) == 0]
    assert silent == []


def test_statistics_of_another_network_are_refused() -> None:
    with pytest.raises(ValueError, match="network has 3 variables"):
        Downscaler(INR(INRConfig(variables=3, channels=8, blocks=1)), make().statistics)
