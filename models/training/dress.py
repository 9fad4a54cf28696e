"""Fits a package's dressing, how far the truth commonly is from its fields, and writes it into the package.

    python -m models.training.dress PACKAGE training.npz

Fitted by CRPS to boxes of the 0.1 degree training data all over the hemisphere and to the validation box, of samples
every 0.2 to 0.4 degree; the test box and what else scores is not among them.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.downscaler import Downscaler
from models.dressing import TERMS, crps, terms_of
from models.geometry import mean_scale
from models.package import ModelPackage, seal
from models.statics import FINE_MARGIN, HEIGHT
from models.training.batches import Batch
from models.training.data import Box, Dataset, Split, load
from models.training.scenes import box_scene

log = logging.getLogger(__name__)

BOXES = (
    Box(48, 30, -9, 20), Box(65, 45, 30, 60), Box(65, 45, 90, 120), Box(50, 30, -97, -70),
    Box(20, 0, -5, 25), Box(17, 0, 98, 125), Box(30, 10, 70, 95),
)  # fmt: skip
SCALES = (2.0, 2.5, 3.0, 4.0)
EVERY = 5  # points: neighbours' errors go together
Terms = tuple[list[Tensor], Tensor]


def height_of(scene: Batch) -> np.ndarray:
    """(Qy, Qx) in m."""
    m = FINE_MARGIN
    return scene.statics.fine[0, HEIGHT, m:-m, m:-m].numpy()


@torch.no_grad()
def errors(model: Downscaler, scene: Batch) -> dict[str, Terms]:
    """Variable -> TERMS at each point (Qy, Qx), and how far the truth is from the product there; limits held."""
    s, names = scene, model.statistics.names
    fine = model(s.x, s.present, s.statics, s.rows, s.cols, s.seen)
    out = {}
    for i, (name, known) in enumerate(model.statistics.variables.items()):
        if s.present[0, names.index(name)] > 0:
            field = fine[0, i].clamp(min=0) if known.amount else fine[0, i]
            sigma = known.sigma(s.seen, mean_scale(s.rows, s.cols))
            found = terms_of(name, field.numpy(), height_of(s), s.rows, s.cols, sigma, known.amount)
            out[name] = [torch.from_numpy(t) for t in found], (s.target[0, i] - field).double()
    return out


def fit(terms: Tensor, error: Tensor) -> list[float]:
    """Coefficients of TERMS (n, terms) that make the mean CRPS of errors (n,) smallest; a constant one's is 0."""
    mean, deviation = terms.mean(dim=0), terms.std(dim=0)
    mean[0], varies = 0.0, deviation > 1e-6
    varies[0] = True
    unit = torch.where(varies, deviation, torch.ones_like(deviation))
    unit[0] = 1.0
    x = torch.where(varies, (terms - mean) / unit, torch.zeros_like(terms))
    size = error.abs().mean()
    weights = torch.zeros(len(mean), dtype=terms.dtype)
    weights[0] = size.log()
    weights.requires_grad_(True)
    optimiser = torch.optim.LBFGS([weights], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        value = crps(error, (x @ weights).clamp(-40, 40).exp()).mean() / size
        value.backward()
        return value

    optimiser.step(loss)
    found = torch.where(varies, weights.detach() / unit, torch.zeros_like(unit))
    found[0] -= (found[1:] * mean[1:]).sum()
    return [round(float(w), 5) for w in found]


def fitted(model: Downscaler, main: Dataset, boxes: tuple[Box, ...] = BOXES) -> dict[str, list[float]]:
    """Variable -> coefficients, of boxes at the scales above."""
    parts: dict[str, list[Terms]] = defaultdict(list)
    for scale in SCALES:
        for box in boxes:
            scene = box_scene(main, box, 0, model.statistics.names, scale, scale)
            for name, (terms, error) in errors(model, scene).items():
                some = [t.reshape(-1)[::EVERY] for t in terms]
                parts[name].append((some, error.reshape(-1)[::EVERY]))
        log.info("x%g: errors of %d boxes", scale, len(boxes))
    out = {}
    for name, found in parts.items():
        columns = [torch.cat([f[0][k] for f in found]) for k in range(len(TERMS))]
        out[name] = fit(torch.stack(columns, dim=1).double(), torch.cat([f[1] for f in found]).double())
        log.info("%s %s", name, dict(zip(TERMS, out[name], strict=True)))
    return out


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", type=Path)
    parser.add_argument("training", type=Path)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    model = ModelPackage.open(args.package).load()
    file = args.package / "model.json"
    validation = Split.of(args.training).validation
    boxes = BOXES if validation is None else (validation, *BOXES)
    metadata = json.loads(file.read_text()) | {"dressing": fitted(model, load(args.training)["hres"], boxes)}
    file.write_text(json.dumps(metadata, indent=2) + "\n")
    seal(args.package)


if __name__ == "__main__":
    main()
