"""A package or a run beside every simple way: exact, sampled and means, RMSE of ours over the best of them.

    python -m benchmarks.accuracy.operators evaluation.npz training.npz PACKAGE_OR_EXPERIMENT.toml [exact sampled means]

*exact*: every second and every fourth point of real 0.25 degree fields, scored at the points between. *sampled*: 0.1
degree fields read linearly on a coarser lattice. *means*: over coarser cells. Needs torch and numpy alone.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from models.baselines.regression import NeighbourhoodRegression, StaticsOnly
from models.baselines.simple import simple_ways
from models.downscaler import Downscaler
from models.operator import Sampling
from models.package import ModelPackage
from models.training.batches import Batch
from models.training.data import Dataset, load
from models.training.evaluate import EVERYWHERE, SMALLEST, training_scenes
from models.training.experiment import Experiment
from models.training.scenes import box_scene
from models.training.train import Trainer

FINE = ("hres-test", "arpege-nw", "kerala")  # 0.1 degree; the others are 0.25
SCALES = {"exact": (2.0, 4.0), "sampled": (2.0, 2.5, 3.0, 4.0, 6.0, 8.0), "means": (2.0, 2.5, 3.0, 4.0, 6.0, 8.0)}
REGRESSIONS = {"terrain": StaticsOnly, "5x5": NeighbourhoodRegression}


@dataclass(frozen=True)
class Row:
    """One case: RMSE of ours and of every other way."""

    kind: str
    dataset: str
    variable: str
    scale: float
    ours: float
    others: dict[str, float]

    @property
    def best(self) -> str:
        """The lowest of the others."""
        return min(self.others, key=self.others.__getitem__)

    @property
    def ratio(self) -> float:
        """Ours over it."""
        return self.ours / self.others[self.best]


def open_model(name: str) -> Downscaler:
    """A package's folder, or the average of an experiment's run as it is."""
    if not name.endswith(".toml"):
        return ModelPackage.open(Path(name)).load()
    model = Trainer(Experiment.read(Path(name))).average.eval()
    assert isinstance(model, Downscaler)
    return model


def between(scene: Batch) -> np.ndarray:
    """Which queries (Qy, Qx) are none of the input's points."""
    on = [np.abs(a.centres - np.round(a.centres)) < 1e-6 for a in (scene.rows, scene.cols)]
    return ~np.outer(*on)


@torch.inference_mode()
def rows_of(
    kind: str, dataset: Dataset, scale: float, model: Downscaler, fitted: dict[str, torch.nn.Module]
) -> Iterator[Row]:
    """Scores of a data set at one scale, pooled over its times."""
    names = model.statistics.names
    sampling = Sampling.MEANS if kind == "means" else Sampling.SAMPLES
    squares: dict[str, list[np.ndarray]] = defaultdict(list)
    for time in range(dataset.times):
        s = box_scene(dataset, EVERYWHERE, time, names, scale, scale, sampling=sampling)
        args = (s.x, s.present, s.statics, s.rows, s.cols, s.seen)
        t = s.to(next(model.parameters()).device)
        ours = model(t.x, t.present, t.statics, t.rows, t.cols, t.seen).cpu()
        ways = {"ours": ours} | simple_ways(s, names)
        ways |= {n: m(*args) for n, m in fitted.items()}
        where = torch.from_numpy(between(s)) if kind == "exact" else torch.ones(s.target.shape[-2:], dtype=torch.bool)
        for name, fine in ways.items():
            if name in ("ours", *fitted):
                for i in (i for i, v in enumerate(model.statistics.variables.values()) if v.amount):
                    fine[:, i].clamp_(min=0)
            error = (fine.double() - s.target.double())[0][:, where]
            squares[name].append((error**2).mean(dim=1).numpy())
    rmse = {n: np.sqrt(np.mean(v, axis=0)) for n, v in squares.items()}
    for i, variable in enumerate(names):
        if variable in dataset.fields:
            others = {n: float(v[i]) for n, v in rmse.items() if n != "ours"}
            yield Row(kind, dataset.name, variable, scale, float(rmse["ours"][i]), others)


def table(model: Downscaler, evaluation: Path, training: Path, kinds: list[str]) -> list[Row]:
    """Every case of the kinds asked for; regressions are fitted to the training data for sampled and means."""
    sets, main = load(evaluation, ()), load(training)["hres"]
    names, rows = model.statistics.names, []
    for kind in kinds:
        for scale in SCALES[kind]:
            fitted = {}
            if kind != "exact":
                sampling = Sampling.MEANS if kind == "means" else Sampling.SAMPLES
                for name, regression in REGRESSIONS.items():
                    fitted[name] = regression(names)
                    fitted[name].fit(training_scenes(main, names, scale, scale, sampling))
            for dataset in sets.values():
                if (dataset.name in FINE) == (kind != "exact") and min(dataset.shape) / scale >= SMALLEST:
                    rows += rows_of(kind, dataset, scale, model, fitted)
    return rows


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("evaluation", type=Path)
    parser.add_argument("training", type=Path)
    parser.add_argument("model")
    parser.add_argument("kinds", nargs="*", default=list(SCALES))
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    rows = table(open_model(args.model).to(args.device), args.evaluation, args.training, args.kinds)
    for kind in args.kinds:
        print(f"{kind}: RMSE of ours / of the best other way")
        some = [r for r in rows if r.kind == kind]
        for dataset in dict.fromkeys(r.dataset for r in some):
            for variable in dict.fromkeys(r.variable for r in some if r.dataset == dataset):
                here = [r for r in some if (r.dataset, r.variable) == (dataset, variable)]
                print(f"  {dataset:20} {variable:4}", *(f"x{r.scale:g} {r.ratio:.3f} ({r.best})" for r in here))
        ratios = [r.ratio for r in some]
        print(f"  mean {np.mean(ratios):.3f}, {sum(r >= 1 for r in ratios)} of {len(ratios)} not below 1", flush=True)


if __name__ == "__main__":
    main()
