"""From coarse fields in physical units to fine ones: normalisation, interpolation skip and residual around a network.

The same code runs in training and in daily use; only where the tensors come from differs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.constants import DRY_AIR, GRAVITY, SCALE_HEIGHT, STANDARD_LAPSE_RATE, STANDARD_TEMPERATURE
from models.geometry import Axis, with_margin
from models.interpolation import INTERPOLATION_HALO, ConservativeInterpolant, bilinear
from models.regression import StaticRegression
from models.statics import (
    COARSE_CHANNELS,
    FINE_CHANNELS,
    FINE_MARGIN,
    HEIGHT,
    UNIT,
    Statics,
    own_rates,
    per_static,
    slopes,
)
from models.statistics import Statistics

RATE_LIMIT = 30.0  # residual sigmas at x4 per km or from sea to land; 20 K/km for temperature: steeper is noise
WIND = ("u10", "v10")
SLOPE_UNIT = 0.01  # m/m: a steep one at 10 km
DECODE_BLOCK = 128  # queries a side decoded at once in inference: what a core's cache holds


class Network(Protocol):
    """What a super-resolution network has to offer: the INR and every baseline."""

    ratio: int | None  # the only scale it can do, or None for any

    @property
    def reach(self) -> int:
        """Input cells that one query can see on each side."""

    def encode(self, inputs: Tensor, rows: Axis, cols: Axis) -> Tensor:
        """Inputs (B, I, H, W) -> features (B, C, H, W), for queries of these axes' cell size."""

    def decode(self, features: Tensor, fine: Tensor, rows: Axis, cols: Axis) -> Tensor:
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
    interpolant: ConservativeInterpolant  # of the fields (B, V, H, W), physical units
    statics: ConservativeInterpolant  # of the coarse statics (B or 1, S, H, W)
    rates: Tensor  # (B, S, V, H, W) the fields' own rates of change, physical units per km and from sea to land
    wind: Tensor  # (B, 2, H, W) u10 and v10 in m/s, zero where absent
    detail: Tensor  # (B, V, H, W) what each cell differs by from those around it, in residual sigmas
    near: Tensor  # (B, V, H, W) largest value of the 3x3 neighbourhood


