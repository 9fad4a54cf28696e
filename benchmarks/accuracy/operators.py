"""How good the package is, beside every simple way and regressions: writes docs/accuracy.md and its numbers.

    python -m benchmarks.accuracy.operators evaluation.npz training.npz PACKAGE_OR_EXPERIMENT.toml [--only exact ...]

*exact*: every second and every fourth point of real 0.25 degree fields, scored at the points between. *sampled*: 0.1
degree fields read linearly on a coarser lattice. *means*: over coarser cells. The numbers need torch and numpy alone.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from benchmarks.accuracy import operators_page
from benchmarks.accuracy.rows import Row
from models.baselines.regression import NeighbourhoodRegression, StaticsOnly
from models.baselines.simple import simple_ways
from models.downscaler import Downscaler
from models.operator import MEANS, Sampling
from models.package import ModelPackage
from models.training.batches import Batch
from models.training.data import Dataset, load
from models.training.evaluate import EVERYWHERE, SMALLEST, Method, forecast, training_scenes
from models.training.experiment import Experiment
from models.training.scenes import box_scene
from models.training.train import Trainer

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "operators.json"
FINE = ("hres-test", "arpege-nw")  # 0.1 degree; the others are 0.25
SCALES = {"exact": (2.0, 4.0), "sampled": (2.0, 2.5, 3.0, 4.0, 6.0, 8.0), "means": (2.0, 2.5, 3.0, 4.0, 6.0, 8.0)}
REGRESSIONS = {"terrain regression": StaticsOnly, "5x5 regression": NeighbourhoodRegression}
OURS, MISTAKEN = "finescale", "taken for means"


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
        ways = {OURS: within_limits(model, s)} | simple_ways(s, names)
        if sampling is Sampling.SAMPLES:
            ways[MISTAKEN] = model(s.x, s.present, s.statics, s.rows, s.cols, MEANS)
        ways |= {n: m(s.x, s.present, s.statics, s.rows, s.cols, s.seen) for n, m in fitted.items()}
        where = torch.from_numpy(between(s)) if kind == "exact" else torch.ones(s.target.shape[-2:], dtype=torch.bool)
        amounts = [i for i, v in enumerate(model.statistics.variables.values()) if v.amount]
        for name, fine in ways.items():
            fine[:, amounts] = fine[:, amounts].clamp(min=0)
            error = (fine.double() - s.target.double())[0][:, where]
            squares[name].append((error**2).mean(dim=1).numpy())
    rmse = {n: np.sqrt(np.mean(v, axis=0)) for n, v in squares.items()}
    for i, variable in enumerate(names):
        if variable in dataset.fields:
            found = {n: float(v[i]) for n, v in rmse.items()}
            ours, mistaken = found.pop(OURS), found.pop(MISTAKEN, None)
            yield Row(kind, dataset.name, variable, scale, ours, found, mistaken)


def within_limits(model: Downscaler, scene: Batch) -> torch.Tensor:
    """As a product has it, within its limits: of means, its input's cell means are restored."""
    names = model.statistics.names
    amounts = {n for n, s in model.statistics.variables.items() if s.amount}
    found, _ = forecast(Method(model), scene, names, amounts)
    fields = [torch.from_numpy(found[n]) if n in found else scene.target[:, i] for i, n in enumerate(names)]
    return torch.stack(fields, dim=1)


def table(model: Downscaler, evaluation: Path, training: Path, kinds: list[str]) -> list[Row]:
    """Every case of the kinds asked for; regressions are fitted to the training data for sampled and means."""
    sets, main = load(evaluation, ()), load(training)["hres"]
    names, rows = model.statistics.names, []
    for kind in kinds:
        for scale in SCALES[kind]:
            print(f"{kind} x{scale:g}", flush=True)
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("evaluation", type=Path)
    parser.add_argument("training", type=Path)
    parser.add_argument("model")
    parser.add_argument("--only", nargs="*", default=list(SCALES), choices=list(SCALES))
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--page", type=Path, help="to write, like docs/accuracy.md; default: print a summary alone")
    args = parser.parse_args()
    rows = table(open_model(args.model), args.evaluation, args.training, args.only)
    known = json.loads(args.results.read_text()) if args.results.exists() else []
    kept = [r for r in known if r["kind"] not in args.only]
    args.results.write_text("[\n" + ",\n".join(json.dumps(r) for r in [*kept, *map(_short, rows)]) + "\n]\n")
    print(operators_page.summary(rows))
    if args.page:
        found = [Row(**r) for r in json.loads(args.results.read_text())]
        args.page.write_text(operators_page.page(found))


def _short(row: Row) -> dict:
    """With as many digits as mean something."""
    return json.loads(json.dumps(asdict(row)), parse_float=lambda v: float(f"{float(v):.5g}"))


if __name__ == "__main__":
    main()
