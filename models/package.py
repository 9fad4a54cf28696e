"""A model package: a folder with weights, metadata, statistics and card, proved by sha-256 before use.

torch is imported where a network is built: who asks for a package's name and variables does not wait for it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models import contents
from models.constants import STATICS
from models.operator import Operator, Sampling
from models.sizes import INRConfig
from models.statistics import Statistics

if TYPE_CHECKING:
    from models.downscaler import Downscaler
    from models.dressing import Dressing

FORMAT = 4  # 3 and older took every input value for the mean of its cell
SUMS = "SHA256SUMS"
FILES = ("weights.safetensors", "model.json", "stats.json", "CARD.md")


class PackageError(ValueError):
    """A package that must not be used: incomplete, changed, or of another format."""


@contextmanager
def _readable(folder: Path, name: str) -> Iterator[None]:
    """PackageError for whatever is wrong in a file whose sum is right: it was made so."""
    try:
        yield
    except Exception as error:
        why = f"{type(error).__name__}: {error}" if isinstance(error, KeyError) else str(error) or type(error).__name__
        line = " ".join(why.split())[:300]
        raise PackageError(
            f"model package {folder.name[:80]}: {name}: {line}; make the package again (docs/train.md), or use another"
        ) from None


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def untrained(statistics: Statistics, network: dict[str, Any]) -> Downscaler:
    """The downscaler before training, which is the interpolation; `network` holds the sizes of `INRConfig`."""
    from models.downscaler import Downscaler, fine_channels, input_channels
    from models.inr import INR

    v = len(statistics.variables)
    return Downscaler(INR(input_channels(v), v, fine_channels(v), INRConfig(**network)), statistics)


@dataclass(frozen=True)
class ModelPackage:
    """A package whose files were checked against their sums."""

    folder: Path
    metadata: dict[str, Any]
    statistics: Statistics
    digest: str  # sha-256 of SHA256SUMS, which holds every other file's: one number for the whole package

    @property
    def model_id(self) -> str:
        """Name of the package, and of its folder."""
        return self.folder.name

    @property
    def variables(self) -> list[str]:
        """Variables in the network's order."""
        return self.statistics.names

    @property
    def halo(self) -> int:
        """Input cells around a region that its result is allowed to depend on (measured, see CARD.md)."""
        return int(self.metadata["halo"])

    @property
    def scale_range(self) -> tuple[float, float]:
        """Scale factors that the network was trained on."""
        low, high = self.metadata["scale_range"]
        return float(low), float(high)

    def knows(self, operator: Operator) -> bool:
        """Whether the network was trained on inputs of such an operator."""
        known = self.metadata["operators"].get(operator.sampling)
        if known is None:
            return False
        return (
            operator.sampling is Sampling.MEANS or known["footprint"][0] <= operator.footprint <= known["footprint"][1]
        )

    @classmethod
    def open(cls, folder: Path, weights: bool = True) -> ModelPackage:
        """Check and read a package folder; PackageError says which file is wrong and what to do.

        Without `weights` it is not asked whether these fit the network, for which it has to be built, in seconds.
        """
        repair = "restore it from the repository or reinstall finescale"
        if not (folder / SUMS).is_file():
            raise PackageError(f"model package {folder}: {SUMS} is missing; {repair}")
        for name in (SUMS, "model.json", "stats.json"):
            if (folder / name).is_file() and (folder / name).stat().st_size > contents.LARGEST_TEXT:
                raise PackageError(f"model package {folder.name}: {name} has more than 10 MB; {repair}")
        lines = [line.split() for line in (folder / SUMS).read_text(errors="replace").splitlines()]
        sums = {line[-1]: line[0] for line in lines if len(line) == 2}
        for name in FILES:
            if name not in sums or not (folder / name).is_file():
                raise PackageError(f"model package {folder.name}: {name} is missing; {repair}")
            if sha256(folder / name) != sums[name]:
                raise PackageError(f"model package {folder.name}: {name} is not the file that was released; {repair}")
        with _readable(folder, "model.json"):
            metadata = contents.metadata(folder / "model.json", FORMAT)
        with _readable(folder, "stats.json"):
            statistics = contents.statistics(folder / "stats.json")
        if weights:
            with _readable(folder, "weights.safetensors"):
                _assert_weights(folder / "weights.safetensors", statistics, metadata["network"])
        return cls(folder, metadata, statistics, sha256(folder / SUMS))

    @property
    def dressing(self) -> Dressing | None:
        """How far the truth commonly is from its fields; None for a package that does not say."""
        known = self.metadata.get("dressing")
        if known is None:
            return None
        from models.dressing import Dressing

        return Dressing(known)

    def load(self, device: str = "cpu") -> Downscaler:
        """The network with its weights, ready for inference."""
        from safetensors.torch import load_file

        downscaler = untrained(self.statistics, self.metadata["network"])
        downscaler.load_state_dict(load_file(self.folder / "weights.safetensors"))
        return downscaler.to(device).eval()


def _assert_weights(file: Path, statistics: Statistics, network: dict[str, Any]) -> None:
    import torch

    with torch.device("meta"):  # shapes alone
        expected = untrained(statistics, network).state_dict()
    contents.assert_weights(file, {n: tuple(t.shape) for n, t in expected.items()})


def write(
    folder: Path,
    downscaler: Downscaler,
    *,
    halo: int,
    scale_range: tuple[float, float],
    footprints: tuple[float, float],
    card: str,
    **facts: Any,
) -> None:
    """Write a package folder.

    `footprints` in km: those of the samples it knows. `facts` (versions, training figures) go into model.json as they
    are.
    """
    import torch
    from safetensors.torch import save_file

    from models.inr import INR

    folder.mkdir(parents=True, exist_ok=True)
    network = downscaler.network
    assert isinstance(network, INR)
    state = {k: v.detach().float().contiguous().cpu() for k, v in downscaler.state_dict().items()}
    save_file(state, folder / "weights.safetensors")
    metadata = {
        "format": FORMAT,
        "network": network.config.to_dict(),
        "parameters": sum(p.numel() for p in downscaler.parameters()),
        "variables": downscaler.statistics.names,
        "statics": list(STATICS),
        "scale_range": list(scale_range),
        "operators": {Sampling.SAMPLES: {"footprint": list(footprints)}, Sampling.MEANS: {}},
        "halo": halo,
        "receptive_field": downscaler.reach,
        "torch": torch.__version__.split("+")[0],
        **facts,
    }
    (folder / "model.json").write_text(json.dumps(metadata, indent=2) + "\n")
    downscaler.statistics.save(folder / "stats.json")
    (folder / "CARD.md").write_text(card)
    seal(folder)


def seal(folder: Path) -> None:
    """Write the sums of a package's files as they are now."""
    (folder / SUMS).write_text("".join(f"{sha256(folder / name)}  {name}\n" for name in FILES))
