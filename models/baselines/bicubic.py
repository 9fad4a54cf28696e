"""Bicubic, plain and conservative, behind the same call as the network: what a user would pick without a model."""

from __future__ import annotations

from torch import Tensor, nn

from models.geometry import Axis
from models.interpolation import INTERPOLATION_HALO, bicubic, conservative_bicubic
from models.statics import Statics


class Bicubic(nn.Module):
    """Bicubic at the query centres; knows nothing of area means."""

    reach = 2

    def forward(self, x: Tensor, present: Tensor, statics: Statics, rows: Axis, cols: Axis) -> Tensor:
        """As `Downscaler.forward`."""
        return bicubic(x, rows, cols)


class ConservativeBicubic(nn.Module):
    """Bicubic whose query cells average to the input: back-projection taken to its limit."""

    reach = INTERPOLATION_HALO

    def forward(self, x: Tensor, present: Tensor, statics: Statics, rows: Axis, cols: Axis) -> Tensor:
        """As `Downscaler.forward`."""
        return conservative_bicubic(x, rows, cols)
