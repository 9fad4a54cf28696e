"""Evaluation: `python -m models.training.evaluate SUITE.toml [METHOD ...]` scores methods, one results file each.

Every method x data set x variable x scale x {clean, degraded}. What is drawn from the results, the page
docs/accuracy/networks.md, lives in `benchmarks.accuracy.page`, which needs more than torch.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from models.baselines.published import Published
from models.baselines.regression import NeighbourhoodRegression, StaticsOnly
from models.cell_means import CellMeans
from models.interpolation import Bicubic, ConservativeBicubic
from models.limits import SETTINGS, Limits, deviations, hold_signs
from models.observed import PointReadings
from models.operator import Sampling
from models.package import ModelPackage
from models.statistics import Statistics
from models.training import metrics, spectra
from models.training.batches import Batch
from models.training.data import EVERYWHERE, Box, Dataset, load
from models.training.experiment import Experiment
from models.training.scenes import EDGE, box_scene, with_edges
from models.training.train import Trainer

SMALLEST = 8  # input cells a side: below, a scene is all edge
RAIN_THRESHOLD, RAIN_WINDOW = 1e-3, 5  # m, grid points: 1 mm, half a degree at 0.1
BLOCK = 40  # grid points a side of the bootstrap's blocks: 4 degrees, beyond which errors hardly go together
FIT_BOXES = [Box(70, 45, w, w + 30) for w in range(-170, 170, 45)] + [
    Box(42, 8, w, w + 30) for w in range(-170, 90, 45)
]

Scale = tuple[float, float]  # in y and x


@dataclass(frozen=True)
class Suite:
    """What is scored on what."""

    data: Path
    training: Path  # for what is fitted in closed form
    statistics: Path
    out: Path
    scales: list[Scale]
    methods: dict[str, dict[str, Any]]  # name -> {kind = ..., ...}
    sampling: Sampling = Sampling.SAMPLES  # what the input's values are
    maps: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Suite:
        """From TOML; unknown keys are a TypeError."""
        config = tomllib.loads(path.read_text())
        for key in ("data", "training", "statistics", "out"):
            config[key] = Path(config[key])
        config["sampling"] = Sampling(config.get("sampling", Sampling.SAMPLES))
        config["scales"] = [(s, s) if isinstance(s, int | float) else tuple(s) for s in config["scales"]]
        return cls(**config)


@dataclass
class Method:
    """Something that can be scored."""

    model: nn.Module
    ratio: int | None = None
    product: bool = True  # held to the limits that products are held to, see models/limits.py; else rain is cut at zero
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
            return Method(model, fit=lambda sy, sx: model.fit(training_scenes(dataset, names, sy, sx, suite.sampling)))
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
    dataset: Dataset, names: list[str], sy: float, sx: float, sampling: Sampling = Sampling.SAMPLES
) -> Iterator[Batch]:
    """Boxes of the training data without any cell that is held out."""
    for box in FIT_BOXES:
        top, left, height, width = dataset.box(box)
        large_enough = min(height / sy, width / sx) >= SMALLEST
        if large_enough and dataset.usable[top : top + height, left : left + width].all():
            yield box_scene(dataset, box, 0, names, sy, sx, sampling=sampling)


def scenes(
    dataset: Dataset, names: list[str], sy: float, sx: float, degraded: bool,
    sampling: Sampling = Sampling.SAMPLES, centred: bool = False,
) -> Iterator[Batch]:  # fmt: skip
    """All times of a data set; degradations are the same for every method."""
    for time in range(dataset.times):
        seed = [time, round(100 * sy), round(100 * sx)]
        rng = np.random.default_rng(seed) if degraded else None
        yield box_scene(dataset, EVERYWHERE, time, names, sy, sx, rng, sampling, centred)


@torch.inference_mode()
def forecast(
    method: Method, scene: Batch, names: list[str], amounts: Set[str]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """A scene's variables as a user would get them, and by how much the method itself misses its input.

    Variable -> (1, Qy, Qx) float32 and (1, rows, cols) float64 of the input's inside; `names` as the method orders
    them. As for a product, one input cell more around is computed: so a cell that the scene's end cuts is held whole.
    """
    work, (top, left) = with_edges(scene)
    raw = method.model(work.x, work.present, work.statics, work.rows, work.cols, work.seen)
    inner = slice(top, top + len(scene.rows)), slice(left, left + len(scene.cols))
    known = scene.x[..., EDGE:-EDGE, EDGE:-EDGE]  # around it x repeats its edge
    here = [(i, n) for i, n in enumerate(names) if scene.present[0, i]]
    coarse = {n: known[:, i].numpy() for i, n in here}
    whole = {n: raw[:, i].numpy().copy() for i, n in here}
    fine = {n: f[:, *inner] for n, f in whole.items()}
    means = scene.seen.sampling is Sampling.MEANS
    operator = CellMeans if means else PointReadings
    axes = [(s.rows.shifted(EDGE), s.cols.shifted(EDGE)) for s in (scene, work)]
    observed = operator(*axes[0], *known.shape[-2:])
    gaps = {n: observed.gap(f, coarse[n]) for n, f in fine.items()}
    if means and method.product:  # `fine` is part of `whole`
        Limits(CellMeans(*axes[1], *known.shape[-2:]), amounts).hold(whole, coarse, deviations(coarse))
    elif method.product:
        hold_signs(whole, amounts)
    else:
        hold_signs({n: whole[n] for n in whole if n in amounts}, amounts)
    return fine, gaps


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


Cases = dict[str, np.ndarray]  # variable -> (N, H, W) float64


def forecasts(method: Method, some: Iterable[Batch], names: list[str], amounts: Set[str]) -> tuple[Cases, Cases, Cases]:
    """Of some scenes: the method's fields, the truth, and by how much it misses its input."""
    fine, truth, gaps = [], [], []
    for scene in some:
        out, gap = forecast(method, scene, names, amounts)
        fine.append(out)
        gaps.append(gap)
        truth.append({n: scene.target[:, names.index(n)].numpy() for n in out})
    together = lambda found: {n: np.concatenate([f[n] for f in found]).astype(np.float64) for n in found[0]}  # noqa: E731
    return together(fine), together(truth), together(gaps)


