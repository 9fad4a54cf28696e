"""The network whole: encoder, decoder, terrain, and the zero-initialised residual head.

It predicts a residual in units of the residual's standard deviation. What the residual is added to, and every
conversion from and to physical units, lives in `models.downscaler`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.geometry import Axis, with_margin
from models.inr.by_cell import Periods, fused
from models.inr.decoder import (
    HEAD_REACH,
    AttentionFusion,
    CoordinateLinearBranch,
    NeighbourhoodNonlinearBranch,
    TerrainBranch,
)
from models.inr.encoder import Modulator, ScaleCode, ScaleModulatedEncoder
from models.inr.queries import Queries
from models.operator import CODE, Seen
from models.sizes import INRConfig
from models.statics import FINE_CHANNELS, FINE_MARGIN

AROUND = 2  # input cells that the branches see around the one that holds a query: their 3x3, and theirs again
# the same for a query of the product, whose head sees others up to HEAD_REACH query cells, at scale 1 input cells, off
DECODER_REACH = AROUND + HEAD_REACH


class INR(nn.Module):
    """Scale-modulated encoder and continuous decoder; any scale factor, also different in y and x."""

    ratio: int | None = None

    def __init__(self, inputs: int, outputs: int, statics: int, config: INRConfig) -> None:
        """At the queries come `statics` channels: FINE_CHANNELS static fields, each output's detail, others."""
        super().__init__()
        self.config, self.outputs = config, outputs
        c, t = config.narrow or config.channels, config.terrain_channels
        self.scale_code = (
            ScaleCode(config.octaves, config.code, CODE if config.operator else 0) if config.modulator else None
        )
        self.encoder = ScaleModulatedEncoder(
            inputs,
            config.channels,
            config.blocks,
            aggregate_every=config.aggregate_every if config.aggregation else 0,
            groups=config.heads,
            code=config.code if config.modulator else 0,
        )
        self.narrow = nn.Conv2d(config.channels, c, 1) if config.narrow else None
        code = config.code if config.modulator else 0
        self.linear = CoordinateLinearBranch(c) if config.linear_branch else None
        self.nonlinear = NeighbourhoodNonlinearBranch(c, config.heads) if config.nonlinear_branch else None
        if self.linear is None and self.nonlinear is None:
            raise ValueError("an INR needs the linear branch, the nonlinear branch or both")
        both = self.linear is not None and self.nonlinear is not None
        self.fusion = AttentionFusion(c, config.heads) if both and config.attention_fusion else None
        self.terrain = TerrainBranch(FINE_CHANNELS, t) if t else None
        self.head = TargetResolutionHead(c, statics - FINE_CHANNELS, t, config.hidden, outputs, code)

    @property
    def reach(self) -> int:
        """Input cells that one query can see on each side: encoder, then the decoder's 3x3."""
        return self.encoder.reach + DECODER_REACH

    def encode(self, inputs: Tensor, rows: Axis, cols: Axis, seen: Seen) -> Tensor:
        """Inputs (B, I, H, W) -> features (B, C, H, W), for queries of these axes' cell size."""
        features: Tensor = self.encoder(inputs, self._code(rows, cols, seen, inputs.device))
        return features if self.narrow is None else self.narrow(features)

    def _code(self, rows: Axis, cols: Axis, seen: Seen, device: torch.device) -> Tensor | None:
        if self.scale_code is None:
            return None
        operator = seen.code((rows.scale * cols.scale) ** 0.5) if self.config.operator else []
        code: Tensor = self.scale_code(torch.tensor([rows.width, cols.width, *operator], device=device))
        return code

    def decode(self, features: Tensor, fine: Tensor, rows: Axis, cols: Axis, seen: Seen) -> Tensor:
        """Residual at the queries in units of its standard deviation.

        features (B, C, H, W); fine (B, statics, Qy + 2 * FINE_MARGIN, Qx + 2 * FINE_MARGIN), its first channel the
        height difference; -> (B, V, Qy, Qx) float32.
        """
        ground = self.ground(fine[:, :FINE_CHANNELS], rows, cols, seen)
        return self.decode_over(ground, features, fine[:, FINE_CHANNELS:], rows, cols, seen)

    def ground(self, statics: Tensor, rows: Axis, cols: Axis, seen: Seen) -> INRGround:
        """What static fields (B or 1, FINE_CHANNELS, wide) and the queries come to before any field is known."""
        m = FINE_MARGIN - HEAD_REACH
        known = [statics[:, :, m:-m, m:-m]]
        if self.terrain is not None:
            known.append(self.terrain(statics))
        of_statics = self.head.of_statics(torch.cat(known, dim=1), self._code(rows, cols, seen, statics.device))
        m = FINE_MARGIN
        axes = with_margin(rows, HEAD_REACH), with_margin(cols, HEAD_REACH)
        # training draws any scale, and is over before a period is
        rows_of, cols_of = (None if torch.is_grad_enabled() else Periods.of(axis) for axis in axes)
        return INRGround(of_statics, statics[:, :1, m:-m, m:-m].float(), axes, (rows_of, cols_of))

    def decode_over(
        self, ground: INRGround, features: Tensor, fields: Tensor, rows: Axis, cols: Axis, seen: Seen
    ) -> Tensor:
        """As `decode`, over a ground that is known; fields (B, others, wide): each output's detail first."""
        code = self._code(rows, cols, seen, features.device)
        m = FINE_MARGIN - HEAD_REACH
        c = features.shape[1]
        rows_of, cols_of = ground.periods
        if rows_of is not None and cols_of is not None:
            branches = self._by_cell(features, rows_of, cols_of)
        else:
            branches = self._gathered(features, ground)
        known = branches.new_empty(*branches.shape[:3], c + fields.shape[1])
        known[..., :c] = branches
        known[..., c:] = fields[:, :, m:-m, m:-m].permute(0, 2, 3, 1)
        out = self.head(known.permute(0, 3, 1, 2), ground.of_statics, code)
        m = FINE_MARGIN
        offset, gradient, sharpening = out.chunk(3, dim=1)
        detail = fields[:, : self.outputs, m:-m, m:-m].float()
        return torch.addcmul(torch.addcmul(offset, gradient, ground.difference), sharpening, detail)

    def _by_cell(self, features: Tensor, rows: Periods, cols: Periods) -> Tensor:
        """Features (B, C, H, W) -> both branches at the queries as one, (B, Qy, Qx, C)."""
        window = around(features, (rows.first, rows.last), (cols.first, cols.last), AROUND)
        return fused(window, rows, cols, self.linear, self.nonlinear, self.fusion)

    def _gathered(self, features: Tensor, ground: INRGround) -> Tensor:
        """The same at any queries, each of which is read on its own."""
        ends = [(int(axis.cells[0]), int(axis.cells[-1])) for axis in ground.axes]
        window = around(features, ends[0], ends[1], AROUND)
        # both branches begin with 3x3 neighbourhoods: what comes of them starts one cell later than the window
        rows, cols = (Queries.of(axis, e[0] - AROUND + 1) for axis, e in zip(ground.axes, ends, strict=True))
        parts = [b(b.at_rows(window, rows), cols) for b in (self.linear, self.nonlinear) if b is not None]
        if self.fusion is not None:
            both: Tensor = self.fusion(*parts)
            return both
        return (parts[0] + parts[1]) / 2 if len(parts) > 1 else parts[0]


