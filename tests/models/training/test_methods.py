"""Every method by its name, in both framings: equal to ours, and as its paper has it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from models import downscaler
from models.baselines import published as published_module
from models.baselines.published import Published
from models.downscaler import Downscaler
from models.geometry import Axis, subdivide
from models.interpolation import bilinear, conservative_bicubic
from models.operator import MEANS
from models.statics import FINE_MARGIN, HEIGHT, Statics
from models.statistics import Statistics, VariableStatistics
from models.training.methods import METHODS, PEERS, build
from tests.models.laws import law

STATISTICS = Statistics(
    {
        "t2m": VariableStatistics(280.0, 15.0, law(0.2, 0.8), spread=14.0),
        "sp": VariableStatistics(96000.0, 8000.0, law(250.0, 0.7), spread=7500.0, hydrostatic=True),
        "tp": VariableStatistics(1.0, 1.2, law(2e-4, 0.6), amount=True, spread=1e-3),
    }
)
SMALL: dict[str, dict[str, Any]] = {
    "inr": {"channels": 8, "blocks": 2, "hidden": 8, "heads": 2, "terrain_channels": 4},
    "edsr": {"channels": 8, "blocks": 1},
    "swinir": {"channels": 12, "depths": (1, 1), "heads": 3, "window": 4},
    "metasr": {"channels": 8, "blocks": 1, "hidden": 8, "upscaled": 4},
    "liif": {"channels": 8, "blocks": 1, "hidden": 8, "layers": 1},
    "lte": {"channels": 8, "blocks": 1, "hidden": 8, "layers": 1},
}
H, W = 14, 12
EVERY = pytest.mark.parametrize("method", METHODS)
EVERY_PEER = pytest.mark.parametrize("method", list(PEERS))
Case = tuple[Tensor, Tensor, Statics, Axis, Axis]


def make(method: str, published: bool = False, talkative: bool = False) -> Any:
    """A small model, with weights that say something if wanted."""
    torch.manual_seed(0)
    model = build(method, STATISTICS, SMALL[method], published).eval()
    if talkative:
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1 and float(parameter.detach().abs().max()) == 0:
                torch.nn.init.normal_(parameter, std=0.1 if "coefficients" not in name else 0.02)
    return model


def case(model: Any, scale: tuple[float, float] = (2.7, 1.4)) -> Case:
    """Inputs of any scale, of the network's own where it has one."""
    ratio = model.network.ratio
    rows, cols = (subdivide(n, ratio or s) for n, s in zip((H, W), scale, strict=True))
    rng = np.random.default_rng(1)
    fields = rng.normal(280, 5, (H, W)), rng.normal(95000, 800, (H, W)), np.maximum(rng.normal(0, 1e-3, (H, W)), 0)
    x = torch.from_numpy(np.stack(fields)[None]).float()
    m = 2 * FINE_MARGIN

    def static(h: int, w: int) -> Tensor:
        return torch.from_numpy(np.stack([rng.uniform(0, 900, (h, w)), rng.uniform(0, 1, (h, w))])[None]).float()

    coarse, fine = static(H, W), static(len(rows) + m, len(cols) + m)
    statics = replace(Statics.unknown(H, W, rows, cols), coarse=coarse, fine=fine, known=torch.ones(1, 2))
    return x, torch.ones(1, 3), statics, rows, cols


def in_units(t: Tensor) -> Tensor:
    """Fields in units of their spread."""
    return t / torch.tensor([s.spread for s in STATISTICS.variables.values()]).view(1, -1, 1, 1)


@EVERY
def test_untrained_every_method_in_our_framing_is_the_interpolation(method: str) -> None:
    model = make(method)
    assert isinstance(model, Downscaler)
    x, present, statics, rows, cols = case(model)
    with torch.inference_mode():
        out = model(x, present, statics, rows, cols, MEANS)
    assert out.shape == (1, 3, len(rows), len(cols))
    torch.testing.assert_close(out, conservative_bicubic(x, rows, cols))


