"""What is fitted to the training data in closed form before the first step: statistics and the regression."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from models.downscaler import Downscaler, Encoded
from models.geometry import Axis, mean_scale, with_margin
from models.ground import places
from models.interpolation import bilinear, interpolant
from models.operator import CELL_MEANS, Operator, Sampling
from models.regression import FIELD_OF, ITSELF, SHARPER, LeastSquares, operator_terms
from models.statics import FINE_MARGIN, Statics
from models.statistics import AMOUNTS, HYDROSTATIC, Statistics, VariableStatistics, residual_terms
from models.training.batches import Batch, Batches, BatchSettings, Recipe
from models.training.data import Dataset

SCALES = (1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
FOOTPRINTS = (16.0, 22.0, 31.0, 45.0)  # km, of coarser models' fields
WINDOWS = 16  # drawn together
PATCH = 20  # input cells a side: at x8 a window of 18 degrees at 0.1


# an absent variable's residual would be its whole value
_ALL_THERE = BatchSettings(
    size=WINDOWS, parts=1, patch=PATCH, drop_variable=0.0, alone=0.0, drop_static=0.0, steepened=0.0
)


def largest_scale(dataset: Dataset) -> float:
    """Up to which a data set has windows to fit statistics to."""
    return Batches(dataset, dataset.variables, _ALL_THERE, np.random.default_rng(0)).scale_high


def fit_statistics(dataset: Dataset, names: list[str], windows: int, device: str = "cpu") -> Statistics:
    """Mean, standard deviation and residual law of every variable, from fixed windows of the training data."""
    batches = Batches(dataset, names, _ALL_THERE, np.random.default_rng(0), device)
    side = batches.extent(batches.scale_high)
    values: list[np.ndarray] = []
    for _ in range(max(windows // WINDOWS, 1)):
        y = batches.fields(WINDOWS, side, side)[0][:, :, ::7, ::7]
        values.append(y.transpose(0, 1).flatten(1).cpu().numpy())
    sample = torch.from_numpy(np.concatenate(values, axis=1))
    laws = {s: _residual_law(batches, s, windows) for s in Sampling}
    out = {}
    for i, name in enumerate(names):
        amount = name in AMOUNTS
        raw = VariableStatistics(0.0, 1.0, {}, amount).normalise(sample[i])
        low, high = dataset.value_range(name)
        out[name] = VariableStatistics(
            round(float(raw.mean()), 6),
            round(float(raw.std()), 6),
            {str(s): [round(float(c), 6) for c in law[:, i]] for s, law in laws.items()},
            amount,
            low,
            high,
            float(sample[i].std()),
            name in HYDROSTATIC,
        )
    return Statistics(out)


def _residual_law(batches: Batches, sampling: Sampling, windows: int) -> np.ndarray:
    """Coefficients (terms, V) of the logarithm of the residual's standard deviation over `residual_terms`."""
    own = batches.dataset.footprint
    operators = [(CELL_MEANS, own)]
    if sampling is Sampling.SAMPLES:
        coarse = [Operator(sampling, f) for f in FOOTPRINTS]
        operators = [(Operator(sampling, own), own), *((o, t) for o in coarse for t in (own, o.footprint))]
    terms, logs = [], []
    for operator, target in operators:
        for scale in (s for s in SCALES if s <= batches.scale_high):  # a small domain holds no large window
            squares = []
            for _ in range(max(windows // WINDOWS, 1)):
                batch = batches.draw(Recipe(operator, target, 1, (scale, scale), aligned=False, clean=True))
                residual = batch.target - interpolant(batch.x, batch.seen)(batch.rows, batch.cols)
                squares.append((residual**2).mean(dim=(0, 2, 3)))
            logs.append(0.5 * np.log(torch.stack(squares).mean(0).double().cpu().numpy().clip(1e-12)))
            terms.append(residual_terms(*batch.seen.detail(scale)))
    # few scales, smooth laws: a little damping where means have no terms of a footprint
    a = np.array(terms)
    return np.asarray(np.linalg.solve(a.T @ a + 1e-3 * np.eye(a.shape[1]), a.T @ np.array(logs)))


def predictors(model: Downscaler, encoded: Encoded, statics: Statics, rows: Axis, cols: Axis) -> tuple[Tensor, Tensor]:
    """The regression's predictors (B, V, P, Qy, Qx) and the residual's sigma (B, V, Qy, Qx), which is their unit."""
    m, kinds = FINE_MARGIN, model.kinds
    wide = with_margin(rows, m), with_margin(cols, m)
    difference = statics.fine - encoded.statics(*wide)
    there = places(difference, statics, encoded.statics, *wide, encoded.seen, kinds)[..., m:-m, m:-m]
    b, f, v = encoded.read.shape[:3]
    fields = bilinear(encoded.read.flatten(1, 2), rows, cols).unflatten(1, (f, v))
    fields[:, ITSELF] += encoded.interpolant.mean
    fields[:, SHARPER] = encoded.interpolant(rows, cols) - fields[:, ITSELF]
    fields = torch.cat([fields, torch.ones_like(fields[:, :1])], dim=1)
    sigma = model.sigma(encoded.seen, mean_scale(rows, cols)).expand(b, -1, len(rows), len(cols)).clone()
    sigma[:, kinds.amounts] = bilinear(encoded.near[:, kinds.amounts], rows, cols)
    return there * fields[:, FIELD_OF].transpose(1, 2) / sigma[:, :, None].clamp(min=1e-9), sigma


@torch.no_grad()
def fit_regression(model: Downscaler, batches: Iterable[Batch]) -> None:
    """Set the model's regression to its least-squares solution over batches, and what it leaves."""
    coefficients = model.regression.coefficients
    sums = LeastSquares(len(coefficients), coefficients[0].numel())
    for batch in batches:
        encoded = model.encode(batch.x, batch.present, batch.statics, batch.rows, batch.cols, batch.seen)
        of_places, sigma = predictors(model, encoded, batch.statics, batch.rows, batch.cols)
        residual = (batch.target - encoded.interpolant(batch.rows, batch.cols)) / sigma.clamp(min=1e-9)
        known = batch.present * batch.statics.known.amin(dim=1, keepdim=True)
        terms = operator_terms(batch.seen, mean_scale(batch.rows, batch.cols))
        sums.add(of_places, residual.clamp(-20, 20), known, terms)
    solution = sums.solve()
    coefficients.copy_(solution.view_as(coefficients))
    model.unexplained.copy_(sums.left(solution))


@torch.no_grad()
def fit_shrinkage(model: Downscaler, scenes: Iterable[Batch]) -> None:
    """Set how much of the network's word is kept: the least-squares factor over scenes it was not trained on.

    By sampling and variable, in 0..1; every scene counts alike. A network that has seen few days says things of a
    variable that hold on these days alone: their factor is small, and the regression stands.
    """
    v = len(model.statistics.names)
    products, squares = torch.zeros(len(Sampling), v), torch.zeros(len(Sampling), v)
    for scene in scenes:
        s = scene.to(model.unexplained.device)
        fields = []
        for factor in (0.0, 1.0):
            model.shrinkage.fill_(factor)
            fields.append(model(s.x, s.present, s.statics, s.rows, s.cols, s.seen).double().cpu())
        error, network = scene.target.double() - fields[0], fields[1] - fields[0]
        scale = scene.present[0] / error.square().mean(dim=(0, 2, 3)).clamp(min=1e-30)
        row = list(Sampling).index(scene.seen.sampling)
        products[row] += scale * (error * network).mean(dim=(0, 2, 3))
        squares[row] += scale * network.square().mean(dim=(0, 2, 3))
    kept = torch.where(squares > 0, products / squares.clamp(min=1e-12), 1.0)  # all of it where no scene says anything
    model.shrinkage.copy_(kept.clamp(0, 1))
