"""A downscaler with followers beside its own variables."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from models.constants import KELVIN
from models.downscaler import Downscaler
from models.followers import FOLLOWERS, Interpolated, Leader, Share
from models.geometry import Axis
from models.interpolation import bilinear, interpolant
from models.operator import Seen
from models.statics import Statics

SATURATED = 100.0  # % relative humidity: where it rains or snows the air nearly is
LEAST = 1e-10  # m of precipitation: of less no share can be taken


def snow_share(temperature: Tensor) -> Tensor:
    """How likely precipitation is to be snow at a 2 m temperature in K: one half at 0.7 degC, a tenth at 2.3.

    The bivariate logistic fit of Jennings et al. (2018), doi:10.1038/s41467-018-03629-7, to observations all over the
    northern hemisphere, in saturated air.
    """
    return torch.sigmoid(10.04 - 1.41 * (temperature - KELVIN) - 0.09 * SATURATED)


class Following(nn.Module):
    """A downscaler and followers; takes and gives the downscaler's own variables first, then these."""

    def __init__(self, downscaler: Downscaler, followers: list[str]) -> None:
        super().__init__()
        self.downscaler = downscaler
        self.names = [*downscaler.statistics.names, *followers]
        self._leaders = [FOLLOWERS[n] for n in followers]

    @property
    def reach(self) -> int:
        """As `Downscaler.reach`."""
        return self.downscaler.reach

    def pieces(
        self, x: Tensor, present: Tensor, statics: Statics, rows: Axis, cols: Axis, seen: Seen
    ) -> Iterator[tuple[slice, slice, Tensor]]:
        """As `Downscaler.pieces`."""
        own = len(self.downscaler.statistics.names)
        through = interpolant(x, seen)
        for some_rows, some_cols, fine in self.downscaler.pieces(
            x[:, :own], present[:, :own], statics, rows, cols, seen
        ):
            piece = rows.part(some_rows.start, some_rows.stop), cols.part(some_cols.start, some_cols.stop)
            followers = self._follow(x, fine, through(*piece), present, piece)
            yield some_rows, some_cols, torch.cat([fine, *followers], dim=1)

    def forward(self, x: Tensor, present: Tensor, statics: Statics, rows: Axis, cols: Axis, seen: Seen) -> Tensor:
        """As `Downscaler.forward`, without gradients."""
        out = x.new_empty(*x.shape[:2], len(rows), len(cols), dtype=torch.float32)
        for some_rows, some_cols, fine in self.pieces(x, present, statics, rows, cols, seen):
            out[..., some_rows, some_cols] = fine
        return out

    def _follow(
        self, x: Tensor, fine: Tensor, plain: Tensor, present: Tensor, piece: tuple[Axis, Axis]
    ) -> Iterator[Tensor]:
        """Each follower's field (B, 1, Qy, Qx); `fine` is of the downscaler's own variables, `plain` of all."""
        own = set(self.names[: fine.shape[1]])
        for i, leader in enumerate(self._leaders, fine.shape[1]):
            given, field = x[:, i : i + 1], plain[:, i : i + 1]
            if isinstance(leader, Leader) and set(leader.names) <= own:
                yield self._led(leader, field, fine, plain, present)
            elif isinstance(leader, Share) and {leader.of, leader.by} <= own:
                yield self._shared(leader, given, x, fine, present, piece)
            elif leader is Interpolated.LINEAR or isinstance(leader, Share):
                yield bilinear(given, *piece)
            else:
                yield field

    def _led(self, leader: Leader, field: Tensor, fine: Tensor, plain: Tensor, present: Tensor) -> Tensor:
        of = [self.names.index(n) for n in leader.names]
        led, beside = (f[:, of] if len(of) == 1 else f[:, of].norm(dim=1, keepdim=True) for f in (fine, plain))
        there = _there(present, of)
        beyond = torch.where(there, led - beside, 0.0)
        share = field / torch.where(there, beside, 1.0) if leader.relative else 1.0
        return field + leader.gain * share * beyond

    def _shared(
        self, leader: Share, given: Tensor, x: Tensor, fine: Tensor, present: Tensor, piece: tuple[Axis, Axis]
    ) -> Tensor:
        """The input's own share, and what the finer temperature adds to it, of the finer amount."""
        of, by = self.names.index(leader.of), self.names.index(leader.by)
        plain, whole, temperature = (bilinear(f, *piece) for f in (given, x[:, of : of + 1], x[:, by : by + 1]))
        share = torch.where(whole > LEAST, plain / whole.clamp(min=LEAST), 0.0)
        more = snow_share(fine[:, by : by + 1]) - snow_share(temperature)
        led = (share + more).clamp(0.0, 1.0) * fine[:, of : of + 1].clamp(min=0.0)
        return torch.where(_there(present, [of, by]), led, plain)


def _there(present: Tensor, of: list[int]) -> Tensor:
    """(B, 1, 1, 1): whether an input has all of these."""
    return (present[:, of].amin(dim=1) > 0)[:, None, None, None]


def following(downscaler: Downscaler, wanted: list[str]) -> tuple[Downscaler | Following, list[str]]:
    """What makes all that is wanted, and the order of its variables: the downscaler itself where it knows them."""
    names = downscaler.statistics.names
    followers = [n for n in wanted if n not in names]
    if not followers:
        return downscaler, list(names)
    method = Following(downscaler, followers)
    return method, method.names