@dataclass(frozen=True)
class INRGround:
    """What does not depend on any field: of the queries with HEAD_REACH more on each side, and of their terrain."""

    of_statics: Tensor  # (B or 1, hidden, Qy + 2, Qx + 2) the head's first convolution is linear: their share of it
    difference: Tensor  # (B or 1, 1, Qy, Qx) of height
    axes: tuple[Axis, Axis]
    periods: tuple[Periods | None, Periods | None]


class TargetResolutionHead(nn.Module):
    """Two 3x3 convolutions at the target resolution over features, statics and terrain; the modulator scales them.

    What the branches say has steps where cells meet, and what terrain does to wind depends on what is beside the query:
    pointwise layers see neither.
    """

    def __init__(self, features: int, fields: int, terrain: int, hidden: int, outputs: int, code: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(features + FINE_CHANNELS + fields + terrain, hidden, 3)
        # which of its inputs are what, in the order that packages have them
        self.parts = features, FINE_CHANNELS, fields, terrain
        self.conv2 = nn.Conv2d(hidden, hidden, 3)
        self.before, self.between = Modulator(code, hidden), Modulator(code, hidden)
        # per variable an offset, a local lapse rate and a sharpening: what multiplies the height difference, the detail
        self.last = nn.Conv2d(hidden, 3 * outputs, 1)
        nn.init.zeros_(self.last.weight)
        assert self.last.bias is not None
        nn.init.zeros_(self.last.bias)

    def of_statics(self, statics: Tensor, code: Tensor | None) -> Tensor:
        """(B or 1, statics, Qy + 2 * HEAD_REACH, ...) -> their share of the first convolution, its bias with it."""
        _, own, _, terrain = self._scaled(self.conv1.weight, self.before, code).split(self.parts, dim=1)
        bias = self._scaled(self.conv1.bias, self.before, code)
        out: Tensor = F.conv2d(statics, torch.cat([own, terrain], dim=1), bias)
        return out

    def forward(self, known: Tensor, of_statics: Tensor, code: Tensor | None) -> Tensor:
        """Features and fields (B, C, Qy + 2 * HEAD_REACH, Qx + 2 * HEAD_REACH) -> (B, 3 * outputs, Qy, Qx) float32."""
        features, _, fields, _ = self._scaled(self.conv1.weight, self.before, code).split(self.parts, dim=1)
        y = F.gelu(F.conv2d(known, torch.cat([features, fields], dim=1)).add_(of_statics))
        weight, bias = (self._scaled(p, self.between, code) for p in (self.conv2.weight, self.conv2.bias))
        y = F.gelu(F.conv2d(y, weight, bias))
        b, _, *size = y.shape
        with torch.autocast(y.device.type, enabled=False):  # a product, whose result lies as fields do
            by_pixel = y.permute(0, 2, 3, 1).flatten(1, 2).transpose(1, 2).float()
            assert self.last.bias is not None
            last = self.last.weight[:, :, 0, 0].expand(b, -1, -1)
            return torch.baddbmm(self.last.bias[:, None], last, by_pixel).unflatten(2, size)

    @staticmethod
    def _scaled(parameter: Tensor | None, modulator: Modulator, code: Tensor | None) -> Tensor:
        """What scales a convolution's result scales its weights and bias as well, and there are fewer of them."""
        assert parameter is not None
        factors = modulator.factors(code)
        return parameter * factors.view(-1, *(1,) * (parameter.ndim - 1)) if factors.ndim else parameter


def around(features: Tensor, rows: tuple[int, int], cols: tuple[int, int], cells: int) -> Tensor:
    """The window (B, h, w, C) of features (B, C, H, W) from the first to the last cell, and so many around them.

    Beyond the field its edge is repeated.
    """
    x = features.permute(0, 2, 3, 1)
    for dim, (first, last) in ((1, rows), (2, cols)):
        low, high, n = first - cells, last + cells, x.shape[dim]
        if low >= 0 and high < n:
            x = x.narrow(dim, low, high - low + 1)
        else:
            index = np.clip(np.arange(low, high + 1), 0, n - 1)
            x = x.index_select(dim, torch.from_numpy(index).to(x.device))
    return x.contiguous()
