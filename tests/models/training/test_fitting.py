"""What is fitted in closed form: residual laws of each operator, and how much of a network's word is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.downscaler import Downscaler
from models.geometry import Axis, subdivide
from models.interpolation import interpolant
from models.operator import MEANS, Sampling, Seen
from models.statics import Statics
from models.statistics import VARIABLES, Statistics, VariableStatistics
from models.training.batches import Batch
from models.training.data import load
from models.training.fitting import fit_shrinkage, fit_statistics
from tests.models.laws import law
from tests.models.training.test_train import write_pack

SMOOTH = Seen(Sampling.SAMPLES, 1.0, 0.25)  # of a field finer than the one sampled: no query is known


class Says(nn.Module):
    """A network that says the same everywhere, in sigmas."""

    ratio = None
    reach = 0

    def __init__(self, word: float) -> None:
        super().__init__()
        self.word = word

    def encode(self, inputs: Tensor, rows: Axis, cols: Axis, seen: Seen) -> Tensor:
        return inputs[:, :0]

    def decode(self, features: Tensor, fine: Tensor, rows: Axis, cols: Axis, seen: Seen) -> Tensor:
        return torch.full((len(fine), 2, len(rows), len(cols)), self.word)


def scene(seen: Seen, off: tuple[float, float], present: tuple[float, float] = (1.0, 1.0)) -> Batch:
    """Fields that are `off` kelvins above their interpolation."""
    axis = subdivide(12, 2.0)
    x = 280 + torch.from_numpy(np.random.default_rng(0).normal(0, 5, (1, 2, 12, 12))).float()
    target = interpolant(x, seen)(axis, axis) + torch.tensor(off).view(1, 2, 1, 1)
    return Batch(x, torch.tensor([present]), Statics.unknown(12, 12, axis, axis), axis, axis, seen, target)


def test_of_a_network_s_word_what_holds_is_kept_by_sampling_and_variable() -> None:
    statistics = Statistics({n: VariableStatistics(280.0, 5.0, law(0.5, 0.0)) for n in ("t2m", "d2m")})
    model = Downscaler(Says(2.0), statistics).eval()  # that all is 1 K warmer
    fit_shrinkage(model, [scene(SMOOTH, (0.25, -1.0)), scene(SMOOTH, (0.75, 9.0), (1.0, 0.0)), scene(MEANS, (3, 0.5))])
    samples, means = (model.shrinkage[list(Sampling).index(s)].tolist() for s in (Sampling.SAMPLES, Sampling.MEANS))
    # scenes weigh by their own error: (0.25 / 0.25 ** 2 + 0.75 / 0.75 ** 2) / (1 / 0.25 ** 2 + 1 / 0.75 ** 2)
    assert samples == pytest.approx([0.3, 0.0], abs=1e-3), "what is wrong is not kept, nor turned around"
    assert means == pytest.approx([1.0, 0.5], abs=1e-3), "never more than it says"


def test_residuals_have_a_law_of_each_sampling_and_grow_with_the_detail_asked_for(tmp_path: Path) -> None:
    dataset = load(write_pack(tmp_path / "pack.npz"), ())["hres"]
    statistics = fit_statistics(dataset, list(VARIABLES), 16)
    t2m = statistics.variables["t2m"]
    # what interpolation leaves is less than the weather's own spread: nothing of it is a variable that was left out
    assert 0.05 < t2m.sigma(MEANS, 2.0) < t2m.sigma(MEANS, 4.0) < t2m.sigma(MEANS, 8.0) < 0.5 * t2m.spread
    assert 0.05 < t2m.sigma(Seen(Sampling.SAMPLES, 0.5, 0.5), 2.0) < 0.5 * t2m.spread
    sigmas = [t2m.sigma(Seen(Sampling.SAMPLES, f, f), 2.0) for f in (0.8, 0.5, 0.25)]
    assert sigmas == sorted(sigmas), "a smoother field is closer to its interpolation"
    assert t2m.typical == t2m.sigma(Seen(Sampling.SAMPLES, 0.25, 0.25), 4.0)
    statistics.save(tmp_path / "stats.json")
    assert Statistics.load(tmp_path / "stats.json") == statistics
