"""Degradation: means are kept, the second order does what it says, seeds decide."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.cell_means import area_mean
from models.geometry import Axis
from models.training.batches import fine_axis
from models.training.degradation import bicubic_downscale, blur, degrade, noisy, resize

SCALES = [1.0, 1.7, 2.0, 2.5, 3.0, float(np.pi), 8.0]


def fields(n: int, m: int, seed: int = 0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    return torch.from_numpy(1e5 + 300 * rng.normal(size=(2, 3, n, m))).float()


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("clean", [0.0, 1.0])
def test_degradation_keeps_the_domain_mean(scale: float, clean: float) -> None:
    cells = 24
    n = round(cells * scale)
    y = fields(n, n)
    axis = fine_axis(n, n / cells, 0.0)
    coarse = degrade(y, axis, axis, cells, cells, np.random.default_rng(5), clean)
    assert coarse.shape == (2, 3, cells, cells)
    # white noise of 300 Pa: a blur's edge and a resize that skips pixels weigh some of the n * n more than others
    allowed = 0.05 if clean else 3 * 300 / n
    assert float((coarse.mean(dim=(2, 3)) - y.mean(dim=(2, 3))).abs().max()) < allowed


def test_smooth_fields_keep_their_mean_through_every_resize() -> None:
    n = 60
    ramp = torch.linspace(0, 1, n)
    axis = fine_axis(n, 3.0, 0.0)
    for seed in range(12):
        how = ("area", "bilinear", "bicubic")[seed % 3]
        matrix, rows = resize(axis, np.random.default_rng(seed), how)
        assert matrix.shape == (len(rows), n)
        assert 0.7 * n - 1 <= len(rows) <= n
        # the extent stays what it was, and so do mean and slope
        assert rows.centres[0] - rows.width / 2 == pytest.approx(axis.centres[0] - axis.width / 2)
        assert rows.centres[-1] + rows.width / 2 == pytest.approx(axis.centres[-1] + axis.width / 2)
        z = matrix @ ramp
        assert float(z.mean()) == pytest.approx(0.5, abs=2e-3)
        whole = Axis(np.zeros(1), 1.0)
        back = area_mean(z[:, None], rows, whole, 20, 1)
        torch.testing.assert_close(back, area_mean(ramp[:, None], axis, whole, 20, 1), atol=6e-3, rtol=0)


def test_degraded_fields_are_smoother_and_have_noise_of_the_stated_size() -> None:
    y = fields(64, 64)
    anomalies = y - y.mean()
    matrix = blur(64, 0.8)
    torch.testing.assert_close(matrix.sum(dim=1), torch.ones(64))
    assert float((matrix @ anomalies @ matrix.T).std()) < 0.6 * float(anomalies.std())
    noise = noisy(anomalies, 0.005, np.random.default_rng(1)) - anomalies
    assert float(noise.std()) == pytest.approx(0.005 * float(anomalies.std()), rel=0.05)


def test_the_seed_decides() -> None:
    y, axis = fields(48, 48), fine_axis(48, 3.0, 0.0)
    run = lambda seed: degrade(y, axis, axis, 16, 16, np.random.default_rng(seed), 0.0)  # noqa: E731
    assert torch.equal(run(3), run(3))
    assert not torch.equal(run(3), run(4))


def test_bicubic_downscaling_is_the_one_of_image_processing() -> None:
    y = fields(48, 64)
    rows, cols = fine_axis(48, 2.0, 0.0), fine_axis(64, 2.0, 0.0)
    mine = bicubic_downscale(y, rows, cols, 24, 32)
    torchs = torch.nn.functional.interpolate(y.double(), (24, 32), mode="bicubic", antialias=True)
    torch.testing.assert_close(mine.double(), torchs, atol=0.5, rtol=0)
