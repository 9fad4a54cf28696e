"""A downscaler with followers beside its own variables."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from models.downscaler import Downscaler
from models.followers import FOLLOWERS
from models.geometry import Axis
from models.interpolation import interpolant
from models.operator import Seen
from models.statics import Statics


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
            plain = through(rows.part(some_rows.start, some_rows.stop), cols.part(some_cols.start, some_cols.stop))
            yield some_rows, some_cols, torch.cat([fine, *self._follow(fine, plain, present)], dim=1)

    def forward(self, x: Tensor, present: Tensor, statics: Statics, rows: Axis, cols: Axis, seen: Seen) -> Tensor:
        """As `Downscaler.forward`, without gradients."""
        out = x.new_empty(*x.shape[:2], len(rows), len(cols), dtype=torch.float32)
        for some_rows, some_cols, fine in self.pieces(x, present, statics, rows, cols, seen):
            out[..., some_rows, some_cols] = fine
        return out

    def _follow(self, fine: Tensor, plain: Tensor, present: Tensor) -> Iterator[Tensor]:
        """Each follower's field (B, 1, Qy, Qx); `fine` is of the downscaler's own variables, `plain` of all."""
        own = fine.shape[1]
        for i, leader in enumerate(self._leaders, own):
            field = plain[:, i : i + 1]
            if leader is None or not set(leader.names) <= set(self.names[:own]):
                yield field
                continue
            of = [self.names.index(n) for n in leader.names]
            led, beside = (f[:, of] if len(of) == 1 else f[:, of].norm(dim=1, keepdim=True) for f in (fine, plain))
            there = present[:, of].amin(dim=1)[:, None, None, None]
            beyond = torch.where(there > 0, led - beside, 0.0)
            share = field / torch.where(there > 0, beside, 1.0) if leader.relative else 1.0
            yield field + leader.gain * share * beyond


def following(downscaler: Downscaler, wanted: list[str]) -> tuple[Downscaler | Following, list[str]]:
    """What makes all that is wanted, and the order of its variables: the downscaler itself where it knows them."""
    names = downscaler.statistics.names
    followers = [n for n in wanted if n not in names]
    if not followers:
        return downscaler, list(names)
    method = Following(downscaler, followers)
    return method, method.names
