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
from models.interpolation import INTERPOLATION_HALO, conservative_bicubic
from models.statistics import Statistics

HEIGHT_UNIT, HEIGHT_DIFFERENCE_UNIT = 1000.0, 200.0  # m; bring both near 1
LAPSE_WINDOW = 5  # input cells a side, over which a field's own lapse rate is regressed on height
LAPSE_SHRINKAGE = 0.05**2  # km2: flat land (relief below 50 m in the window) has no lapse rate of its own
LAPSE_LIMIT = 30.0  # residual sigmas at x4 per km; 20 K/km for temperature: steeper is noise
FINE_MARGIN = TerrainBranch.REACH  # query cells of height needed beyond each edge


def with_margin(axis: Axis, cells: int = FINE_MARGIN) -> Axis:
    """The axis with `cells` more query cells of the same width at both ends."""
    before = axis.centres[0] - axis.width * np.arange(cells, 0, -1)
    after = axis.centres[-1] + axis.width * np.arange(1, cells + 1)
    return Axis(np.concatenate([before, axis.centres, after]), axis.width)


@dataclass(frozen=True)
class NetworkInputs:
    """What the network sees, and what its output is scaled by and added to."""

    fields: Tensor  # (B, V, H, W) normalised
    coarse: Tensor  # (B, 2, H, W)
    fine: Tensor  # (B, 3, Qy + 4, Qx + 4)
    lapse: Tensor  # (B, V, Qy, Qx) own lapse rate times height difference, in sigmas
    base: Tensor  # (B, V, Qy, Qx) conservative bicubic, physical units
    sigma: Tensor  # (B, V, Qy, Qx) or broadcastable, physical units


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

    def prepare(
        self, x: Tensor, present: Tensor, z_coarse: Tensor | None, z_fine: Tensor | None, rows: Axis, cols: Axis
    ) -> NetworkInputs:
        """Physical fields and heights -> network inputs, base and sigma. Shapes as in `forward`."""
        x = x.float()
        base = conservative_bicubic(x, rows, cols)
        scale = (rows.scale * cols.scale) ** 0.5
        normalised, sigmas = [], []
        for i, stats in enumerate(self.statistics.variables.values()):
            normalised.append(stats.normalise(x[:, i]))
            sigma = torch.full_like(base[:, i], stats.sigma(scale))
            if stats.amount:  # no rain near, no residual; and a shower of 1 h is treated like one of 8 h
                near = F.max_pool2d(x[:, i : i + 1], 3, stride=1, padding=1)
                sigma = bilinear(near, rows, cols)[:, 0]
            sigmas.append(sigma)
        fields = torch.stack(normalised, dim=1) * present[:, :, None, None]
        b, _, h, w = x.shape
        if z_coarse is None or z_fine is None:
            coarse = x.new_zeros(b, 2, h, w)
            lapse = torch.zeros_like(base)
            fine = x.new_zeros(b, 3, len(rows) + 2 * FINE_MARGIN, len(cols) + 2 * FINE_MARGIN)
        else:
            difference = z_fine - conservative_bicubic(z_coarse, with_margin(rows), with_margin(cols))
            coarse = torch.cat([z_coarse / HEIGHT_UNIT, torch.ones_like(z_coarse)], dim=1)
            fine = torch.cat(
                [difference / HEIGHT_DIFFERENCE_UNIT, z_fine / HEIGHT_UNIT, torch.ones_like(z_fine)], dim=1
            )
            m = FINE_MARGIN
            lapse = self._lapse(fields, z_coarse, scale, rows, cols) * difference[:, :, m:-m, m:-m] / HEIGHT_UNIT
        return NetworkInputs(fields, coarse, fine, lapse, base, torch.stack(sigmas, dim=1))

    def _lapse(self, fields: Tensor, z: Tensor, scale: float, rows: Axis, cols: Axis) -> Tensor:
        """Lapse rates of the coarse fields around each query, sigmas per km: (B, V, Qy, Qx)."""
        mean = lambda t: F.avg_pool2d(  # noqa: E731
            F.pad(t, (LAPSE_WINDOW // 2,) * 4, mode="replicate"), LAPSE_WINDOW, stride=1
        )
        height = z / HEIGHT_UNIT
        variance = mean(height * height) - mean(height) ** 2
        covariance = mean(fields * height) - mean(fields) * mean(height)
        rate = covariance / (variance.clamp(min=0) + LAPSE_SHRINKAGE)  # standard deviations per km
        all_stats = self.statistics.variables.values()
        std = x_like(fields, [0.0 if s.amount else s.std for s in all_stats])
        limit = x_like(fields, [LAPSE_LIMIT * s.sigma(4.0) for s in all_stats])
        sigma = x_like(fields, [s.sigma(scale) for s in all_stats])
        return bilinear(torch.clamp(rate * std, -limit, limit) / sigma, rows, cols)

    def forward(
        self, x: Tensor, present: Tensor, z_coarse: Tensor | None, z_fine: Tensor | None, rows: Axis, cols: Axis
    ) -> Tensor:
        """Fine fields in physical units, before physical limits.

        x (B, V, H, W), zeros where absent; present (B, V) 1 or 0; z_coarse (B, 1, H, W) and
        z_fine (B, 1, Qy + 4, Qx + 4) heights in m, or None; -> (B, V, Qy, Qx) float32.
        """
        p = self.prepare(x, present, z_coarse, z_fine, rows, cols)
        residual = self.network(p.fields, present, p.coarse, p.fine, p.lapse, rows, cols)
        return p.base + p.sigma * residual.float()


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
