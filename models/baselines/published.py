"""A network as its paper trains it: standardised fields in and out, no static fields, its own skip connection."""

from __future__ import annotations

from typing import Literal, cast

import torch
from torch import Tensor, nn

from models.downscaler import Network, x_like
from models.geometry import Axis
from models.interpolation import bilinear
from models.operator import Seen
from models.statics import Statics
from models.statistics import Statistics

Skip = Literal["none", "bilinear"]
QUERY_BLOCK = 256  # a side, in inference


class Published(nn.Module):
    """As `Downscaler`, without anything that weather fields offer beyond their values."""

    def __init__(self, network: nn.Module, statistics: Statistics, skip: Skip) -> None:
        super().__init__()
        self.network, self.statistics, self.skip = network, statistics, skip

    @property
    def reach(self) -> int:
        """Input cells that one query can see on each side."""
        return cast("Network", self.network).reach

    def forward(self, x: Tensor, present: Tensor, statics: Statics, rows: Axis, cols: Axis, seen: Seen) -> Tensor:
        """As `Downscaler.forward`; `statics` are not looked at, absent variables are at their mean."""
        stats = self.statistics.variables.values()
        network = cast("Network", self.network)
        mean = x_like(x, [0.0 if s.amount else s.mean for s in stats])
        spread = x_like(x, [s.spread for s in stats])
        inputs = (x.float() - mean) / spread * present[:, :, None, None]
        features = network.encode(inputs.contiguous(memory_format=torch.channels_last), rows, cols, seen)
        whole = torch.is_grad_enabled() or network.ratio is not None
        block = max(len(rows), len(cols)) if whole else QUERY_BLOCK
        parts = []
        for top in range(0, len(rows), block):
            r = rows.part(top, min(top + block, len(rows)))
            line = []
            for left in range(0, len(cols), block):
                c = cols.part(left, min(left + block, len(cols)))
                nothing = x.new_zeros(1, 0, len(r), len(c))
                out = network.decode(features, nothing, r, c, seen).float()
                line.append(out + bilinear(inputs, r, c) if self.skip == "bilinear" else out)
            parts.append(torch.cat(line, dim=-1))
        return torch.cat(parts, dim=-2) * spread + mean
