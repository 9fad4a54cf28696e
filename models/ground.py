"""What terrain says at the queries of one piece: the same for all lead times and members, so it is asked once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.constants import SCALE_HEIGHT
from models.geometry import Axis, mean_scale
from models.interpolation import Interpolant, Separable, bilinear
from models.operator import Sampling, Seen
from models.regression import PREDICTORS
from models.statics import HEIGHT, UNIT, Statics, detail, per_static, slopes

SLOPE_UNIT = 0.01  # m/m: a steep one at 10 km
AT_SAMPLE = 0.02  # of the residual's variance: samples come through a blur or noise now and then


@dataclass(frozen=True)
class Ground:
    """Of the queries `rows`, `cols`, and of FINE_MARGIN more on each side where it says *wide*."""

    rows: Axis
    cols: Axis
    linear: Separable  # reads arrays on the input grid at the wide queries: bilinearly
    cubic: Separable  # and what goes through the fields
    nearest: tuple[Tensor, Tensor]  # the input row and column that hold each wide query
    statics: Tensor  # (B or 1, FINE_CHANNELS, wide) what a network gets
    weights: Tensor  # (B or 1, V, F + 1, wide) of the regression, for fields in physical units
    kept: Tensor  # (B or 1, V, Qy, Qx) or what broadcasts to it: sigmas that one of the network's is worth
    network: Any  # what the network itself has made of the statics


@dataclass(frozen=True)
class Kinds:
    """Which of a model's variables are what."""

    count: int
    amounts: list[int]
    hydrostatic: list[int]
    wind: list[int]


def places(
    difference: Tensor, statics: Statics, coarse: Interpolant, rows: Axis, cols: Axis, seen: Seen, kinds: Kinds
) -> Tensor:
    """What terrain says for each predictor of `models.regression.FIELD_OF`: (B or 1, V, P, Qy, Qx).

    difference: fine minus coarse statics at these queries, (B or 1, S, Qy, Qx); coarse: what goes through the coarse.
    """
    between = away(rows, cols, seen).to(difference)  # what the samples have in them already
    unit = per_static(UNIT, difference)
    b, _, *size = difference.shape
    out = difference.new_zeros(b, kinds.count, PREDICTORS, *size)
    out[:, :, :2] = (difference / unit)[:, None]
    # a rate at the bottom of a layer is not that at its top
    out[:, kinds.hydrostatic, 0] *= barometric(difference[:, HEIGHT])[:, None]
    out[:, :, 2] = 1.0
    sharper = coarse(rows, cols) - bilinear(statics.coarse, rows, cols)
    out[:, :, 3] = (sharper / unit)[:, HEIGHT : HEIGHT + 1]
    out[:, :, 4] = between
    out[:, :, 5:7] = (bilinear(detail(statics.coarse), rows, cols) / unit * between)[:, None]
    slope = slopes(difference[:, HEIGHT : HEIGHT + 1], statics.spacing, rows, cols) / SLOPE_UNIT
    out[:, kinds.wind, 7:9] = (slope * between)[:, None]
    out[:, kinds.wind, 9] = (difference[:, HEIGHT] / UNIT[HEIGHT] * between)[:, None]
    return out


def away(rows: Axis, cols: Axis, seen: Seen) -> Tensor:
    """How uncertain a query is by where it lies between samples, (Qy, Qx); 1 on average, and next to 0 at a sample.

    Where the field asked for is the one that was sampled, its value at a sample is known. 1 for means, and for samples
    of a smoother field.
    """
    _, hidden = seen.detail(mean_scale(rows, cols))
    if seen.sampling is Sampling.MEANS or hidden > 0:
        return torch.ones(1, 1)
    y, x = (torch.from_numpy(np.cos(np.pi * (a.centres - a.cells)) ** 2).float() for a in (rows, cols))
    return torch.sqrt(AT_SAMPLE + (1 - AT_SAMPLE) * (1 - y[:, None] * x) / 0.75)


def barometric(difference: Tensor) -> Tensor:
    """Mean over a layer of the pressure at its bottom being 1: what a rate at the bottom is worth over its depth in m.

    (1 - exp(-z / H)) / (z / H), to third order.
    """
    z = difference / SCALE_HEIGHT
    return 1 - z / 2 + z * z / 6 - z * z * z / 24