class Downscaler(nn.Module):
    """Conservative bicubic + sigma * (regression on statics + unexplained * network); untrained, the interpolation."""

    def __init__(self, network: nn.Module, statistics: Statistics) -> None:
        super().__init__()
        outputs = getattr(network, "outputs", len(statistics.variables))
        if outputs != len(statistics.variables):
            raise ValueError(f"network has {outputs} variables, statistics {statistics.names}")
        self.network = network
        self.statistics = statistics
        v = len(statistics.variables)
        self.regression = StaticRegression(v).requires_grad_(False)
        # what the regression leaves, of the residual's sigma: of pressure on the ground a twentieth, which the network
        # would neither see nor be asked to learn beside wind, of which it leaves nearly all
        self.unexplained: Tensor
        self.register_buffer("unexplained", torch.ones(v))

    @property
    def _net(self) -> Network:
        return cast("Network", self.network)

    @property
    def reach(self) -> int:
        """Input cells that one query can see on each side: the halo that makes a tile exactly the whole."""
        return max(self._net.reach, INTERPOLATION_HALO)

    def encode(self, x: Tensor, present: Tensor, statics: Statics, rows: Axis, cols: Axis) -> Encoded:
        """Everything that does not depend on the query but on its cell size; shapes as in `forward`."""
        x = x.float()
        normalised = [s.normalise(x[:, i]) for i, s in enumerate(self.statistics.variables.values())]
        fields = torch.stack(normalised, dim=1) * present[:, :, None, None]
        masks = present[:, :, None, None].expand_as(fields)
        coarse = statics.coarse_channels().expand(x.shape[0], -1, -1, -1)
        detail = self._detail(x, present, mean_scale(rows, cols))
        inputs = torch.cat([fields, detail, masks, coarse], dim=1).contiguous(memory_format=torch.channels_last)
        features = self._net.encode(inputs, rows, cols)
        near = F.max_pool2d(x, 3, stride=1, padding=1)
        rates = self._rates(x, fields, present, statics)
        interpolants = ConservativeInterpolant(x), ConservativeInterpolant(statics.coarse)
        names = self.statistics.names
        wind = torch.zeros_like(x[:, :2])
        for i, name in enumerate(WIND):
            if name in names:
                wind[:, i] = x[:, names.index(name)] * present[:, names.index(name), None, None]
        return Encoded(features, *interpolants, rates, wind, detail, near)

    def decode(self, encoded: Encoded, statics: Statics, rows: Axis, cols: Axis) -> Tensor:
        """Fine fields of any query cells inside the encoded window; shapes as in `forward`."""
        base = encoded.interpolant(rows, cols)
        fine, regressed = self.at_queries(encoded, statics, rows, cols)
        learned = self._net.decode(encoded.features, fine, rows, cols).float()
        residual = torch.addcmul(regressed, learned, self.left(statics))
        return base + self.sigma(encoded, rows, cols) * residual

    def at_queries(self, encoded: Encoded, statics: Statics, rows: Axis, cols: Axis) -> tuple[Tensor, Tensor]:
        """The network's fine inputs with their margin, and the regression's word at the queries in residual sigmas."""
        wide = with_margin(rows, FINE_MARGIN), with_margin(cols, FINE_MARGIN)
        predictors, difference = self.predictors(encoded, statics, *wide)
        with torch.autocast(predictors.device.type, enabled=False):  # tens of sigmas on a peak: bf16 would lose a tenth
            regressed = self.regression(predictors.float(), mean_scale(rows, cols))
        b, m = regressed.shape[0], FINE_MARGIN
        # how the detail changes inside the cell: what sharpening would add
        sharper = bilinear(encoded.detail, *wide) - nearest(encoded.detail, *wide)
        statics_there = statics.fine_channels(difference, mean_scale(rows, cols)).expand(b, -1, -1, -1)
        fine = torch.cat([statics_there, sharper, regressed], dim=1)
        return fine, regressed[:, :, m:-m, m:-m]

    def predictors(self, encoded: Encoded, statics: Statics, rows: Axis, cols: Axis) -> tuple[Tensor, Tensor]:
        """The regression's predictors (B, P, Qy, Qx), and fine minus coarse statics (B or 1, S, Qy, Qx).

        A static field that is not known differs by zero.
        """
        difference = statics.fine - encoded.statics(rows, cols)
        scaled = difference / per_static(UNIT, difference)
        stats = self.statistics.variables.values()
        scale = mean_scale(rows, cols)
        sigma = x_like(scaled, [s.sigma(scale) for s in stats])
        b, s, v, h, w = encoded.rates.shape
        rates = bilinear(encoded.rates.view(b, s * v, h, w), rows, cols).view(b, s, v, len(rows), len(cols))
        products = rates * scaled[:, :, None] / sigma[:, None]
        ground = [i for i, s in enumerate(stats) if s.hydrostatic]
        products[:, HEIGHT, ground] *= barometric(difference[:, HEIGHT])[:, None]
        wind = self._wind_predictors(encoded, statics, difference[:, HEIGHT : HEIGHT + 1], rows, cols)
        return torch.cat([scaled.expand(b, -1, -1, -1), products.flatten(1, 2), wind], dim=1), difference

    def _wind_predictors(self, encoded: Encoded, statics: Statics, height: Tensor, rows: Axis, cols: Axis) -> Tensor:
        """The slope that the coarse terrain lacks, and height above it times the wind: (B, WIND_PREDICTORS, Qy, Qx)."""
        stats, scale = self.statistics.variables, mean_scale(rows, cols)
        sigma = x_like(height, [stats[n].sigma(scale) if n in stats else 1.0 for n in WIND])
        slope = slopes(height, statics.spacing, rows, cols) / SLOPE_UNIT / sigma
        speed_up = bilinear(encoded.wind, rows, cols) * height / UNIT[HEIGHT] / sigma
        return torch.cat([slope.expand(len(speed_up), -1, -1, -1), speed_up], dim=1)

    def forward(self, x: Tensor, present: Tensor, statics: Statics, rows: Axis, cols: Axis) -> Tensor:
        """Fine fields in physical units, before physical limits.

        x (B, V, H, W), zeros where absent; present (B, V) 1 or 0; statics of the window and its queries;
        -> (B, V, Qy, Qx) float32.
        """
        encoded = self.encode(x, present, statics, rows, cols)
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
        """What the regression leaves of the residual's sigma, (B or 1, V, 1, 1): all where statics are unknown."""
        known = statics.known.amin(dim=1).view(-1, 1, 1, 1)
        return torch.lerp(torch.ones_like(known), self.unexplained.view(1, -1, 1, 1), known)

    def sigma(self, encoded: Encoded, rows: Axis, cols: Axis) -> Tensor:
        """Standard deviation of the residual, (1 or B, V, Qy or 1, Qx or 1)."""
        stats = list(self.statistics.variables.values())
        scale = mean_scale(rows, cols)
        sigma = x_like(encoded.near, [s.sigma(scale) for s in stats])
        amounts = [i for i, s in enumerate(stats) if s.amount]
        if amounts:  # no rain near, no residual; and a shower of 1 h is treated like one of 8 h
            sigma = sigma.expand(encoded.near.shape[0], -1, len(rows), len(cols)).clone()
            sigma[:, amounts] = bilinear(encoded.near[:, amounts], rows, cols)
        return sigma

    def _detail(self, x: Tensor, present: Tensor, scale: float) -> Tensor:
        """What each cell differs by from the 3x3 around it, in residual sigmas.

        Beside a continent's contrasts the fields' finest structure, which the residual continues, is hard to see.
        """
        around = F.avg_pool2d(F.pad(x, (1,) * 4, mode="replicate"), 3, stride=1)
        sigma = x_like(x, [s.sigma(scale) for s in self.statistics.variables.values()])
        return torch.clamp((x - around) / sigma, -10, 10) * present[:, :, None, None]

    def _rates(self, x: Tensor, fields: Tensor, present: Tensor, statics: Statics) -> Tensor:
        """Own rates of change in physical units, (B, S, V, H, W); none for amounts.

        Of `fields`, which are x normalised, regressed on the statics; for a pressure on the ground the barometric one.
        """
        stats = self.statistics.variables.values()
        limit = x_like(fields, [RATE_LIMIT * s.sigma(4.0) for s in stats])
        std = x_like(fields, [0.0 if s.amount else s.std for s in stats])
        rates = torch.clamp(own_rates(fields, statics.coarse) * std, -limit, limit)
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
