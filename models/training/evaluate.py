"""Evaluation: `python -m models.training.evaluate SUITE.toml [METHOD ...]` scores methods and writes one results file each.

Every method x data set x variable x scale x {clean, degraded}. What is drawn from the results, and docs/accuracy.md,
lives in `benchmarks.accuracy.page`, which needs more than torch.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.baselines.published import Published
from models.baselines.regression import NeighbourhoodRegression, StaticsOnly
from models.interpolation import Bicubic, ConservativeBicubic, area_mean, conserved, covered
from models.operator import Sampling
from models.package import ModelPackage
from models.statistics import Statistics
from models.training import metrics, spectra
from models.training.batches import Batch
from models.training.data import Box, Dataset, load
from models.training.experiment import Experiment
from models.training.scenes import EDGE, box_scene
from models.training.train import Trainer

EVERYWHERE = Box(90, -90, -180, 180)
SMALLEST = 8  # input cells a side: below, a scene is all edge
RAIN_THRESHOLD, RAIN_WINDOW = 1e-3, 5  # m, grid points: 1 mm, half a degree at 0.1
BLOCK = 40  # grid points a side of the bootstrap's blocks: 4 degrees, beyond which errors hardly go together
FIT_BOXES = [Box(70, 45, w, w + 30) for w in range(-170, 170, 45)] + [
    Box(42, 8, w, w + 30) for w in range(-170, 90, 45)
]


@dataclass(frozen=True)
class Suite:
    """What is scored on what."""

    data: Path
    training: Path  # for what is fitted in closed form
    statistics: Path
    out: Path
    scales: list[tuple[float, float]]
    methods: dict[str, dict[str, Any]]  # name -> {kind = ..., ...}
    maps: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Suite:
        """From TOML; unknown keys are a TypeError."""
        config = tomllib.loads(path.read_text())
        for key in ("data", "training", "statistics", "out"):
            config[key] = Path(config[key])
        config["scales"] = [(s, s) if isinstance(s, int | float) else tuple(s) for s in config["scales"]]
        return cls(**config)


@dataclass
class Method:
    """Something that can be scored."""

    model: nn.Module
    ratio: int | None = None
    product: bool = True  # cell means restored and rain kept from falling below zero, as in daily use
    fit: Callable[[float, float], None] | None = None  # before each scale
    training: dict[str, Any] | None = None  # steps and settings, of what was trained


def open_method(settings: dict[str, Any], suite: Suite, names: list[str]) -> Method:
    """A method of the suite, ready for inference."""
    match settings["kind"]:
        case "bicubic":
            return Method(Bicubic(), product=False)
        case "back-projection":
            return Method(ConservativeBicubic())
        case "terrain-regression" | "neighbourhood-regression" as kind:
            model = StaticsOnly(names) if kind == "terrain-regression" else NeighbourhoodRegression(names)
            dataset = load(suite.training)["hres"]
            return Method(model, fit=lambda sy, sx: model.fit(training_scenes(dataset, names, sy, sx)))
        case "package":
            package = ModelPackage.open(Path(settings["folder"]))
            return Method(package.load(), training=package.metadata["training"])
        case "run":
            trainer = Trainer(Experiment.read(Path(settings["experiment"])).seeded(settings.get("seed")))
            if trainer.progress < 1:
                raise SystemExit(f"{settings['experiment']}: at step {trainer.step}; train it to its end first")
            network = trainer.average.network
            return Method(
                trainer.average.cpu().eval(),
                ratio=getattr(network, "ratio", None),
                product=not isinstance(trainer.average, Published),
                training={k: getattr(trainer.experiment, k) for k in ("steps", "learning_rate", "precision", "seed")},
            )
        case other:
            raise SystemExit(f"unknown kind of method {other!r}")


def training_scenes(
    dataset: Dataset, names: list[str], sy: float, sx: float, sampling: Sampling = Sampling.POINTS
) -> Iterator[Batch]:
    """Boxes of the training data without any cell that is held out."""
    for box in FIT_BOXES:
        top, left, height, width = dataset.box(box)
        large_enough = min(height / sy, width / sx) >= SMALLEST
        if large_enough and dataset.usable[top : top + height, left : left + width].all():
            yield box_scene(dataset, box, 0, names, sy, sx, sampling=sampling)


def scenes(dataset: Dataset, names: list[str], sy: float, sx: float, degraded: bool) -> Iterator[Batch]:
    """All times of a data set; degradations are the same for every method."""
    for time in range(dataset.times):
        seed = [time, round(100 * sy), round(100 * sx)]
        rng = np.random.default_rng(seed) if degraded else None
        yield box_scene(dataset, EVERYWHERE, time, names, sy, sx, rng)


@torch.inference_mode()
def forecast(method: Method, scene: Batch, amounts: list[int]) -> tuple[Tensor, Tensor]:
    """The method's fields (1, V, Qy, Qx) as a user would get them, and the cell means it had by itself."""
    raw = method.model(scene.x, scene.present, scene.statics, scene.rows, scene.cols, scene.seen)
    h, w = scene.x.shape[-2:]
    means = area_mean(raw, scene.rows, scene.cols, h, w)
    out = conserved(raw, scene.x, scene.rows, scene.cols) if method.product else raw
    out[:, amounts] = out[:, amounts].clamp(min=0)
    return out, means


