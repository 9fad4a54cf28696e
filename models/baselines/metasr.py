"""MetaSR: a convolution whose weights a small network makes for every query, from its offset and the scale.

Hu et al. (2019), Meta-SR: A Magnification-Arbitrary Network for Super-Resolution, doi:10.1109/CVPR.2019.00167,
arXiv:1903.00875. With EDSR-baseline as the encoder, as in Chen et al. (2021), arXiv:2012.09161; its first had RDN.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.baselines.edsr import EDSREncoder, statics_at
from models.baselines.liif import NUDGE, batches, unfolded
from models.geometry import Axis
from models.operator import Seen

QUERY_BATCH = 4096  # queries at once in inference: each has 9 * C * outputs weights of its own


def projected(axis: Axis, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The cell (Q,) that holds each query cell's first edge, kept inside 0..n-1, and how far into it that edge is (Q,).

    The paper's floor(i / r) and i / r - floor(i / r): edges, not centres, at any phase.
    """
    edge = axis.centres - axis.width / 2 + 0.5
    index = np.clip(np.floor(edge + NUDGE).astype(np.int64), 0, n - 1)
    return index, edge - index


class MetaSR(nn.Module):
    """EDSR encoder and Meta-Upscale. Any scale, also different in y and x."""

    ratio: int | None = None

    def __init__(
        self,
        inputs: int,
        outputs: int,
        statics: int = 0,
        *,
        channels: int = 64,
        blocks: int = 16,
        hidden: int = 256,
        upscaled: int = 16,
    ) -> None:
        """`upscaled`: channels that come out of Meta-Upscale where statics follow."""
        super().__init__()
        self.encoder = EDSREncoder(inputs, channels, blocks)
        self.upscaled = upscaled if statics else outputs
        self.meta = nn.Linear(3, hidden)
        self.weights = nn.Linear(hidden, 9 * channels * self.upscaled)
        # Not in the paper, whose made convolution is the output. With statics it makes a few features (as many as the
        # encoder's would be 9 * C * C weights a query), and two 1x1 convolutions with a ReLU blend the statics in.
        self.fuse = nn.Conv2d(upscaled + statics, channels, 1) if statics else None
        self.final = nn.Conv2d(channels, outputs, 1) if statics else None

    @property
    def last(self) -> nn.Linear | nn.Conv2d:
        """The layer that makes the output, or the output's weights."""
        return self.weights if self.final is None else self.final

    @property
    def reach(self) -> int:
        """Input cells that one query can see on each side: encoder, 3x3, and its first edge in the cell before."""
        return self.encoder.reach + 2

    def encode(self, inputs: Tensor, rows: Axis, cols: Axis, seen: Seen) -> Tensor:
        """Inputs (B, inputs, H, W) -> features (B, C, H, W)."""
        features: Tensor = self.encoder(inputs)
        return features

    def decode(self, features: Tensor, fine: Tensor, rows: Axis, cols: Axis, seen: Seen) -> Tensor:
        """Features (B, C, H, W), fine (B, statics, Qy + 2 * m, Qx + 2 * m) -> (B, outputs, Qy, Qx) float32."""
        device, qy, qx = features.device, len(rows), len(cols)
        index_y, offset_y = projected(rows, features.shape[-2])
        index_x, offset_x = projected(cols, features.shape[-1])
        cells_y, cells_x = (range(int(i.min()), int(i.max()) + 1) for i in (index_y, index_x))
        table = unfolded(features, cells_y, cells_x)
        row, col = (torch.from_numpy(i - i.min()).to(device) for i in (index_y, index_x))
        dy, dx = (torch.from_numpy(o.astype(np.float32)).to(device) for o in (offset_y, offset_x))
        # the paper has one scale; where rows and columns differ, it is their geometric mean
        inverse = torch.full((1,), (rows.width * cols.width) ** 0.5, device=device)
        parts = []
        for y, x in batches(qy, qx, QUERY_BATCH, device):
            place = torch.stack([dy[y], dx[x], inverse.expand(len(y))], dim=-1)
            weights = self.weights(F.relu(self.meta(place))).unflatten(-1, (-1, self.upscaled))
            around = table.index_select(1, row[y] * len(cells_x) + col[x])
            parts.append(torch.einsum("bqi,qio->boq", around, weights))
        out = torch.cat(parts, dim=-1).unflatten(-1, (qy, qx))
        if self.fuse is not None and self.final is not None:
            out = self.final(F.relu(self.fuse(torch.cat([out, statics_at(fine, qy, qx)], dim=1))))
        return out.float()
