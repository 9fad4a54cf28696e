"""From coarse fields in physical units to fine ones: normalisation, interpolation skip and residual around a network.

The same code runs in training and in daily use; only where the tensors come from differs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.constants import DRY_AIR, GRAVITY, SCALE_HEIGHT, STANDARD_LAPSE_RATE, STANDARD_TEMPERATURE
from models.geometry import Axis, with_margin
from models.interpolation import INTERPOLATION_HALO, Interpolant, bilinear, interpolant
from models.operator import Sampling, Seen
from models.regression import PREDICTORS, StaticRegression
from models.statics import (
    COARSE_CHANNELS,
    FINE_CHANNELS,
    FINE_MARGIN,
    HEIGHT,
    RATES_REACH,
    UNIT,
    Statics,
    detail,
    own_rates,
    per_static,
    slopes,
)
from models.statistics import Statistics

RATE_LIMIT = 30.0  # residual sigmas at x4 per km or from sea to land; 20 K/km for temperature: steeper is noise
RATE_PRIOR = {"t2m": STANDARD_LAPSE_RATE, "d2m": -0.003}  # K/m, where flat land says nothing; dew point's in free air
WIND = ("u10", "v10")
SLOPE_UNIT = 0.01  # m/m: a steep one at 10 km
AT_SAMPLE = 0.02  # of the residual's variance: samples come through a blur or noise now and then
DECODE_BLOCK = 128  # queries a side decoded at once in inference: what a core's cache holds


class Network(Protocol):
    """What a super-resolution network has to offer: the INR and every baseline."""

    ratio: int | None  # the only scale it can do, or None for any

    @property
    def reach(self) -> int:
        """Input cells that one query can see on each side."""

    def encode(self, inputs: Tensor, rows: Axis, cols: Axis, seen: Seen) -> Tensor:
        """Inputs (B, I, H, W) -> features (B, C, H, W), for queries of these axes' cell size."""

    def decode(self, features: Tensor, fine: Tensor, rows: Axis, cols: Axis, seen: Seen) -> Tensor:
        """Features, fine (B, F, Qy + 2 * FINE_MARGIN, Qx + 2 * FINE_MARGIN) -> (B, V, Qy, Qx) float32."""


def input_channels(variables: int) -> int:
    """Channels of a network's input: the fields, their detail, whether each is there, and the coarse statics."""
    return 3 * variables + COARSE_CHANNELS


def fine_channels(variables: int) -> int:
    """Channels that a network gets at the queries: fine statics, each field's detail, the regression's word on it."""
    return FINE_CHANNELS + 2 * variables


@dataclass(frozen=True)
class Encoded:
    """What is known on the input grid once, whatever is asked of it."""

    features: Tensor  # (B, C, H, W)
    interpolant: Interpolant  # of the fields (B, V, H, W), physical units
    statics: Interpolant  # of the coarse statics (B or 1, S, H, W)
    rates: Tensor  # (B, S, V, H, W) the fields' own rates of change, physical units per km and from sea to land
    x: Tensor  # (B, V, H, W) the fields, physical units
    detail: Tensor  # (B, V, H, W) its detail, in residual sigmas
    seen: Seen  # what the input's values are
    near: Tensor  # (B, V, H, W) largest value of the 3x3 neighbourhood


