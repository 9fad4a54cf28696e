"""How sure the package is of itself: CRPS of its dressing beside the field's absolute error, and how a member looks.

    python -m benchmarks.accuracy.dressing evaluation.npz PACKAGE

0.1 degree fields read every 0.2, 0.25 and 0.4 degree: the HRES box, and another model over north-west France. Over all
queries between the input's points and at them.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from benchmarks.accuracy.operators import FINE, ROOT, within_limits
from models.downscaler import Downscaler
from models.dressing import LENGTH, Dressing, crps, logistic, noise
from models.geometry import mean_scale
from models.package import ModelPackage
from models.training.data import EVERYWHERE, Dataset, load
from models.training.dress import height_of
from models.training.scenes import box_scene
from models.training.spectra import radial_spectrum

RESULTS = ROOT / "benchmarks" / "results" / "dressing.json"
SCALES = (2.0, 2.5, 4.0)
VARIANCE = np.pi**2 / 3  # of a logistic distribution of scale 1


@torch.inference_mode()
def scores(dataset: Dataset, model: Downscaler, dressing: Dressing, scale: float) -> dict[str, dict[str, object]]:
    """By variable, pooled over times."""
    names, found = model.statistics.names, dict[str, list[tuple[torch.Tensor, ...]]]()
    shorter: dict[str, list[list[float]]] = {}
    for time in range(dataset.times):
        s = box_scene(dataset, EVERYWHERE, time, names, scale, scale)
        fine = within_limits(model, s).float()
        for i, (name, known) in enumerate(model.statistics.variables.items()):
            if name not in dataset.fields:
                continue
            sigma = known.sigma(s.seen, mean_scale(s.rows, s.cols))
            field, truth = fine[0, i], s.target[0, i]
            size = dressing.scale(name, field.numpy(), height_of(s), s.rows, s.cols, sigma, known.amount)
            found.setdefault(name, []).append((truth - field, torch.from_numpy(size)))
            drawn = logistic(noise(time, 0, 0, *field.shape, LENGTH * scale))
            member = field.numpy() + size * drawn
            if known.amount:
                member = np.maximum(member, 0)
            powers = [fine_power(f, scale) for f in (truth.numpy(), field.numpy(), member)]
            shorter.setdefault(name, []).append(powers)
    return {name: _summary(parts, np.array(shorter[name])) for name, parts in found.items()}


def fine_power(field: np.ndarray, scale: float) -> float:
    """Power at wavelengths that the input cannot hold, below two of its cells."""
    wavenumber, power = radial_spectrum(field[None])
    fine = min(field.shape) / wavenumber < 2 * scale
    return float((power * wavenumber)[fine].sum())


def _summary(parts: list[tuple[torch.Tensor, ...]], powers: np.ndarray) -> dict[str, object]:
    error, size = (torch.cat([p[k].reshape(-1) for p in parts]).double() for k in (0, 1))
    mae, score = float(error.abs().mean()), float(crps(error, size).mean())
    below = torch.sigmoid(error / size)
    tenths = torch.histc(below, 10, 0, 1) / len(below)
    power = powers.mean(axis=0)
    return {
        "mae": mae,
        "crps": score,
        "ratio": score / mae,
        "spread_skill": float((VARIANCE * (size**2).mean()).sqrt() / (error**2).mean().sqrt()),
        "within_80": float(((below > 0.1) & (below < 0.9)).double().mean()),
        "tenths": [round(float(t), 4) for t in tenths],
        "power_field": float(power[1] / power[0]),
        "power_member": float(power[2] / power[0]),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("evaluation", type=Path)
    parser.add_argument("package", type=Path)
    parser.add_argument("--results", type=Path, default=RESULTS)
    args = parser.parse_args()
    package = ModelPackage.open(args.package)
    model, dressing = package.load(), package.dressing
    if dressing is None:
        parser.error(f"{args.package} has no dressing: python -m models.training.dress")
    out = {}
    for dataset in (s for s in load(args.evaluation, ()).values() if s.name in FINE):
        for scale in SCALES:
            found = out[f"{dataset.name} x{scale:g}"] = scores(dataset, model, dressing, scale)
            for name, line in found.items():
                print(
                    f"{dataset.name} x{scale:g} {name}: CRPS / MAE {line['ratio']:.3f}, spread / skill "
                    f"{line['spread_skill']:.2f}, within 80 % {line['within_80']:.3f}, fine power of field "
                    f"{line['power_field']:.2f}, of a member {line['power_member']:.2f} of the truth's"
                )
    args.results.write_text(json.dumps(out, indent=1, default=float) + "\n")


if __name__ == "__main__":
    main()
