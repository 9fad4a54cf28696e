"""Training: batches line up, a killed run goes on as if it had not been."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.geometry import mean_scale
from models.interpolation import interpolant
from models.operator import CELL_MEANS, Operator, Sampling
from models.package import write
from models.statics import FINE_MARGIN
from models.statistics import VARIABLES
from models.training.batches import Batches, BatchSettings, Recipe
from models.training.data import MISSING, Box, Mismatch, Split, load
from models.training.experiment import Experiment
from models.training.loss import FAR_OFF, bounded, loss_of
from models.training.train import Trainer
from models.training.validation import validate

FIELDS = ("t2m", "d2m", "u10", "v10", "sp", "msl", "tp", "z", "land")
BOX = Box(50.0, 40.0, 60.0, 70.0)
SPLIT = Split(Box(45.0, 25.0, 55.0, 80.0), (Box(42.0, 18.0, 98.0, 127.0), Box(59.0, 49.0, -11.0, 3.0)))


def write_pack(path: Path, holes: bool = False) -> Path:
    """A small pack with smooth seeded fields on 60-0N 0-100E at 0.25 degree, and terrain that t2m follows."""
    rng = np.random.default_rng(3)
    shape = (241, 401)
    arrays: dict[str, np.ndarray] = {}
    scale, offset = {}, {}
    waves = np.add.outer(np.sin(np.arange(shape[0]) / 7), np.cos(np.arange(shape[1]) / 5))
    z = 800 * np.abs(waves) + rng.normal(0, 30, shape)
    for i, name in enumerate(FIELDS):
        field = np.roll(waves, i * 9, axis=1) + rng.normal(0, 0.1, shape)
        special = {"z": z, "land": z > 500.0, "t2m": 280 + 5 * field - 0.0065 * z, "tp": 1e-3 * np.maximum(field, 0)}
        field = np.asarray(special.get(name, 10 * field), dtype=float)
        scale[name], offset[name] = float(np.ptp(field)) / 65000, float(field.max() + field.min()) / 2
        arrays[f"hres/{name}"] = np.round((field - offset[name]) / scale[name]).astype(np.int16)[None]
        if holes:
            arrays[f"hres/{name}"][:, 100:140, 20:60] = MISSING
    meta = [
        {
            "name": "hres",
            "north": 60.0,
            "west": 0.0,
            "spacing": 0.25,
            "footprint": 31.0,
            "scale": scale,
            "offset": offset,
        }
    ]
    np.savez(path, meta=np.array(json.dumps(meta)), split=np.array(SPLIT.to_json()), **arrays)
    return path


SETTINGS = BatchSettings(size=2, patch=16, margin=4, queries=16, scale_high=3.0)


def experiment(tmp_path: Path, out: str, steps: int, **settings: Any) -> Experiment:
    network = {"channels": 8, "blocks": 2, "aggregate_every": 2, "hidden": 8, "heads": 2, "terrain_channels": 4}
    pack = tmp_path / "pack.npz"
    return Experiment(
        pack if pack.exists() else write_pack(pack), tmp_path / out, steps=steps, warmup=2, report_every=3, windows=3,
        regression_windows=24,
        network=network, batch=SETTINGS, **settings,
    )  # fmt: skip


def test_batches_avoid_holes_and_line_up_with_their_coarse_fields(tmp_path: Path) -> None:
    dataset = load(write_pack(tmp_path / "pack.npz", holes=True), (BOX,))["hres"]
    assert not dataset.usable[100:140, 20:60].any()
    top, left, height, width = dataset.box(BOX)
    assert (height, width) == (41, 41)
    assert not dataset.usable[top : top + height, left : left + width].any()
    settings = BatchSettings(size=2, patch=16, margin=4, queries=16, scale_high=3.0, drop_static=0, clean=1.0)
    batches = Batches(dataset, list(VARIABLES), settings, np.random.default_rng(1))
    for _ in range(5):
        batch = batches.draw()
        there = batch.present[:, :, None, None]
        base = interpolant(batch.x, batch.seen)(batch.rows, batch.cols)
        error = ((base - batch.target) * there).std(dim=(2, 3))
        deviation = (batch.target * there).std(dim=(2, 3))
        assert (error <= deviation + 1e-4).all()  # a shifted grid would be worse than the mean
        assert batch.present.sum(dim=1).min() >= 1


def test_a_small_window_at_scale_one_holds_the_terrain_around_its_queries(tmp_path: Path) -> None:
    dataset = load(write_pack(tmp_path / "pack.npz"), ())["hres"]
    settings = BatchSettings(size=2, parts=1, patch=12, margin=3, queries=24)
    batches = Batches(dataset, list(VARIABLES), settings, np.random.default_rng(2))
    for scales in ((1.0, 1.0), (1.0, 1.3), (2.0, 2.0)):
        for aligned in (True, False):
            for operator in (CELL_MEANS, Operator(Sampling.SAMPLES, dataset.footprint)):
                batch = batches.draw(Recipe(operator, dataset.footprint, 1, scales, aligned, clean=True))
                asked = batch.target.shape[-2:]
                assert min(asked) > 0
                assert batch.statics.fine.shape[-2:] == tuple(n + 2 * FINE_MARGIN for n in asked)


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


@pytest.mark.slow
def test_a_run_ends_with_the_network_that_was_best_on_the_validation_box(tmp_path: Path) -> None:
    trainer = Trainer(experiment(tmp_path, "best", 9))  # three reports
    given, seen = iter([0.9, 0.7, 0.8]), []

    def score() -> float:
        seen.append({k: v.clone() for k, v in trainer.average.named_parameters()})
        return next(given)

    trainer.score = score
    trainer.run()
    assert [h["score"] for h in trainer.history] == [0.9, 0.7, 0.8]
    ended = dict(trainer.average.named_parameters())
    assert all(torch.equal(ended[k], v) for k, v in seen[1].items())
    assert any(not torch.equal(ended[k], v) for k, v in seen[2].items())
    again = Trainer(experiment(tmp_path, "best", 9)).average.state_dict()
    assert all(torch.equal(again[k], v) for k, v in trainer.average.state_dict().items())


def test_validation_is_of_samples_and_of_means(tmp_path: Path) -> None:
    trainer = Trainer(experiment(tmp_path, "cases", 3))
    cases = [(s.seen.sampling, s.rows.scale) for s in trainer.validation.scenes()]
    assert cases == [(m, pytest.approx(scale)) for scale in (2.5, 4.0) for m in (Sampling.SAMPLES, Sampling.MEANS)]
    logs = [
        torch.log(after / before)
        for before, after in (validate(trainer.average, s) for s in trainer.validation.scenes())
    ]
    assert trainer.score() == pytest.approx(float(torch.cat(logs).mean().exp()))


def test_statistics_of_other_data_are_refused(tmp_path: Path) -> None:
    first = experiment(tmp_path, "first", 3)
    Trainer(first)
    stats = tmp_path / "celsius.json"
    found = json.loads((first.out / "stats.json").read_text())
    found["t2m"]["mean"] -= 273.15
    stats.write_text(json.dumps(found))
    with pytest.raises(Mismatch, match="t2m does not match the statistics"):
        Trainer(experiment(tmp_path, "second", 3, statistics=stats))


@pytest.mark.slow
def test_a_run_goes_on_with_its_own_data_and_settings_only(tmp_path: Path) -> None:
    Trainer(experiment(tmp_path, "run", 3)).save()
    with pytest.raises(Mismatch, match=r"other settings \(steps\)"):
        Trainer(experiment(tmp_path, "run", 4))
    with np.load(tmp_path / "pack.npz") as archive:
        arrays = dict(archive)
    arrays["hres/t2m"][0, 0, 0] += 1
    np.savez(tmp_path / "pack.npz", **arrays)
    with pytest.raises(Mismatch, match="another data file"):
        Trainer(experiment(tmp_path, "run", 3))


def test_without_statics_the_network_sees_none(tmp_path: Path) -> None:
    trainer = Trainer(experiment(tmp_path, "blind", 3, statics=False))
    batch = trainer.draw()
    assert float(batch.statics.coarse.abs().max()) == float(batch.statics.fine.abs().max()) == 0
    assert float(batch.statics.known.max()) == 0
    assert float(batch.statics.spacing.min()) > 0
    assert float(trainer.model.regression.coefficients.abs().max()) == 0


def _package_of(trainer: Trainer, folder: Path) -> Path:
    write(folder, trainer.average, halo=2, scale_range=(1.0, 8.0), footprints=(7.0, 45.0), card="a test's")
    return folder


@pytest.mark.slow
def test_a_run_begins_with_what_fits_of_a_package(tmp_path: Path) -> None:
    large = Trainer(experiment(tmp_path, "large", 4))
    large.run()
    package = _package_of(large, tmp_path / "package")
    lean = experiment(tmp_path, "lean", 3, statistics=package / "stats.json", start=package)
    trainer = Trainer(replace(lean, network={**lean.network, "narrow": 4, "hidden": 4}))
    own, theirs = trainer.model.network.state_dict(), large.average.network.state_dict()
    alike = {k for k in own if k in theirs and own[k].shape == theirs[k].shape}
    assert alike < set(own)
    assert any(k.startswith("encoder") for k in alike)
    assert all(torch.equal(own[k], theirs[k]) for k in alike)
    with pytest.raises(Mismatch, match="no weight of it fits"):
        Trainer(replace(lean, out=tmp_path / "other", method="edsr", network={"channels": 6, "blocks": 1, "ratio": 2}))


@pytest.mark.slow
def test_a_teacher_says_half_of_what_is_true(tmp_path: Path) -> None:
    large = Trainer(experiment(tmp_path, "large", 4))
    large.run()
    package = _package_of(large, tmp_path / "package")
    taught = Trainer(experiment(tmp_path, "taught", 3, statistics=package / "stats.json", teacher=package))
    assert taught.teacher is not None
    batch = taught.draw()
    with torch.no_grad():
        word = taught.teacher(batch.x, batch.present, batch.statics, batch.rows, batch.cols, batch.seen)
        parts = [loss_of(taught.model, b) for b in (batch, replace(batch, target=word))]
        assert float(loss_of(taught.model, batch, taught.teacher)) == pytest.approx(float(sum(parts)) / 2)
    before = [p.clone() for p in taught.teacher.parameters()]
    taught.train_step()
    assert all(map(torch.equal, before, taught.teacher.parameters())), "a teacher does not learn"
    with pytest.raises(Mismatch, match="teacher"):  # another run than the one that was taught
        Trainer(experiment(tmp_path, "taught", 3, statistics=package / "stats.json"))


@pytest.mark.slow
@pytest.mark.parametrize("published", [False, True])
def test_peers_train_at_their_ratio(published: bool, tmp_path: Path) -> None:
    sizes = {"channels": 8, "blocks": 1, "ratio": 2}
    settings = replace(SETTINGS, ratio=2, bicubic=published)
    run = replace(experiment(tmp_path, "edsr", 2), method="edsr", published=published, network=sizes, batch=settings)
    trainer = Trainer(run)
    trainer.run()
    assert trainer.history[-1]["step"] == 2
    assert all(np.isfinite(trainer.history[-1]["ratio"]))


def test_validation_scores_interpolation_and_model_on_the_same_points(tmp_path: Path) -> None:
    trainer = Trainer(replace(experiment(tmp_path, "validate", 6), windows=40, regression_windows=80))
    scene = trainer.validation.scene(trainer.validation.main, 2.5)
    before, after = validate(trainer.average, scene)
    assert float(before.min()) > 0
    i = list(VARIABLES).index("t2m")
    assert after[i] < 0.95 * before[i], "t2m follows the terrain (and noise): the regression alone sees that"
    trainer.average.regression.coefficients.data.zero_()
    torch.testing.assert_close(*validate(trainer.average, scene))  # untrained: the interpolation


def test_under_autocast_the_regression_stays_in_float32(tmp_path: Path) -> None:
    """What it says of a peak is tens of residual sigmas: in bf16 a tenth of one would be lost."""
    trainer = Trainer(experiment(tmp_path, "bf16", 3, precision="bfloat16"))
    batch, model = trainer.draw(), trainer.model
    model.regression.coefficients.data.mul_(30)

    def regressed() -> torch.Tensor:
        encoded = model.encode(batch.x, batch.present, batch.statics, batch.rows, batch.cols, batch.seen)
        sigma = model.sigma(batch.seen, mean_scale(batch.rows, batch.cols))
        fine = model.decode(encoded, model.ground(encoded, batch.statics, batch.rows, batch.cols))
        return (fine - encoded.interpolant(batch.rows, batch.cols)) / sigma  # the network says nothing yet

    whole = regressed()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        reduced = regressed()
    assert float(whole.detach().abs().max()) > 10
    torch.testing.assert_close(reduced, whole, atol=1e-3, rtol=0)


@pytest.mark.slow
def test_a_step_in_bf16_is_about_one_in_float32(tmp_path: Path) -> None:
    losses = []
    for precision in ("float32", "bfloat16"):
        trainer = Trainer(experiment(tmp_path, precision, 6, precision=precision, learning_rate=5e-3))
        losses.append([float(trainer.train_step()) for _ in range(4)])
    assert losses[1][0] == losses[0][0], "the network says nothing yet, and all else is float32"
    assert losses[1][3] != losses[0][3]
    assert losses[1] == pytest.approx(losses[0], rel=0.02)


def test_a_window_that_is_far_off_counts_no_more_than_one_that_is_a_bit_off() -> None:
    error = torch.ones(2, 1, 4, 4, requires_grad=True)
    scaled = bounded(error * torch.tensor([2.0, 30.0]).view(2, 1, 1, 1))
    assert scaled.detach().square().mean(dim=(1, 2, 3)).sqrt().tolist() == pytest.approx([2.0, FAR_OFF])
    scaled.sum().backward()
    assert float(error.grad[1, 0, 0, 0]) == pytest.approx(FAR_OFF), "the size itself is no way to a lower loss"


def test_a_step_has_windows_of_several_scales(tmp_path: Path) -> None:
    trainer = Trainer(replace(experiment(tmp_path, "parts", 3), batch=replace(SETTINGS, size=4, parts=4)))
    drawn = []
    draw = trainer.draw
    trainer.draw = lambda: drawn.append(draw()) or drawn[-1]
    trainer.train_step()
    assert [len(b.x) for b in drawn] == [1, 1, 1, 1]
    assert len({b.rows.scale for b in drawn}) > 1


@pytest.mark.slow
def test_the_regression_does_not_depend_on_the_seed(tmp_path: Path) -> None:
    one, other = (Trainer(experiment(tmp_path, f"seed{s}", 3, seed=s)).model for s in (0, 1))
    assert torch.equal(one.regression.coefficients, other.regression.coefficients)
    assert torch.equal(one.unexplained, other.unexplained)
    assert float(one.unexplained.min()) < 1


def test_a_missing_value_is_no_number(tmp_path: Path) -> None:
    path = write_pack(tmp_path / "pack.npz")
    with np.load(path) as pack:
        arrays = dict(pack)
    arrays["hres/t2m"][0, 3, 4] = MISSING
    np.savez(path, **arrays)
    found = load(path, ())["hres"].window("t2m", 0, 2, 3, 3, 3)
    assert np.isnan(found).sum() == 1
    assert np.isnan(found[1, 1])
