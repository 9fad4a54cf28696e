"""Static fields at both resolutions, and how the coarse fields change with them: per km of height, from sea to land."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from models.constants import DEGREE, STATICS
from models.geometry import Axis

HEIGHT, LAND = 0, 1  # places in STATICS
FINE_MARGIN = 5  # query cells of static fields needed beyond each edge
UNIT = (1000.0, 1.0)  # brings them near 1
DIFFERENCE_UNIT = (200.0, 1.0)  # the same for fine minus coarse, at x4
# how it grows with the scale: terrain's height differences do as fields' residuals, a coast's do not
DIFFERENCE_POWER = (0.8, 0.0)
SPACING_UNIT = 27.8  # km: 0.25 degree
DETAIL = 3  # input cells a side: a field's detail is what it differs by from the mean over these
WINDOW = 4  # input cells in every direction, with weights that fall to 0 there: where own rates are regressed
# variance added there: flat land (detail below 30 m) has the prior's rate, and open sea no contrast
SHRINKAGE = (0.03**2, 0.1**2)
RATES_REACH = DETAIL // 2 + WINDOW - 1  # input cells that own rates see on each side
COARSE_CHANNELS, FINE_CHANNELS = 2 * len(STATICS) + 2, 3 * len(STATICS)


@dataclass(frozen=True)
class Statics:
    """Static fields around a window; where one is not known its fields are zero.

    coarse (B or 1, S, H, W) and fine (B or 1, S, Qy + 2 * FINE_MARGIN, Qx + 2 * FINE_MARGIN) in m and as a fraction;
    known (B or 1, S) 1 or 0; spacing (B or 1, 2, H): height and width of the input cells of each row in km.
    """

    coarse: Tensor
    fine: Tensor
    known: Tensor
    spacing: Tensor

    @classmethod
    def unknown(cls, height: int, width: int, rows: Axis, cols: Axis, spacing: Tensor | None = None) -> Statics:
        """Nothing known of a window but, perhaps, its grid spacing."""
        s, m = len(STATICS), 2 * FINE_MARGIN
        if spacing is None:
            spacing = torch.full((1, 2, height), SPACING_UNIT)
        zeros = torch.zeros(1, s, height, width), torch.zeros(1, s, len(rows) + m, len(cols) + m)
        return cls(*zeros, torch.zeros(1, s), spacing)

    def without(self, keep: Tensor) -> Statics:
        """The same with statics forgotten where `keep` (B or 1, S) is 0."""
        mask = keep[:, :, None, None]
        return replace(self, coarse=self.coarse * mask, fine=self.fine * mask, known=self.known * keep)

    def to(self, device: torch.device | str) -> Statics:
        """On a device."""
        return Statics(*(t.to(device) for t in (self.coarse, self.fine, self.known, self.spacing)))

    def part(self, top: int, bottom: int, left: int, right: int) -> Statics:
        """For the queries top..bottom, left..right of the same window."""
        m = 2 * FINE_MARGIN
        return replace(self, fine=self.fine[..., top : bottom + m, left : right + m])

    def window(self, rows: slice, cols: slice) -> Statics:
        """For a window of the input grid with the same queries."""
        return replace(self, coarse=self.coarse[..., rows, cols], spacing=self.spacing[..., rows])

    def coarse_channels(self) -> Tensor:
        """Network input (B or 1, COARSE_CHANNELS, H, W): statics, whether known, log2 of the spacing."""
        h, w = self.coarse.shape[-2:]
        known = self.known[:, :, None, None].expand(-1, -1, h, w)
        spacing = torch.log2(self.spacing / SPACING_UNIT)[..., None].expand(-1, -1, h, w)
        b = max(known.shape[0], spacing.shape[0], self.coarse.shape[0])
        parts = (self.coarse / per_static(UNIT, self.coarse), known, spacing)
        return torch.cat([p.expand(b, -1, -1, -1) for p in parts], dim=1)

    def fine_channels(self, difference: Tensor, scale: float) -> Tensor:
        """Network input at the queries (B or 1, FINE_CHANNELS, ...): fine minus coarse, statics, whether known.

        The difference is in units that grow with the scale (of the detail asked for), so that what it is worth in
        sigmas does not.
        """
        known = self.known[:, :, None, None].expand_as(self.fine)
        unit = tuple(u * (scale / 4) ** p for u, p in zip(DIFFERENCE_UNIT, DIFFERENCE_POWER, strict=True))
        scaled = difference / per_static(unit, difference), self.fine / per_static(UNIT, self.fine)
        return torch.cat([*scaled, known], dim=1)


def per_static(values: tuple[float, ...], like: Tensor) -> Tensor:
    """One number a static field, shaped to multiply (B, S, H, W)."""
    return torch.tensor(values, dtype=like.dtype, device=like.device).view(1, -1, 1, 1)


def cell_sizes(latitudes: np.ndarray, dlat: float, dlon: float) -> Tensor:
    """Height and width in km of cells at these latitudes (H,) or (B, H) on a regular grid: (1 or B, 2, H)."""
    # at the poles a cell has no width; the last row of a 0.25 degree grid has 0.1 km
    width = dlon * DEGREE * np.cos(np.deg2rad(np.clip(np.abs(latitudes), 0, 89.9)))
    sizes = np.stack([np.full_like(width, dlat * DEGREE), width], axis=-2)
    return torch.from_numpy(sizes.reshape(-1, *sizes.shape[-2:]).astype(np.float32))


def detail(fields: Tensor) -> Tensor:
    """What fields (..., C, H, W) differ by from the mean over DETAIL cells a side; edges repeat."""
    return fields - F.avg_pool2d(F.pad(fields, (DETAIL // 2,) * 4, mode="replicate"), DETAIL, stride=1)


def own_rates(fields: Tensor, coarse: Tensor, prior: Tensor) -> Tensor:
    """How the detail of fields (B, V, H, W) changes with that of statics (B or 1, S, H, W) around: (B, S, V, H, W).

    Per km of height and from sea (0) to land (1), both at once; the rate with height is drawn to `prior` (V,) where
    there is little height. Detail, and not the field: what a mountain range differs by from the plain is weather too.
    Of what was tried on training data (detail of 3 and 5 cells, windows of 2 to 8, shrinkage of 20 to 60 m), read at
    every second and fourth point, all are within 2 %.
    """
    with torch.autocast(fields.device.type, enabled=False):  # squares of metres in bf16 would lose all of them
        return _own_rates(fields.float(), coarse.float(), prior)


def _own_rates(fields: Tensor, coarse: Tensor, prior: Tensor) -> Tensor:
    anomaly = detail(fields)
    height, land = (detail(coarse[:, i : i + 1] / unit) for i, unit in enumerate(UNIT))
    weights = F.pad(torch.arange(1.0, WINDOW + 1), (0, WINDOW - 1), mode="constant")
    weights[WINDOW:] = weights[: WINDOW - 1].flip(0)
    weights = (weights / weights.sum()).to(fields)

    def around(t: Tensor) -> Tensor:
        flat = F.pad(t.flatten(0, 1)[:, None], (WINDOW - 1,) * 4, mode="replicate")
        return F.conv2d(F.conv2d(flat, weights.view(1, 1, -1, 1)), weights.view(1, 1, 1, -1)).view_as(t)

    hh, ll, hl = around(height * height) + SHRINKAGE[0], around(land * land) + SHRINKAGE[1], around(height * land)
    hf, lf = around(height * anomaly) + SHRINKAGE[0] * prior.view(1, -1, 1, 1), around(land * anomaly)
    return torch.stack([ll * hf - hl * lf, hh * lf - hl * hf], dim=1) / (hh * ll - hl * hl)[:, None]


def slopes(difference: Tensor, spacing: Tensor, rows: Axis, cols: Axis) -> Tensor:
    """Eastward and northward slope (m/m) of heights (B or 1, 1, Qy, Qx) in m on query cells: (B or 1, 2, Qy, Qx).

    spacing (B or 1, 2, H): input cells' height and width in km. Edges repeat: the outermost slopes are halved.
    """
    at = np.clip(rows.centres, 0, spacing.shape[-1] - 1)
    low = np.floor(at).astype(np.int64)
    high = np.minimum(low + 1, spacing.shape[-1] - 1)
    pick = lambda i: spacing.index_select(-1, torch.from_numpy(i).to(spacing.device))  # noqa: E731
    size = torch.lerp(pick(low), pick(high), torch.from_numpy(at - low).to(spacing).expand_as(pick(low)))[..., None]
    padded = F.pad(difference, (1,) * 4, mode="replicate")
    east = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / (2e3 * cols.width * size[:, 1:])
    north = (padded[..., :-2, 1:-1] - padded[..., 2:, 1:-1]) / (2e3 * rows.width * size[:, :1])
    return torch.cat([east, north], dim=1)