class Downscaler(nn.Module):
    """Interpolation + sigma * (regression + unexplained * shrinkage * network); untrained, the interpolation.

    The interpolation is that of the input's operator: cubic through samples, cubic that keeps cell means.
    """

    def __init__(self, network: nn.Module, statistics: Statistics) -> None:
        super().__init__()
        outputs = getattr(network, "outputs", len(statistics.variables))
        if outputs != len(statistics.variables):
            raise ValueError(f"network has {outputs} variables, statistics {statistics.names}")
        self.network = network
        self.statistics = statistics
        v = len(statistics.variables)
        # of temperatures and pressures the network sees detail alone: by their levels it would know the few days that
        # there are to train on
        levels = [float(n in WIND or s.amount) for n, s in statistics.variables.items()]
        self.levels: Tensor
        self.register_buffer("levels", torch.tensor(levels).view(1, -1, 1, 1), persistent=False)
        self.regression = StaticRegression(v).requires_grad_(False)
        # what the regression leaves, of the residual's sigma: of pressure on the ground a twelfth, which the network
        # would neither see nor be asked to learn beside wind, of which it leaves nearly all
        self.unexplained: Tensor
        self.register_buffer("unexplained", torch.ones(v))
        # by sampling and variable: how much of what the network says holds where and when it was not trained
        self.shrinkage: Tensor
        self.register_buffer("shrinkage", torch.ones(len(Sampling), v))

    @property
    def _net(self) -> Network:
        return cast("Network", self.network)

    @property
    def reach(self) -> int:
        """Input cells that one query can see on each side: the halo that makes a tile exactly the whole."""
        return max(self._net.reach, INTERPOLATION_HALO, RATES_REACH + 1)

    def encode(self, x: Tensor, present: Tensor, statics: Statics, rows: Axis, cols: Axis, seen: Seen) -> Encoded:
        """Everything that does not depend on the query but on its cell size; shapes as in `forward`."""
        x = x.float()
        normalised = [s.normalise(x[:, i]) for i, s in enumerate(self.statistics.variables.values())]
        fields = torch.stack(normalised, dim=1) * present[:, :, None, None]
        masks = present[:, :, None, None].expand_as(fields)
        coarse = statics.coarse_channels().expand(x.shape[0], -1, -1, -1)
        sharpness = self._detail(x, present, seen, mean_scale(rows, cols))
        inputs = torch.cat([fields * self.levels, sharpness, masks, coarse], dim=1)
        inputs = inputs.contiguous(memory_format=torch.channels_last)
        features = self._net.encode(inputs, rows, cols, seen)
        near = F.max_pool2d(x, 3, stride=1, padding=1)
        rates = self._rates(x, fields, present, statics)
        interpolants = interpolant(x, seen), interpolant(statics.coarse, seen)
        return Encoded(features, *interpolants, rates, x, sharpness, seen, near)

    def decode(self, encoded: Encoded, statics: Statics, rows: Axis, cols: Axis) -> Tensor:
        """Fine fields of any query cells inside the encoded window; shapes as in `forward`."""
        base = encoded.interpolant(rows, cols)
        fine, regressed = self.at_queries(encoded, statics, rows, cols)
        learned = self._net.decode(encoded.features, fine, rows, cols, encoded.seen).float()
        kept = self.shrinkage[list(Sampling).index(encoded.seen.sampling)][:, None, None]
        between = away(rows, cols, encoded.seen).to(learned)
        residual = torch.addcmul(regressed, learned, self.left(statics) * kept * between)
        return base + self.sigma(encoded, rows, cols) * residual

    def at_queries(self, encoded: Encoded, statics: Statics, rows: Axis, cols: Axis) -> tuple[Tensor, Tensor]:
        """The network's fine inputs with their margin, and the regression's word at the queries in residual sigmas."""
        wide = with_margin(rows, FINE_MARGIN), with_margin(cols, FINE_MARGIN)
        predictors, difference = self.predictors(encoded, statics, *wide)
        with torch.autocast(predictors.device.type, enabled=False):  # tens of sigmas on a peak: bf16 would lose a tenth
            regressed = self.regression(predictors.float(), encoded.seen, mean_scale(rows, cols))
        b, m = regressed.shape[0], FINE_MARGIN
        # how the detail changes inside the cell: what sharpening would add
        sharper = bilinear(encoded.detail, *wide) - nearest(encoded.detail, *wide)
        octaves, _ = encoded.seen.detail(mean_scale(rows, cols))
        statics_there = statics.fine_channels(difference, 2.0**octaves).expand(b, -1, -1, -1)
        fine = torch.cat([statics_there, sharper, regressed], dim=1)
        return fine, regressed[:, :, m:-m, m:-m]

    def predictors(self, encoded: Encoded, statics: Statics, rows: Axis, cols: Axis) -> tuple[Tensor, Tensor]:
        """The regression's predictors (B, V, P, Qy, Qx) in sigmas; fine minus coarse statics (B or 1, S, Qy, Qx).

        A static field that is not known differs by zero.
        """
        difference = statics.fine - encoded.statics(rows, cols)
        b, s, v, h, w = encoded.rates.shape
        rates = bilinear(encoded.rates.view(b, s * v, h, w), rows, cols).view(b, s, v, len(rows), len(cols))
        products = rates * (difference / per_static(UNIT, difference))[:, :, None]
        stats = self.statistics.variables
        ground = [i for i, s in enumerate(stats.values()) if s.hydrostatic]
        products[:, HEIGHT, ground] *= barometric(difference[:, HEIGHT])[:, None]
        between = away(rows, cols, encoded.seen).to(products)  # what the samples have in them already
        b, _, v = products.shape[:3]
        out = products.new_zeros(b, v, PREDICTORS, len(rows), len(cols))
        out[:, :, :2] = products.transpose(1, 2)
        out[:, :, 2] = encoded.interpolant(rows, cols) - bilinear(encoded.x, rows, cols)
        coarse = encoded.statics(rows, cols), bilinear(statics.coarse, rows, cols)
        sharper = (coarse[0] - coarse[1]) / per_static(UNIT, difference)
        out[:, :, 3] = rates[:, HEIGHT] * sharper[:, HEIGHT : HEIGHT + 1]
        out[:, :, 4] = bilinear(detail(encoded.x), rows, cols) * between
        rougher = bilinear(detail(statics.coarse), rows, cols) / per_static(UNIT, difference) * between
        out[:, :, 5:7] = (rates * rougher[:, :, None]).transpose(1, 2)
        slope = slopes(difference[:, HEIGHT : HEIGHT + 1], statics.spacing, rows, cols) / SLOPE_UNIT
        for i in (i for i, n in enumerate(stats) if n in WIND):
            out[:, i, 7:9] = slope * between
            speed = bilinear(encoded.x[:, i : i + 1], rows, cols)[:, 0]
            out[:, i, 9] = speed * difference[:, HEIGHT] / UNIT[HEIGHT] * between
        return out / self.sigma(encoded, rows, cols)[:, :, None].clamp(min=1e-9), difference

    def forward(self, x: Tensor, present: Tensor, statics: Statics, rows: Axis, cols: Axis, seen: Seen) -> Tensor:
        """Fine fields in physical units, before physical limits.

        x (B, V, H, W), zeros where absent; present (B, V) 1 or 0; statics of the window and its queries; seen: what
        the values of x and of the coarse statics are; -> (B, V, Qy, Qx) float32.
        """
        encoded = self.encode(x, present, statics, rows, cols, seen)
        if torch.is_grad_enabled():
            return self.decode(encoded, statics, rows, cols)
        out = x.new_empty(*x.shape[:2], len(rows), len(cols), dtype=torch.float32)
        # a fixed-ratio network upsamples its whole window at once
        block = DECODE_BLOCK if self._net.ratio is None else max(len(rows), len(cols))
        for top in range(0, len(rows), block):
            for left in range(0, len(cols), block):
                bottom, right = min(top + block, len(rows)), min(left + block, len(cols))
                part = statics.part(top, bottom, left, right)
                fine = self.decode(encoded, part, rows.part(top, bottom), cols.part(left, right))
                out[..., top:bottom, left:right] = fine
        return out

    def left(self, statics: Statics) -> Tensor:
        """What the regression leaves of the residual's sigma, (B, V, 1, 1): all where statics are unknown."""
        known = statics.known.amin(dim=1).view(-1, 1, 1, 1)
        return torch.lerp(torch.ones_like(known), self.unexplained[:, None, None], known)

    def sigma(self, encoded: Encoded, rows: Axis, cols: Axis) -> Tensor:
        """Standard deviation of the residual, (1 or B, V, Qy or 1, Qx or 1)."""
        stats = list(self.statistics.variables.values())
        scale = mean_scale(rows, cols)
        sigma = x_like(encoded.near, [s.sigma(encoded.seen, scale) for s in stats])
        amounts = [i for i, s in enumerate(stats) if s.amount]
        if amounts:  # no rain near, no residual; and a shower of 1 h is treated like one of 8 h
            sigma = sigma.expand(encoded.near.shape[0], -1, len(rows), len(cols)).clone()
            sigma[:, amounts] = bilinear(encoded.near[:, amounts], rows, cols)
        return sigma

    def _detail(self, x: Tensor, present: Tensor, seen: Seen, scale: float) -> Tensor:
        """The fields' detail in residual sigmas.

        Beside a continent's contrasts the fields' finest structure, which the residual continues, is hard to see. Of
        a smooth field the residual is next to nothing, its detail is not.
        """
        sigma = x_like(x, [math.hypot(s.sigma(seen, scale), s.typical / 4) for s in self.statistics.variables.values()])
        return torch.clamp(detail(x) / sigma, -10, 10) * present[:, :, None, None]

    def _rates(self, x: Tensor, fields: Tensor, present: Tensor, statics: Statics) -> Tensor:
        """Own rates of change in physical units, (B, S, V, H, W); none for amounts.

        Of `fields`, which are x normalised, regressed on the statics; for a pressure on the ground the barometric one.
        """
        stats = self.statistics.variables.values()
        limit = x_like(fields, [RATE_LIMIT * s.typical for s in stats])
        std = x_like(fields, [0.0 if s.amount else s.std for s in stats])
        variables = self.statistics.variables
        prior = x_like(fields, [RATE_PRIOR.get(n, 0.0) * UNIT[HEIGHT] / s.std for n, s in variables.items()])
        rates = torch.clamp(own_rates(fields, statics.coarse, prior) * std, -limit, limit)
        rates *= present[:, None, :, None, None]
        names, height = self.statistics.names, statics.coarse[:, HEIGHT]
        standard = STANDARD_TEMPERATURE + STANDARD_LAPSE_RATE * height  # K; where there is no t2m
        temperature = standard.expand(len(x), -1, -1)
        if "t2m" in names:
            there = present[:, names.index("t2m"), None, None]
            temperature = torch.where(there > 0, x[:, names.index("t2m")], temperature).clamp(min=150)
        for i in (i for i, s in enumerate(stats) if s.hydrostatic):
            rates[:, :, i] = 0  # a coast is no step of pressure
            known = present[:, i, None, None] * statics.known[:, HEIGHT, None, None]
            rates[:, HEIGHT, i] = -UNIT[HEIGHT] * GRAVITY / DRY_AIR * x[:, i] / temperature * known
        return rates


def mean_scale(rows: Axis, cols: Axis) -> float:
    """Scale factor, the geometric mean of both axes."""
    return float((rows.scale * cols.scale) ** 0.5)


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


def x_like(x: Tensor, per_variable: list[float]) -> Tensor:
    """One number a variable, shaped to multiply (B, V, H, W)."""
    return torch.tensor(per_variable, dtype=x.dtype, device=x.device).view(1, -1, 1, 1)


def nearest(x: Tensor, rows: Axis, cols: Axis) -> Tensor:
    """The input cells that hold the queries: (B, C, H, W) -> (B, C, Qy, Qx)."""
    for dim, axis in ((-2, rows), (-1, cols)):
        x = x.index_select(dim, torch.from_numpy(axis.nearest(x.shape[dim])).to(x.device))
    return x