@EVERY
def test_in_our_framing_every_method_sees_the_terrain_at_the_query(method: str) -> None:
    model = make(method, talkative=True)
    model.regression.coefficients.data.zero_()  # the network itself
    x, present, statics, rows, cols = case(model)
    higher = statics.fine.clone()
    higher[:, HEIGHT, FINE_MARGIN + 5, FINE_MARGIN + 5] += 2000
    with torch.inference_mode():
        one = model(x, present, statics, rows, cols, MEANS)
        change = (model(x, present, replace(statics, fine=higher), rows, cols, MEANS) - one)[0, 0].abs()
    assert float(change[5, 5]) > 1e-3
    far = change.clone()
    far[5 - FINE_MARGIN : 6 + FINE_MARGIN, 5 - FINE_MARGIN : 6 + FINE_MARGIN] = 0
    assert float(far.max()) == 0, "no query looks further than the margin"


@EVERY
def test_queries_in_blocks_are_the_queries_at_once(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make(method, talkative=True)
    inputs = case(model)
    with torch.inference_mode():
        whole = model(*inputs, MEANS)
        monkeypatch.setattr(downscaler, "DECODE_BLOCK", 7)
        parts = model(*inputs, MEANS)
    torch.testing.assert_close(in_units(parts), in_units(whole), atol=1e-5, rtol=1e-5)
    assert (whole - conservative_bicubic(inputs[0], *inputs[3:])).abs().max() > 1e-2


@EVERY_PEER
def test_published_methods_know_nothing_of_static_fields(method: str) -> None:
    model = make(method, published=True)
    assert isinstance(model, Published)
    x, present, statics, rows, cols = case(model)
    other = replace(statics, coarse=statics.coarse + 500, fine=statics.fine * 0, known=torch.zeros(1, 2))
    with torch.inference_mode():
        out = model(x, present, statics, rows, cols, MEANS)
        assert torch.equal(out, model(x, present, other, rows, cols, MEANS))
        assert not torch.equal(out, model(x + 1, present, statics, rows, cols, MEANS))
    assert out.shape == (1, 3, len(rows), len(cols))
    assert in_units(out - conservative_bicubic(x, rows, cols)).std() > 1e-2, "untrained, it is not the interpolation"


@EVERY_PEER
def test_published_methods_have_the_skip_of_their_papers(method: str) -> None:
    """With a last layer of zeros, LTE is bilinear and the others are the mean."""
    model = make(method, published=True)
    for parameter in model.network.last.parameters():
        torch.nn.init.zeros_(parameter)
    x, present, statics, rows, cols = case(model)
    with torch.inference_mode():
        out = model(x, present, statics, rows, cols, MEANS)
    mean = torch.tensor([280.0, 96000.0, 0.0]).view(1, 3, 1, 1).expand_as(out)
    want = bilinear(x, rows, cols) if method == "lte" else mean
    torch.testing.assert_close(in_units(out), in_units(want), atol=1e-5, rtol=1e-5)


@EVERY_PEER
def test_to_published_methods_an_absent_variable_is_at_its_mean(method: str) -> None:
    model = make(method, published=True)
    x, _, statics, rows, cols = case(model)
    at_mean = x.clone()
    at_mean[:, 1] = 96000.0
    absent = torch.tensor([[1.0, 0.0, 1.0]])
    with torch.inference_mode():
        out = model(torch.where(absent[..., None, None] > 0, x, torch.zeros(())), absent, statics, rows, cols, MEANS)
        torch.testing.assert_close(out, model(at_mean, torch.ones(1, 3), statics, rows, cols, MEANS))
        assert not torch.allclose(out, model(x, torch.ones(1, 3), statics, rows, cols, MEANS))


@EVERY_PEER
def test_published_queries_in_blocks_are_the_queries_at_once(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make(method, published=True)
    inputs = case(model)
    with torch.inference_mode():
        whole = model(*inputs, MEANS)
        monkeypatch.setattr(published_module, "QUERY_BLOCK", 7)
        torch.testing.assert_close(in_units(model(*inputs, MEANS)), in_units(whole), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(in_units(model(*inputs, MEANS).detach()), in_units(whole), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("published", [False, True])
def test_fixed_ratios_are_fixed_and_the_others_are_not(published: bool) -> None:
    ratios = {m: make(m, published).network.ratio for m in PEERS}
    assert ratios == {"edsr": 2, "swinir": 2, "metasr": None, "liif": None, "lte": None}


@pytest.mark.parametrize(("method", "published"), [("srcnn", False), ("srcnn", True), ("inr", True)])
def test_a_method_that_is_not_known_is_refused(method: str, published: bool) -> None:
    with pytest.raises(ValueError, match=f"unknown method '{method}'.*edsr, swinir"):
        build(method, STATISTICS, {}, published)
