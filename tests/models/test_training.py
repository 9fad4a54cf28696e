"""Training: degradation keeps means, batches line up, a killed run goes on as if it had not been."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from models.batches import Batches, BatchSettings, fine_axis
from models.data import MISSING, load
from models.degradation import degrade
from models.inr import INRConfig
from models.interpolation import area_mean, conservative_bicubic
from models.train import Experiment, Trainer, validate

VARIABLES = ("t2m", "d2m", "u10", "v10", "sp", "msl", "tp", "z")


def write_pack(path: Path, holes: bool = False) -> Path:
    """A small pack with smooth seeded fields on 60-0N 0-100E at 0.25 degree, and terrain that t2m follows."""
    rng = np.random.default_rng(3)
    shape = (241, 401)
    arrays: dict[str, np.ndarray] = {}
    scale, offset = {}, {}
    waves = np.add.outer(np.sin(np.arange(shape[0]) / 7), np.cos(np.arange(shape[1]) / 5))
    z = 800 * np.abs(waves) + rng.normal(0, 30, shape)
    for i, name in enumerate(VARIABLES):
        field = np.roll(waves, i * 9, axis=1) + rng.normal(0, 0.1, shape)
        field = {"z": z, "t2m": 280 + 5 * field - 0.0065 * z, "tp": 1e-3 * np.maximum(field, 0)}.get(name, 10 * field)
        scale[name], offset[name] = float(np.ptp(field)) / 65000, float(field.max() + field.min()) / 2
        arrays[f"hres/{name}"] = np.round((field - offset[name]) / scale[name]).astype(np.int16)
        if holes:
            arrays[f"hres/{name}"][100:140, 20:60] = MISSING
    meta = [{"name": "hres", "north": 60.0, "west": 0.0, "spacing": 0.25, "scale": scale, "offset": offset}]
    np.savez(path, meta=np.array(json.dumps(meta)), **arrays)
    return path


SETTINGS = BatchSettings(size=2, patch=16, margin=4, queries=16, scale_high=3.0)


def experiment(tmp_path: Path, out: str, steps: int) -> Experiment:
    network = INRConfig(channels=8, blocks=2, aggregate_every=2, hidden=8, heads=2, terrain_channels=4)
    return Experiment(
        write_pack(tmp_path / "pack.npz"), tmp_path / out, steps=steps, era5_share=0.0, warmup=2, report_every=3,
        statistics_windows=3, network=network, batch=SETTINGS,
    )  # fmt: skip


@pytest.mark.parametrize("clean", [0.0, 1.0])
def test_degradation_keeps_the_mean(clean: float) -> None:
    rng = np.random.default_rng(0)
    axis = fine_axis(60, 3.0, 0.0)
    y = torch.from_numpy(rng.normal(1e5, 300, (2, 3, 60, 60))).float()
    coarse = degrade(y, axis, axis, 20, 20, rng, clean)
    noise = 0.005 * 300 / 20
    assert (coarse.mean(dim=(2, 3)) - y.mean(dim=(2, 3))).abs().max() < (0.5 if clean else 0.5 + 30 * noise)


def test_batches_avoid_holes_and_line_up_with_their_coarse_fields(tmp_path: Path) -> None:
    box = (50.0, 40.0, 60.0, 70.0)
    dataset = load(write_pack(tmp_path / "pack.npz", holes=True), box)[0]
    assert not dataset.usable[100:140, 20:60].any()
    top, left, height, width = dataset.box(*box)
    assert not dataset.usable[top : top + height, left : left + width].any()
    settings = BatchSettings(size=2, patch=16, margin=4, queries=16, scale_high=3.0, drop_terrain=0, clean=1.0)
    batches = Batches(dataset, list(VARIABLES[:-1]), settings, np.random.default_rng(1))
    for _ in range(5):
        batch = batches.draw()
        seen = batch.present[:, :, None, None]
        base = conservative_bicubic(batch.x, batch.rows, batch.cols)
        error = ((base - batch.target) * seen).std(dim=(2, 3))
        deviation = (batch.target * seen).std(dim=(2, 3))
        assert (error <= deviation + 1e-4).all()  # a shifted grid would be worse than the mean
        assert batch.present.sum(dim=1).min() >= 1


def test_a_resumed_run_equals_an_unbroken_one(tmp_path: Path) -> None:
    whole = Trainer(experiment(tmp_path, "whole", 6))
    whole.run()
    first = Trainer(experiment(tmp_path, "broken", 6))
    for _ in range(3):
        first.train_step()
    first.save()
    second = Trainer(experiment(tmp_path, "broken", 6))
    assert second.step == 3
    second.run()
    a, b = whole.model.state_dict(), second.model.state_dict()
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_training_lowers_the_loss(tmp_path: Path) -> None:
    trainer = Trainer(experiment(tmp_path, "learn", 60))
    losses = [trainer.train_step() for _ in range(60)]
    assert np.mean(losses[-15:]) < np.mean(losses[:15])
    assert trainer.statistics.variables["t2m"].mean == pytest.approx(275, abs=8)


def test_validation_scores_interpolation_and_model_on_the_same_points(tmp_path: Path) -> None:
    trainer = Trainer(experiment(tmp_path, "validate", 6))
    before, after = validate(trainer.average, trainer.hres, 2.5)
    torch.testing.assert_close(before, after)  # untrained
    assert float(before.min()) > 0


def test_area_mean_of_a_partly_covered_cell_uses_what_is_there() -> None:
    axis = fine_axis(5, 2.0, 0.0)
    y = torch.arange(5.0)[None, None, None, :].expand(1, 1, 5, 5)
    assert area_mean(y, axis, axis, 3, 3)[0, 0, 0].tolist() == [0.5, 2.5, 4.0]
