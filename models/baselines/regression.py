"""Linear regressions beside which a network has to show what it has learned: on terrain alone, and on 5x5 cells.

Both predict what the interpolation of the input's operator leaves, and are fitted in closed form to training data, one
scale at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.downscaler import RATE_PRIOR
from models.geometry import Axis
from models.interpolation import INTERPOLATION_HALO, bilinear, interpolant
from models.operator import Seen
from models.regression import LeastSquares
from models.statics import FINE_MARGIN, HEIGHT, RATES_REACH, UNIT, Statics, own_rates, per_static
from models.training.batches import Batch

LAPSE_RANGE = (-12.0, 4.0)  # K/km: what a lapse rate regressed on a few cells may be
TEMPERATURES = ("t2m", "d2m")
RATE_LIMIT = 1e5  # Pa or m/s per km: no limit
NEIGHBOURS = 5  # input cells a side

Offsets = tuple[float, float]  # of a query from the centre of its cell


def static_predictors(x: Tensor, names: list[str], statics: Statics, rows: Axis, cols: Axis, seen: Seen) -> Tensor:
    """Fine minus coarse statics, and that times every field's own rate of change: (B, V, 2 S, Qy, Qx)."""
    m = FINE_MARGIN
    at_queries = interpolant(statics.coarse, seen)(rows, cols)
    difference = statics.fine[:, :, m:-m, m:-m] - at_queries
    difference = difference / per_static(UNIT, difference)
    rates = own_rates(x, statics.coarse, torch.tensor([UNIT[HEIGHT] * RATE_PRIOR.get(n, 0.0) for n in names]))
    low = [LAPSE_RANGE[0] if n in TEMPERATURES else -RATE_LIMIT for n in names]
    high = [LAPSE_RANGE[1] if n in TEMPERATURES else RATE_LIMIT for n in names]
    limits = [torch.tensor(v).view(-1, 1, 1) for v in (low, high)]
    height = torch.clamp(rates[:, 0], *limits)
    rates = torch.stack([height, *rates.unbind(1)[1:]], dim=1)
    b, s, v = rates.shape[:3]
    fine = bilinear(rates.flatten(1, 2), rows, cols).view(b, s, v, len(rows), len(cols))
    plain = difference[:, :, None].expand(b, -1, v, -1, -1)
    return torch.stack([plain, fine * difference[:, :, None]], dim=1).flatten(1, 2).transpose(1, 2)


class StaticsOnly(nn.Module):
    """Interpolation plus two coefficients a variable on terrain: height difference, and own lapse rate times it.

    With `land`, two more for land and sea.
    """

    reach = INTERPOLATION_HALO + RATES_REACH

    def __init__(self, names: list[str], land: bool = False) -> None:
        super().__init__()
        self.names = names
        self.use = [0, 1, 2, 3] if land else [0, 2]  # of static_predictors: height, land, then both times their rates
        self.register_buffer("coefficients", torch.zeros(len(names), len(self.use)))

    def _predictors(self, x: Tensor, statics: Statics, rows: Axis, cols: Axis, seen: Seen) -> Tensor:
        return static_predictors(x, self.names, statics, rows, cols, seen)[:, :, self.use]

    def fit(self, scenes: Iterable[Batch]) -> None:
        """Least squares over the scenes, which have to be of one scale."""
        sums = LeastSquares(len(self.names), len(self.use))
        for s in scenes:
            predictors = self._predictors(s.x, s.statics, s.rows, s.cols, s.seen)
            residual = s.target - interpolant(s.x, s.seen)(s.rows, s.cols)
            sums.add(predictors, residual, s.present)
        self.coefficients = sums.solve(ridge=1e-9)

    def forward(self, x: Tensor, present: Tensor, statics: Statics, rows: Axis, cols: Axis, seen: Seen) -> Tensor:
        """As `Downscaler.forward`."""
        predictors = self._predictors(x, statics, rows, cols, seen)
        weights = self.coefficients.view(1, *self.coefficients.shape, 1, 1)
        return interpolant(x, seen)(rows, cols) + (weights * predictors).sum(dim=2)


class NeighbourhoodRegression(nn.Module):
    """Per variable and per place inside the cell, linear in the 5x5 cells around and in the statics.

    Knows one pair of scales, and the phases that its training scenes had.
    """

    reach = INTERPOLATION_HALO + NEIGHBOURS // 2

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self.names = names
        self.tables: dict[Offsets, Tensor] = {}  # offsets -> (V, predictors)

    def _phases(self, rows: Axis, cols: Axis, h: int, w: int) -> Iterator[tuple[Offsets, list[int], list[int]]]:
        """Offsets in the cell, and which rows and columns of queries have them."""
        classes = []
        for axis, n in ((rows, h), (cols, w)):
            offset = np.round(axis.centres - axis.nearest(n), 4)
            classes.append({float(o): np.flatnonzero(offset == o).tolist() for o in np.unique(offset)})
        for oy, r in classes[0].items():
            for ox, c in classes[1].items():
                yield (oy, ox), r, c

    def _predictors(self, x: Tensor, statics: Statics, rows: Axis, cols: Axis, seen: Seen) -> Tensor:
        """(B, V, P, Qy, Qx): neighbours minus centre, then the statics."""
        b, v, h, w = x.shape
        pad = F.pad(x, (NEIGHBOURS // 2,) * 4, mode="replicate")
        cells = F.unfold(pad, NEIGHBOURS).view(b, v, NEIGHBOURS**2, h, w) - x[:, :, None]
        centre = NEIGHBOURS**2 // 2
        cells = torch.cat([cells[:, :, :centre], cells[:, :, centre + 1 :]], dim=2)
        r, c = torch.from_numpy(rows.nearest(h)), torch.from_numpy(cols.nearest(w))
        at_queries = cells.index_select(-2, r).index_select(-1, c)
        return torch.cat([at_queries, static_predictors(x, self.names, statics, rows, cols, seen)], dim=2)

    def fit(self, scenes: Iterable[Batch]) -> None:
        """Least squares over the scenes, which have to be of one scale and phase."""
        sums: dict[Offsets, LeastSquares] = {}
        for s in scenes:
            predictors = self._predictors(s.x, s.statics, s.rows, s.cols, s.seen)
            residual = s.target - interpolant(s.x, s.seen)(s.rows, s.cols)
            for offsets, r, c in self._phases(s.rows, s.cols, *s.x.shape[-2:]):
                here = sums.setdefault(offsets, LeastSquares(len(self.names), predictors.shape[2]))
                here.add(predictors[:, :, :, r][..., c], residual[:, :, r][..., c], s.present)
        self.tables = {offsets: here.solve(ridge=1e-6) for offsets, here in sums.items()}

    def forward(self, x: Tensor, present: Tensor, statics: Statics, rows: Axis, cols: Axis, seen: Seen) -> Tensor:
        """As `Downscaler.forward`; KeyError for a phase that was not in the training scenes."""
        out = interpolant(x, seen)(rows, cols)
        predictors = self._predictors(x, statics, rows, cols, seen)
        for offsets, r, c in self._phases(rows, cols, *x.shape[-2:]):
            weights = self.tables[offsets][None, :, :, None, None]
            i, j = torch.tensor(r)[:, None], torch.tensor(c)
            out[:, :, i, j] += (weights * predictors[:, :, :, i, j]).sum(dim=2)
        return out
