"""The network whole: encoder, decoder, terrain, and the zero-initialised residual head.

It predicts a residual in units of the residual's standard deviation. What the residual is added to, and every
conversion from and to physical units, lives in `models.downscaler`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.geometry import Axis
from models.inr.decoder import (
    AttentionFusion,
    CoordinateLinearBranch,
    Lookup,
    NeighbourhoodNonlinearBranch,
    PositionTable,
    TerrainBranch,
)
from models.inr.encoder import ScaleCode, ScaleModulatedEncoder
from models.statics import FINE_CHANNELS, FINE_MARGIN

DECODER_REACH = 2  # input cells around the one that holds a query: the 3x3, and the outer one of the pair of centres


@dataclass(frozen=True)
class INRConfig:
    """Sizes of the network, the defaults are the design's; and its parts, which an ablation switches off."""

    channels: int = 64
    blocks: int = 16
    aggregate_every: int = 4
    heads: int = 4
    hidden: int = 64
    terrain_channels: int = 16  # 0: no terrain branch, statics at the query alone
    octaves: int = 6
    code: int = 64
    modulator: bool = True
    aggregation: bool = True
    linear_branch: bool = True
    nonlinear_branch: bool = True
    attention_fusion: bool = True  # without: the branches' mean

    def to_dict(self) -> dict[str, int | bool]:
        """As plain numbers, for model.json."""
        return asdict(self)


class INR(nn.Module):
    """Scale-modulated encoder and continuous decoder; any scale factor, also different in y and x."""

    ratio: int | None = None

    def __init__(self, inputs: int, outputs: int, statics: int, config: INRConfig) -> None:
        """At the queries come `statics` channels: FINE_CHANNELS static fields, each output's detail, others."""
        super().__init__()
        self.config, self.outputs = config, outputs
        c, t = config.channels, config.terrain_channels
        self.scale_code = ScaleCode(config.octaves, config.code) if config.modulator else None
        self.encoder = ScaleModulatedEncoder(
            inputs,
            c,
            config.blocks,
            aggregate_every=config.aggregate_every if config.aggregation else 0,
            groups=config.heads,
            code=config.code if config.modulator else 0,
        )
        self.linear = CoordinateLinearBranch(c) if config.linear_branch else None
        self.nonlinear = NeighbourhoodNonlinearBranch(c, config.heads) if config.nonlinear_branch else None
        if self.linear is None and self.nonlinear is None:
            raise ValueError("an INR needs the linear branch, the nonlinear branch or both")
        both = self.linear is not None and self.nonlinear is not None
        self.fusion = AttentionFusion(c, config.heads) if both and config.attention_fusion else None
        self.terrain = TerrainBranch(FINE_CHANNELS, t) if t else None
        self.position = nn.ModuleDict({axis: PositionTable(config.hidden) for axis in ("y", "x")})
        self.from_features = nn.Conv2d(c, config.hidden, 1)
        self.from_statics = nn.Conv2d(statics + t, config.hidden, 1, bias=False)
        self.hidden = nn.Conv2d(config.hidden, config.hidden, 1)
        # per variable an offset, a local lapse rate and a sharpening: what multiplies the height difference, the detail
        self.last = nn.Conv2d(config.hidden, 3 * outputs, 1)
        nn.init.zeros_(self.last.weight)
        assert self.last.bias is not None
        nn.init.zeros_(self.last.bias)

    @property
    def reach(self) -> int:
        """Input cells that one query can see on each side: encoder, then the decoder's 3x3."""
        return self.encoder.reach + DECODER_REACH

    def encode(self, inputs: Tensor, rows: Axis, cols: Axis) -> Tensor:
        """Inputs (B, I, H, W) -> features (B, C, H, W), for queries of these axes' cell size."""
        code = None
        if self.scale_code is not None:
            code = self.scale_code(torch.tensor([rows.width, cols.width], device=inputs.device))
        features: Tensor = self.encoder(inputs, code)
        return features.contiguous()

    def decode(self, features: Tensor, fine: Tensor, rows: Axis, cols: Axis) -> Tensor:
        """Residual at the queries in units of its standard deviation.

        features (B, C, H, W); fine (B, statics, Qy + 2 * FINE_MARGIN, Qx + 2 * FINE_MARGIN), its first channel the
        height difference; -> (B, V, Qy, Qx) float32.
        """
        # only what the queries can see: the branches begin with layers on the input grid
        window = rows.window(features.shape[-2], DECODER_REACH), cols.window(features.shape[-1], DECODER_REACH)
        features = features[..., window[0], window[1]]
        at_rows = Lookup.of(rows.shifted(window[0].start), features.shape[-2], features.device)
        at_cols = Lookup.of(cols.shifted(window[1].start), features.shape[-1], features.device)
        m = FINE_MARGIN
        here = fine[:, :, m:-m, m:-m]
        static = here
        if self.terrain is not None:
            static = torch.cat([self.terrain(fine[:, :FINE_CHANNELS]), here], dim=1)
        y = self.from_features(self._fused(features, at_rows, at_cols))
        position = self.position["y"](at_rows.offset, at_rows.width)[:, :, None]
        y = y.add_(self.from_statics(static)).add_(position)
        y = y.add_(self.position["x"](at_cols.offset, at_cols.width)[:, None, :])
        y = F.gelu(self.hidden(F.gelu(y)))
        with torch.autocast(y.device.type, enabled=False):
            offset, gradient, sharpening = self.last(y.float()).chunk(3, dim=1)
            detail = here[:, FINE_CHANNELS : FINE_CHANNELS + self.outputs].float()
            return torch.addcmul(torch.addcmul(offset, gradient, here[:, :1].float()), sharpening, detail)

    def _fused(self, features: Tensor, rows: Lookup, cols: Lookup) -> Tensor:
        """Both branches at the queries as one, (B, C, Qy, Qx)."""
        branches = [b(features, rows, cols) for b in (self.linear, self.nonlinear) if b is not None]
        if self.fusion is not None:
            out: Tensor = self.fusion(*branches)
            return out
        return torch.stack(branches).mean(dim=0) if len(branches) > 1 else branches[0]
