"""The simple ways from an input to finer points that a forecaster would take: no fitting, but for one regional rate.

Each takes a batch's input as samples at its points (or cell centres), as it is.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.constants import DRY_AIR, GRAVITY, STANDARD_LAPSE_RATE, STANDARD_TEMPERATURE
from models.interpolation import bicubic, bilinear, conservative_bicubic
from models.operator import Sampling
from models.statics import FINE_MARGIN, HEIGHT, Statics
from models.training.batches import Batch

TEMPERATURES = ("t2m", "d2m")
RATES = (-12e-3, 4e-3)  # K/m, beyond which a regressed rate is noise


def simple_ways(scene: Batch, names: list[str]) -> dict[str, Tensor]:
    """Name of the way -> fields (B, V, Qy, Qx); a way that says nothing of a variable is bilinear there."""
    plain = bilinear(scene.x, scene.rows, scene.cols)
    out = {"bilinear": plain, "cubic": bicubic(scene.x, scene.rows, scene.cols)}
    if scene.seen.sampling is Sampling.MEANS:
        out["conservative"] = conservative_bicubic(scene.x, scene.rows, scene.cols)
    height = _height_above(scene.statics, scene)
    temperatures = [i for i, n in enumerate(names) if n in TEMPERATURES]
    standard, regional = plain.clone(), plain.clone()
    standard[:, temperatures] += STANDARD_LAPSE_RATE * height
    for i in temperatures:
        regional[:, i] += regional_rate(scene.x[:, i], scene.statics.coarse[:, HEIGHT]) * height[:, 0]
    out |= {"6.5 K/km": standard, "regional rate": regional}
    if "sp" in names:
        out["hypsometric"] = _hypsometric(scene, names, plain, height)
    return out


def regional_rate(field: Tensor, height: Tensor) -> Tensor:
    """Rate of change with height over a whole window in K/m: fields and heights (B, H, W) -> (B, 1, 1)."""
    anomaly = height - height.mean(dim=(-2, -1), keepdim=True)
    covariance = (anomaly * (field - field.mean(dim=(-2, -1), keepdim=True))).mean(dim=(-2, -1), keepdim=True)
    variance = anomaly.square().mean(dim=(-2, -1), keepdim=True)
    return torch.where(variance > 1, covariance / variance.clamp(min=1), 0.0).clamp(*RATES)


def _height_above(statics: Statics, scene: Batch) -> Tensor:
    """Height of the queries above the input's terrain, bilinear as the fields are, (B, 1, Qy, Qx) m."""
    m = FINE_MARGIN
    coarse = bilinear(statics.coarse[:, HEIGHT : HEIGHT + 1], scene.rows, scene.cols)
    return statics.fine[:, HEIGHT : HEIGHT + 1, m:-m, m:-m] - coarse


def _hypsometric(scene: Batch, names: list[str], plain: Tensor, height: Tensor) -> Tensor:
    """Pressure on the ground moved through the height difference at the layer's temperature."""
    m, out = FINE_MARGIN, plain.clone()
    ground = scene.statics.fine[:, HEIGHT, m:-m, m:-m].expand(len(plain), -1, -1)
    temperature = STANDARD_TEMPERATURE + STANDARD_LAPSE_RATE * ground
    if "t2m" in names:
        there = scene.present[:, names.index("t2m"), None, None] > 0
        temperature = torch.where(there, plain[:, names.index("t2m")], temperature)
    mean = temperature + 0.5 * STANDARD_LAPSE_RATE * height[:, 0]
    i = names.index("sp")
    out[:, i] = plain[:, i] * torch.exp(-GRAVITY * height[:, 0] / DRY_AIR / mean)
    return out
