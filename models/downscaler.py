"""From coarse fields in physical units to fine ones: normalisation, interpolation skip and residual around the network.

The same code runs in training and in daily use; only where the tensors come from differs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.geometry import Axis
from models.inr import INR
from models.inr.decoder import TerrainBranch
from models.interpolation import INTERPOLATION_HALO, ConservativeInterpolant
from models.statistics import Statistics

HEIGHT_UNIT, HEIGHT_DIFFERENCE_UNIT = 1000.0, 200.0  # m; bring both near 1
LAPSE_WINDOW = 5  # input cells a side, over which a field's own lapse rate is regressed on height
LAPSE_SHRINKAGE = 0.05**2  # km2: flat land (relief below 50 m in the window) has no lapse rate of its own
LAPSE_LIMIT = 30.0  # residual sigmas at x4 per km; 20 K/km for temperature: steeper is noise
DECODE_BLOCK = 128  # queries a side decoded at once in inference: what a core's cache holds
FINE_MARGIN = TerrainBranch.REACH  # query cells of height needed beyond each edge


def with_margin(axis: Axis, cells: int = FINE_MARGIN) -> Axis:
    """The axis with `cells` more query cells of the same width at both ends."""
    before = axis.centres[0] - axis.width * np.arange(cells, 0, -1)
    after = axis.centres[-1] + axis.width * np.arange(1, cells + 1)
    return Axis(np.concatenate([before, axis.centres, after]), axis.width)


@dataclass(frozen=True)
class Encoded:
    """What is known on the input grid once, whatever is asked of it."""

    features: Tensor  # (B, C, H, W)
    interpolant: ConservativeInterpolant  # of the fields (B, V, H, W), physical units
    height: ConservativeInterpolant | None  # of the coarse heights (B, 1, H, W), m
    lapse: Tensor | None  # (B, V, H, W) own lapse rates, physical units per km
    near: Tensor  # (B, V, H, W) largest value of the 3x3 neighbourhood


class Downscaler(nn.Module):
    """Conservative bicubic plus sigma times the network; untrained, it *is* the interpolation."""

    def __init__(self, network: INR, statistics: Statistics) -> None:
        super().__init__()
        if network.config.variables != len(statistics.variables):
            raise ValueError(f"network has {network.config.variables} variables, statistics {statistics.names}")
        self.network = network
        self.statistics = statistics

    @property
    def reach(self) -> int:
        """Input cells that one query can see on each side: the halo that makes a tile exactly the whole."""
        return max(self.network.reach, INTERPOLATION_HALO)

    def encode(self, x: Tensor, present: Tensor, z_coarse: Tensor | None, rows: Axis, cols: Axis) -> Encoded:
        """Everything that does not depend on the query but on its cell size; shapes as in `forward`."""
        x = x.float()
        normalised = [s.normalise(x[:, i]) for i, s in enumerate(self.statistics.variables.values())]
        fields = torch.stack(normalised, dim=1) * present[:, :, None, None]
        b, _, h, w = x.shape
        height = lapse = None
        coarse = x.new_zeros(b, 2, h, w)
        if z_coarse is not None:
            coarse = torch.cat([z_coarse / HEIGHT_UNIT, torch.ones_like(z_coarse)], dim=1).expand(b, -1, -1, -1)
            height = ConservativeInterpolant(z_coarse)
            lapse = self._lapse(fields, z_coarse)
        features = self.network.encode(fields, present, coarse, rows, cols)
        near = F.max_pool2d(x, 3, stride=1, padding=1)
        return Encoded(features, ConservativeInterpolant(x), height, lapse, near)

    def decode(self, encoded: Encoded, z_fine: Tensor | None, rows: Axis, cols: Axis) -> Tensor:
        """Fine fields of any query cells inside the encoded window; shapes as in `forward`."""
        base = encoded.interpolant(rows, cols)
        scale = (rows.scale * cols.scale) ** 0.5
        b = base.shape[0]
        if encoded.height is None or encoded.lapse is None or z_fine is None:
            fine = base.new_zeros(b, 3, len(rows) + 2 * FINE_MARGIN, len(cols) + 2 * FINE_MARGIN)
            lapse = torch.zeros_like(base)
        else:
            difference = z_fine - encoded.height(with_margin(rows), with_margin(cols))
            known = torch.ones_like(z_fine)
            fine = torch.cat([difference / HEIGHT_DIFFERENCE_UNIT, z_fine / HEIGHT_UNIT, known], dim=1)
            fine = fine.expand(b, -1, -1, -1)
            m = FINE_MARGIN
            sigma = x_like(base, [s.sigma(scale) for s in self.statistics.variables.values()])
            lapse = bilinear(encoded.lapse, rows, cols) * difference[:, :, m:-m, m:-m] / HEIGHT_UNIT / sigma
        residual = self.network.decode(encoded.features, fine, lapse, rows, cols)
        return base + self._sigma(encoded, base, scale, rows, cols) * residual.float()

    def forward(
        self, x: Tensor, present: Tensor, z_coarse: Tensor | None, z_fine: Tensor | None, rows: Axis, cols: Axis
    ) -> Tensor:
        """Fine fields in physical units, before physical limits.

        x (B, V, H, W), zeros where absent; present (B, V) 1 or 0; z_coarse (B or 1, 1, H, W) and
        z_fine (B or 1, 1, Qy + 4, Qx + 4) heights in m, or None; -> (B, V, Qy, Qx) float32.
        """
        encoded = self.encode(x, present, z_coarse, rows, cols)
        if torch.is_grad_enabled():
            return self.decode(encoded, z_fine, rows, cols)
        out = x.new_empty(*x.shape[:2], len(rows), len(cols), dtype=torch.float32)
        m = 2 * FINE_MARGIN
        for top in range(0, len(rows), DECODE_BLOCK):
            for left in range(0, len(cols), DECODE_BLOCK):
                bottom, right = min(top + DECODE_BLOCK, len(rows)), min(left + DECODE_BLOCK, len(cols))
                z = z_fine[..., top : bottom + m, left : right + m] if z_fine is not None else None
                part = self.decode(encoded, z, rows.part(top, bottom), cols.part(left, right))
                out[..., top:bottom, left:right] = part
        return out

    def _sigma(self, encoded: Encoded, base: Tensor, scale: float, rows: Axis, cols: Axis) -> Tensor:
        """Standard deviation of the residual, (B, V, Qy, Qx)."""
        stats = list(self.statistics.variables.values())
        sigma = x_like(base, [s.sigma(scale) for s in stats]).expand_as(base).clone()
        amounts = [i for i, s in enumerate(stats) if s.amount]
        if amounts:  # no rain near, no residual; and a shower of 1 h is treated like one of 8 h
            sigma[:, amounts] = bilinear(encoded.near[:, amounts], rows, cols)
        return sigma

    def _lapse(self, fields: Tensor, z: Tensor) -> Tensor:
        """Lapse rates of the coarse fields, regressed on height in a window, physical units per km: (B, V, H, W)."""
        mean = lambda t: F.avg_pool2d(  # noqa: E731
            F.pad(t, (LAPSE_WINDOW // 2,) * 4, mode="replicate"), LAPSE_WINDOW, stride=1
        )
        height = z / HEIGHT_UNIT
        variance = mean(height * height) - mean(height) ** 2
        covariance = mean(fields * height) - mean(fields) * mean(height)
        rate = covariance / (variance.clamp(min=0) + LAPSE_SHRINKAGE)  # standard deviations per km
        stats = self.statistics.variables.values()
        limit = x_like(fields, [LAPSE_LIMIT * s.sigma(4.0) for s in stats])
        return torch.clamp(rate * x_like(fields, [0.0 if s.amount else s.std for s in stats]), -limit, limit)


def x_like(x: Tensor, per_variable: list[float]) -> Tensor:
    """One number a variable, shaped to multiply (B, V, H, W)."""
    return torch.tensor(per_variable, dtype=x.dtype, device=x.device).view(1, -1, 1, 1)


def bilinear(x: Tensor, rows: Axis, cols: Axis) -> Tensor:
    """Bilinear at the query centres: (B, C, H, W) -> (B, C, Qy, Qx); edges repeated."""
    for dim, axis in ((-2, rows), (-1, cols)):
        low = np.floor(axis.centres).astype(np.int64)
        frac = torch.from_numpy(axis.centres - low).to(x)
        last = x.shape[dim] - 1
        a = x.index_select(dim, torch.from_numpy(np.clip(low, 0, last)).to(x.device))
        b = x.index_select(dim, torch.from_numpy(np.clip(low + 1, 0, last)).to(x.device))
        f = frac.view(-1, 1) if dim == -2 else frac
        x = a * (1 - f) + b * f
    return x