def scores(fine: np.ndarray, truth: np.ndarray, value_range: float, amount: bool) -> dict[str, Any]:
    """Every measure of one variable, (N, H, W) twice."""
    sums, counts = metrics.block_sums(fine - truth, BLOCK)
    mse = float(sums.sum() / counts.sum())
    low, high = metrics.tail_error(fine, truth)
    out = {
        "rmse": math.sqrt(mse),
        "rmse_over_std": math.sqrt(mse) / float(truth.std()),
        "psnr": metrics.psnr(mse, value_range),
        "bias": metrics.bias(fine, truth),
        "ssim": metrics.ssim(fine, truth, value_range),
        "log_spectral_distance": spectra.log_spectral_distance(fine, truth),
        "quantile_error_0.1": low,
        "quantile_error_99.9": high,
        "block_sums": [_short(v) for v in sums],
        "block_counts": counts.astype(int).tolist(),
    }
    if amount:
        out["fss"] = metrics.fractions_skill_score(fine, truth, RAIN_THRESHOLD, RAIN_WINDOW)
    return {k: _short(v) if isinstance(v, float) else v for k, v in out.items()}


def _short(value: float) -> float:
    return float(f"{value:.6g}")


def evaluate(name: str, method: Method, suite: Suite, statistics: Statistics) -> list[dict[str, Any]]:
    """Records of one method over the whole suite."""
    names = statistics.names
    amounts = [i for i, s in enumerate(statistics.variables.values()) if s.amount]
    records = []
    for sy, sx in suite.scales:
        if method.ratio is not None and (sy, sx) != (method.ratio, method.ratio):
            continue
        if method.fit is not None:
            method.fit(sy, sx)
        for dataset in load(suite.data, ()).values():
            if min(dataset.shape[0] / sy, dataset.shape[1] / sx) < SMALLEST:
                continue
            for degraded in (False, True):
                what = f"{name} x{sy:g} x{sx:g} {dataset.name} {'degraded' if degraded else 'clean'}"
                print(f"\r{what:60}", end="", file=sys.stderr)
                fine, truth, gaps = [], [], []
                for scene in scenes(dataset, names, sy, sx, degraded):
                    out, means = forecast(method, scene, amounts)
                    h, w = scene.x.shape[-2:]
                    whole = np.outer(covered(scene.rows, h), covered(scene.cols, w))
                    fine.append(out[0].double().numpy())
                    truth.append(scene.target[0].double().numpy())
                    gaps.append((means - scene.x)[0].double().numpy()[:, whole])
                f, t, g = np.stack(fine), np.stack(truth), np.stack(gaps)
                for i, variable in enumerate(names):
                    if variable in dataset.fields:
                        s = statistics.variables[variable]
                        record: dict[str, Any] = {"set": dataset.name, "variable": variable, "scale": [sy, sx]}
                        record["degraded"] = degraded
                        record |= scores(f[:, i], t[:, i], s.high - s.low, s.amount)
                        record["recoarsening"] = _short(float(np.sqrt((g[:, i] ** 2).mean()) / t[:, i].std()))
                        if dataset.name == suite.maps.get("set") and not degraded:
                            record["spectrum"] = [_short(v) for v in spectra.radial_spectrum(f[:, i])[1]]
                            record["truth_spectrum"] = [_short(v) for v in spectra.radial_spectrum(t[:, i])[1]]
                        records.append(record)
                wanted = (dataset.name, [sy, sx]) == (suite.maps.get("set"), suite.maps.get("scale"))
                if wanted and not degraded:
                    crop = slice(*suite.maps["rows"]), slice(*suite.maps["cols"])
                    fields = {v: f[0, names.index(v)][crop].astype(np.float32) for v in suite.maps["variables"]}
                    (suite.out / "maps").mkdir(parents=True, exist_ok=True)
                    np.savez_compressed(suite.out / "maps" / f"{name}.npz", **fields)
                    fields = {v: t[0, names.index(v)][crop].astype(np.float32) for v in suite.maps["variables"]}
                    np.savez_compressed(suite.out / "maps" / "truth.npz", **fields)
    print(file=sys.stderr)
    return records


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", type=Path)
    parser.add_argument("methods", nargs="*", help="of the suite; all that have no results yet if none is named")
    args = parser.parse_args()
    suite = Suite.read(args.suite)
    unknown = [m for m in args.methods if m not in suite.methods]
    if unknown:
        parser.error(f"{args.suite} knows no {', '.join(unknown)}; it has {', '.join(suite.methods)}")
    statistics = Statistics.load(suite.statistics)
    suite.out.mkdir(parents=True, exist_ok=True)
    for name, settings in suite.methods.items():
        path = suite.out / f"{name}.json"
        if name not in args.methods if args.methods else path.exists():
            continue
        method = open_method(settings, suite, statistics.names)
        parameters = sum(p.numel() for p in method.model.parameters())
        records = evaluate(name, method, suite, statistics)
        result = {"method": name, **settings, "parameters": parameters, "edge": EDGE}
        result |= {"training": method.training} if method.training else {}
        result["records"] = records
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(result, separators=(",", ":")).replace('{"set"', '\n{"set"') + "\n")
        partial.replace(path)
        print(path)


if __name__ == "__main__":
    main()
