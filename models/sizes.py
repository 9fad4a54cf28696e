"""How large the network is, and which parts it has: what model.json of a package holds of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class INRConfig:
    """Sizes of the network, the defaults are the design's; and its parts, which an ablation switches off."""

    channels: int = 64
    narrow: int = 0  # channels at the queries, where most of the work is; 0: as many
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
    operator: bool = True  # the modulator is told what the input's values are
    attention_fusion: bool = True  # without: the branches' mean

    def to_dict(self) -> dict[str, int | bool]:
        """As plain numbers, for model.json."""
        return asdict(self)
