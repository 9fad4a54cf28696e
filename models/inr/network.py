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
from models.inr.decoder import AttentionFusion, CoordinateLinearBranch, NeighbourhoodNonlinearBranch, TerrainBranch
from models.inr.encoder import ScaleCode, ScaleModulatedEncoder

COARSE_STATICS = 2  # height, and whether it is known
FINE_STATICS = 3  # height difference to the coarse field, height, and whether they are known


@dataclass(frozen=True)
class INRConfig:
    """Sizes of the network; the defaults are the design's."""

    variables: int = 7
    channels: int = 64
    blocks: int = 16
    aggregate_every: int = 4
    heads: int = 4
    hidden: int = 64
    terrain_channels: int = 16
    octaves: int = 6
    code: int = 64

    def to_dict(self) -> dict[str, int]:
        """As plain numbers, for model.json."""
        return asdict(self)


class TerrainRegression(nn.Module):
    """Linear in the height difference, and in it times the coarse field's own lapse rates; starts at zero.

    What a regression on terrain would say, so that the rest of the network only learns what is not linear in height.
    """

    def __init__(self, variables: int) -> None:
        super().__init__()
        self.coefficients = nn.Conv2d(variables + 1, variables, 1, bias=False)
        nn.init.zeros_(self.coefficients.weight)

    def forward(self, difference: Tensor, lapse: Tensor) -> Tensor:
        """Difference (B, 1, Qy, Qx), lapse (B, V, Qy, Qx) -> (B, V, Qy, Qx)."""
        out: Tensor = self.coefficients(torch.cat([difference, lapse], dim=1))
        return out


class INR(nn.Module):
    """Scale-modulated encoder and continuous decoder; any scale factor, also different in y and x."""

    def __init__(self, config: INRConfig) -> None:
        super().__init__()
        self.config = config
        c, v = config.channels, config.variables
        self.scale_code = ScaleCode(config.octaves, config.code)
        self.encoder = ScaleModulatedEncoder(
            2 * v + COARSE_STATICS, c, config.blocks, config.aggregate_every, config.heads, config.code
        )
        self.linear = CoordinateLinearBranch(c)
        self.nonlinear = NeighbourhoodNonlinearBranch(c, config.heads)
        self.fusion = AttentionFusion(c, config.heads)
        self.terrain = TerrainBranch(FINE_STATICS, config.terrain_channels)
        self.regression = TerrainRegression(v)
        self.hidden1 = nn.Conv2d(c + config.terrain_channels + FINE_STATICS + v, config.hidden, 1)
        self.hidden2 = nn.Conv2d(config.hidden, config.hidden, 1)
        # per variable an offset and a local lapse rate: what multiplies the height difference
        self.head = nn.Conv2d(config.hidden, 2 * v, 1)
        nn.init.zeros_(self.head.weight)
        assert self.head.bias is not None
        nn.init.zeros_(self.head.bias)

    @property
    def reach(self) -> int:
        """Input cells that one query can see on each side: encoder, then the decoder's 3x3."""
        return self.encoder.reach + 2

    def encode(self, fields: Tensor, present: Tensor, coarse: Tensor, rows: Axis, cols: Axis) -> Tensor:
        """Features on the input grid, for queries of these axes' cell size.

        fields (B, V, H, W) normalised, zeros where absent; present (B, V) 1 or 0; coarse (B, COARSE_STATICS, H, W);
        -> (B, C, H, W).
        """
        cell = torch.tensor([rows.width, cols.width], dtype=torch.float32, device=fields.device)
        code = self.scale_code(cell)
        masks = present[:, :, None, None].expand(-1, -1, *fields.shape[-2:])
        x = torch.cat([fields, masks, coarse], dim=1)
        x = x.contiguous(memory_format=torch.channels_last)
        features: Tensor = self.encoder(x, code)
        return features

    def decode(self, features: Tensor, fine: Tensor, lapse: Tensor, rows: Axis, cols: Axis) -> Tensor:
        """Residual at the queries in units of its standard deviation.

        features (B, C, H, W); fine (B, FINE_STATICS, Qy + 4, Qx + 4), first channel the height difference; lapse
        (B, V, Qy, Qx) the coarse fields' own lapse rates times the height difference; -> (B, V, Qy, Qx) float32.
        """
        fused = self.fusion(self.linear(features, rows, cols), self.nonlinear(features, rows, cols))
        margin = TerrainBranch.REACH
        here = fine[:, :, margin:-margin, margin:-margin]
        terrain = self.terrain(fine)
        y = F.gelu(self.hidden1(torch.cat([fused, terrain, here.to(fused.dtype), lapse.to(fused.dtype)], dim=1)))
        y = F.gelu(self.hidden2(y))
        with torch.autocast(y.device.type, enabled=False):
            difference = here[:, :1].float()
            offset, gradient = self.head(y.float()).chunk(2, dim=1)
            out: Tensor = offset + gradient * difference + self.regression(difference, lapse.float())
        return out
