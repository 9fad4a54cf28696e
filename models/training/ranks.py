"""Several processes that train one network, each on batches of its own.

`python -m torch.distributed.run --nproc-per-node N -m models.training.train CONFIG.toml`.

A step of this network is a thousand small kernels: one process keeps a GPU busy a tenth of the time, ten share it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

import torch
from torch import Tensor, distributed


class Ranks:
    """This process among its fellows; alone where torch.distributed.run did not start it.

    Gradients go through the host: they are small.
    """

    def __init__(self) -> None:
        self.count, self.own = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
        if self.count > 1 and not distributed.is_initialized():
            distributed.init_process_group("gloo")

    @property
    def first(self) -> bool:
        """Whether this one writes files and reports."""
        return self.own == 0

    def wait(self) -> None:
        """For all to come here."""
        if self.count > 1:
            distributed.barrier()

    def same(self, tensors: Iterable[Tensor]) -> None:
        """Give everybody the first one's values."""
        if self.count > 1:
            for t in tensors:
                there = t.detach().cpu().contiguous()
                distributed.broadcast(there, 0)
                t.detach().copy_(there)

    def average(self, tensors: list[Tensor], number: float) -> float:
        """Replace tensors by their means over all processes, and return the mean of a number."""
        if self.count == 1:
            return number
        flat = torch.cat([*(t.flatten() for t in tensors), tensors[0].new_tensor([number])]).cpu()
        distributed.all_reduce(flat)
        flat /= self.count
        there, start = flat.to(tensors[0].device), 0
        for t in tensors:
            t.copy_(there[start : start + t.numel()].view_as(t))
            start += t.numel()
        return float(flat[-1])