def evaluate(name: str, method: Method, suite: Suite, statistics: Statistics) -> list[dict[str, Any]]:
    """Records of one method over the whole suite."""
    names = statistics.names
    amounts = {n for n, s in statistics.variables.items() if s.amount}
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
                centred = suite.sampling is Sampling.SAMPLES and method.ratio is not None
                some = scenes(dataset, names, sy, sx, degraded, suite.sampling, centred)
                fine, truth, gaps = forecasts(method, some, names, amounts)
                for variable, f in fine.items():
                    s, t = statistics.variables[variable], truth[variable]
                    record: dict[str, Any] = {"set": dataset.name, "variable": variable, "scale": [sy, sx]}
                    record["degraded"] = degraded
                    record |= scores(f, t, s.high - s.low, s.amount)
                    record["recoarsening"] = _short(float(np.sqrt((gaps[variable] ** 2).mean()) / t.std()))
                    if dataset.name == suite.maps.get("set") and not degraded:
                        record["spectrum"] = [_short(v) for v in spectra.radial_spectrum(f)[1]]
                        record["truth_spectrum"] = [_short(v) for v in spectra.radial_spectrum(t)[1]]
                    records.append(record)
                if (dataset.name, [sy, sx]) == (suite.maps.get("set"), suite.maps.get("scale")) and not degraded:
                    keep_maps(suite, name, fine)
                    keep_maps(suite, "truth", truth)
    print(file=sys.stderr)
    return records


def keep_maps(suite: Suite, name: str, fields: Cases) -> None:
    """Part of the first case's fields, for pictures."""
    crop = slice(*suite.maps["rows"]), slice(*suite.maps["cols"])
    (suite.out / "maps").mkdir(parents=True, exist_ok=True)
    wanted = {v: fields[v][0][crop].astype(np.float32) for v in suite.maps["variables"]}
    np.savez_compressed(suite.out / "maps" / f"{name}.npz", **wanted)


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
        result |= {"limits": SETTINGS if method.product else None}
        result |= {"training": method.training} if method.training else {}
        result["records"] = records
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(result, separators=(",", ":")).replace('{"set"', '\n{"set"') + "\n")
        partial.replace(path)
        print(path)


if __name__ == "__main__":
    main()
