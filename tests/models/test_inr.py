"""The network: untrained it is the interpolation; any scale; strictly local; trains."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.downscaler import Downscaler, fine_channels, input_channels
from models.geometry import Axis, subdivide
from models.inr import INR, INRConfig
from models.inr.decoder import Lookup, NeighbourhoodNonlinearBranch
from models.interpolation import conservative_bicubic
from models.methods import build
from models.statics import FINE_MARGIN, Statics
from models.statistics import Statistics, VariableStatistics

NAMES = ("t2m", "tp")
SMALL = {"channels": 8, "blocks": 4, "hidden": 16, "heads": 2, "terrain_channels": 4}


def make(seed: int = 0, trained: bool = False, **parts: bool | int) -> Downscaler:
    torch.manual_seed(seed)
    statistics = Statistics(
        {
            "t2m": VariableStatistics(280.0, 15.0, (0.2, 0.8)),
            "tp": VariableStatistics(1.0, 1.2, (2e-4, 0.6), amount=True),
        }
    )
    model = build("inr", statistics, SMALL | parts).eval()
    assert isinstance(model, Downscaler)
    if trained:  # the last layer starts at zero: give it something to say
        for module in (model.network.last, model.regression.coefficients):
            torch.nn.init.normal_(module.weight, std=0.3)
    return model


def inputs(
    height: int, width: int, rows: Axis, cols: Axis, seed: int = 1
) -> tuple[torch.Tensor, torch.Tensor, Statics]:
    rng = np.random.default_rng(seed)
    t2m = 280 + rng.normal(0, 5, (height, width))
    tp = np.maximum(rng.normal(0, 1e-3, (height, width)), 0)
    x = torch.from_numpy(np.stack([t2m, tp])[None]).float()
    m = 2 * FINE_MARGIN

    def static(h: int, w: int) -> torch.Tensor:
        return torch.from_numpy(np.stack([rng.uniform(0, 2000, (h, w)), rng.uniform(0, 1, (h, w))])[None]).float()

    unknown = Statics.unknown(height, width, rows, cols)
    fine = static(len(rows) + m, len(cols) + m)
    return x, torch.ones(1, 2), replace(unknown, coarse=static(height, width), fine=fine, known=torch.ones(1, 2))


@pytest.mark.parametrize(("sy", "sx"), [(1.0, 1.0), (2.0, 2.0), (2.5, 2.5), (np.pi, 1.7), (8.0, 3.0)])
def test_untrained_network_is_the_interpolation_at_any_scale(sy: float, sx: float) -> None:
    rows, cols = subdivide(14, sy), subdivide(12, sx)
    x, present, statics = inputs(14, 12, rows, cols)
    with torch.inference_mode():
        out = make()(x, present, statics, rows, cols)
    assert out.shape == (1, 2, len(rows), len(cols))
    torch.testing.assert_close(out, conservative_bicubic(x, rows, cols))


def test_network_with_weights_differs_from_the_interpolation() -> None:
    rows, cols = subdivide(14, 2.0), subdivide(12, 2.0)
    x, present, statics = inputs(14, 12, rows, cols)
    with torch.inference_mode():
        out = make(trained=True)(x, present, statics, rows, cols)
    assert (out - conservative_bicubic(x, rows, cols)).abs().max() > 1e-2


def test_result_changes_with_the_scale_and_with_the_terrain() -> None:
    model = make(trained=True)
    rows = cols = subdivide(12, 3.0)
    x, present, statics = inputs(12, 12, rows, cols)
    wider = Axis(rows.centres, rows.width * 1.5)
    with torch.inference_mode():
        one = model(x, present, statics, rows, cols)
        assert (one - model(x, present, statics, wider, cols)).abs().max() > 1e-4
        assert (one - model(x, present, replace(statics, fine=statics.fine + 0.3), rows, cols)).abs().max() > 1e-4
        assert (one - model(x, present, statics.without(torch.zeros(1, 2)), rows, cols)).abs().max() > 1e-4


def test_no_rain_near_means_no_rain_made() -> None:
    model = make(trained=True)
    rows = cols = subdivide(16, 2.0)
    x, present, statics = inputs(16, 16, rows, cols)
    x[:, 1] = 0
    with torch.inference_mode():
        assert model(x, present, statics, rows, cols)[:, 1].abs().max() == 0


def test_nothing_beyond_the_stated_reach_matters() -> None:
    model = make(trained=True)
    n = 2 * model.reach + 9
    rows = cols = subdivide(n, 2.0).part(n - 2, n + 2)  # four queries in the middle
    x, present, statics = inputs(n, n, rows, cols)
    near = slice(n // 2 - model.reach - 1, n // 2 + model.reach + 2)
    x2, coarse = x.clone() + 20, statics.coarse.clone() + 500
    x2[..., near, near], coarse[..., near, near] = x[..., near, near], statics.coarse[..., near, near]
    other = replace(statics, coarse=coarse)
    with torch.inference_mode():
        a, b = model(x, present, statics, rows, cols), model(x2, present, other, rows, cols)
    # the interpolation works on anomalies from the window's mean, which rounds differently
    assert (a - b).abs().max() < 2e-4


def test_every_parameter_learns() -> None:
    model = make(trained=True).train()
    rows, cols = subdivide(12, 2.0), subdivide(12, 3.0)
    model(*inputs(12, 12, rows, cols), rows, cols).square().mean().backward()
    trained = model.network.named_parameters()  # the regression is solved, not trained
    silent = [n for n, p in trained if p.grad is None or float(p.grad.abs().max()) == 0]
    assert silent == []


def test_spacing_of_the_grid_is_known_to_the_network() -> None:
    model = make(trained=True)
    rows = cols = subdivide(12, 2.0)
    x, present, statics = inputs(12, 12, rows, cols)
    with torch.inference_mode():
        one = model(x, present, statics, rows, cols)
        wide = model(x, present, replace(statics, spacing=statics.spacing * 4), rows, cols)
    assert (one - wide).abs().max() > 1e-4


PARTS = ("modulator", "aggregation", "linear_branch", "nonlinear_branch", "attention_fusion", "terrain_channels")


@pytest.mark.parametrize("part", PARTS)
def test_every_part_can_be_switched_off(part: str) -> None:
    whole, without = make(trained=True), make(trained=True, **{part: 0 if part == "terrain_channels" else False})
    count = lambda m: sum(p.numel() for p in m.parameters())  # noqa: E731
    assert count(without) < count(whole)
    rows, cols = subdivide(12, 2.0), subdivide(12, 3.0)
    with torch.inference_mode():
        out = without(*inputs(12, 12, rows, cols), rows, cols)
    assert torch.isfinite(out).all()


def test_a_network_without_branches_is_refused() -> None:
    with pytest.raises(ValueError, match="linear branch, the nonlinear branch or both"):
        make(linear_branch=False, nonlinear_branch=False)


def test_neighbourhood_attention_is_the_attention_it_says() -> None:
    """The separated logits against a plain gather of every neighbour of every query."""
    torch.manual_seed(3)
    branch, c, heads, n = NeighbourhoodNonlinearBranch(8, 2), 8, 2, 7
    features = torch.randn(2, c, n, n)
    rows, cols = Lookup.of(subdivide(n, 2.3), n, features.device), Lookup.of(subdivide(n, 3.0), n, features.device)
    with torch.inference_mode():
        fast = branch(features, rows, cols)
        q, k, v = branch.query(features), branch.key(features), branch.value(features)
        table = lambda name, at, step: branch.tables[name](at.offset - step, at.width)  # noqa: E731
        at = lambda t, dy, dx: t.index_select(-2, rows.nearest[dy + 1]).index_select(-1, cols.nearest[dx + 1])  # noqa: E731
        split = lambda t: t.unflatten(1, (heads, -1))  # noqa: E731
        py, px = table("query_y", rows, 0)[None, :, :, None], table("query_x", cols, 0)[None, :, None, :]
        logits, values = [], []
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                ky, kx = table("key_y", rows, dy)[None, :, :, None], table("key_x", cols, dx)[None, :, None, :]
                key, centre = at(k, dy, dx), at(q, 0, 0)
                product = centre * (key + ky + kx) * (c // heads) ** -0.5 + (py + px) * key + py * ky + px * kx
                logits.append(split(product).sum(dim=2))
                values.append(split(at(v, dy, dx)))
        # in the branch the whole query, position included, meets the scaled key
        weights = torch.stack(logits).softmax(dim=0)
        plain = (weights[:, :, :, None] * torch.stack(values)).sum(dim=0).flatten(1, 2)
    torch.testing.assert_close(fast, plain, atol=1e-5, rtol=1e-4)


def test_statistics_of_another_network_are_refused() -> None:
    statistics = make().statistics
    other = INR(input_channels(3), 3, fine_channels(3), INRConfig(channels=8, blocks=1))
    with pytest.raises(ValueError, match="network has 3 variables"):
        Downscaler(other, statistics)
