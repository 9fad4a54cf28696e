"""Every trainable method by its name: ours, and its peers in two framings.

`equal`: inside `Downscaler`, so with our interpolation skip, residual scaling, static fields and regression.
`published`: as its paper has it.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from models.baselines.edsr import EDSR
from models.baselines.liif import LIIF
from models.baselines.lte import LTE
from models.baselines.metasr import MetaSR
from models.baselines.published import Published, Skip
from models.baselines.swinir import SwinIR
from models.downscaler import Downscaler, fine_channels, input_channels
from models.package import untrained
from models.statistics import Statistics

PEERS: dict[str, type[nn.Module]] = {"edsr": EDSR, "swinir": SwinIR, "metasr": MetaSR, "liif": LIIF, "lte": LTE}
SKIPS: dict[str, Skip] = {"lte": "bilinear"}  # the others have none
METHODS = ("inr", *PEERS)


def build(
    method: str, statistics: Statistics, network: dict[str, Any], published: bool = False
) -> Downscaler | Published:
    """An untrained model; `network` holds the sizes of its constructor. ValueError for an unknown name."""
    v = len(statistics.variables)
    inputs, fine = input_channels(v), fine_channels(v)
    if method == "inr" and not published:
        return untrained(statistics, network)
    if method not in PEERS:
        raise ValueError(f"unknown method {method!r}; known are {', '.join(METHODS)}, published: {', '.join(PEERS)}")
    if published:
        return Published(PEERS[method](v, v, **network), statistics, SKIPS.get(method, "none"))
    peer = PEERS[method](inputs, v, fine, **network)
    last = peer.last  # untrained, it is the interpolation, as ours
    assert isinstance(last, nn.Conv2d | nn.Linear)
    nn.init.zeros_(last.weight)
    if last.bias is not None:
        nn.init.zeros_(last.bias)
    return Downscaler(peer, statistics)
