"""From coarse fields in physical units to fine ones: normalisation, interpolation skip and residual around a network.

The same code runs in training and in daily use; only where the tensors come from differs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, cast, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.constants import DRY_AIR, GRAVITY, STANDARD_LAPSE_RATE, STANDARD_TEMPERATURE
from models.geometry import Axis, mean_scale, with_margin
from models.ground import Ground, Kinds, away, places
from models.interpolation import INTERPOLATION_HALO, Interpolant, Separable, interpolant, linear_weights
from models.operator import Sampling, Seen
from models.regression import ITSELF, SHARPER, StaticRegression, combined
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
)
from models.statistics import Statistics

RATE_LIMIT = 30.0  # residual sigmas at x4 per km or from sea to land; 20 K/km for temperature: steeper is noise
RATE_PRIOR = {"t2m": STANDARD_LAPSE_RATE, "d2m": -0.003}  # K/m, where flat land says nothing; dew point's in free air
WIND = ("u10", "v10")
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


@runtime_checkable
class TerrainFirst(Protocol):
    """A network that has worked out what it makes of terrain before it sees the first field."""

    def ground(self, statics: Tensor, rows: Axis, cols: Axis, seen: Seen) -> Any:
        """Of the first FINE_CHANNELS of `fine`."""

    def decode_over(self, ground: Any, features: Tensor, fields: Tensor, rows: Axis, cols: Axis, seen: Seen) -> Tensor:
        """As `Network.decode`, with the other channels of `fine`."""


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
    # (B, F, V, H, W) what is read bilinearly at the queries: the fields of models.regression, less their mean; in the
    # place of what is sharper, which only queries have, the detail in residual sigmas
    read: Tensor
    near: Tensor  # (B, V, H, W) largest value of the 3x3 neighbourhood
    seen: Seen  # what the input's values are


class Downscaler(nn.Module):
    """Interpolation + regression + sigma * unexplained * shrinkage * network; untrained, the interpolation.

    The interpolation is that of the input's operator: cubic through samples, cubic that keeps cell means.
    """

    def __init__(self, network: nn.Module, statistics: Statistics) -> None:
        super().__init__()
        outputs = getattr(network, "outputs", len(statistics.variables))
        if outputs != len(statistics.variables):
            raise ValueError(f"network has {outputs} variables, statistics {statistics.names}")
        self.network = network
        self.statistics = statistics
        stats = statistics.variables
        self.kinds = Kinds(
            len(stats),
            amounts=[i for i, s in enumerate(stats.values()) if s.amount],
            hydrostatic=[i for i, s in enumerate(stats.values()) if s.hydrostatic],
            wind=[i for i, n in enumerate(stats) if n in WIND],
        )
        v = len(stats)
        # of temperatures and pressures the network sees detail alone: by their levels it would know the few days that
        # there are to train on
        levels = [float(n in WIND or s.amount) for n, s in stats.items()]
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
        present = present.expand(len(x), -1)
        normalised = [s.normalise(x[:, i]) for i, s in enumerate(self.statistics.variables.values())]
        fields = torch.stack(normalised, dim=1) * present[:, :, None, None]
        masks = present[:, :, None, None].expand_as(fields)
        coarse = statics.coarse_channels().expand(x.shape[0], -1, -1, -1)
        finest = detail(x)
        sharpness = self._in_sigmas(finest, seen, mean_scale(rows, cols)) * present[:, :, None, None]
        inputs = torch.cat([fields * self.levels, sharpness, masks, coarse], dim=1)
        inputs = inputs.contiguous(memory_format=torch.channels_last)
        features = self._net.encode(inputs, rows, cols, seen)
        rates = self._rates(x, fields, present, statics)
        through, near = interpolant(x, seen), F.max_pool2d(x, 3, stride=1, padding=1)
        read = torch.stack([*rates.unbind(1), sharpness, finest, x - through.mean], dim=1)
        return Encoded(features, through, interpolant(statics.coarse, seen), read, near, seen)

    def ground(self, encoded: Encoded, statics: Statics, rows: Axis, cols: Axis) -> Ground:
        """What terrain says at any query cells inside the encoded window, whatever the fields are."""
        seen, scale = encoded.seen, mean_scale(rows, cols)
        wide = with_margin(rows, FINE_MARGIN), with_margin(cols, FINE_MARGIN)
        size, device = encoded.near.shape[-2:], encoded.near.device
        difference = statics.fine - encoded.statics(*wide)
        at_queries = places(difference, statics, encoded.statics, *wide, seen, self.kinds)
        fine = statics.fine_channels(difference, 2.0 ** seen.detail(scale)[0])
        kept = self.left(statics) * self.shrinkage[list(Sampling).index(seen.sampling)][:, None, None]
        first, second = (torch.from_numpy(a.nearest(n)).to(device) for a, n in zip(wide, size, strict=True))
        return Ground(
            rows, cols, statics=fine,
            linear=Separable(linear_weights(wide[0]), linear_weights(wide[1]), size, device),
            cubic=encoded.interpolant.reader(*wide),
            nearest=(first, second),
            weights=self.regression.weights(at_queries, seen, scale),
            kept=kept * away(rows, cols, seen).to(device),
            network=self.network.ground(fine, rows, cols, seen) if isinstance(self.network, TerrainFirst) else None,
        )  # fmt: skip

    def decode(self, encoded: Encoded, ground: Ground) -> Tensor:
        """Fine fields at the ground's queries; shapes as in `forward`."""
        rows, cols, seen, amounts = ground.rows, ground.cols, encoded.seen, self.kinds.amounts
        m, features = FINE_MARGIN, encoded.features
        # how the detail changes inside the cell: what sharpening would add
        by_cell = encoded.read[:, SHARPER].index_select(-2, ground.nearest[0]).index_select(-1, ground.nearest[1])
        read = ground.linear(encoded.read.flatten(1, 2)).unflatten(1, encoded.read.shape[1:3])
        through = ground.cubic(encoded.interpolant.coefficients)
        sharper = read[:, SHARPER] - by_cell
        read[:, SHARPER] = through - read[:, ITSELF]
        explained = combined(ground.weights, read, encoded.interpolant.mean, self.kinds.wind)
        sigma, near = self.sigma(seen, mean_scale(rows, cols)), ground.linear(encoded.near[:, amounts])
        regressed = explained / sigma.clamp(min=1e-9)
        regressed[:, amounts] /= near.clamp(min=1e-9)
        if isinstance(self.network, TerrainFirst):
            fine = torch.cat([sharper, regressed], dim=1)
            learned = self.network.decode_over(ground.network, features, fine, rows, cols, seen)
        else:
            fine = torch.cat([ground.statics.expand(len(sharper), -1, -1, -1), sharper, regressed], dim=1)
            learned = self._net.decode(features, fine, rows, cols, seen).float()
        base = (through + explained)[..., m:-m, m:-m] + encoded.interpolant.mean
        worth = sigma * ground.kept
        if amounts:
            worth = worth.expand_as(base).clone()
            worth[:, amounts] *= near[..., m:-m, m:-m]
        return torch.addcmul(base, learned, worth)

    def forward(self, x: Tensor, present: Tensor, statics: Statics, rows: Axis, cols: Axis, seen: Seen) -> Tensor:
        """Fine fields in physical units, before physical limits.

        x (B, V, H, W), zeros where absent; present (B or 1, V) 1 or 0; statics of the window and its queries; seen:
        what the values of x and of the coarse statics are; -> (B, V, Qy, Qx) float32.
        """
        if torch.is_grad_enabled():
            encoded = self.encode(x, present, statics, rows, cols, seen)
            return self.decode(encoded, self.ground(encoded, statics, rows, cols))
        out = x.new_empty(*x.shape[:2], len(rows), len(cols), dtype=torch.float32)
        for some_rows, some_cols, fine in self.pieces(x, present, statics, rows, cols, seen):
            out[..., some_rows, some_cols] = fine
        return out

    def pieces(
        self, x: Tensor, present: Tensor, statics: Statics, rows: Axis, cols: Axis, seen: Seen
    ) -> Iterator[tuple[slice, slice, Tensor]]:
        """As `forward`, piece by piece: rows and columns of the queries, and their fields (B, V, rows, cols).

        A processor's cache holds one piece of one field, and features of all B at once take memory; a GPU gets all.
        """
        # a fixed-ratio network upsamples its whole window at once
        block = DECODE_BLOCK if self._net.ratio is None else max(len(rows), len(cols))
        at_once = 1 if x.device.type == "cpu" and len(statics.fine) == 1 else len(x)
        present = present.expand(len(x), -1)
        encoded = [
            self.encode(x[i : i + at_once], present[i : i + at_once], statics, rows, cols, seen)
            for i in range(0, len(x), at_once)
        ]
        for top in range(0, len(rows), block):
            for left in range(0, len(cols), block):
                bottom, right = min(top + block, len(rows)), min(left + block, len(cols))
                part = statics.part(top, bottom, left, right)
                ground = self.ground(encoded[0], part, rows.part(top, bottom), cols.part(left, right))
                yield slice(top, bottom), slice(left, right), torch.cat([self.decode(e, ground) for e in encoded])

    def left(self, statics: Statics) -> Tensor:
        """What the regression leaves of the residual's sigma, (B, V, 1, 1): all where statics are unknown."""
        known = statics.known.amin(dim=1).view(-1, 1, 1, 1)
        return torch.lerp(torch.ones_like(known), self.unexplained[:, None, None], known)

    def sigma(self, seen: Seen, scale: float) -> Tensor:
        """Standard deviation of the residual, (1, V, 1, 1); of an amount 1: what is near is its unit.

        No rain near, no residual; and a shower of 1 h is treated like one of 8 h.
        """
        stats = self.statistics.variables.values()
        return x_like(self.unexplained, [1.0 if s.amount else s.sigma(seen, scale) for s in stats])

    def _in_sigmas(self, finest: Tensor, seen: Seen, scale: float) -> Tensor:
        """The fields' detail in residual sigmas.

        Beside a continent's contrasts the fields' finest structure, which the residual continues, is hard to see. Of
        a smooth field the residual is next to nothing, its detail is not.
        """
        stats = self.statistics.variables.values()
        sigma = x_like(finest, [math.hypot(s.sigma(seen, scale), s.typical / 4) for s in stats])
        return torch.clamp(finest / sigma, -10, 10)

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


def x_like(x: Tensor, per_variable: list[float]) -> Tensor:
    """One number a variable, shaped to multiply (B, V, H, W)."""
    return torch.tensor(per_variable, dtype=x.dtype, device=x.device).view(1, -1, 1, 1)
