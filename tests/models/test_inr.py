"""The network: untrained it is the interpolation; any scale; strictly local; trains."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from models.downscaler import Downscaler, fine_channels, input_channels
from models.geometry import Axis, subdivide
from models.inr import INR, INRConfig
from models.inr.by_cell import Periods
from models.inr.decoder import CoordinateLinearBranch, NeighbourhoodNonlinearBranch, on_grid
from models.inr.queries import Queries
from models.interpolation import bicubic, conservative_bicubic
from models.operator import MEANS, Sampling, Seen
from models.statics import FINE_MARGIN, Statics
from models.statistics import Statistics, VariableStatistics
from models.training.methods import build
from tests.models.laws import law

NAMES = ("t2m", "tp")
SMALL = {"channels": 8, "blocks": 4, "hidden": 16, "heads": 2, "terrain_channels": 4}


def make(seed: int = 0, trained: bool = False, **parts: bool | int) -> Downscaler:
    torch.manual_seed(seed)
    statistics = Statistics(
        {
            "t2m": VariableStatistics(280.0, 15.0, law(0.2, 0.8)),
            "tp": VariableStatistics(1.0, 1.2, law(2e-4, 0.6), amount=True),
        }
    )
    model = build("inr", statistics, SMALL | parts).eval()
    assert isinstance(model, Downscaler)
    if trained:  # the last layer starts at zero: give it something to say
        for weight in (model.network.head.last.weight, model.regression.coefficients):
            torch.nn.init.normal_(weight, std=0.3)
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
        out = make()(x, present, statics, rows, cols, MEANS)
    assert out.shape == (1, 2, len(rows), len(cols))
    torch.testing.assert_close(out, conservative_bicubic(x, rows, cols))


def test_network_with_weights_differs_from_the_interpolation() -> None:
    rows, cols = subdivide(14, 2.0), subdivide(12, 2.0)
    x, present, statics = inputs(14, 12, rows, cols)
    with torch.inference_mode():
        out = make(trained=True)(x, present, statics, rows, cols, MEANS)
    assert (out - conservative_bicubic(x, rows, cols)).abs().max() > 1e-2


def test_result_changes_with_the_scale_and_with_the_terrain() -> None:
    model = make(trained=True)
    rows = cols = subdivide(12, 3.0)
    x, present, statics = inputs(12, 12, rows, cols)
    wider = Axis(rows.centres, rows.width * 1.5)
    with torch.inference_mode():
        one = model(x, present, statics, rows, cols, MEANS)
        assert (one - model(x, present, statics, wider, cols, MEANS)).abs().max() > 1e-4
        assert (
            one - model(x, present, replace(statics, fine=statics.fine + 0.3), rows, cols, MEANS)
        ).abs().max() > 1e-4
        assert (one - model(x, present, statics.without(torch.zeros(1, 2)), rows, cols, MEANS)).abs().max() > 1e-4


def test_no_rain_near_means_no_rain_made() -> None:
    model = make(trained=True)
    rows = cols = subdivide(16, 2.0)
    x, present, statics = inputs(16, 16, rows, cols)
    x[:, 1] = 0
    with torch.inference_mode():
        assert model(x, present, statics, rows, cols, MEANS)[:, 1].abs().max() == 0


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
        a, b = model(x, present, statics, rows, cols, MEANS), model(x2, present, other, rows, cols, MEANS)
    # the interpolation works on anomalies from the window's mean, which rounds differently
    assert (a - b).abs().max() < 2e-4


def test_every_parameter_learns() -> None:
    model = make(trained=True).train()
    rows, cols = subdivide(12, 2.0), subdivide(12, 3.0)
    model(*inputs(12, 12, rows, cols), rows, cols, MEANS).square().mean().backward()
    trained = model.network.named_parameters()  # the regression is solved, not trained
    silent = [n for n, p in trained if p.grad is None or float(p.grad.abs().max()) == 0]
    assert silent == []


def test_spacing_of_the_grid_is_known_to_the_network() -> None:
    model = make(trained=True)
    rows = cols = subdivide(12, 2.0)
    x, present, statics = inputs(12, 12, rows, cols)
    with torch.inference_mode():
        one = model(x, present, statics, rows, cols, MEANS)
        wide = model(x, present, replace(statics, spacing=statics.spacing * 4), rows, cols, MEANS)
    assert (one - wide).abs().max() > 1e-4


def test_what_the_regression_leaves_scales_the_network_where_statics_are_known() -> None:
    model = make(trained=True)
    rows = cols = subdivide(12, 2.0)
    x, present, statics = inputs(12, 12, rows, cols)
    blind = statics.without(torch.zeros(1, 2))
    model.regression.coefficients.data.zero_()
    with torch.inference_mode():
        base = conservative_bicubic(x, rows, cols)
        whole, alone = (
            model(x, present, statics, rows, cols, MEANS) - base,
            model(x, present, blind, rows, cols, MEANS) - base,
        )
        model.unexplained[0] = 0.25
        torch.testing.assert_close(
            model(x, present, statics, rows, cols, MEANS)[:, 0] - base[:, 0], whole[:, 0] / 4, atol=2e-4, rtol=1e-3
        )
        torch.testing.assert_close(model(x, present, blind, rows, cols, MEANS) - base, alone, atol=2e-4, rtol=1e-3)


def test_of_what_the_network_says_what_holds_elsewhere_is_kept() -> None:
    """By sampling: what is said of means is not shrunk by what is kept of samples."""
    model = make(trained=True)
    model.regression.coefficients.data.zero_()
    rows = cols = subdivide(12, 2.0)
    x, present, statics = inputs(12, 12, rows, cols)
    base = conservative_bicubic(x, rows, cols)
    with torch.inference_mode():
        whole = model(x, present, statics, rows, cols, MEANS) - base
        model.shrinkage[list(Sampling).index(Sampling.MEANS)] = torch.tensor([0.25, 1.0])
        model.shrinkage[list(Sampling).index(Sampling.SAMPLES)] = 0.0
        less = model(x, present, statics, rows, cols, MEANS) - base
        torch.testing.assert_close(less[:, 0], whole[:, 0] / 4, atol=2e-4, rtol=1e-3)
        torch.testing.assert_close(less[:, 1], whole[:, 1])
        samples = Seen(Sampling.SAMPLES, 0.5, 0.5)
        nothing = model(x, present, statics, rows, cols, samples)
        torch.testing.assert_close(nothing, bicubic(x, rows, cols))


@pytest.mark.parametrize("scale", [2.0, 4.0])
def test_samples_are_given_back_at_their_points_but_for_a_little(scale: float) -> None:
    """The network learns what lies between: at a sample of the field asked for next to nothing of its word is left."""
    model = make(trained=True)
    model.regression.coefficients.data.zero_()
    axis = Axis(np.arange(int(13 * scale)) / scale, 1 / scale)
    x, present, statics = inputs(14, 14, axis, axis)
    seen = Seen(Sampling.SAMPLES, 1 / scale, 1 / scale)
    with torch.inference_mode():
        said = model(x, present, statics, axis, axis, seen)[:, 0] - bicubic(x, axis, axis)[:, 0]
    step = int(scale)
    at, between = said[:, ::step, ::step], said[:, step // 2 :: step, step // 2 :: step]
    assert float(at.square().mean()) < 0.1 * float(between.square().mean())


PARTS = ("modulator", "aggregation", "linear_branch", "nonlinear_branch", "attention_fusion", "terrain_channels")


@pytest.mark.parametrize("part", PARTS)
def test_every_part_can_be_switched_off(part: str) -> None:
    whole, without = make(trained=True), make(trained=True, **{part: 0 if part == "terrain_channels" else False})
    count = lambda m: sum(p.numel() for p in m.parameters())  # noqa: E731
    assert count(without) < count(whole)
    rows, cols = subdivide(12, 2.0), subdivide(12, 3.0)
    with torch.inference_mode():
        out = without(*inputs(12, 12, rows, cols), rows, cols, MEANS)
    assert torch.isfinite(out).all()


def test_a_network_without_branches_is_refused() -> None:
    with pytest.raises(ValueError, match="linear branch, the nonlinear branch or both"):
        make(linear_branch=False, nonlinear_branch=False)


def test_branches_are_what_they_say() -> None:
    """Against a plain gather of every neighbour of every query."""
    torch.manual_seed(3)
    c, heads, n = 8, 2, 7
    linear, nonlinear = CoordinateLinearBranch(c), NeighbourhoodNonlinearBranch(c, heads)
    features = torch.randn(2, n + 4, n + 4, c)  # two cells of padding
    rows, cols = Queries.of(subdivide(n, 2.3), -1), Queries.of(subdivide(n, 3.0), -1)
    at = lambda t, dy, dx: t[:, rows.cell + dy][:, :, cols.cell + dx]  # noqa: E731
    oy = torch.from_numpy(rows.offset).float()[:, None, None]
    ox = torch.from_numpy(cols.offset).float()[:, None]
    with torch.inference_mode():
        value, dy, dx, dxy = on_grid(linear.maps, features).chunk(4, dim=-1)
        plain = at(dy, 0, 0) * oy + at(dx, 0, 0) * ox + at(dxy, 0, 0) * oy * ox
        for i, j in itertools.product((-1, 0, 1), repeat=2):
            plain = plain + at(value, i, j) * (1 - (oy - i).abs()).clamp(min=0) * (1 - (ox - j).abs()).clamp(min=0)
        torch.testing.assert_close(linear(linear.at_rows(features, rows), cols), plain, atol=1e-5, rtol=1e-4)

        q = on_grid(nonlinear.query, features)[:, 1:-1, 1:-1]
        k, v = on_grid(nonlinear.key, features), on_grid(nonlinear.value, features)
        asked = at(q[..., :c], 0, 0) + oy * at(q[..., c : 2 * c], 0, 0) + ox * at(q[..., 2 * c :], 0, 0)
        split = lambda t: t.unflatten(-1, (heads, -1))  # noqa: E731
        table = nonlinear.position["y"](rows, q)[:, None] + nonlinear.position["x"](cols, q)
        logits, values = [], []
        for i, j in itertools.product((0, 1, 2), repeat=2):  # the arrays of keys and values begin one cell earlier
            logits.append((split(asked) * split(at(k, i, j))).sum(dim=-1) * (c // heads) ** -0.5)
            values.append(split(at(v, i, j)))
        weights = (torch.stack(logits, dim=-1) + split(table)).softmax(dim=-1)
        plain = (weights[..., None] * torch.stack(values, dim=-2)).sum(dim=-2).flatten(-2)
        torch.testing.assert_close(nonlinear(nonlinear.at_rows(features, rows), cols), plain, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("sy", "sx", "kinds"), [(2.0, 2.0, 1), (2.5, 2.5, 2), (3.0, 1.75, 4), (1.0, 8.0, 1), (3.5, 16.0, 1), (5.0, 2.25, 4)]
)
@pytest.mark.parametrize(
    "parts",
    [{}, {"linear_branch": False}, {"nonlinear_branch": False}, {"attention_fusion": False}, {"narrow": 4}],
    ids=str,
)
def test_cell_by_cell_is_query_by_query(
    sy: float, sx: float, kinds: int, parts: dict[str, bool | int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fast path of rational scales against the plain one, which any scale takes; pieces begin amid a cell."""
    model = make(trained=True, **parts)
    rows, cols = subdivide(12, sy).part(3, 20), subdivide(16, sx).part(1, round(16 * sx) - 2)
    periods = Periods.of(cols)
    assert periods is not None
    assert len(periods.kinds) == kinds
    x, present, statics = inputs(12, 16, rows, cols)
    with torch.inference_mode():
        fast = model(x, present, statics, rows, cols, MEANS)
        monkeypatch.setattr(Periods, "of", lambda _: None)
        torch.testing.assert_close(fast, model(x, present, statics, rows, cols, MEANS), atol=1e-4, rtol=1e-6)


def test_irrational_scale_has_no_periods() -> None:
    assert Periods.of(subdivide(100, np.sqrt(5))) is None


def test_statistics_of_another_network_are_refused() -> None:
    statistics = make().statistics
    other = INR(input_channels(3), 3, fine_channels(3), INRConfig(channels=8, blocks=1))
    with pytest.raises(ValueError, match="network has 3 variables"):
        Downscaler(other, statistics)
